"""Parity-aware BPE training: languages take turns, and an interruption leaves the tokenizer as it was."""

from __future__ import annotations

import json
import signal
import threading
import time
from typing import Any

import pytest

from ferrolm import num_threads, set_num_threads
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers
from ferrolm.tokenizers.trainers import ParityBpeTrainer


def train(texts: Any, development: Any = None, **options: Any) -> Any:
    """The model that is learnt, as in tokenizer.json."""
    tokenizer = Tokenizer(models.WordLevel({"x": 0}, "x"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ParityBpeTrainer(show_progress=False, **options).train_from_iterator(tokenizer, texts, development)
    return json.loads(tokenizer.to_str())["model"]


def merges(*arguments: Any, **options: Any) -> list[str]:
    return ["".join(pair) for pair in train(*arguments, **options)["merges"]]


def test_a_small_language_gets_its_turn() -> None:
    much, little = ["aabb"] * 100, ["ccdd"]
    assert merges([much, little]) == ["bb", "abb", "aabb", "dd", "cdd", "ccdd"]
    window = {"variant": "window", "window_size": 2, "alpha": 1.0}
    assert merges([much, little], **window) == ["bb", "abb", "dd", "aabb", "cdd", "ccdd"]
    assert merges([much, little], [["a"], ["ccdd"]], num_merges=2) == ["dd", "cdd"]
    assert merges([much, little], ratio=[1.0, 2.0], num_merges=3) == ["dd", "cdd", "bb"]


def test_every_merge_is_applied_to_all_languages() -> None:
    # The first merge is that of the longer language; the other goes on from there.
    tokenizer = train([["th th th th th"], ["thi thi"]], num_merges=2)
    assert tokenizer["merges"] == [["t", "h"], ["th", "i"]]


def test_number_of_threads_makes_no_difference() -> None:
    texts = [[f"{language}{number % 97} {number % 89}" for number in range(4000)] for language in "abc"]
    before = num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            found.append(train(texts, num_merges=200))
    finally:
        set_num_threads(before)
    assert found[0] == found[1] == found[2]
    assert len(found[0]["merges"]) == 200


def test_languages_without_text() -> None:
    assert merges([[], []]) == []
    # There is nothing to compare a compression with; the others go on.
    assert merges([["ab"], []], ratio=[1.0, 1.0]) == ["ab"]


def test_an_unusable_window() -> None:
    with pytest.raises(InvalidArgumentError, match="window_size is 0, expected at least 1"):
        train([["a"]], variant="window", window_size=0)
    with pytest.raises(InvalidArgumentError, match="alpha is -1, expected a finite number above 0"):
        train([["a"]], variant="window", alpha=-1.0)


def test_ctrl_c_stops_the_training() -> None:
    # Many different words, so that learning takes seconds.
    languages = [
        [" ".join(f"{number * factor % 2**40:x}" for number in range(400_000))]
        for factor in (2654435761, 2246822519)
    ]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = ParityBpeTrainer(num_merges=2_000_000, show_progress=False)
    timer = threading.Timer(1.0, signal.raise_signal, [signal.SIGINT])
    started = time.monotonic()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            trainer.train_from_iterator(tokenizer, languages)
    finally:
        timer.cancel()
    assert time.monotonic() - started < 3.0
    assert tokenizer.get_vocab_size() == 0


@pytest.mark.parametrize("wrong", [None, "text", 5])
def test_languages_that_are_no_list_are_named_in_the_error(wrong: Any) -> None:
    trainer = ParityBpeTrainer(show_progress=False)
    with pytest.raises(InvalidTypeError, match=r"train_iterators: found \w+, expected a list"):
        trainer.train_from_iterator(Tokenizer(models.BPE()), wrong)
