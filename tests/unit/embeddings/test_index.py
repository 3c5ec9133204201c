"""The index of embeddings finds what comparing everything finds."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.embeddings import EmbeddingIndex, semantic_search
from ferrolm.errors import InvalidArgumentError, ShapeError


def by_sorting(rows, queries, count):
    """Rows in whole numbers have exact products, so that only the division is rounded."""
    lengths = np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1))
    found = []
    for query in queries.astype(np.float64):
        scores = np.where(lengths > 0, rows @ query / np.where(lengths > 0, lengths, 1), 0)
        found.append(np.argsort(-scores.round(9), kind="stable")[:count])
    return np.array(found)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hits_are_those_of_a_sort(data):
    size, rows = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 200))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    table = generator.integers(-2, 3, (rows, size)).astype(np.float32)  # many equal ones, and zeros
    queries = table[generator.integers(rows, size=5)]
    count = data.draw(st.integers(1, 12))
    hits = EmbeddingIndex(table).search(queries, count)
    near = by_sorting(table, queries, count)
    # Directions that are equal but for their lengths may differ in the last bit: compared by their cosines.
    lengths = np.linalg.norm(table, axis=1) * np.linalg.norm(queries, axis=1)[:, None]
    cosines = np.divide(queries @ table.T, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    np.testing.assert_allclose(hits.scores, np.take_along_axis(cosines, near, axis=1), atol=2e-6)
    np.testing.assert_allclose(np.take_along_axis(cosines, hits.corpus_ids, axis=1), hits.scores, atol=2e-6)
    assert all(len(set(row)) == len(row) for row in hits.corpus_ids.tolist())


@pytest.mark.parametrize("size", [1, 31, 32, 33, 384])
def test_many_queries_get_what_each_gets_alone(size):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(3000, size)).astype(np.float32)
    rows[100:200] = rows[:100]
    index, queries = EmbeddingIndex(rows), generator.normal(size=(40, size)).astype(np.float32)
    together = index.search(queries, 7)
    for number, query in enumerate(queries):
        alone = index.search(query, 7)
        assert alone.corpus_ids[0].tolist() == together.corpus_ids[number].tolist()
        assert alone.scores[0].tobytes() == together.scores[number].tobytes()
    if size > 1:  # of one dimension all are equally near
        full = semantic_search(queries, rows, 7)
        np.testing.assert_allclose(together.scores, full.scores, atol=1e-6)
        assert (together.corpus_ids == full.corpus_ids).mean() > 0.99


def test_equal_rows_come_in_their_order():
    assert EmbeddingIndex(np.ones((5000, 3))).search(np.ones(3), 4).corpus_ids.tolist() == [[0, 1, 2, 3]]
    assert EmbeddingIndex(np.zeros((9, 3))).search(np.ones(3), 3).corpus_ids.tolist() == [[0, 1, 2]]
    zero = EmbeddingIndex(np.eye(3)).search(np.zeros(3), 2)
    assert zero.corpus_ids.tolist() == [[0, 1]]
    assert zero.scores.tolist() == [[0, 0]]


def test_an_index_keeps_what_it_was_given():
    rows = np.eye(4, dtype=np.float32)
    index = EmbeddingIndex(rows)
    assert index.embeddings is rows
    assert (len(index), index.nbytes) == (4, 4 * 64 + 4 * 16)
    assert repr(index) == "EmbeddingIndex(4 rows of 4)"
    assert index.search(np.ones((2, 4)), 100).corpus_ids.shape == (2, 4)
    assert pickle.loads(pickle.dumps(index)).search(rows, 1).corpus_ids.ravel().tolist() == [0, 1, 2, 3]
    assert EmbeddingIndex(np.zeros((0, 3))).search(np.ones(3)).corpus_ids.shape == (1, 0)


def test_errors_name_what_is_wrong():
    with pytest.raises(InvalidArgumentError, match="NaN in row 1"):
        EmbeddingIndex([[1.0, 2.0], [1.0, float("nan")]])
    with pytest.raises(InvalidArgumentError, match="embeddings is infinite, too large or NaN in row 0"):
        EmbeddingIndex([[3e38, 3e38]])
    with pytest.raises(ShapeError, match=r"embeddings has shape \(3,\)"):
        EmbeddingIndex([1.0, 2.0, 3.0])
    index = EmbeddingIndex(np.eye(3))
    with pytest.raises(InvalidArgumentError, match="query_embeddings has a number"):
        index.search([np.inf, 0, 0])
    with pytest.raises(ShapeError, match="query_embeddings has 2 dimensions: expected 3"):
        index.search([1.0, 2.0])
    with pytest.raises(InvalidArgumentError, match="top_k is 0"):
        index.search(np.ones(3), 0)
