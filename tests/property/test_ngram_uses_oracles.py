"""Skip-grams, co-occurrence, contamination and repeats against plain twins and nltk."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.ngram import (
    contamination,
    cooccurrences,
    document_ngrams,
    repeated_spans,
    skip_grams,
)

sequences = st.lists(st.lists(st.integers(0, 4), max_size=14), max_size=8)


@settings(max_examples=100, deadline=None)
@given(sequences, st.integers(2, 5), st.integers(0, 4))
def test_skip_grams_are_those_of_nltk(sentences: list[list[int]], n: int, k: int) -> None:
    nltk_util = pytest.importorskip("nltk.util")
    expected = Counter(gram for sentence in sentences for gram in nltk_util.skipgrams(sentence, n, k))
    counts = skip_grams(sentences, n, k)
    assert Counter(dict(counts.most_common(len(counts)))) == expected
    words = [" ".join(f"w{word}" for word in sentence) for sentence in sentences]
    of_words = skip_grams(words, n, k)
    named = {tuple(f"w{word}" for word in gram): value for gram, value in expected.items()}
    assert dict(of_words.most_common(len(of_words))) == named


@settings(max_examples=100, deadline=None)
@given(sequences, st.integers(1, 30), st.booleans(), st.integers(0, 4))
def test_cooccurrences_are_exact(
    sentences: list[list[int]], window: int, symmetric: bool, min_count: int
) -> None:
    frequency = Counter(word for sentence in sentences for word in sentence)
    kept = [[word for word in sentence if frequency[word] >= min_count] for sentence in sentences]
    counts: Counter = Counter()
    weights: dict = {}
    for sentence in kept:
        for i, j in combinations(range(len(sentence)), 2):
            if j - i > window:
                continue
            pair = (sentence[i], sentence[j])
            for cell in [pair, pair[::-1]] if symmetric else [pair]:
                counts[cell] += 1
                weights[cell] = weights.get(cell, 0) + Fraction(1, j - i)
    options = {"window": window, "symmetric": symmetric, "min_count": min_count}
    found = cooccurrences(sentences, **options)
    cells = list(zip(found.rows.tolist(), found.columns.tolist(), strict=True))
    assert cells == sorted(counts)
    assert dict(zip(cells, found.values.tolist(), strict=True)) == counts
    harmonic = cooccurrences(sentences, weighting="harmonic", **options)
    assert harmonic.values.tolist() == [float(weights[cell]) for cell in cells]
    matrix = harmonic.to_scipy()
    assert matrix.shape == (found.size, found.size)
    assert math.isclose(matrix.sum(), float(sum(weights.values())), abs_tol=1e-9)


@settings(max_examples=100, deadline=None)
@given(sequences, st.sets(st.integers(1, 5), min_size=1, max_size=3))
def test_document_ngrams_are_those_of_a_counter(documents: list[list[int]], orders: set[int]) -> None:
    matrix, keys = document_ngrams(documents, orders)
    columns = [tuple(key.tolist()) for key in keys]
    assert columns == sorted(set(columns))
    for document, row in zip(documents, matrix.toarray().tolist(), strict=True):
        grams = Counter(tuple(document[i : i + k]) for k in orders for i in range(len(document) - k + 1))
        assert {column: value for column, value in zip(columns, row, strict=True) if value} == grams
    assert matrix.has_sorted_indices


def occurs(documents: list[list[int]], span: list[int]) -> bool:
    return any(
        document[i : i + len(span)] == span
        for document in documents
        for i in range(len(document) - len(span) + 1)
    )


@settings(max_examples=100, deadline=None)
@given(sequences, sequences, st.integers(1, 5), st.integers(1, 5))
def test_contamination_is_that_of_looking_everywhere(
    train: list[list[int]], test: list[list[int]], n: int, min_length: int
) -> None:
    report = contamination(train, test, n, min_length=min_length)
    assert len(report.examples) == len(test)
    for example, overlap in zip(test, report.examples, strict=True):
        size = min(n, len(example))
        starts = range(len(example) - size + 1) if len(example) >= min(min_length, n) else range(0)
        found = [start for start in starts if occurs(train, example[start : start + size])]
        covered = {word for start in found for word in range(start, start + size)}
        spans = [
            (length, -start)
            for length in range(size, len(example) + 1)
            for start in range(len(example) - length + 1)
            if found and occurs(train, example[start : start + length])
        ]
        length, start = max(spans, default=(0, 0))
        assert (overlap.words, overlap.ngrams, overlap.found_ngrams) == (
            len(example),
            len(starts),
            len(found),
        )
        assert (overlap.covered_words, overlap.longest_span, overlap.longest_start) == (
            len(covered),
            length,
            -start,
        )
        assert overlap.contaminated == bool(found)
        if found:
            assert overlap.document is not None
            assert occurs([train[overlap.document]], example[-start : -start + length])


@settings(max_examples=100, deadline=None)
@given(sequences, st.integers(1, 6))
def test_repeated_words_are_covered_and_shares_count_them(documents: list[list[int]], length: int) -> None:
    spans = repeated_spans(documents, length)
    covered = [set() for _ in documents]
    for document, start, size, source, source_start in zip(
        spans.documents.tolist(),
        spans.starts.tolist(),
        spans.lengths.tolist(),
        spans.source_documents.tolist(),
        spans.source_starts.tolist(),
        strict=True,
    ):
        words = documents[document][start : start + size]
        assert len(words) == size >= length
        assert (source, source_start) < (document, start)
        assert documents[source][source_start : source_start + size] == words
        covered[document].update(range(start, start + size))
    seen: set = set()
    for number, document in enumerate(documents):
        for start in range(len(document) - length + 1):
            gram = tuple(document[start : start + length])
            if gram in seen:
                assert covered[number] >= set(range(start, start + length))
            seen.add(gram)
    shares = [len(words) / max(len(document), 1) for words, document in zip(covered, documents, strict=True)]
    np.testing.assert_allclose(spans.shares, shares)
