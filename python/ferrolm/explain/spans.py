"""The arrays behind `PassageIndex`: hashes of n-grams, their sorted index, and spans that two sequences have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.explain.corpus import Corpus

__all__ = ["agreement", "hashes", "outermost", "sorted_keys"]

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def hashes(units: NDArray[np.uint32], n: int) -> NDArray[np.uint32]:
    """A hash of each n-gram, uint32 [units - n + 1]."""
    size = max(len(units) - n + 1, 0)
    total = np.zeros(size, np.uint64)
    with np.errstate(over="ignore"):
        for place in range(n):
            total = (total ^ units[place : place + size]) * _MULTIPLIER
            total ^= total >> np.uint64(29)
    return (total >> np.uint64(32)).astype(np.uint32)


def sorted_keys(corpus: Corpus, n: int) -> NDArray[np.uint64]:
    """uint64 [n-grams within documents]: the hash above, the place below."""
    units = corpus.units
    size = max(len(units) - n + 1, 0)
    keys = np.empty(size, np.uint64)
    step = 1 << 20  # small enough for a cache
    for start in range(0, size, step):
        end = min(start + step, size)
        keys[start:end] = hashes(np.asarray(units[start : end + n - 1], np.uint32), n)
    keys <<= np.uint64(32)
    keys |= np.arange(size, dtype=np.uint64)
    if len(corpus.offsets) > 2 and n > 1:
        within = np.ones(size, bool)
        for back in range(1, n):  # n-grams that a document's end cuts
            cut = corpus.offsets[1:-1] - back
            within[cut[(cut >= 0) & (cut < size)]] = False
        keys = keys[within]
    keys.sort()
    return keys


def agreement(
    units: NDArray[np.uint32],
    corpus: NDArray[Any],
    at: NDArray[np.int64],
    diagonal: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    step: int,
) -> NDArray[np.int64]:
    """How many units from ``at`` on, in the direction of ``step``, are equal in the text and in the document."""
    agreed = np.zeros(len(at), np.int64)
    alive = np.arange(len(at))
    while len(alive):
        here = at[alive] + step * agreed[alive]
        there = here + diagonal[alive]
        inside = (here >= 0) & (here < len(units)) & (there >= left[alive]) & (there < right[alive])
        alive, here, there = alive[inside], here[inside], there[inside]
        same = units[here] == corpus[there]
        alive = alive[same]
        agreed[alive] += 1
    return agreed


def outermost(
    first: NDArray[np.int64], place: NDArray[np.int64], length: NDArray[np.int64], k: int
) -> list[tuple[int, int, int, int]]:
    """(first, place, length, occurrences) of the ``k`` longest spans of the text that are within no longer one.

    Of those that the corpus has several times, its first; those that the text has several times, once.
    """
    if not len(first):
        return []
    pairs, where, counts = np.unique(
        np.stack([first, first + length]), axis=1, return_inverse=True, return_counts=True
    )
    earliest = np.full(len(counts), np.iinfo(np.int64).max)
    np.minimum.at(earliest, where.reshape(-1), place)
    begins, ends = pairs
    # By beginning, the longest first: a span is within another one if some earlier one ends no sooner.
    order = np.lexsort((-ends, begins))
    furthest = np.maximum.accumulate(ends[order])
    outer = order[np.concatenate([[True], ends[order][1:] > furthest[:-1]])]
    ranked = outer[np.argsort(-(ends - begins)[outer], kind="stable")]
    once = np.unique(np.stack([earliest, ends - begins])[:, ranked], axis=1, return_index=True)[1]
    chosen = ranked[np.sort(once)][:k].tolist()
    return [
        (int(begins[each]), int(earliest[each]), int(ends[each] - begins[each]), int(counts[each]))
        for each in chosen
    ]
