"""Which examples help, measured by leaving them out (Nguyen and Wong 2023, "In-context Example Selection with Influences")."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.demonstrations.selectors import Selector
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["InfluenceSelector", "influences"]


def influences(
    count: int,
    value: Callable[[NDArray[np.int64]], float],
    *,
    size: int = 8,
    subsets: int = 200,
    seed: int = 0,
) -> NDArray[np.float64]:
    """How much better prompts with each example are than prompts without it, float64[count].

    ``subsets`` random sets of ``size`` examples are evaluated; an example's influence is the mean of the sets that hold it
    minus that of the sets that do not: leave-one-out in expectation over the company.

    Args:
        count: examples of the pool.
        value: of a set of positions, such as the accuracy on validation queries with these in the prompt.
        size, subsets, seed: see above. Sets go through the pool in turns, so that each example is in as many sets, give or
            take one.

    Raises `InvalidArgumentError` where an example would be in no set, or in every one.

    >>> found = influences(4, lambda chosen: float(2 in chosen), size=2, subsets=40)
    >>> int(found.argmax()), round(float(found[2]), 1)
    (2, 1.0)
    """
    if not 1 <= size < count or subsets * size < count or subsets < 2:
        raise InvalidArgumentError(
            f"count is {count}, size {size} and subsets {subsets}: expected a size below count, and subsets that hold "
            "every example once or more"
        )
    generator = np.random.default_rng(seed)
    held = np.zeros((subsets, count), bool)
    values = np.zeros(subsets)
    waiting: list[int] = []
    for row in range(subsets):
        while len(waiting) < size:
            known = set(waiting)
            waiting += [place for place in generator.permutation(count).tolist() if place not in known]
        chosen, waiting = np.array(waiting[:size], np.int64), waiting[size:]
        held[row, chosen] = True
        values[row] = float(value(chosen))
    inside = held.sum(axis=0)
    with_it = values @ held / np.maximum(inside, 1)
    without = values @ ~held / np.maximum(subsets - inside, 1)
    return np.where((inside > 0) & (inside < subsets), with_it - without, 0.0)


class InfluenceSelector(Selector):
    """The same most helpful examples for every query, or the nearest of the helpful half.

    Args:
        pool: the texts.
        influence: of each, as `influences` measures it.
        inner: if given, its order among the ``share`` of the pool with the highest influence.
        share: see inner, 0 to 1.
        seed: of the order among equals.

    >>> InfluenceSelector(["a", "b", "c"], [0.1, -0.2, 0.3]).select("anything", 2).tolist()
    [2, 0]
    """

    def __init__(
        self,
        pool: Sequence[str],
        influence: ArrayLike,
        *,
        inner: Selector | None = None,
        share: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__(pool, seed=seed)
        self._influence = np.asarray(influence, np.float64)
        if self._influence.shape != (len(self.pool),):
            raise ShapeError(f"influence has shape {self._influence.shape}, expected ({len(self.pool)},)")
        if not 0 < share <= 1 or (inner is not None and len(inner.pool) != len(self.pool)):
            raise InvalidArgumentError(
                f"share is {share}, expected above 0 and at most 1, and inner of the same pool"
            )
        self._inner = inner
        least = np.quantile(self._influence, 1 - share) if len(self.pool) else 0.0
        self._harmful = self._influence < least

    def scores(self, query: str) -> NDArray[np.float64]:
        """The influence; with an inner selector its scores, -inf for what does not help."""
        if self._inner is None:
            return self._influence
        return np.where(self._harmful, -np.inf, self._inner.scores(query))
