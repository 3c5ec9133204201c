"""Interpolated models against plain Python twins that sum over the whole vocabulary."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.ngram import CachedNgramLM, NgramLM, interpolate, tune_weights

WORDS = "abcdef"
texts = st.lists(st.lists(st.sampled_from(WORDS[:4]), max_size=6).map(" ".join), min_size=1, max_size=10)
other_texts = st.lists(
    st.lists(st.sampled_from(WORDS[2:]), max_size=6).map(" ".join), min_size=1, max_size=10
)
orders = st.integers(1, 4)


def train(text: list[str], order: int) -> NgramLM:
    return NgramLM.train(text, order, smoothing="witten-bell")


def known_words(models: list[NgramLM], words: list[str], i: int, context: str) -> np.ndarray:
    """Model i's distribution over the united words; those it does not know have no probability from it."""
    logprobs = models[i].next_token_logprobs(context).astype(np.float64)
    known = [word in models[i] or word in ("<unk>", "</s>") for word in words]
    return np.array(known) * np.exp([logprobs[models[i].ids(word)[0]] for word in words])


def distribution(model: NgramLM, words: list[str], context: str) -> np.ndarray:
    logprobs = model.next_token_logprobs(context).astype(np.float64)
    assert abs(np.exp(logprobs).sum() - 1) < 1e-5
    return np.exp([logprobs[model.ids(word)[0]] for word in words])


def united(models: list[NgramLM]) -> list[str]:
    return [*(w for w in WORDS if any(w in model for model in models)), "<unk>", "</s>"]


contexts = st.lists(st.lists(st.sampled_from([*WORDS, "zebra"]), max_size=4).map(" ".join), max_size=4)


@settings(max_examples=60, deadline=None)
@given(texts, other_texts, orders, orders, st.floats(0, 1), contexts)
def test_linear_mixtures_are_exact_for_the_n_grams_of_the_union(
    one: list[str], two: list[str], order: int, other: int, weight: float, contexts: list[str]
) -> None:
    models = [train(one, order), train(two, other)]
    merged = interpolate(models, [weight, 1 - weight])
    words = united(models)
    assert merged.order == max(order, other)
    for context in ["", *contexts]:
        found = distribution(merged, words, context)
        parts = [known_words(models, words, i, context) for i in range(2)]
        expected = weight * parts[0] + (1 - weight) * parts[1]
        for word, p, mixed in zip(words, found, expected, strict=True):
            # Listed with the whole context that any model sees, or backed off from a context that no model knows.
            lengths = [
                model.full_scores(f"{context} {word}", eos=False)[-1][1] for model in (merged, *models)
            ]
            longest = min(len(context.split()) + 2, merged.order)
            if lengths[0] == longest:
                assert math.isclose(p, mixed, rel_tol=2e-4, abs_tol=1e-7), (context, word)


@settings(max_examples=60, deadline=None)
@given(texts, other_texts, orders, orders, st.tuples(st.floats(-0.5, 1.5), st.floats(0, 1.5)), contexts)
def test_log_linear_models_are_the_normalized_product(
    one: list[str],
    two: list[str],
    order: int,
    other: int,
    weights: tuple[float, float],
    contexts: list[str],
) -> None:
    models = [train(one, order), train(two, other)]
    merged = interpolate(models, weights, kind="log-linear")
    words = united(models)
    for context in ["", *contexts]:
        logs = []
        for model in models:
            logprobs = model.next_token_logprobs(context).astype(np.float64)
            logs.append([logprobs[model.ids(word)[0]] for word in words])
        product = np.exp(np.array(weights) @ np.array(logs))
        assert distribution(merged, words, context) == pytest.approx(
            product / product.sum(), rel=2e-4, abs=1e-6
        )


def likelihood(models: list[NgramLM], words: list[str], held_out: list[str], mix: object) -> float:
    """The held-out log-likelihood under ``mix(context, word index)``."""
    total = 0.0
    for sentence in held_out:
        line = sentence.split()
        for place, word in enumerate([*line, "</s>"]):
            known = word if word in words else "<unk>"
            total += mix(" ".join(line[:place]), words.index(known))
    return total


