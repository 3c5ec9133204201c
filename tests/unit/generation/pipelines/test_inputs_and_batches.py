"""Inputs of all pipelines: one, several, iterators and datasets; batches, which change no result."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_encoders import LABELS, small_encoder, word_tokenizer
from tiny_language_model import tiny_language_model

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.pipelines import TextEncoder

TEXTS = [
    "one two",
    "",
    "three fours, what is fourteen?",
    "six",
    "one one one one one one one",
    "[MASK] after",
]
words = st.lists(st.sampled_from(["one", "twos", "three", ".", "sixteen", "zzz"]), max_size=12).map(" ".join)


def made(task: str, head: str | None = None, **options: Any) -> Any:
    return ferrolm.pipeline(task, TextEncoder(small_encoder(head or task), word_tokenizer()), **options)


classify = made("text-classification", top_k=None)
tag = made("ner", "token-classification", aggregation_strategy="first")
states = made("feature-extraction", "sentence-similarity", pooling="auto")


def assert_close(found: Any, expected: Any) -> None:
    """Equal but for the rounding of sums over other padding."""
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert_close(found[name], value)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-5)
    else:
        assert found == expected


@settings(max_examples=10)
@given(st.lists(words, max_size=9), st.integers(1, 5))
@pytest.mark.parametrize("pipe", [classify, tag, states], ids=lambda pipe: pipe.task)
def test_the_batch_size_changes_no_result(pipe: Any, texts: list[str], size: int) -> None:
    alone = [pipe([text])[0] for text in texts]
    assert_close(pipe(texts, batch_size=size), alone)
    assert_close(list(pipe(iter(texts), batch_size=size)), alone)


def test_lists_tuples_and_arrays_give_lists() -> None:
    expected = classify(TEXTS)
    assert classify(tuple(TEXTS)) == classify(np.array(TEXTS)) == expected
    assert classify([]) == classify(()) == []
    assert tag([]) == []


def test_iterators_are_read_as_far_as_results_are_asked_for() -> None:
    read: list[str] = []

    def texts() -> Iterator[str]:
        for number in itertools.count():
            read.append(TEXTS[number % 6])
            yield read[-1]

    results = classify(texts(), batch_size=3)
    assert read == []
    first = next(results)
    assert len(read) == 3
    assert_close([first, next(results), next(results), next(results)], classify(TEXTS[:4]))
    assert len(read) == 6


class Numbered:
    """A dataset as torch has them: numbers and a length."""

    def __len__(self) -> int:
        return len(TEXTS)

    def __getitem__(self, number: int) -> str:
        return TEXTS[number]


def test_datasets_are_iterated() -> None:
    results = classify(Numbered(), batch_size=4)
    assert not isinstance(results, list)
    assert_close(list(results), classify(TEXTS))
    assert list(classify(iter([]))) == []


def test_generators_of_a_language_model() -> None:
    pipe = ferrolm.pipeline("text-generation", tiny_language_model(), max_new_tokens=4, seed=1)
    texts = ["hello", "b", "cde"]
    results = pipe((text for text in texts), batch_size=2)
    assert next(results) == pipe("hello")
    assert list(results) == pipe(texts)[1:]


def test_a_generator_leaves_gradients_as_they_are() -> None:
    results = classify(iter(TEXTS))
    next(results)
    assert torch.is_grad_enabled()


def test_errors_come_at_once_and_name_what_was_found() -> None:
    for pipe in (classify, tag, states):
        with pytest.raises(
            InvalidTypeError, match="are int, expected one input, a list of them or an iterator"
        ):
            pipe(3)
        with pytest.raises(InvalidTypeError, match=r"'3' \(int\), expected a text"):
            pipe([3])
        with pytest.raises(InvalidArgumentError, match="batch_size is 0, expected a positive integer"):
            pipe("one", batch_size=0)
        with pytest.raises(InvalidArgumentError, match="unknown argument 'batchsize'"):
            pipe(iter(TEXTS), batchsize=3)  # before anything is read
    with pytest.raises(InvalidArgumentError, match="batch_size is -1"):
        made("text-classification", batch_size=-1)


def test_texts_that_do_not_fit_say_how_they_would() -> None:
    long = "one " * 40
    for pipe in (classify, states):
        with pytest.raises(
            InvalidArgumentError, match=r"a text has 42 tokens, at most 24 .*: pass truncation=True"
        ):
            pipe(["six", long])
    assert_close(classify(long, truncation=True), classify(long, truncation=True, max_length=24))
    with pytest.raises(InvalidArgumentError, match="max_length is 3 without truncation=True"):
        classify(long, max_length=3)
    with pytest.warns(UserWarning, match="more than 24 tokens, of which the rest gets no label: pass stride"):
        assert len(tag(long, ignore_labels=[])) > 0
    assert len(classify("one")[0]) == len(
        LABELS
    )  # as in transformers, a list for a text that the pipeline has a top_k for
