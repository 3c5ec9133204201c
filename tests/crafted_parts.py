"""Tokenizer files by hand, each wrong or extreme in one way: added tokens, and parts other than the model."""

from __future__ import annotations

import base64
import struct
from typing import Any

from crafted_tokenizers import (
    BPE,
    PADDING,
    TEMPLATE,
    TOKEN,
    TRUNCATION,
    section,
    without,
)


def nested(kind: str, field: str, depth: int, last: str) -> dict[str, Any]:
    part: dict[str, Any] = {"type": last}
    for _ in range(depth):
        part = {"type": kind, field: [part]}
    return part


def split(regex: str, behavior: str = "Isolated", invert: bool = False) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}


def charsmap(content: bytes) -> dict[str, Any]:
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(content).decode()}


def template(**fields: Any) -> bytes:
    return section(post_processor=TEMPLATE | fields, added_tokens=[TOKEN])


PART_CASES: dict[str, bytes] = {
    # Added tokens
    "added token empty": section(added_tokens=[TOKEN | {"content": ""}]),
    "added token of spaces": section(added_tokens=[TOKEN | {"content": "  "}]),
    "added token that takes all": section(
        added_tokens=[TOKEN | {"content": " ", "lstrip": True, "rstrip": True}]
    ),
    "added token with a surrogate": section(added_tokens=[TOKEN]).replace(b"<x>", b"\\udfff"),
    "added token without flags": section(added_tokens=[{"id": 9, "content": "<x>"}]),
    "added token a string": section(added_tokens=["<x>"]),
    "added tokens null": section(added_tokens=None),
    "added token, negative id": section(added_tokens=[TOKEN | {"id": -1}]),
    "added token, gigantic id": section(added_tokens=[TOKEN | {"id": 2**32 - 1}]),
    "added token, id beyond 32 bits": section(added_tokens=[TOKEN | {"id": 2**32}]),
    "added token, id of another": section(added_tokens=[TOKEN | {"id": 0}]),
    "added tokens of one id": section(added_tokens=[TOKEN, TOKEN | {"content": "<y>"}]),
    "added tokens alike": section(added_tokens=[TOKEN, TOKEN | {"id": 10, "special": False}]),
    "added tokens in each other": section(
        added_tokens=[TOKEN | {"id": 9 + at, "content": "<x" + "x" * at} for at in range(4)]
    ),
    "added token normalized to nothing": section(
        added_tokens=[TOKEN | {"content": " \t", "normalized": True}],
        normalizer={"type": "Strip", "strip_left": True, "strip_right": True},
    ),
    "added tokens normalized alike": section(
        added_tokens=[TOKEN | {"content": text, "normalized": True} for text in ("<X>", "<x>")],
        normalizer={"type": "Lowercase"},
    ),
    "added token of the model": section(added_tokens=[TOKEN | {"id": 2, "content": "ab"}]),
    "added token behind the largest id": section(
        added_tokens=[TOKEN], model=BPE | {"vocab": BPE["vocab"] | {"c": 2**32 - 2}}
    ),
    "many added tokens": section(
        added_tokens=[TOKEN | {"id": 6 + at, "content": f"<{at}>"} for at in range(5000)]
    ),
    # Normalizers
    "normalizer unknown": section(normalizer={"type": "NFQ"}),
    "normalizer an array": section(normalizer=[]),
    "normalizer a string": section(normalizer="NFC"),
    "normalizers deep": section(normalizer=nested("Sequence", "normalizers", 40, "NFC")),
    "normalizers too deep": section(normalizer=nested("Sequence", "normalizers", 300, "NFC")),
    "replace by the empty pattern": section(
        normalizer={"type": "Replace", "pattern": {"String": ""}, "content": "x"}
    ),
    "replace by the empty regex": section(
        normalizer={"type": "Replace", "pattern": {"Regex": ""}, "content": "x"}
    ),
    "replace by a bad regex": section(
        normalizer={"type": "Replace", "pattern": {"Regex": "("}, "content": "x"}
    ),
    "replace by two patterns": section(
        normalizer={"type": "Replace", "pattern": {"String": "a", "Regex": "a"}, "content": "x"}
    ),
    "replace without pattern": section(normalizer={"type": "Replace", "pattern": None, "content": "x"}),
    "replace all by nothing": section(
        normalizer={"type": "Replace", "pattern": {"Regex": "[^z]+"}, "content": ""}
    ),
    "replace by much": section(
        normalizer={"type": "Replace", "pattern": {"String": "a"}, "content": "b" * 2_000}
    ),
    "doubled thirty times": section(
        normalizer={
            "type": "Sequence",
            "normalizers": [{"type": "Replace", "pattern": {"String": "q"}, "content": "qq"}] * 30,
        }
    ),
    "prepend nothing": section(normalizer={"type": "Prepend", "prepend": ""}),
    "charsmap empty": section(normalizer=charsmap(b"")),
    "charsmap short": section(normalizer=charsmap(b"\x01")),
    "charsmap longer than it is": section(normalizer=charsmap(struct.pack("<I", 2**32 - 1) + bytes(8))),
    "charsmap of an odd size": section(normalizer=charsmap(struct.pack("<I", 3) + bytes(3) + b"x\0")),
    "charsmap of no trie": section(normalizer=charsmap(struct.pack("<I", 0) + b"abc")),
    "charsmap of zeros": section(normalizer=charsmap(struct.pack("<I", 4096) + bytes(5000))),
    "charsmap of ones": section(normalizer=charsmap(struct.pack("<I", 4096) + b"\xff" * 5000)),
    "charsmap of noise": section(normalizer=charsmap(struct.pack("<I", 1024) + bytes(range(256)) * 8)),
    "charsmap not base64": section(normalizer={"type": "Precompiled", "precompiled_charsmap": "?"}),
    "charsmap null": section(normalizer={"type": "Precompiled", "precompiled_charsmap": None}),
    "byte level then forms": section(
        normalizer={
            "type": "Sequence",
            "normalizers": [
                {"type": "ByteLevel"},
                {"type": "NFKD"},
                {"type": "StripAccents"},
                {"type": "Nmt"},
            ],
        }
    ),
    # Pre-tokenizers and their patterns
    "pre-tokenizer unknown": section(pre_tokenizer={"type": "Blank"}),
    "pre-tokenizer without type": section(pre_tokenizer={}),
    "pre-tokenizers none": section(pre_tokenizer={"type": "Sequence", "pretokenizers": []}),
    "pre-tokenizers deep": section(pre_tokenizer=nested("Sequence", "pretokenizers", 40, "Whitespace")),
    "pre-tokenizers too deep": section(pre_tokenizer=nested("Sequence", "pretokenizers", 300, "Whitespace")),
    "delimiter of two": section(pre_tokenizer={"type": "CharDelimiterSplit", "delimiter": "ab"}),
    "delimiter empty": section(pre_tokenizer={"type": "CharDelimiterSplit", "delimiter": ""}),
    "length 0": section(pre_tokenizer={"type": "FixedLength", "length": 0}),
    "length negative": section(pre_tokenizer={"type": "FixedLength", "length": -1}),
    "length gigantic": section(pre_tokenizer={"type": "FixedLength", "length": 2**64 - 1}),
    "metaspace of two": section(
        pre_tokenizer={"type": "Metaspace", "replacement": "__", "prepend_scheme": "always"}
    ),
    "metaspace, unknown scheme": section(
        pre_tokenizer={"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"}
    ),
    "metaspace that contradicts": section(
        pre_tokenizer={
            "type": "Metaspace",
            "replacement": "_",
            "prepend_scheme": "always",
            "add_prefix_space": False,
        }
    ),
    "metaspace of a space": section(
        pre_tokenizer={"type": "Metaspace", "replacement": " ", "prepend_scheme": "always"}
    ),
    "metaspace spelled in bytes": section(
        pre_tokenizer={"type": "Metaspace", "replacement": "_", "prepend_scheme": "always"},
        model=BPE
        | {"byte_fallback": True, "vocab": BPE["vocab"] | {f"<0x{at:02X}>": 6 + at for at in range(256)}},
    ),
    "metaspace first, where nothing is left of the start": section(
        normalizer={"type": "Replace", "pattern": {"String": "a"}, "content": ""},
        pre_tokenizer={"type": "Metaspace", "replacement": "b", "prepend_scheme": "first"},
    ),
    "punctuation unknown": section(pre_tokenizer={"type": "Punctuation", "behavior": "removed"}),
    "split at nothing": section(pre_tokenizer=split("")),
    "split at nothing, inverted": section(pre_tokenizer=split("", "Removed", True)),
    "split at everything": section(pre_tokenizer=split("(?s).", "Removed")),
    "split at everything at once": section(pre_tokenizer=split("(?s).*", "Removed")),
    "split at the empty string": section(pre_tokenizer=split("a") | {"pattern": {"String": ""}}),
    "split, pattern null": section(pre_tokenizer=split("a") | {"pattern": None}),
    "split, pattern a string": section(pre_tokenizer=split("a") | {"pattern": "a"}),
    "split, invert a string": section(pre_tokenizer=split("a") | {"invert": "no"}),
    "bad regex": section(pre_tokenizer=split("(a")),
    "bad class": section(pre_tokenizer=split("[z-a]")),
    "bad property": section(pre_tokenizer=split("\\p{Klingon}")),
    "bad repetition": section(pre_tokenizer=split("a{5,2}")),
    "gigantic repetition": section(pre_tokenizer=split("a{99999999}")),
    "repetition of repetitions": section(pre_tokenizer=split("(((a{1000}){1000}){1000}){1000}")),
    "exponential regex": section(pre_tokenizer=split("(a+)+$")),
    "exponential regex with lookahead": section(pre_tokenizer=split("(?=(a+)+$)(a|aa)+b")),
    "exponential backreference": section(pre_tokenizer=split("(a+)(a+)(a+)\\1\\2\\3$")),
    "lookbehind without bounds": section(pre_tokenizer=split("(?<=a+)b")),
    "regex that calls itself": section(pre_tokenizer=split("(?<a>x\\g<a>?)")),
    "regex that calls itself at once": section(pre_tokenizer=split("(?<a>\\g<a>)")),
    "reference to no group": section(pre_tokenizer=split("(a)\\2")),
    "deep regex": section(pre_tokenizer=split("(" * 300 + "a" + ")" * 300)),
    "deeper regex": section(pre_tokenizer=split("(" * 50_000 + "a" + ")" * 50_000)),
    "many alternatives": section(pre_tokenizer=split("|".join(f"a{at}" for at in range(20_000)))),
    # Post-processors
    "processor unknown": section(post_processor={"type": "Bert"}),
    "processors deep": section(post_processor=nested("Sequence", "processors", 300, "ByteLevel")),
    "bert without cls": section(post_processor={"type": "BertProcessing", "sep": ["x", 1]}),
    "bert, id negative": section(
        post_processor={"type": "BertProcessing", "sep": ["x", -1], "cls": ["y", 2]}
    ),
    "bert, token of three": section(
        post_processor={"type": "BertProcessing", "sep": ["x", 1, 2], "cls": ["y", 2]}
    ),
    "bert, ids of no tokens": section(
        post_processor={"type": "BertProcessing", "sep": ["x", 4_000_000_000], "cls": ["y", 4_000_000_001]}
    ),
    "template without its token": template(special_tokens={}),
    "template, ids but no tokens": template(special_tokens={"<x>": {"id": "<x>", "ids": [9], "tokens": []}}),
    "template, token of other name": template(
        special_tokens={"<x>": {"id": "<y>", "ids": [9], "tokens": ["<y>"]}}
    ),
    "template, many ids": template(
        special_tokens={"<x>": {"id": "<x>", "ids": [9, 8, 7], "tokens": ["a", "b", "c"]}}
    ),
    "template, sequence C": template(single=[{"Sequence": {"id": "C", "type_id": 0}}]),
    "template, B alone": template(single=[{"Sequence": {"id": "B", "type_id": 0}}]),
    "template, pair without B": template(pair=[{"Sequence": {"id": "A", "type_id": 0}}]),
    "template, A twice": template(single=[{"Sequence": {"id": "A", "type_id": 0}}] * 2),
    "template of nothing": template(single=[], pair=[]),
    "template, type negative": template(single=[{"Sequence": {"id": "A", "type_id": -1}}]),
    "template, text": template(single="[CLS] $A"),
    # Truncation and padding
    "truncation without strategy": section(truncation=without(TRUNCATION, "strategy")),
    "truncation to nothing": section(truncation=TRUNCATION | {"max_length": 0}),
    "truncation, stride of all": section(truncation=TRUNCATION | {"stride": 3}),
    "truncation, stride beyond": section(truncation=TRUNCATION | {"stride": 4}),
    "truncation, negative": section(truncation=TRUNCATION | {"max_length": -1}),
    "truncation, gigantic": section(truncation=TRUNCATION | {"max_length": 2**64 - 1, "stride": 2**63}),
    "truncation, a float": section(truncation=TRUNCATION | {"max_length": 3.0}),
    "truncation below the template": section(
        truncation=TRUNCATION | {"max_length": 0}, post_processor=TEMPLATE, added_tokens=[TOKEN]
    ),
    "truncation to the template": section(
        truncation=TRUNCATION | {"max_length": 1, "stride": 1}, post_processor=TEMPLATE, added_tokens=[TOKEN]
    ),
    "truncation, to the second": section(truncation=TRUNCATION | {"strategy": "OnlySecond"}),
    "padding without token": section(padding=without(PADDING, "pad_token")),
    "padding to a multiple of 0": section(padding=PADDING | {"pad_to_multiple_of": 0}),
    "padding to a gigantic multiple": section(padding=PADDING | {"pad_to_multiple_of": 2**63}),
    "padding to a gigantic length": section(padding=PADDING | {"strategy": {"Fixed": 10**15}}),
    "padding to a negative length": section(padding=PADDING | {"strategy": {"Fixed": -1}}),
    "padding by no token": section(padding=PADDING | {"strategy": {"Fixed": 7}, "pad_id": 4_000_000_000}),
    "padding upwards": section(padding=PADDING | {"direction": "Up"}),
    # Decoders
    "decoder unknown": section(decoder={"type": "Bytes"}),
    "decoders deep": section(decoder=nested("Sequence", "decoders", 40, "Fuse")),
    "decoders too deep": section(decoder=nested("Sequence", "decoders", 300, "Fuse")),
    "decoder strips gigantically": section(
        decoder={"type": "Strip", "content": "a", "start": 2**64 - 1, "stop": 2**64 - 1}
    ),
    "decoder strips negatively": section(decoder={"type": "Strip", "content": "a", "start": -1, "stop": 0}),
    "decoder strips two": section(decoder={"type": "Strip", "content": "ab", "start": 1, "stop": 0}),
    "decoder replaces nothing": section(
        decoder={"type": "Replace", "pattern": {"String": ""}, "content": "x"}
    ),
    "decoder replaces by a bad regex": section(
        decoder={"type": "Replace", "pattern": {"Regex": "*"}, "content": "x"}
    ),
    "decoder of word pieces without prefix": section(
        decoder={"type": "WordPiece", "prefix": "", "cleanup": True}
    ),
    "decoder of empty suffix": section(decoder={"type": "BPEDecoder", "suffix": ""}),
    "decoder CTC of nothing": section(
        decoder={"type": "CTC", "pad_token": "", "word_delimiter_token": "", "cleanup": True}
    ),
}