@settings(max_examples=15, deadline=None)
@given(texts, other_texts, texts, orders)
def test_tuned_linear_weights_are_the_best(
    one: list[str], two: list[str], held_out: list[str], order: int
) -> None:
    models = [train(one, order), train(two, 2)]
    words = united(models)
    weights = tune_weights(models, held_out)
    assert sum(weights) == pytest.approx(1)
    assert min(weights) >= 0

    def at(weight: float) -> float:
        def mix(context: str, word: int) -> float:
            parts = [known_words(models, words, i, context)[word] for i in range(2)]
            return math.log(weight * parts[0] + (1 - weight) * parts[1])

        return likelihood(models, words, held_out, mix)

    best = at(weights[0])
    assert all(at(weight) <= best + 1e-4 for weight in np.linspace(0.001, 0.999, 23))


@settings(max_examples=15, deadline=None)
@given(texts, other_texts, texts, orders)
def test_tuned_log_linear_weights_are_the_best(
    one: list[str], two: list[str], held_out: list[str], order: int
) -> None:
    models = [train(one, order), train(two, 3)]
    words = united(models)
    weights = np.array(tune_weights(models, held_out, kind="log-linear"))

    def at(weights: np.ndarray) -> float:
        def mix(context: str, word: int) -> float:
            logs = []
            for model in models:
                logprobs = model.next_token_logprobs(context).astype(np.float64)
                logs.append([logprobs[model.ids(w)[0]] for w in words])
            product = weights @ np.array(logs)
            return product[word] - np.log(np.exp(product - product.max()).sum()) - product.max()

        return likelihood(models, words, held_out, mix)

    best = at(weights)
    for step in ([0.1, 0], [-0.1, 0], [0, 0.1], [0, -0.1], [0.05, -0.05], [1, 1]):
        assert at(weights + step) <= best + 1e-3 * abs(best) + 1e-6


@settings(max_examples=40, deadline=None)
@given(
    st.lists(texts, min_size=1, max_size=3),
    st.floats(0, 0.9),
    st.integers(1, 12),
    st.none() | st.floats(0.5, 20),
    st.booleans(),
)
def test_cached_scores_equal_the_twin(
    documents: list[list[str]], weight: float, size: int, half_life: float | None, eos: bool
) -> None:
    model = train(documents[0], 2)
    cached = CachedNgramLM(model, weight, size, half_life)
    expected = []
    for document in documents:
        past: list[str] = []
        total = 0.0
        for sentence in document:
            scores = model.full_scores(sentence, eos=eos)
            tokens = [*(w if w in model else "<unk>" for w in sentence.split()), *(["</s>"] if eos else [])]
            for token, (log10, _, _) in zip(tokens, scores, strict=True):
                p = 10**log10
                window = past[-size:][::-1]
                if window:
                    counts = [
                        1.0 if half_life is None else 2 ** (-age / half_life) for age in range(len(window))
                    ]
                    own = sum(c for c, word in zip(counts, window, strict=True) if word == token)
                    p = (1 - weight) * p + weight * own / sum(counts)
                total += math.log10(p)
                past.append(token)
        expected.append(total)
    scores = cached.score_documents(documents, eos=eos)
    assert [score.log10 for score in scores] == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert cached.score_documents(["\n".join(d) for d in documents if all(d)], eos=eos) == [
        score for score, document in zip(scores, documents, strict=True) if all(document)
    ]
    # The distribution of the next word says what the next score will be.
    last = documents[-1]
    for word in ("a", "zebra"):
        longer = cached.score_documents([[*last[:-1], f"{last[-1]} {word}"]], eos=False)[0]
        shorter = cached.score_documents([last], eos=False)[0]
        logprobs = cached.next_token_logprobs(last, eos=False)
        assert np.exp(logprobs.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
        score = longer.log10 - shorter.log10
        assert logprobs[model.ids(word)[0]] == pytest.approx(score * math.log(10), abs=1e-4)
