"""The trainer classes on their own: settings, states, what they refuse, what they are fed, what they show."""

from __future__ import annotations

import copy
import io
import json
import pickle
import sys
from typing import Any

import numpy as np
import pytest

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from ferrolm.tokenizers.trainers import (
    BpeTrainer,
    Trainer,
    UnigramTrainer,
    WordLevelTrainer,
    WordPieceTrainer,
)

ALL = (BpeTrainer, WordPieceTrainer, WordLevelTrainer, UnigramTrainer)
MODELS = {
    "BPE": models.BPE,
    "WordPiece": models.WordPiece,
    "WordLevel": models.WordLevel,
    "Unigram": models.Unigram,
}
TEXTS = ["the cat sat on the mat", "the rat sat on the cat", "a hat that a cat has"] * 3


def untrained(kind: str) -> Tokenizer:
    tokenizer = Tokenizer(MODELS[kind]())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


@pytest.mark.parametrize("cls", ALL)
def test_settings_can_be_changed_and_are_checked(cls: Any) -> None:
    trainer = cls(vocab_size=12, show_progress=False, special_tokens=["1", AddedToken("2", lstrip=True)])
    assert (trainer.vocab_size, trainer.show_progress, trainer.progress_format) == (12, False, "indicatif")
    expected = [AddedToken("1", special=True), AddedToken("2", special=True, lstrip=True)]
    assert trainer.special_tokens == expected
    assert all(not token.normalized for token in trainer.special_tokens)
    trainer.vocab_size = np.int64(7)
    trainer.special_tokens = []
    trainer.progress_format = "json"
    assert (trainer.vocab_size, trainer.special_tokens, trainer.progress_format) == (7, [], "json")
    with pytest.raises(InvalidArgumentError, match="vocab_size must not be negative: -1"):
        trainer.vocab_size = -1
    with pytest.raises(InvalidTypeError, match="vocab_size: found str, expected int"):
        cls(vocab_size="many")
    with pytest.raises(InvalidTypeError, match="special_tokens: found str, expected a list"):
        cls(special_tokens="<s>")
    with pytest.warns(UserWarning, match=f"{cls.__name__}: ignored unknown option colour"):
        cls(colour="red")


def test_unigram_settings() -> None:
    trainer = UnigramTrainer(initial_alphabet=["xy", "x", "", "b"], shrinking_factor=1, unk_token="<unk>")
    assert trainer.initial_alphabet == ["x", "b"]
    assert (trainer.shrinking_factor, trainer.unk_token) == (1.0, "<unk>")
    assert (trainer.max_piece_length, trainer.n_sub_iterations, trainer.seed_size) == (16, 2, 1_000_000)


@pytest.mark.parametrize("cls", ALL)
def test_states_are_those_of_tokenizers(cls: Any) -> None:
    reference = pytest.importorskip("tokenizers")
    theirs = getattr(reference.trainers, cls.__name__)
    special = [AddedToken("<s>", lstrip=True)]
    ours_made = cls(special_tokens=special)
    theirs_made = theirs(special_tokens=[reference.AddedToken("<s>", lstrip=True)])
    assert ours_made.__getstate__() == theirs_made.__getstate__()
    assert repr(ours_made) == repr(theirs_made)
    assert repr(cls()) == repr(theirs()) == str(cls())
    made = cls(vocab_size=5, special_tokens=special, progress_format="silent")
    for copied in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        assert type(copied) is cls
        assert (copied.__getstate__(), copied.progress_format) == (made.__getstate__(), "silent")


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("kind", MODELS)
def test_a_trainer_trains_its_own_kind_of_model(cls: Any, kind: str) -> None:
    tokenizer = untrained(kind)
    before = tokenizer.to_str()
    trainer = cls(show_progress=False, vocab_size=30, special_tokens=["<s>"])
    if type(MODELS[kind]().get_trainer()) is cls:
        tokenizer.train_from_iterator(TEXTS, trainer)
        assert tokenizer.token_to_id("<s>") == 0
        assert tokenizer.get_vocab_size() <= 30
        assert trainer.get_word_count() == 10
        assert tokenizer.encode("<s> the cat").tokens[0] == "<s>"
    else:
        expected = f"{cls.__name__} can only train a {cls._model} model, found {kind}"
        with pytest.raises(InvalidArgumentError, match=expected):
            tokenizer.train_from_iterator(TEXTS, trainer)
        with pytest.raises(Exception, match=expected):
            tokenizer.train([], trainer)
        assert tokenizer.to_str() == before


