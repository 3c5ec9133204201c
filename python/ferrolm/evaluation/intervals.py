"""Confidence intervals by resampling examples (Efron, 1979; percentile method)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["bootstrap"]

_VALUES_AT_ONCE = 1 << 22


def bootstrap(
    values: ArrayLike, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """The interval in which the mean of ``values`` lies, had other examples been drawn.

    Args:
        values: one score for each example, shape (examples,).
        resamples: how many times the examples are drawn anew, with replacement.
        confidence: of the interval, between 0 and 1.
        seed: equal seeds give equal intervals.

    Returns:
        Its lower and upper end.

    Raises:
        ShapeError: ``values`` is empty or not one-dimensional.
        InvalidArgumentError: ``resamples`` or ``confidence`` is out of range.

    >>> low, high = bootstrap([0, 1] * 50)
    >>> round(low, 1), round(high, 1)
    (0.4, 0.6)
    """
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or not scores.size:
        raise ShapeError(f"values has shape {scores.shape}, expected (examples,) with at least one")
    check(resamples, confidence)
    generator = np.random.default_rng(seed)
    means: list[NDArray[np.float64]] = []
    at_once = max(1, _VALUES_AT_ONCE // scores.size)
    for done in range(0, resamples, at_once):
        drawn = generator.integers(scores.size, size=(min(at_once, resamples - done), scores.size))
        means.append(scores[drawn].mean(axis=1))
    return percentiles(np.concatenate(means), confidence)


def check(resamples: int, confidence: float) -> None:
    """Raise `InvalidArgumentError` for settings that give no interval."""
    if resamples < 1:
        raise InvalidArgumentError(f"resamples is {resamples}, expected at least 1")
    if not 0 < confidence < 1:
        raise InvalidArgumentError(f"confidence is {confidence}, expected a number between 0 and 1")


def percentiles(statistics: Sequence[float] | NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """The ends of the central ``confidence`` of the statistics of all resamples."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(statistics, [tail, 1 - tail])
    return float(low), float(high)
