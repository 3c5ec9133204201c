"""Tokenizer files by hand, each wrong or extreme in one way."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

BPE: dict[str, Any] = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
    "vocab": {"a": 0, "b": 1, "ab": 2, "abab": 3, " ": 4, "<unk>": 5},
    "merges": [["a", "b"], ["ab", "ab"]],
}
WORD_PIECE: dict[str, Any] = {
    "type": "WordPiece",
    "unk_token": "[UNK]",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
    "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "ab": 3, "##a": 4},
}
WORD_LEVEL: dict[str, Any] = {
    "type": "WordLevel",
    "unk_token": "<unk>",
    "vocab": {"<unk>": 0, "ab": 1, "a": 2},
}
UNIGRAM: dict[str, Any] = {
    "type": "Unigram",
    "unk_id": 0,
    "byte_fallback": False,
    "vocab": [["<unk>", 0.0], ["a", -1.0], ["b", -1.5], ["ab", -1.2], [" ", -2.0]],
}
MODELS = {"bpe": BPE, "word_piece": WORD_PIECE, "word_level": WORD_LEVEL, "unigram": UNIGRAM}
TOKEN: dict[str, Any] = {"id": 9, "content": "<x>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}  # fmt: skip
TRUNCATION: dict[str, Any] = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
PADDING: dict[str, Any] = {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}  # fmt: skip
TEMPLATE: dict[str, Any] = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<x>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<x>": {"id": "<x>", "ids": [9], "tokens": ["<x>"]}},
}
ROOT: dict[str, Any] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": {"type": "WhitespaceSplit"},
    "post_processor": None,
    "decoder": None,
    "model": BPE,
}
NAN, INFINITY = float("nan"), float("inf")


def nested(kind: str, field: str, depth: int, last: str) -> dict[str, Any]:
    part: dict[str, Any] = {"type": last}
    for _ in range(depth):
        part = {"type": kind, field: [part]}
    return part


def split(regex: str, behavior: str = "Isolated", invert: bool = False) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}


def charsmap(content: bytes) -> dict[str, Any]:
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(content).decode()}


def section(**parts: Any) -> bytes:
    return json.dumps(ROOT | parts).encode()


def model(base: dict[str, Any], **fields: Any) -> bytes:
    return section(model=base | fields)


def without(base: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in base.items() if name not in names}


def template(**fields: Any) -> bytes:
    return section(post_processor=TEMPLATE | fields, added_tokens=[TOKEN])


GOOD = section()
LONG = "a" * 1_000_000
CASES: dict[str, bytes] = {
    # Not JSON, or not quite.
    "empty file": b"",
    "white space": b" \n",
    "null": b"null",
    "array": b"[]",
    "empty object": b"{}",
    "truncated": GOOD[:-40],
    "something behind": GOOD + b"x",
    "two documents": GOOD + GOOD,
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "Latin-1": GOOD.replace(b"<unk>", b"<\xe9nk>"),
    "NUL bytes": bytes(100),
    "NUL in a string": GOOD.replace(b"<unk>", b"<\x00unk>"),
    "escaped NUL": GOOD.replace(b"<unk>", b"<\\u0000unk>"),
    "lone surrogate": GOOD.replace(b"<unk>", b"<\\ud800unk>"),
    "surrogates the wrong way round": GOOD.replace(b"<unk>", b"<\\udc00\\ud800unk>"),
    "paired surrogates": GOOD.replace(b"<unk>", b"\\ud83d\\ude42"),
    "single quotes": GOOD.replace(b'"', b"'"),
    "trailing comma": GOOD[:-1] + b",}",
    "comment": b"// a tokenizer\n" + GOOD,
    "deep array": b"[" * 100_000,
    "deep unknown field": b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"," + GOOD[1:],
    "deep object": GOOD[:-1] + b',"x":' + b'{"y":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
    "field twice": GOOD[:-1] + b',"version":"1.0"}',
    "unknown field": section(colour="red"),
    "gigantic number in an unknown field": GOOD[:-1] + b',"x":1' + b"0" * 5000 + b"}",
    "version missing": json.dumps(without(ROOT, "version")).encode(),
    "version null": section(version=None),
    "version a number": section(version=1.0),
    "only a model": json.dumps({"version": "1.0", "model": BPE}).encode(),
    # BPE
    "merge without its result": model(BPE, merges=[["b", "a"]]),
    "merge of missing parts": model(BPE, merges=[["x", "y"]]),
    "merge with nothing": model(BPE, merges=[["", "a"]]),
    "merges in a circle": model(
        BPE, vocab={"a": 0, "aa": 1, "aaa": 2}, merges=[["aa", "a"], ["a", "aa"], ["a", "a"]]
    ),  # fmt: skip
    "same merge twice": model(BPE, merges=[["a", "b"], ["ab", "ab"], ["a", "b"]]),
    "merge line without space": model(BPE, merges=["ab"]),
    "merge line with two spaces": model(BPE, merges=["a  b"]),
    "merges of both kinds": model(BPE, merges=["a b", ["ab", "ab"]]),
    "merge of three": model(BPE, merges=[["a", "b", "a"]]),
    "merges an object": model(BPE, merges={"a": "b"}),
    "merges missing": section(model=without(BPE, "merges")),
    "merges deep": model(BPE, merges=[[[[["a"]]]]]),
    "token of a megabyte": model(BPE, vocab=BPE["vocab"] | {LONG: 6}),
    "merge of megabytes": model(BPE, vocab=BPE["vocab"] | {LONG: 6, LONG * 2: 7}, merges=[[LONG, LONG]]),
    "empty token": model(BPE, vocab=BPE["vocab"] | {"": 6}),
    "empty BPE": model(BPE, vocab={}, merges=[]),
    "ids twice": model(BPE, vocab=BPE["vocab"] | {"c": 0}),
    "key twice": GOOD.replace(b'"b": 1', b'"b": 1, "a": 7'),
    "gap in the ids": model(BPE, vocab=BPE["vocab"] | {"c": 1_000_000}),
    "id of almost 2^32": model(BPE, vocab=BPE["vocab"] | {"c": 2**32 - 2}),
    "largest id": model(BPE, vocab=BPE["vocab"] | {"c": 2**32 - 1}),
    "id of 2^32": model(BPE, vocab=BPE["vocab"] | {"c": 2**32}),
    "id of 2^70": model(BPE, vocab=BPE["vocab"] | {"c": 2**70}),
    "negative id": model(BPE, vocab=BPE["vocab"] | {"c": -1}),
    "id a float": model(BPE, vocab=BPE["vocab"] | {"c": 1.0}),
    "id a string": model(BPE, vocab=BPE["vocab"] | {"c": "1"}),
    "id null": model(BPE, vocab=BPE["vocab"] | {"c": None}),
    "vocab a list": model(BPE, vocab=["a", "b"]),
    "vocab a string": model(BPE, vocab="vocab.json"),
    "vocab null": model(BPE, vocab=None),
    "dropout 1": model(BPE, dropout=1.0),
    "dropout above 1": model(BPE, dropout=1.1),
    "dropout negative": model(BPE, dropout=-0.1),
    "dropout a string": model(BPE, dropout="0.1"),
    "unknown token not in the vocabulary": model(BPE, unk_token="<none>"),
    "unknown token in the vocabulary": model(BPE, unk_token="<unk>", fuse_unk=True),
    "flag a number": model(BPE, fuse_unk=1),
    "flag a string": model(BPE, byte_fallback="yes"),
    "byte fallback without bytes": model(BPE, byte_fallback=True, unk_token="<unk>"),
    "byte fallback with some bytes": model(
        BPE, byte_fallback=True, vocab=BPE["vocab"] | {"<0xC3>": 6, "<0xA9>": 7}
    ),
    "long prefix": model(BPE, continuing_subword_prefix="#" * 1000),
    "prefix longer than the token": model(
        BPE,
        continuing_subword_prefix="##",
        vocab={"a": 0, "##": 1, "b": 2, "a##": 3},
        merges=[["a", "##"], ["a", "b"]],
    ),  # fmt: skip
    "prefix within a letter": model(
        BPE, continuing_subword_prefix="a", vocab={"a": 0, "é": 1, "aé": 2}, merges=[["a", "é"]]
    ),
    "suffix": model(BPE, end_of_word_suffix="b"),
    # Other models
    "model missing": json.dumps(without(ROOT, "model")).encode(),
    "model a string": section(model="BPE"),
    "model an array": section(model=[BPE]),
    "model unknown": section(model={"type": "Bpe"} | without(BPE, "type")),
    "model type a number": section(model=BPE | {"type": 1}),
    "model without type": section(model=without(UNIGRAM, "type")),
    "model of nothing": section(model={}),
    "word pieces without unknown token": model(WORD_PIECE, vocab={"a": 0}),
    "word pieces, no unk_token": section(model=without(WORD_PIECE, "unk_token")),
    "word pieces, unk_token null": model(WORD_PIECE, unk_token=None),
    "word pieces, empty": model(WORD_PIECE, vocab={}),
    "word pieces, empty prefix": model(WORD_PIECE, continuing_subword_prefix=""),
    "word pieces of empty token": model(WORD_PIECE, vocab=WORD_PIECE["vocab"] | {"": 5, "##": 6}),
    "word pieces, words of none": model(WORD_PIECE, max_input_chars_per_word=0),
    "word pieces, negative length": model(WORD_PIECE, max_input_chars_per_word=-1),
    "word pieces, gigantic length": model(WORD_PIECE, max_input_chars_per_word=2**64 - 1),
    "word pieces, more gigantic length": model(WORD_PIECE, max_input_chars_per_word=2**64),
    "words without unknown token": model(WORD_LEVEL, vocab={"a": 0}),
    "words, ids twice": model(WORD_LEVEL, vocab={"a": 0, "ab": 0, "<unk>": 0}),
    "pieces, empty": model(UNIGRAM, vocab=[]),
    "pieces, empty without unknown": model(UNIGRAM, vocab=[], unk_id=None),
    "pieces without unknown": model(UNIGRAM, unk_id=None),
    "pieces, unk_id behind the end": model(UNIGRAM, unk_id=5),
    "pieces, unk_id gigantic": model(UNIGRAM, unk_id=2**64 - 1),
    "pieces, unk_id negative": model(UNIGRAM, unk_id=-1),
    "pieces, NaN": model(UNIGRAM, vocab=[["a", NAN]]),
    "pieces, infinity": model(UNIGRAM, vocab=[["<unk>", 0.0], ["a", INFINITY]]),
    "pieces, number beyond a double": section(model=UNIGRAM).replace(b"-1.2", b"-1e999"),
    "pieces, number of many digits": section(model=UNIGRAM).replace(b"-1.2", b"-1." + b"3" * 3000),
    "pieces, gigantic scores": model(
        UNIGRAM, vocab=[["<unk>", 0.0], ["a", 1e308], ["b", 1e308], ["ab", -1e308]]
    ),  # fmt: skip
    "pieces, all alike": model(UNIGRAM, vocab=[["<unk>", 0.0], ["a", 0.0], ["b", 0.0], ["ab", 0.0]]),
    "pieces, empty piece": model(UNIGRAM, vocab=[["<unk>", 0.0], ["", -1.0], ["a", -2.0]]),
    "pieces, only an empty piece": model(UNIGRAM, vocab=[["", 0.0]]),
    "pieces twice": model(UNIGRAM, vocab=[["<unk>", 0.0], ["a", -1.0], ["a", -3.0]]),
    "pieces, integer scores": model(UNIGRAM, vocab=[["<unk>", 0], ["a", -1]]),
    "pieces of three": model(UNIGRAM, vocab=[["<unk>", 0.0, 1]]),
    "pieces of one": model(UNIGRAM, vocab=[["<unk>"]]),
    "pieces, score a string": model(UNIGRAM, vocab=[["<unk>", "0"]]),
    "pieces, an object": model(UNIGRAM, vocab={"<unk>": 0}),
    "piece of a megabyte": model(UNIGRAM, vocab=[*UNIGRAM["vocab"], [LONG, -1.0]]),
    "pieces, bytes without their pieces": model(UNIGRAM, byte_fallback=True),
    # Added tokens
    "added token empty": section(added_tokens=[TOKEN | {"content": ""}]),
    "added token of spaces": section(added_tokens=[TOKEN | {"content": "  "}]),
    "added token that takes all": section(
        added_tokens=[TOKEN | {"content": " ", "lstrip": True, "rstrip": True}]
    ),  # fmt: skip
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
    ),  # fmt: skip
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
    ),  # fmt: skip
    "replace by the empty regex": section(
        normalizer={"type": "Replace", "pattern": {"Regex": ""}, "content": "x"}
    ),  # fmt: skip
    "replace by a bad regex": section(
        normalizer={"type": "Replace", "pattern": {"Regex": "("}, "content": "x"}
    ),  # fmt: skip
    "replace by two patterns": section(
        normalizer={"type": "Replace", "pattern": {"String": "a", "Regex": "a"}, "content": "x"}
    ),  # fmt: skip
    "replace without pattern": section(normalizer={"type": "Replace", "pattern": None, "content": "x"}),
    "replace all by nothing": section(
        normalizer={"type": "Replace", "pattern": {"Regex": "[^z]+"}, "content": ""}
    ),  # fmt: skip
    "replace by much": section(
        normalizer={"type": "Replace", "pattern": {"String": "a"}, "content": "b" * 10_000}
    ),  # fmt: skip
    "doubled thirty times": section(
        normalizer={
            "type": "Sequence",
            "normalizers": [{"type": "Replace", "pattern": {"String": "q"}, "content": "qq"}] * 30,
        }
    ),  # fmt: skip
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
    ),  # fmt: skip
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
    ),  # fmt: skip
    "metaspace, unknown scheme": section(
        pre_tokenizer={"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"}
    ),  # fmt: skip
    "metaspace that contradicts": section(
        pre_tokenizer={
            "type": "Metaspace",
            "replacement": "_",
            "prepend_scheme": "always",
            "add_prefix_space": False,
        }
    ),  # fmt: skip
    "metaspace of a space": section(
        pre_tokenizer={"type": "Metaspace", "replacement": " ", "prepend_scheme": "always"}
    ),  # fmt: skip
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
    ),  # fmt: skip
    "bert, token of three": section(
        post_processor={"type": "BertProcessing", "sep": ["x", 1, 2], "cls": ["y", 2]}
    ),  # fmt: skip
    "bert, ids of no tokens": section(
        post_processor={"type": "BertProcessing", "sep": ["x", 4_000_000_000], "cls": ["y", 4_000_000_001]}
    ),  # fmt: skip
    "template without its token": template(special_tokens={}),
    "template, ids but no tokens": template(special_tokens={"<x>": {"id": "<x>", "ids": [9], "tokens": []}}),
    "template, token of other name": template(
        special_tokens={"<x>": {"id": "<y>", "ids": [9], "tokens": ["<y>"]}}
    ),  # fmt: skip
    "template, many ids": template(
        special_tokens={"<x>": {"id": "<x>", "ids": [9, 8, 7], "tokens": ["a", "b", "c"]}}
    ),  # fmt: skip
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
    ),  # fmt: skip
    "decoder strips negatively": section(decoder={"type": "Strip", "content": "a", "start": -1, "stop": 0}),
    "decoder strips two": section(decoder={"type": "Strip", "content": "ab", "start": 1, "stop": 0}),
    "decoder replaces nothing": section(
        decoder={"type": "Replace", "pattern": {"String": ""}, "content": "x"}
    ),  # fmt: skip
    "decoder replaces by a bad regex": section(
        decoder={"type": "Replace", "pattern": {"Regex": "*"}, "content": "x"}
    ),  # fmt: skip
    "decoder of word pieces without prefix": section(
        decoder={"type": "WordPiece", "prefix": "", "cleanup": True}
    ),  # fmt: skip
    "decoder of empty suffix": section(decoder={"type": "BPEDecoder", "suffix": ""}),
    "decoder CTC of nothing": section(
        decoder={"type": "CTC", "pad_token": "", "word_delimiter_token": "", "cleanup": True}
    ),  # fmt: skip
}
