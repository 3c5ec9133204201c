"""Labels of the examples in a prompt: as many of each as of the others, or as mixed as asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from ferrolm.demonstrations.selectors import Selector
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["BalancedSelector", "label_entropy"]


def label_entropy(labels: Sequence[Hashable]) -> float:
    """Entropy of the labels' shares, in bits; 0 for none.

    >>> label_entropy(["a", "b", "a", "b"]), label_entropy(["a", "a"])
    (1.0, 0.0)
    """
    counts = np.array([*Counter(labels).values()], np.float64)
    if counts.size < 2:
        return 0.0
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


class BalancedSelector(Selector):
    """Another selector's order (its choice of ``k``, then the rest by its scores), but with mixed labels.

    Args:
        inner: whose order is followed.
        labels: one for each text of its pool.
        entropy: None takes as many of each label as of the others (the best of each in turn, in the inner order). A
            number in bits instead takes the inner choice, and exchanges its least good examples only as far as the entropy
            of labels stays below it (or below what the pool allows).

    >>> from ferrolm.demonstrations import BM25Selector
    >>> inner = BM25Selector(["a good film", "a good good film", "a bad film"])
    >>> BalancedSelector(inner, ["+", "+", "-"]).select("good film", 2).tolist()
    [1, 2]
    """

    def __init__(self, inner: Selector, labels: Sequence[Hashable], *, entropy: float | None = None) -> None:
        super().__init__(inner.pool)
        if len(labels) != len(inner.pool):
            raise ShapeError(f"there are {len(labels)} labels for {len(inner.pool)} texts: expected as many")
        if entropy is not None and entropy < 0:
            raise InvalidArgumentError(f"entropy is {entropy} bits, expected at least 0")
        self._inner, self._labels, self._entropy = inner, list(labels), entropy
        self._totals = Counter(self._labels)

    def scores(self, query: str) -> NDArray[np.float64]:
        """Those of the inner selector."""
        return self._inner.scores(query)

    def select(self, query: str, k: int) -> NDArray[np.int64]:
        """Positions of ``k`` examples, in the inner order."""
        if k < 0:
            raise InvalidArgumentError(f"k is {k}, expected at least 0")
        first, scores = self._inner.select(query, k).tolist(), self._inner.scores(query)
        known, count = set(first), 16 * (k + 4)
        while True:  # more of the pool is ranked only where labels are not found among its best
            by_score = self._best(query, scores, count).tolist()
            ranked = [*first, *(position for position in by_score if position not in known)]
            whole = count >= len(self.pool)
            if self._entropy is None:
                chosen = self._in_turn(ranked, k, whole)
            else:
                chosen = self._mixed(ranked, first, self._entropy, whole)
            if chosen is not None:
                break
            count *= 8
        places = {position: place for place, position in enumerate(ranked)}
        return np.array(sorted(chosen, key=places.__getitem__), np.int64)

    def _in_turn(self, ranked: list[int], k: int, whole: bool) -> list[int] | None:
        """The first of each label, then the second of each, and so on; None if others of the pool could come before."""
        seen: Counter[Hashable] = Counter()
        turns = []
        for place, position in enumerate(ranked):
            turns.append((seen[self._labels[position]], place, position))
            seen[self._labels[position]] += 1
        taken = sorted(turns)[:k]
        # What is not ranked comes last in its turn, so that only the turns before the last have to be complete.
        last = taken[-1][0] if taken else 0
        complete = len(taken) == k and all(
            seen[label] >= min(total, last) for label, total in self._totals.items()
        )
        return [position for _, _, position in taken] if complete or whole else None

    def _mixed(self, ranked: list[int], chosen: list[int], entropy: float, whole: bool) -> list[int] | None:
        rest = [position for position in ranked if position not in chosen]
        while chosen and label_entropy([self._labels[each] for each in chosen]) < entropy:
            counts = Counter(self._labels[each] for each in chosen)
            common = counts.most_common(1)[0]
            # Of the commonest label the last one goes, for the best of a label that is rarer by two or more.
            new = next((each for each in rest if counts[self._labels[each]] < common[1] - 1), None)
            if new is None:
                return chosen if whole else None
            gone = next(each for each in reversed(chosen) if self._labels[each] == common[0])
            chosen = [each for each in chosen if each != gone] + [new]
            rest.remove(new)
        return chosen
