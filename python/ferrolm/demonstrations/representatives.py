"""Which few examples of a large pool to label, or to keep, when no query is known yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.demonstrations.selectors import Selector, unit_rows
from ferrolm.errors import InvalidArgumentError

__all__ = ["RestrictedSelector", "vote_k"]

_AT_ONCE = 1 << 24


def vote_k(
    embeddings: ArrayLike, count: int, *, neighbours: int = 150, discount: float = 10.0
) -> NDArray[np.int64]:
    """Examples that stand for many others, and for different ones (Su et al. 2023, "Selective annotation", fast vote-k).

    Each example votes for the ``neighbours`` that are nearest to it; a vote counts ``discount ** -t`` where ``t`` of the
    voter's neighbours are chosen already. The example with most votes is chosen, ``count`` times. O(n^2) in time, in blocks.

    Args:
        embeddings: (examples, dimensions).
        count: how many to choose; at most all.
        neighbours: votes of each example.
        discount: 1 or more; 1 leaves every vote whole.

    Returns:
        Positions, int64[count], the most representative first.

    >>> rows = [[1, 0], [0.99, 0.1], [0.98, 0.15], [0, 1], [0.1, 0.99], [-0.1, 0.99]]
    >>> vote_k(rows, 2, neighbours=2).tolist()
    [0, 3]
    """
    rows = unit_rows(embeddings, len(np.asarray(embeddings)))
    if count < 0 or neighbours < 1 or not discount >= 1:
        raise InvalidArgumentError(
            f"count is {count}, neighbours {neighbours} and discount {discount}: expected at least 0, 1 and 1"
        )
    votes = _nearest(rows, min(neighbours, max(len(rows) - 1, 1)))
    voters = _voters(votes)
    spent, taken = np.zeros(len(rows)), np.zeros(len(rows), bool)
    chosen: list[int] = []
    for _ in range(min(count, len(rows))):
        weights = np.repeat(discount**-spent, votes.shape[1])
        score = np.bincount(votes.ravel(), weights, minlength=len(rows))
        score[taken] = -np.inf
        chosen.append(int(np.argmax(score)))
        taken[chosen[-1]] = True
        spent[voters[chosen[-1]]] += 1
    return np.array(chosen, np.int64)


def _nearest(rows: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The ``count`` nearest of each row, not itself, int64[rows, count]."""
    found = np.zeros((len(rows), count), np.int64)
    step = max(1, _AT_ONCE // max(1, len(rows)))
    for start in range(0, len(rows), step):
        similarities = rows[start : start + step] @ rows.T
        places = np.arange(len(similarities))
        similarities[places, start + places] = -np.inf
        found[start : start + step] = np.argpartition(-similarities, count - 1, axis=1)[:, :count]
    return found


def _voters(votes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Of each example, the rows of ``votes`` that name it."""
    received = np.bincount(votes.ravel(), minlength=len(votes))
    return np.split(np.argsort(votes.ravel(), kind="stable") // votes.shape[1], received.cumsum()[:-1])


class RestrictedSelector(Selector):
    """Another selector's choice among some positions of the pool alone, such as those that `vote_k` found.

    >>> from ferrolm.demonstrations import BM25Selector
    >>> chooser = RestrictedSelector(["a cat", "a dog", "a black cat"], [1, 2], BM25Selector)
    >>> chooser.select("the cat", 1).tolist()
    [2]
    """

    def __init__(
        self, pool: Sequence[str], positions: ArrayLike, kind: type[Selector], **settings: object
    ) -> None:
        self._kept = np.asarray(positions, np.int64)
        if self._kept.size and not (self._kept.min() >= 0 and self._kept.max() < len(pool)):
            raise InvalidArgumentError(
                f"positions reach from {self._kept.min()} to {self._kept.max()}, expected 0 to {len(pool) - 1}"
            )
        if len(np.unique(self._kept)) < self._kept.size:
            raise InvalidArgumentError("positions has a position twice, expected each once")
        super().__init__(pool)
        self._inner = kind([self.pool[place] for place in self._kept], **settings)  # type: ignore[arg-type]

    def scores(self, query: str) -> NDArray[np.float64]:
        """Those of the inner selector; -inf for what it does not know."""
        found = np.full(len(self.pool), -np.inf)
        found[self._kept] = self._inner.scores(query)
        return found

    def select(self, query: str, k: int) -> NDArray[np.int64]:
        """Positions in the whole pool."""
        return self._kept[self._inner.select(query, k)]
