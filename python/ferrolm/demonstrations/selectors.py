"""Selectors: made for a pool of texts, asked for the best examples for a query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.demonstrations.bm25 import BM25Index
from ferrolm.embeddings.index import EmbeddingIndex
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

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

_QUERIES_AT_ONCE = 256
_BLOCK = 64


class Selector(ABC):
    """Chooses examples from a pool of texts.

    An example that equals the query is never chosen: a pool that holds the test set would otherwise give the answer
    away. Among examples of equal score the order is random, but fixed by ``seed``, so that the order of the pool,
    which is often sorted by label, does not decide.
    """

    def __init__(self, pool: Sequence[str], *, seed: int = 0) -> None:
        self.pool = texts_of(pool, "pool")
        self._positions: dict[str, list[int]] = {}
        for position, text in enumerate(self.pool):
            self._positions.setdefault(text, []).append(position)
        self._shuffled = np.random.default_rng(seed).permutation(len(self.pool))
        self._places = np.argsort(self._shuffled)

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

    def _best(self, query: str, scores: NDArray[Any], k: int) -> NDArray[np.int64]:
        """Positions of the ``k`` greatest scores, greatest first, equals in the shuffled order."""
        own = self._positions.get(query, [])
        k = min(k, len(self.pool) - len(own))
        if k == 0:
            return np.zeros(0, dtype=np.int64)
        if own:
            scores = scores.copy()
            scores[own] = -np.inf
        candidates = np.flatnonzero(scores >= _bound(scores, k))
        found = scores[candidates]
        least = np.partition(found, -k)[-k]
        above, equal = candidates[found > least], candidates[found == least]
        wanted = k - len(above)
        if wanted < len(equal):
            equal = equal[np.argpartition(self._places[equal], wanted)[:wanted]]
        best = np.concatenate([above, equal])
        return best[np.lexsort((self._places[best], -scores[best]))].astype(np.int64)


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

    The search is exact and is `EmbeddingIndex`'s.

    Args:
        pool: the texts.
        embed: from a list of texts to their embeddings, shape (texts, dimensions).
        embeddings: those of the pool, if they are at hand; otherwise ``embed`` is asked for them.
        seed: of the order among equals.

    Raises:
        ShapeError: embeddings are not one row a text, or a query's are of another size.
        InvalidArgumentError: an embedding is infinite, too large or NaN.
    """

    def __init__(
        self, pool: Sequence[str], embed: Embed, *, embeddings: ArrayLike | None = None, seed: int = 0
    ) -> None:
        super().__init__(pool, seed=seed)
        self._embed = embed
        unit = unit_rows(embed(self.pool) if embeddings is None else embeddings, len(self.pool))
        # In the order in which equals are taken, which the index keeps.
        self._index = EmbeddingIndex(unit[self._shuffled])

    def scores(self, query: str) -> NDArray[np.float64]:
        """Cosines between the query and each text."""
        similarities: NDArray[np.float32] = self._index.embeddings @ self._queries([query])[0]
        return similarities[self._places].astype(np.float64)

    def select(self, query: str, k: int) -> NDArray[np.int64]:
        """Positions of ``k`` examples: the nearest, best first, or those that a kind chooses among the nearest."""
        return self.select_batch([query], k)[0]

    def select_batch(self, queries: Sequence[str], k: int) -> list[NDArray[np.int64]]:
        """What `select` gives for each query; they are embedded and searched together."""
        if k < 0:
            raise InvalidArgumentError(f"k is {k}, expected at least 0")
        return [
            self._choose(places, scores, min(k, len(places))) for places, scores in self._near(queries, k)
        ]

    def _wanted(self, k: int) -> int:
        """How many of the nearest `_choose` is to see for ``k`` examples."""
        return k

    def _choose(self, places: NDArray[np.int64], scores: NDArray[np.float64], k: int) -> NDArray[np.int64]:
        """Positions of ``k`` examples of the nearest; ``places`` are rows of the index, best first, with their cosines."""
        return self._shuffled[places[:k]].astype(np.int64)

    def _near(
        self, queries: Sequence[str], k: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Rows of the index and cosines of the nearest of each query, without the query itself."""
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            block = list(queries[start : start + _QUERIES_AT_ONCE])
            own = [len(self._positions.get(query, [])) for query in block]
            if not self.pool:
                yield from ((np.zeros(0, np.int64), np.zeros(0)) for _ in block)
                continue
            count = self._wanted(k)
            hits = self._index.search(self._queries(block), max(1, count + max(own)))
            for query, places, scores in zip(block, hits.corpus_ids, hits.scores, strict=True):
                others = ~np.isin(places, self._places[self._positions.get(query, [])])
                yield places[others][:count], scores[others][:count].astype(np.float64)

    def _queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        rows = unit_rows(self._embed(queries), len(queries))
        if rows.shape[1] != self._index.embeddings.shape[1]:
            raise ShapeError(
                f"the query has {rows.shape[1]} dimensions, the pool {self._index.embeddings.shape[1]}"
            )
        return rows


class MMRSelector(NearestSelector):
    """Near examples that are not alike, by maximal marginal relevance (Carbonell & Goldstein, 1998).

    Each step takes, of the ``candidates`` nearest, the one with the largest ``relevance * similarity to the query -
    (1 - relevance) * similarity to the most similar one taken``. The default is the better one of 0.5 to 0.9 on validation parts of
    rt-polarity and Banking77.
    """

    def __init__(
        self,
        pool: Sequence[str],
        embed: Embed,
        *,
        embeddings: ArrayLike | None = None,
        relevance: float = 0.8,
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

    def _wanted(self, k: int) -> int:
        return max(self._candidates, k)

    def _choose(self, places: NDArray[np.int64], scores: NDArray[np.float64], k: int) -> NDArray[np.int64]:
        rows = self._index.embeddings[places]
        value, between = self._relevance * scores, rows @ rows.T
        # No similarity counts before the first is taken; then also negative ones do.
        redundancy = np.zeros(len(places))
        taken: list[int] = []
        for _ in range(k):
            gain = value - (1 - self._relevance) * redundancy
            gain[taken] = -np.inf
            taken.append(int(np.argmax(gain)))
            latest = between[taken[-1]]
            redundancy = latest.astype(np.float64) if len(taken) == 1 else np.maximum(redundancy, latest)
        return self._shuffled[places[taken]].astype(np.int64)


def texts_of(texts: Sequence[str], name: str) -> list[str]:
    """A list of texts; `InvalidTypeError` for one text alone, whose letters would be taken for texts, and for what is none."""
    if isinstance(texts, str | bytes):
        raise InvalidTypeError(f"{name} is one text, {texts!r:.60}: expected a list of texts")
    found = list(texts)
    wrong = next((place for place, text in enumerate(found) if not isinstance(text, str)), None)
    if wrong is not None:
        raise InvalidTypeError(
            f"{name}[{wrong}] is {found[wrong]!r:.60} ({type(found[wrong]).__name__}): expected a string"
        )
    return found


def unit_rows(embeddings: ArrayLike, rows: int) -> NDArray[np.float32]:
    """Rows of length 1 (or 0, where they were 0), so that products are cosines.

    Raises `ShapeError` for another number of rows, and `InvalidArgumentError` for numbers that are not finite.
    """
    array = np.asarray(embeddings, dtype=np.float32)
    if not rows and not array.size:
        return np.zeros((0, array.shape[1] if array.ndim == 2 else 0), np.float32)
    if array.ndim != 2 or len(array) != rows:
        raise ShapeError(f"embeddings have shape {array.shape}, expected ({rows}, dimensions)")
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        wrong = int(np.flatnonzero(~np.isfinite(lengths[:, 0]))[0])
        raise InvalidArgumentError(
            f"embeddings have a number that is infinite, too large or NaN in row {wrong}: expected finite numbers"
        )
    unit: NDArray[np.float32] = np.divide(array, lengths, out=np.zeros_like(array), where=lengths > 0)
    return unit


def _bound(scores: NDArray[Any], k: int) -> Any:
    """What ``k`` scores are not below: the ``k``-th greatest of the maxima of blocks, which one pass over all finds."""
    blocks = len(scores) // _BLOCK
    if blocks < 2 * k:
        return -np.inf
    return np.partition(scores[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1), -k)[-k]
