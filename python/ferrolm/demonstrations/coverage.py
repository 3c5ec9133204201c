"""Examples that together say what the query says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ferrolm.demonstrations.bm25 import BM25Index
from ferrolm.demonstrations.selectors import Selector
from ferrolm.errors import InvalidArgumentError

__all__ = ["CoverageSelector"]


class CoverageSelector(Selector):
    """Each example covers words of the query that those before it do not (Gupta, Gardner and Singh 2023, set coverage).

    A set of examples is worth, for each word of the query, the largest BM25 weight that the word has in any of them. Examples
    are taken greedily, which is within 1 - 1/e of the best set, as the worth is submodular; among equal gains the one with
    the higher BM25 score comes first, so that what is left after all is covered is `BM25Selector`'s order.

    Args:
        pool: the texts.
        candidates: how many with the highest BM25 scores are looked at.
        seed: of the order among equals.
    """

    def __init__(self, pool: Sequence[str], *, candidates: int = 256, seed: int = 0) -> None:
        super().__init__(pool, seed=seed)
        if candidates < 1:
            raise InvalidArgumentError(f"candidates is {candidates}, expected at least 1")
        self._index, self._candidates = BM25Index(self.pool), candidates

    def scores(self, query: str) -> NDArray[np.float64]:
        """BM25 scores."""
        return self._index.scores(query)

    def select(self, query: str, k: int) -> NDArray[np.int64]:
        """Positions of ``k`` examples in the order in which they were taken."""
        if k < 0:
            raise InvalidArgumentError(f"k is {k}, expected at least 0")
        scores = self.scores(query)
        near = self._best(query, scores, max(self._candidates, k))
        table, scores = self._index.weights(query, near), scores[near]
        covered = np.zeros(len(table))
        taken: list[int] = []
        tie = scores / max(scores.max(initial=0.0), 1e-9) * 1e-9
        for _ in range(min(k, len(near))):
            gains = np.maximum(table - covered[:, None], 0).sum(axis=0) + tie
            gains[taken] = -np.inf
            taken.append(int(np.argmax(gains)))
            if len(table):
                covered = np.maximum(covered, table[:, taken[-1]])
        return near[taken]
