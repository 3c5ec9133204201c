"""Models as Python objects: options, pickling, drawing at random, and what they refuse."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, MissingFileError
from ferrolm.tokenizers import Tokenizer
from ferrolm.tokenizers.models import BPE, Model, Unigram, WordLevel, WordPiece

PIECES = [("<unk>", 0.0), ("a", -1.0), ("b", -1.5), ("ab", -2.0), ("aba", -2.5)]
ABAB = {"a": 0, "b": 1, "ab": 2, "abab": 3}
MERGES = [("a", "b"), ("ab", "ab")]

MADE: list[Model] = [
    BPE(ABAB, MERGES, dropout=0.25, unk_token="a", fuse_unk=True),
    WordPiece({"[UNK]": 0, "a": 1, "##b": 2}, max_input_chars_per_word=7),
    WordLevel({"a": 0, "b": 5}, unk_token="b"),
    Unigram(PIECES, 0, alpha=0.5, nbest_size=3),
]


def values(model: Model, text: str) -> list[str]:
    return [token.value for token in model.tokenize(text)]


@pytest.mark.parametrize("model", MADE, ids=lambda model: type(model).__name__)
def test_copies_and_pickles_keep_everything(model: Model) -> None:
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert type(other) is type(model)
        assert other.options() == model.options()
        assert (repr(other), other.vocab()) == (repr(model), model.vocab())


@pytest.mark.parametrize("model", MADE, ids=lambda model: type(model).__name__)
def test_tokenizers_hold_and_give_out_any_model(model: Model) -> None:
    tokenizer = Tokenizer(copy.copy(model))
    assert type(tokenizer.model) is type(model)
    assert tokenizer.get_vocab_size() == len(model.vocab())
    again = Tokenizer.from_str(tokenizer.to_str())
    assert again.get_vocab() == model.vocab()
    # Options of a model that was given out are those of the tokenizer.
    given = tokenizer.model
    if isinstance(given, BPE | WordPiece | WordLevel):
        given.unk_token = "other"
        assert tokenizer.model.options()["unk_token"] == "other"
    elif isinstance(given, Unigram):
        given.alpha = 0.25
        assert tokenizer.model.options()["alpha"] == 0.25


def test_options_can_be_changed() -> None:
    wordpiece = WordPiece({"u": 0, "a": 1, "#b": 2, "##b": 3}, unk_token="u")
    assert values(wordpiece, "ab") == ["a", "##b"]
    wordpiece.continuing_subword_prefix = "#"
    assert values(wordpiece, "ab") == ["a", "#b"]
    wordpiece.max_input_chars_per_word = 1
    assert values(wordpiece, "ab") == ["u"]
    wordlevel = WordLevel({"a": 0, "u": 1})
    wordlevel.unk_token = "u"
    assert values(wordlevel, "b") == ["u"]
    bpe = BPE(ABAB, MERGES)
    bpe.dropout = 1.0
    assert values(bpe, "abab") == ["a", "b", "a", "b"]
    bpe.dropout = None
    assert values(bpe, "abab") == ["abab"]
    bpe.ignore_merges = bpe.fuse_unk = bpe.byte_fallback = True
    bpe._clear_cache()
    bpe._resize_cache(10)
    assert BPE(cache_capacity=0).options() == BPE().options()


def test_merges_are_dropped_anew_at_each_call() -> None:
    tokenizer = Tokenizer(BPE(ABAB, MERGES, dropout=0.5))
    drawn = Counter(tuple(tokenizer.encode("abab").tokens) for _ in range(400))
    assert len(drawn) == 5
    assert {tuple(tokenizer.encode_ids("abab").tolist()) for _ in range(200)} >= {(3,), (0, 1, 0, 1)}


def test_unigram_draws_ways_to_cut_a_text() -> None:
    # Of equal sums, the one that was found first.
    best = ["ab", "ab"]
    assert values(Unigram(PIECES, 0), "abab") == best
    assert values(Unigram(PIECES, 0, alpha=0.0, nbest_size=9), "abab") == best
    for size in (None, 2, 100):
        model = Unigram(PIECES, 0, alpha=0.5, nbest_size=size)
        drawn = Counter(tuple(values(model, "abab")) for _ in range(500))
        assert set(map("".join, drawn)) == {"abab"}
        assert len(drawn) == 2 if size == 2 else len(drawn) > 4
    sharp = Unigram(PIECES, 0, alpha=50.0, nbest_size=50)
    # Two ways have the best sum.
    assert len({tuple(values(sharp, "abab")) for _ in range(50)}) <= 2


def test_what_cannot_be_is_refused_with_the_reason(tmp_path: Path) -> None:
    cases: list[tuple[Any, type[Exception], str]] = [
        (lambda: BPE({"a": 0}, [("a", "z")]), InvalidArgumentError, r"merges\[0\]"),
        (lambda: BPE({"a": 0}, [], dropout=1.5), InvalidArgumentError, "between 0 and 1"),
        (lambda: BPE("vocab.json", [("a", "b")]), InvalidArgumentError, "one path"),
        (
            lambda: BPE({"a": 0}, [("a", "a")], continuing_subword_prefix="##"),
            InvalidArgumentError,
            "shorter",
        ),
        (lambda: WordPiece(tmp_path / "none.txt"), MissingFileError, "none.txt"),
        (lambda: WordPiece({"a": 0}).tokenize("b"), InvalidArgumentError, r"\[UNK\]"),
        (lambda: WordPiece({"a": 0}, unk_token=None), InvalidTypeError, "unk_token"),  # type: ignore[arg-type]
        (lambda: WordLevel({"a": 0}).tokenize("b"), InvalidArgumentError, "<unk>"),
        (lambda: WordLevel({"a": -1}), InvalidTypeError, "ids"),
        (lambda: WordLevel({"a": 4_000_000_000}), InvalidArgumentError, "beyond the limit"),
        (lambda: Unigram(None, 0), InvalidArgumentError, "vocab"),
        (lambda: Unigram([], 0), InvalidArgumentError, "empty"),
        (lambda: Unigram(PIECES, 5), InvalidArgumentError, "unk_id"),
        (lambda: Unigram(PIECES).tokenize("c"), InvalidArgumentError, "unk_id"),
        (lambda: Unigram([("a", "b")]), InvalidTypeError, "score"),  # type: ignore[list-item]
    ]
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()


def test_unknown_options_warn() -> None:
    with pytest.warns(UserWarning, match="other"):
        WordPiece({"a": 0}, other=1)
    with pytest.warns(DeprecationWarning, match="prefix"), pytest.raises(MissingFileError):
        WordPiece({"a": 0}).save("/nonexistent", name="x")