def test_without_a_trainer_that_of_the_model_is_used() -> None:
    tokenizer = untrained("WordLevel")
    tokenizer.train_from_iterator(TEXTS)
    assert tokenizer.token_to_id("the") == 0


def test_the_base_class_trains_nothing() -> None:
    with pytest.raises(InvalidArgumentError, match="Trainer can only train"):
        untrained("BPE").train_from_iterator(TEXTS, Trainer())


def test_strings_of_any_container() -> None:
    pyarrow = pytest.importorskip("pyarrow")

    def learnt(texts: Any) -> dict[str, int]:
        tokenizer = untrained("WordPiece")
        tokenizer.train_from_iterator(texts, WordPieceTrainer(show_progress=False))
        return tokenizer.get_vocab()

    expected = learnt(TEXTS)
    assert learnt(iter(TEXTS)) == learnt([TEXTS[:2], TEXTS[2:]]) == learnt(np.array(TEXTS)) == expected
    assert learnt(np.array(TEXTS, dtype=object)) == learnt(np.array(TEXTS).reshape(3, 3)) == expected
    assert learnt(pyarrow.array(TEXTS)) == learnt(pyarrow.chunked_array([TEXTS[:4], TEXTS[4:]])) == expected
    assert learnt(pyarrow.array(TEXTS, type=pyarrow.large_string())) == expected
    with pytest.raises(InvalidTypeError, match="iterator: found str, expected an iterable of texts"):
        learnt("the cat")
    with pytest.raises(InvalidTypeError, match="iterator: found NoneType"):
        learnt(pyarrow.array(["a", None]))


def test_impossible_unigram_settings() -> None:
    def learnt(**options: Any) -> Tokenizer:
        tokenizer = untrained("Unigram")
        tokenizer.train_from_iterator(TEXTS, UnigramTrainer(show_progress=False, **options))
        return tokenizer

    with pytest.raises(
        InvalidArgumentError, match=r"vocab_size is 5, too small: .* have 10 different characters"
    ):
        learnt(vocab_size=5)
    with pytest.raises(InvalidArgumentError, match="vocab_size is 20, too small for the 21 special tokens"):
        learnt(vocab_size=20, special_tokens=[f"<{number}>" for number in range(20)], unk_token="<unk>")
    for factor in (0, 1.0, -3, float("nan")):
        with pytest.raises(InvalidArgumentError, match=r"shrinking_factor is .*between 0 and 1"):
            learnt(shrinking_factor=factor)
    assert learnt(vocab_size=12, n_sub_iterations=0, shrinking_factor=0.999).get_vocab_size() <= 12


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("kind", MODELS)
def test_progress_as_lines_of_json(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    trainer = MODELS[kind]().get_trainer()
    trainer.vocab_size, trainer.show_progress, trainer.progress_format = 40, False, "json"
    untrained(kind).train_from_iterator(TEXTS, trainer, length=len(TEXTS))
    assert isinstance(sys.stderr, io.StringIO)
    lines = [json.loads(line) for line in sys.stderr.getvalue().splitlines()]
    assert lines[0]["stage"] == "Pre-processing sequences"
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    for stage in stages:
        *_, last = (line for line in lines if line["stage"] == stage)
        assert last["current"] == last["total"], "every stage ends"
    assert {"BPE": "Compute merges", "WordPiece": "Compute merges", "Unigram": "EM training"}.get(
        kind, "Sort words"
    ) in stages


def test_progress_on_a_terminal_and_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(stream: io.StringIO, **options: Any) -> str:
        monkeypatch.setattr(sys, "stderr", stream)
        untrained("BPE").train_from_iterator(TEXTS, BpeTrainer(vocab_size=40, **options), length=9)
        return stream.getvalue()

    bars = shown(Terminal())
    assert "Pre-processing sequences: 100%" in bars
    assert "9/9" in bars
    assert "Compute merges" in bars
    assert bars.endswith("\n")
    assert shown(io.StringIO()) == ""
    assert shown(Terminal(), show_progress=False) == ""
    assert shown(Terminal(), progress_format="silent") == ""
    assert trainers.BpeTrainer(progress_format="unheard of").progress_format == "indicatif"
