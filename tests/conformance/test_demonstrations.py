"""BM25 against bm25s, and selection on real tasks: the majority label of the examples chosen against the true one."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import numpy as np
import pytest
from shared_data import shared

from ferrolm.demonstrations import BM25Index, selector
from ferrolm.text import words

Task = tuple[list[str], np.ndarray, list[str], np.ndarray]
QUERIES = 300


def sentiment() -> Task:
    """rt-polarity: the first 300 of a fixed shuffle are queries."""
    sides = [
        shared(f"tasks/sentiment/rt-polarity/rt-polarity.{side}.txt").read_text(encoding="utf-8").splitlines()
        for side in ("neg", "pos")
    ]
    texts = np.array(sides[0] + sides[1], dtype=object)
    labels = np.repeat(["neg", "pos"], [len(side) for side in sides])
    order = np.random.default_rng(0).permutation(len(texts))
    queries, pool = order[:QUERIES], order[QUERIES:]
    return texts[pool].tolist(), labels[pool], texts[queries].tolist(), labels[queries]


def intents() -> Task:
    """Banking77: its own split, 300 of the test set in a fixed shuffle."""
    columns = []
    for split in ("train", "test"):
        with shared(f"tasks/topic/banking77/{split}.csv").open(encoding="utf-8", newline="") as file:
            columns.append([*zip(*list(csv.reader(file))[1:], strict=True)])
    queries = np.random.default_rng(0).permutation(len(columns[1][0]))[:QUERIES]
    texts, labels = (np.array(column, dtype=object)[queries] for column in columns[1])
    return list(columns[0][0]), np.array(columns[0][1]), texts.tolist(), labels


def vote(task: Task, method: str, k: int, **settings: object) -> float:
    pool, labels, queries, truth = task
    chooser = selector(pool, method, **settings)  # type: ignore[arg-type]
    right = 0
    for query, true in zip(queries, truth, strict=True):
        names, counts = np.unique(labels[chooser.select(query, k)], return_counts=True)
        right += names[np.argmax(counts)] == true
    return right / len(queries)


def hashed(texts: Sequence[str]) -> np.ndarray:
    """A plain embedding: words hashed into 512 dimensions, rare words no heavier than others."""
    rows = np.zeros((len(texts), 512))
    for row, text in zip(rows, texts, strict=True):
        for word in words(text, lowercase=True):
            row[sum(map(ord, word)) * 31 % 512] += 1
    return np.sqrt(rows)


@pytest.mark.parametrize(
    ("task", "random_at_most", "bm25_at_least"), [(sentiment, 0.57, 0.64), (intents, 0.06, 0.75)]
)
def test_bm25_beats_random_examples(task, random_at_most, bm25_at_least):
    data = task()
    assert vote(data, "random", 5) <= random_at_most
    assert vote(data, "bm25", 5) >= bm25_at_least


@pytest.mark.parametrize("method", ["nearest", "mmr"])
def test_neighbours_beat_random_examples_by_far(method):
    assert vote(intents(), method, 3, embed=hashed) >= 0.5


def test_scores_are_those_of_bm25s():
    bm25s = pytest.importorskip("bm25s")
    pool, _, queries, _ = intents()
    peer = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    peer.index([words(text, lowercase=True) for text in pool], show_progress=False)
    index = BM25Index(pool)
    known = set().union(*(words(text, lowercase=True) for text in pool))
    for query in queries[:50]:
        expected = peer.get_scores([word for word in words(query, lowercase=True) if word in known])
        np.testing.assert_allclose(index.scores(query), expected, atol=1e-4)
