"""Whether one system is better than another, or was lucky with the examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.evaluation.intervals import percentiles

__all__ = ["Comparison", "compare", "compare_corpus"]

_VALUES_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same examples.

    first, second: their scores. difference: second - first, and [low, high] its 95 % interval. p_value: the probability of a
    difference at least as large, in either direction, if the two were alike.

    >>> print(Comparison(0.5, 0.75, 0.1, 0.4, 0.004, 100))
    0.5 -> 0.75: +0.25 [0.1, 0.4] p=0.004 n=100
    """

    first: float
    second: float
    low: float
    high: float
    p_value: float
    count: int

    @property
    def difference(self) -> float:
        return self.second - self.first

    def __str__(self) -> str:
        return (
            f"{self.first:.4g} -> {self.second:.4g}: {self.difference:+.4g} [{self.low:.4g}, {self.high:.4g}] "
            f"p={self.p_value:.4g} n={self.count}"
        )


def compare(first: ArrayLike, second: ArrayLike, *, resamples: int = 10_000, seed: int = 0) -> Comparison:
    """Compare the means of two systems' scores of the same examples: a paired bootstrap and a permutation test.

    The interval is that of the mean difference under resampling of examples (Koehn 2004); the p-value that of the sign of
    each difference being a coin's (approximate randomization: Noreen 1989; Riezler and Maxwell 2005).

    Args:
        first, second: scores, shape (examples,): 0 and 1 of right answers, F1 of each answer, losses ...
        resamples: of each of the two.
        seed: of both.

    Raises:
        ShapeError: shapes that differ, or no examples.

    >>> found = compare([0, 0, 1, 0] * 25, [1, 0, 1, 1] * 25)
    >>> found.difference, found.p_value < 0.001
    (0.5, True)
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape or one.ndim != 1 or not one.size:
        raise ShapeError(
            f"scores have shapes {one.shape} and {other.shape}: expected both (examples,), not empty"
        )
    _check(resamples)
    apart = other - one
    generator = np.random.default_rng(seed)
    means, flipped = [], []
    for size in _parts(resamples, apart.size):
        drawn = generator.integers(apart.size, size=(size, apart.size))
        means.append(apart[drawn].mean(axis=1))
        signs = generator.integers(0, 2, size=(size, apart.size), dtype=np.int8) * 2 - 1
        flipped.append(signs @ apart / apart.size)
    low, high = percentiles(np.concatenate(means), 0.95)
    return Comparison(
        float(one.mean()),
        float(other.mean()),
        low,
        high,
        _p(np.concatenate(flipped), apart.mean()),
        apart.size,
    )


def compare_corpus(
    metric: Callable[[list[Any], list[Any]], Any],
    first: Sequence[Any],
    second: Sequence[Any],
    references: Sequence[Any],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """As `compare`, for a metric of all examples together, such as BLEU or macro F1; it is asked 4 times ``resamples``.

    Args:
        metric: of (predictions, references); what it returns is a number or has ``float``.
        first, second: the predictions of the two systems.
        references: the true ones.

    >>> from ferrolm.evaluation import f1
    >>> true = ["a", "b"] * 20
    >>> found = compare_corpus(lambda p, r: f1(p, r, resamples=0), ["a", "a"] * 20, true, true, resamples=99)
    >>> round(found.first, 3), found.second, found.p_value
    (0.333, 1.0, 0.01)
    """
    count = len(references)
    if not len(first) == len(second) == count or not count:
        raise ShapeError(
            f"there are {len(first)} and {len(second)} predictions and {count} references: expected as many of each"
        )
    _check(resamples)
    generator = np.random.default_rng(seed)

    def scored(predictions: Sequence[Any], rows: Sequence[int]) -> float:
        return float(metric([predictions[row] for row in rows], [references[row] for row in rows]))

    apart, flipped = [], []
    for _ in range(resamples):
        rows = generator.integers(count, size=count).tolist()
        apart.append(scored(second, rows) - scored(first, rows))
        swapped = generator.random(count) < 0.5
        pairs = [(b, a) if swap else (a, b) for a, b, swap in zip(first, second, swapped, strict=True)]
        left, right = zip(*pairs, strict=True)
        flipped.append(scored(right, range(count)) - scored(left, range(count)))
    one, other = scored(first, range(count)), scored(second, range(count))
    low, high = percentiles(apart, 0.95)
    return Comparison(one, other, low, high, _p(np.array(flipped), other - one), count)


def _p(flipped: NDArray[np.float64], found: float) -> float:
    """Counting what was found among the permutations keeps it above zero; rounding must not make equals smaller."""
    return float((1 + np.sum(np.abs(flipped) >= abs(found) - 1e-12)) / (1 + len(flipped)))


def _parts(resamples: int, size: int) -> list[int]:
    at_once = max(1, _VALUES_AT_ONCE // size)
    return [min(at_once, resamples - done) for done in range(0, resamples, at_once)]


def _check(resamples: int) -> None:
    if resamples < 1:
        raise InvalidArgumentError(f"resamples is {resamples}, expected at least 1")
