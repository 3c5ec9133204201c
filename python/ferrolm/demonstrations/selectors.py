"""Selectors: made for a pool of texts, asked for the best examples for a query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.demonstrations.bm25 import BM25Index
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = [
    "BM25Selector",
    "Embed",
    "MMRSelector",
    "NearestSelector",
    "RandomSelector",
    "Selector",
    "unit_rows",
]

Embed = Callable[[Sequence[str]], ArrayLike]
"""From texts to their embeddings, shape (texts, dimensions)."""

_QUERIES_AT_ONCE = 32


class Selector(ABC):
    """Chooses examples from a pool of texts.

    An example that equals the query is never chosen: a pool that holds the test set would otherwise give the answer
    away. Among examples of equal score the order is random, but fixed by ``seed``, so that the order of the pool,
    which is often sorted by label, does not decide.
    """

    def __init__(self, pool: Sequence[str], *, seed: int = 0) -> None:
        self.pool = list(pool)
        self._positions: dict[str, list[int]] = {}
        for position, text in enumerate(self.pool):
            self._positions.setdefault(text, []).append(position)
        self._shuffled = np.random.default_rng(seed).permutation(len(self.pool))

    @abstractmethod
    def scores(self, query: str) -> NDArray[np.float64]:
        """How good an example each text of the pool is, shape (texts,)."""

    def select(self, query: str, k: int) -> NDArray[np.int64]:
        """Positions in the pool of the ``k`` best examples, best first; fewer if the pool has fewer.

        Raises:
            InvalidArgumentError: ``k`` is negative.
        """
        if k < 0:
            raise InvalidArgumentError(f"k is {k}, expected at least 0")
        return self._best(query, self.scores(query), k)

    def select_batch(self, queries: Sequence[str], k: int) -> list[NDArray[np.int64]]:
        """What `select` gives for each query; faster together where the kind of selector allows."""
        return [self.select(query, k) for query in queries]

    def nearest(self, query: str, count: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Positions and scores of the ``count`` best, best first, for kinds that choose ``k`` of these.

        Raises:
            InvalidArgumentError: ``k`` is negative.
        """
        if k < 0:
            raise InvalidArgumentError(f"k is {k}, expected at least 0")
        scores = self.scores(query)
        positions = self._best(query, scores, count)
        return positions, scores[positions]

    def _best(self, query: str, scores: NDArray[Any], k: int) -> NDArray[np.int64]:
        own = self._positions.get(query, [])
        k = min(k, len(self.pool) - len(own))
        if k == 0:
            return np.zeros(0, dtype=np.int64)
        scores = scores.copy()
        scores[own] = -np.inf
        shuffled = scores[self._shuffled]
        least = np.partition(shuffled, -k)[-k]
        candidates = np.flatnonzero(shuffled >= least)
        order = np.argsort(-shuffled[candidates], kind="stable")[:k]
        return self._shuffled[candidates[order]].astype(np.int64)


class RandomSelector(Selector):
    """Examples at random, others for each query, the same ones for equal queries and seeds."""

    def __init__(self, pool: Sequence[str], *, seed: int = 0) -> None:
        super().__init__(pool, seed=seed)
        self._seed = seed

    def scores(self, query: str) -> NDArray[np.float64]:
        """Uniform random numbers."""
        key = [self._seed % 2**32, *query.encode("utf-8", "surrogatepass")]
        return np.random.default_rng(key).random(len(self.pool))


class BM25Selector(Selector):
    """Examples that share rare words with the query, by `BM25Index`."""

    def __init__(self, pool: Sequence[str], *, seed: int = 0) -> None:
        super().__init__(pool, seed=seed)
        self._index = BM25Index(self.pool)

    def scores(self, query: str) -> NDArray[np.float64]:
        """BM25 scores."""
        return self._index.scores(query)


class NearestSelector(Selector):
    """Examples whose embeddings are nearest to the query's, by cosine (Liu et al., 2022, "KATE").

    Args:
        pool: the texts.
        embed: from a list of texts to their embeddings, shape (texts, dimensions).
        embeddings: those of the pool, if they are at hand; otherwise ``embed`` is asked for them.
        seed: of the order among equals.

    Raises:
        ShapeError: embeddings are not one row a text.
    """

    def __init__(
        self, pool: Sequence[str], embed: Embed, *, embeddings: ArrayLike | None = None, seed: int = 0
    ) -> None:
        super().__init__(pool, seed=seed)
        self._embed = embed
        self._unit = unit_rows(embed(self.pool) if embeddings is None else embeddings, len(self.pool))

    def scores(self, query: str) -> NDArray[np.float64]:
        """Cosines between the query and each text."""
        vector = unit_rows(self._embed([query]), 1)[0]
        if vector.shape != self._unit.shape[1:]:
            raise ShapeError(f"the query has {vector.size} dimensions, the pool {self._unit.shape[1]}")
        similarities: NDArray[np.float32] = self._unit @ vector
        return similarities.astype(np.float64)

    def select_batch(self, queries: Sequence[str], k: int) -> list[NDArray[np.int64]]:
        """As `select`; all queries are embedded and compared in products of blocks, which read the pool once a block."""
        if type(self).select is not NearestSelector.select:
            return super().select_batch(queries, k)  # a kind that chooses otherwise among the nearest
        if k < 0:
            raise InvalidArgumentError(f"k is {k}, expected at least 0")
        chosen: list[NDArray[np.int64]] = []
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            block = list(queries[start : start + _QUERIES_AT_ONCE])
            rows = unit_rows(self._embed(block), len(block))
            table = rows @ self._unit.T
            chosen += [self._best(query, row, k) for query, row in zip(block, table, strict=True)]
        return chosen


class MMRSelector(NearestSelector):
    """Near examples that are not alike, by maximal marginal relevance (Carbonell & Goldstein, 1998).

    Each step takes, of the ``candidates`` nearest, the one with the largest ``relevance * similarity to the query -
    (1 - relevance) * similarity to the most similar one taken``.
    """

    def __init__(
        self,
        pool: Sequence[str],
        embed: Embed,
        *,
        embeddings: ArrayLike | None = None,
        relevance: float = 0.7,
        candidates: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__(pool, embed, embeddings=embeddings, seed=seed)
        if not 0 <= relevance <= 1 or candidates < 1:
            raise InvalidArgumentError(
                f"relevance is {relevance} and candidates is {candidates}, expected 0 to 1 and at least 1"
            )
        self._relevance = relevance
        self._candidates = candidates

    def select(self, query: str, k: int) -> NDArray[np.int64]:
        """Positions of ``k`` examples in the order in which they were taken."""
        near, scores = self.nearest(query, max(self._candidates, k), k)
        value, between = self._relevance * scores, self._unit[near] @ self._unit[near].T
        redundancy = np.zeros(len(near))
        taken: list[int] = []
        for _ in range(min(k, len(near))):
            gain = value - (1 - self._relevance) * redundancy
            gain[taken] = -np.inf
            taken.append(int(np.argmax(gain)))
            redundancy = np.maximum(redundancy, between[taken[-1]])
        return near[taken]


def unit_rows(embeddings: ArrayLike, rows: int) -> NDArray[np.float32]:
    """Rows of length 1 (or 0, where they were 0), so that products are cosines."""
    array = np.asarray(embeddings, dtype=np.float32)
    if array.ndim != 2 or len(array) != rows:
        raise ShapeError(f"embeddings have shape {array.shape}, expected ({rows}, dimensions)")
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(array, lengths, out=np.zeros_like(array), where=lengths > 0)
    return unit
