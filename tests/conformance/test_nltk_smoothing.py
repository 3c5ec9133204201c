"""Smoothing beside nltk.lm, on real text. Where the definitions differ, the test says how.

Both sides get sentences with one <s> (add-k: order - 1 of them) and one </s>. nltk counts <s> as a word to be predicted; here
it is left out of its unigrams.
"""

from __future__ import annotations

import gzip
import math
from typing import Any

import pytest
from shared_data import shared

from ferrolm.ngram import NgramLM

ORDER = 3


@pytest.fixture(scope="module")
def sentences() -> list[list[str]]:
    with gzip.open(shared("conformance/kenlm/tinyshakespeare/train.txt.gz"), "rt") as lines:
        return [line.split() for line in lines][:1500]


def fitted(model: Any, sentences: list[list[str]], begins: int) -> Any:
    util = pytest.importorskip("nltk.util")
    padded = [[*["<s>"] * begins, *sentence, "</s>"] for sentence in sentences]
    grams = [
        [gram for gram in util.everygrams(words, max_len=ORDER) if gram[-1] != "<s>"] for words in padded
    ]
    model.fit(grams, [word for words in padded for word in words])
    return model


def probability(model: NgramLM, context: str, word: str) -> float:
    return 10 ** model.full_scores(f"{context} {word}", eos=False)[-1][0]


def queries(sentences: list[list[str]]) -> list[tuple[list[str], str]]:
    """Contexts that occur, with words that follow and words that do not."""
    seen = [(line[:place], line[place]) for line in sentences[:60] for place in range(len(line))]
    words = [word for _, word in seen]
    return [*seen, *((context, words[i * 7 % len(words)]) for i, (context, _) in enumerate(seen))]


def train(sentences: list[list[str]], **options: Any) -> NgramLM:
    return NgramLM.train([" ".join(words) for words in sentences], ORDER, **options)


@pytest.mark.parametrize(
    ("smoothing", "nltk_class", "options"),
    [
        ("witten-bell", "WittenBellInterpolated", {}),
        ("absolute", "AbsoluteDiscountingInterpolated", {"discount": 0.75}),
    ],
)
def test_interpolated_methods(
    sentences: list[list[str]], smoothing: str, nltk_class: str, options: dict
) -> None:
    lm = pytest.importorskip("nltk.lm")
    theirs = fitted(getattr(lm, nltk_class)(ORDER, **options), sentences, 1)
    ours = train(sentences, smoothing=smoothing, **options)
    # nltk ends with relative frequencies, which give unknown words nothing; ours are interpolated with 1 / V.
    theirs.estimator.unigram_score = lambda word: 10 ** ours.score(word, bos=False, eos=False)
    for context, word in queries(sentences):
        expected = theirs.score(word, tuple(["<s>", *context][-(ORDER - 1) :]))
        assert probability(ours, " ".join(context), word) == pytest.approx(expected, rel=1e-4), (
            context,
            word,
        )


@pytest.mark.parametrize("k", [1.0, 0.01])
def test_lidstone(sentences: list[list[str]], k: float) -> None:
    lm = pytest.importorskip("nltk.lm")
    theirs = fitted(lm.Lidstone(k, ORDER), sentences, ORDER - 1)
    ours = train(sentences, smoothing="add-k", k=k)
    size = len(theirs.vocab)
    assert size == ours.vocab_size
    for context, word in queries(sentences):
        history = tuple(["<s>", "<s>", *context][-(ORDER - 1) :])
        total = theirs.context_counts(history).N()
        # nltk's V has <s>, which never follows.
        expected = theirs.score(word, history) * (total + k * size) / (total + k * (size - 1))
        assert probability(ours, " ".join(context), word) == pytest.approx(expected, rel=1e-4), (
            context,
            word,
        )


def test_stupid_backoff(sentences: list[list[str]]) -> None:
    lm = pytest.importorskip("nltk.lm")
    theirs = fitted(lm.StupidBackoff(0.4, ORDER), sentences, 1)
    ours = train(sentences, smoothing="stupid-backoff")
    for context, word in queries(sentences):
        expected = theirs.score(word, tuple(["<s>", *context][-(ORDER - 1) :]))
        assert probability(ours, " ".join(context), word) == pytest.approx(expected, rel=1e-4), (
            context,
            word,
        )
    assert ours.score("nevermore", bos=False, eos=False) == -100
    # A context that never occurs costs the factor in nltk (and in the paper), for all words alike.
    ratio = theirs.score("the", ("the", "the")) / probability(ours, "the the", "the")
    assert math.isclose(ratio, 0.4, rel_tol=1e-4)
