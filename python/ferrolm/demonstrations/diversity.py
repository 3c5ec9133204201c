"""Near examples that are not alike: a determinantal point process, and clusters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.demonstrations.selectors import Embed, NearestSelector
from ferrolm.errors import InvalidArgumentError

__all__ = ["DPPSelector", "KMeansSelector", "k_means"]


class DPPSelector(NearestSelector):
    """Near and different examples as the likeliest set of a determinantal point process (Ye et al. 2023, "CEIL").

    Of the ``candidates`` nearest, those are taken one after the other that enlarge the determinant of ``L[i, j] =
    exp(relevance * (s_i + s_j) / 2) * cosine(i, j)`` most, where ``s`` is the similarity to the query: greedy inference
    of Chen, Zhang and Zhou 2018, O(candidates * k^2).

    Args:
        pool, embed, embeddings, seed: as for `NearestSelector`.
        relevance: how much nearness to the query counts against difference; 0: difference alone.
        candidates: how many of the nearest are looked at.
    """

    def __init__(
        self,
        pool: Sequence[str],
        embed: Embed,
        *,
        embeddings: ArrayLike | None = None,
        relevance: float = 5.0,
        candidates: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__(pool, embed, embeddings=embeddings, seed=seed)
        if not relevance >= 0 or candidates < 1:
            raise InvalidArgumentError(
                f"relevance is {relevance} and candidates is {candidates}, expected at least 0 and at least 1"
            )
        self._relevance, self._candidates = relevance, candidates

    def _wanted(self, k: int) -> int:
        return max(self._candidates, k)

    def _choose(self, places: NDArray[np.int64], scores: NDArray[np.float64], k: int) -> NDArray[np.int64]:
        quality = np.exp(self._relevance * (scores - scores.max(initial=0)) / 2)
        rows = self._index.embeddings[places]
        kernel = quality[:, None] * (rows @ rows.T).astype(np.float64) * quality
        return self._shuffled[places[_greedy_map(kernel, k)]].astype(np.int64)


def _greedy_map(kernel: NDArray[np.float64], count: int) -> list[int]:
    """Rows whose determinant grows most, one after the other, by an incremental Cholesky factor."""
    gains = np.diag(kernel).copy()
    factor = np.zeros((count, len(kernel)))
    taken: list[int] = []
    for step in range(count):
        best = int(np.argmax(gains))
        taken.append(best)
        # Examples that the ones taken span (duplicates) have no gain left; they come last, in order.
        pivot = np.sqrt(max(gains[best], 1e-12))
        factor[step] = (kernel[best] - factor[:step, best] @ factor[:step]) / pivot
        gains -= factor[step] ** 2
        gains[taken] = -np.inf
    return taken


class KMeansSelector(NearestSelector):
    """One example from each of ``k`` clusters of the nearest: the one that is nearest to the query (Zhang et al. 2023, "Auto-CoT").

    Arguments are those of `DPPSelector` without ``relevance``. With as many candidates as the pool has texts, the clusters
    are those of the whole pool.
    """

    def __init__(
        self,
        pool: Sequence[str],
        embed: Embed,
        *,
        embeddings: ArrayLike | None = None,
        candidates: int = 32,
        seed: int = 0,
    ) -> None:
        super().__init__(pool, embed, embeddings=embeddings, seed=seed)
        if candidates < 1:
            raise InvalidArgumentError(f"candidates is {candidates}, expected at least 1")
        self._candidates, self._seed = candidates, seed

    def _wanted(self, k: int) -> int:
        return max(self._candidates, k)

    def _choose(self, places: NDArray[np.int64], scores: NDArray[np.float64], k: int) -> NDArray[np.int64]:
        if not k:
            return places[:0]
        clusters = k_means(self._index.embeddings[places], k, seed=self._seed)
        first = set(np.unique(clusters, return_index=True)[1].tolist())
        rest = [place for place in range(len(places)) if place not in first]
        chosen = sorted([*first, *rest[: k - len(first)]])  # of the nearest, nearest first
        return self._shuffled[places[chosen]].astype(np.int64)


def k_means(
    rows: NDArray[np.float32], count: int, *, iterations: int = 25, seed: int = 0
) -> NDArray[np.intp]:
    """The cluster of each row, 0 to count - 1: Lloyd's algorithm from k-means++ (Arthur and Vassilvitskii 2007).

    >>> k_means(np.array([[0.0], [0.1], [5.0], [5.1]], np.float32), 2).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True
    """
    generator = np.random.default_rng(seed)
    squares = (rows**2).sum(axis=1)
    taken = [int(generator.integers(len(rows)))]
    apart = np.full(len(rows), np.inf)
    while len(taken) < count:
        latest = squares - 2 * (rows @ rows[taken[-1]]) + squares[taken[-1]]
        apart = np.minimum(apart, np.maximum(latest, 0))  # rounding may make it negative
        total = apart.cumsum()
        # Where all rows lie on those taken, any will do.
        chance = generator.random() * (total[-1] or len(rows))
        chosen = int(total.searchsorted(chance, side="right")) if total[-1] else int(chance)
        taken.append(min(chosen, len(rows) - 1))
    centres = rows[taken]
    clusters: NDArray[np.intp] = _distances(rows, squares, centres).argmin(axis=1)
    for _ in range(iterations):
        sizes = np.bincount(clusters, minlength=count)
        sums = (clusters == np.arange(count)[:, None]).astype(rows.dtype) @ rows
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
        found = _distances(rows, squares, centres).argmin(axis=1)
        if (found == clusters).all():
            break
        clusters = found
    return clusters


def _distances(
    rows: NDArray[np.float32], squares: NDArray[np.float32], centres: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Squared, [rows, centres]; rounding does not make them negative."""
    found = squares[:, None] - 2 * (rows @ centres.T) + (centres**2).sum(1)
    return np.asarray(np.maximum(found, 0), np.float64)
