"""Columns of encodings, which are made when they are read, beside `tokenizers`, whatever is read first."""

from __future__ import annotations

from itertools import permutations
from random import Random
from typing import Any

import pytest
from shared_data import shared

from ferrolm.tokenizers import AddedToken, Tokenizer

tokenizers = pytest.importorskip("tokenizers")

FILES = ("gpt2", "roberta-base", "llama2", "mistral-v1", "bert-base-uncased", "t5-small")
COLUMNS = ("ids", "tokens", "offsets", "type_ids", "special_tokens_mask", "attention_mask", "word_ids")
PARTS = [
    *("Hello", " world", "ing", " x1", ", ", ". ", "  ", "\n", "\t", " don't", " [UNK]", " <unk>", " ##ing", "12 345"),
    *("é", "e\u0301", " naïve", " Ünïcödé", "漢字", " かな", " 한국어", " नमस्ते", "ไทย", " שלום", "🙂", "👩\u200d💻", "…", "—"),
    *("\u200b", "\u00ad", " \u200bword", " \u0301", "ﬁ", " ①", "\u00a0", "\u3000", "▁", "<sep>", " <sep> ", "<mask>", "\0"),
]  # fmt: skip
every_file = pytest.mark.parametrize("name", FILES)


def texts(seed: int, count: int) -> list[str]:
    draw = Random(seed)
    return ["".join(draw.choices(PARTS, k=draw.randrange(30))) for _ in range(count)]


def both(name: str, added: bool = True) -> list[Any]:
    path = str(shared(f"tokenizers/{name}/tokenizer.json"))
    pair = [Tokenizer.from_file(path), tokenizers.Tokenizer.from_file(path)]
    for tokenizer, token in zip(pair, (AddedToken, tokenizers.AddedToken), strict=True):
        tokenizer.no_padding()
        tokenizer.no_truncation()
        if added:
            tokenizer.add_tokens([token("<sep>", lstrip=True, rstrip=True, normalized=False)])
    return pair


def assert_equal(found: list[Any], expected: list[Any], names: tuple[str, ...] = COLUMNS) -> None:
    for one, other in zip(found, expected, strict=True):
        for name in names:
            assert getattr(one, name) == getattr(other, name), (name, other.tokens)
        assert_equal(one.overflowing, other.overflowing, names)


@every_file
@pytest.mark.parametrize("added", [False, True])
def test_ascii_and_other_pieces(name: str, added: bool) -> None:
    ours, theirs = both(name, added)
    some = texts(1, 300)
    assert_equal(ours.encode_batch(some), theirs.encode_batch(some))


@every_file
@pytest.mark.parametrize("direction", ["right", "left"])
@pytest.mark.parametrize("length", [1, 7, 30])
def test_truncated_and_padded(name: str, direction: str, length: int) -> None:
    pair = both(name)
    some = texts(2, 60)
    for tokenizer in pair:
        added = tokenizer.num_special_tokens_to_add(False)
        tokenizer.enable_truncation(length + added, stride=length // 3, direction=direction)
        tokenizer.enable_padding(direction=direction, pad_id=3, pad_type_id=1, pad_token="<padding>")
    ours, theirs = (tokenizer.encode_batch(some) for tokenizer in pair)
    assert_equal(ours, theirs)


@every_file
def test_pairs_and_words(name: str) -> None:
    pair = both(name)
    some = texts(3, 80)
    pairs = list(zip(some[::2], some[1::2], strict=True))
    words = [text.split() for text in some]
    for arguments, options in (((pairs,), {}), ((words,), {"is_pretokenized": True})):
        ours, theirs = (tokenizer.encode_batch(*arguments, **options) for tokenizer in pair)
        assert_equal(ours, theirs)
    for tokenizer in pair:
        tokenizer.enable_truncation(20, strategy="longest_first")
    ours, theirs = (tokenizer.encode_batch(pairs) for tokenizer in pair)
    assert_equal(ours, theirs)


@every_file
def test_any_order(name: str) -> None:
    ours, theirs = both(name)
    some = texts(4, 6)
    expected = theirs.encode_batch(some)
    for order in permutations(("offsets", "tokens", "word_ids", "attention_mask")):
        assert_equal(ours.encode_batch(some), expected, order)
    for one, other in zip(ours.encode_batch(some), expected, strict=True):
        before = one.offsets
        for position in range(0, 20, 3):
            assert one.char_to_token(position) == other.char_to_token(position)
        assert one.offsets == before
        one.pad(100)
        other.pad(100)
        assert_equal([one], [other])


@every_file
def test_without_offsets(name: str) -> None:
    ours, theirs = both(name)
    some = texts(5, 40)
    assert_equal(ours.encode_batch_fast(some), theirs.encode_batch_fast(some))


def test_a_text_whose_start_vanishes() -> None:
    """SentencePiece's map takes it away, and the reference counts all that follows from other places then."""
    ours, theirs = both("t5-small")
    some = [
        start + "word é next"
        for start in ("\u200b", "\u00ad\u200b", "\ufeff", " \u200b", "<sep>\u200b", "e\u200b")
    ]
    assert_equal(ours.encode_batch(some), theirs.encode_batch(some))


def test_words_again_and_again() -> None:
    """Short words of one length, which must not be taken for one another."""
    ours, theirs = both("bert-base-uncased", False)
    words = [first + second for first in "éüößñç漢字йщ" for second in "abcdefghé"]
    some = [" ".join(words), " ".join(reversed(words))]
    for _ in range(2):
        assert_equal(ours.encode_batch(some), theirs.encode_batch(some))
