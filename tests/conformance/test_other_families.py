"""Pipelines of well-known tokenizers: every result equal to `tokenizers`."""

from __future__ import annotations

import random
import unicodedata
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import ROOT, read_text, shared

import ferrolm.tokenizers as ours

theirs = pytest.importorskip("tokenizers")

from published_families import build
from published_family_list import families

FIELDS = (
    "ids",
    "tokens",
    "offsets",
    "word_ids",
    "type_ids",
    "sequence_ids",
    "special_tokens_mask",
    "attention_mask",
)
FAMILIES = families() if ROOT.exists() else {}
PARTS = (
    *" \n\t▁.,'-_/\\=#\"`|()[]!?…。，、।۔،«’０٣½Ⅷ²aZéßİſǅΣчا字かカ・한नมั\u0301\u0301\u200d\u200b\ufeff\u00a0\u3000\u0085\x00",
    *(
        "  ",
        "    ",
        "\r\n",
        "\n\n\n",
        " \n ",
        "``",
        "''",
        "...",
        "?!",
        "//",
        "/\n",
        "1",
        "12",
        "123",
        "12345",
    ),
    *(" 7", "'s", "'S", "'LL", " don't", "word", " the", "HTTPServer", "camelCase", "__init__", "e\u0301"),
    *("naïve", "ﬁ", "ｱﾞ", "\u1100\u1161", "漢字", "❤️", "😀", "👨‍👩‍👧", "<0x41>", "<sentinel:12>", "IMGIMGABZ"),
    *(
        "<!dummy-prefix!>",
        "SPL1T-TH1S-Pl3A5E",
        "</w>",
        "𐐀",
        "\U00011de3",
        "\U00016ff4",
        "\U0010ffff",
        "ࠀ",
        "퟿",
    ),
)


@cache
def pair(name: str) -> tuple[Any, Any, list[str]]:
    """Both libraries' tokenizers of a family, and its added tokens."""
    text = build(FAMILIES[name])
    reference = theirs.Tokenizer.from_str(text)
    added = [token.content for token in reference.get_added_tokens_decoder().values()]
    return ours.Tokenizer.from_str(text), reference, added


@cache
def real_texts() -> tuple[str, ...]:
    names = ("books/sherlock-holmes.txt", "code/python-stdlib-sample.txt", "books/wagahai-neko-ja.txt")
    texts = [read_text(shared(f"text/{name}"))[100_000:102_500] for name in names]
    texts.append(read_text(shared("text/multilingual/utf8-demo.txt"))[:7000])
    languages = sorted(shared("text/multilingual/udhr").glob("*.txt"))
    return (*texts, *(read_text(path)[2000:2150] for path in languages))


def same(found: Any, expected: Any, text: object) -> None:
    for field in FIELDS:
        assert getattr(found, field) == getattr(expected, field), (field, text)


def check(name: str, texts: list[str]) -> None:
    mine, reference, _ = pair(name)
    expected = reference.encode_batch(texts)
    rows = mine.encode_ids_batch(texts)
    for at, (text, found, other) in enumerate(zip(texts, mine.encode_batch(texts), expected, strict=True)):
        same(found, other, text)
        assert rows[at].tolist() == other.ids, text
    ids = [encoding.ids for encoding in expected]
    for skip in (True, False):
        assert mine.decode_batch(ids, skip) == reference.decode_batch(ids, skip)


@pytest.mark.parametrize("name", FAMILIES)
def test_real_texts(name: str) -> None:
    check(name, list(real_texts()))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FAMILIES)
def test_tricky_texts(name: str) -> None:
    mine, reference, added = pair(name)
    rng = random.Random(name)
    parts = [*PARTS, *rng.sample(added, min(8, len(added))), *added[:4]]
    texts = ["".join(rng.choices(parts, k=rng.choice((1, 3, 9, 25)))) for _ in range(120)]
    check(name, texts)
    for text, other in zip(texts[:25], texts[25:50], strict=True):
        same(mine.encode(text, other), reference.encode(text, other), (text, other))
        words = text.split(" ")
        encodings = [tokenizer.encode(words, is_pretokenized=True) for tokenizer in (mine, reference)]
        same(*encodings, words)
        streams = []
        for module, tokenizer in ((ours, mine), (theirs, reference)):
            stream = module.decoders.DecodeStream(skip_special_tokens=False)
            streams.append([stream.step(tokenizer, identifier) for identifier in encodings[1].ids])
        assert streams[0] == streams[1], text


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FAMILIES)
def test_any_text(name: str) -> None:
    piece = st.one_of(st.sampled_from(PARTS), st.text(max_size=6))

    @settings(max_examples=8, deadline=None, derandomize=True)
    @given(st.lists(st.lists(piece, max_size=12).map("".join), min_size=1, max_size=8))
    def equal(texts: list[str]) -> None:
        check(name, texts)

    equal()


@pytest.mark.parametrize("name", FAMILIES)
def test_the_file_is_written_as_it_was_read(name: str) -> None:
    mine, reference, _ = pair(name)
    assert mine.to_str() == reference.to_str()
    assert mine.get_vocab() == reference.get_vocab()


@pytest.mark.parametrize("name", ["StarCoder", "Falcon", "DeepSeek Coder"])
def test_numbers_of_all_kinds(name: str) -> None:
    """Libraries of regular expressions and of characters know different versions of Unicode."""
    numbers = [chr(code) for code in range(0x20000) if unicodedata.category(chr(code)).startswith("N")]
    numbers += [chr(code) for code in (*range(0x11DE0, 0x11DEA), *range(0x16FF4, 0x16FF7))]
    check(name, [f" {one}{one}a {one}'s\n {one}\n\n{one}" for one in numbers])


@pytest.mark.parametrize("name", ["SmolLM", "Command R"])
def test_a_large_text_is_cut_without_a_trace(name: str) -> None:
    mine, _, _ = pair(name)
    text = "\n 12 ".join([*real_texts(), "\U00011de3 5"]) * 20
    assert mine.encode_ids_batch([text]).ids.tolist() == mine.encode(text).ids
