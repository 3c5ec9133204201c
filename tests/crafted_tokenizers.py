"""Tokenizer files by hand, each wrong or extreme in one way: JSON, models."""

from __future__ import annotations

import json
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


def section(**parts: Any) -> bytes:
    return json.dumps(ROOT | parts).encode()


def model(base: dict[str, Any], **fields: Any) -> bytes:
    return section(model=base | fields)


def without(base: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in base.items() if name not in names}


GOOD = section()
LONG = "a" * 1_000_000
MODEL_CASES: dict[str, bytes] = {
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
    ),
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
    ),
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
    ),
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
}
