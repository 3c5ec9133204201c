"""Taking a prompt's own preference for a label off what the model says (Zhao et al. 2021, "Calibrate Before Use")."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.errors import ShapeError

__all__ = ["CONTENT_FREE", "calibrated", "normalized"]

CONTENT_FREE = ("N/A", "", "[MASK]")
"""Queries that say nothing, as in the paper."""


def normalized(logprobs: ArrayLike) -> NDArray[np.float64]:
    """Probabilities of the labels among themselves, from log-probabilities (..., labels).

    >>> normalized([[0.0, 0.0], [0.0, -np.inf]]).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    logs = np.asarray(logprobs, np.float64)
    greatest = logs.max(axis=-1, keepdims=True)
    # Where no label is possible, all are alike.
    shifted = np.exp(
        np.where(np.isneginf(greatest), 0.0, logs - np.where(np.isneginf(greatest), 0.0, greatest))
    )
    found: NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return found


def calibrated(probabilities: ArrayLike, content_free: ArrayLike) -> NDArray[np.float64]:
    """Probabilities divided by those of queries that say nothing, and normalized again.

    Args:
        probabilities: (..., labels).
        content_free: (queries, labels) or (labels,): what the same prompt gives for `CONTENT_FREE`; their mean counts.

    Raises `ShapeError` for other numbers of labels.

    >>> calibrated([0.8, 0.2], [[0.9, 0.1], [0.7, 0.3]]).tolist()
    [0.5, 0.5]
    """
    table, free = np.asarray(probabilities, np.float64), np.atleast_2d(np.asarray(content_free, np.float64))
    if table.shape[-1:] != free.shape[-1:]:
        raise ShapeError(f"probabilities have shape {table.shape}, those without content {free.shape}")
    divided = table / np.maximum(free.mean(axis=0), 1e-12)
    found: NDArray[np.float64] = divided / divided.sum(axis=-1, keepdims=True)
    return found
