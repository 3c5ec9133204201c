"""A set of 64-bit hashes in numpy: eight bytes each, where a Python set needs eighty."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

__all__ = ["SeenHashes", "hashes_of"]

# Runs that are merged when there are so many of about one size; lookups search each run.
_FAN_OUT = 8


def hashes_of(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    """64 bits of BLAKE2b of each text; uint64[texts].

    Two of a thousand million different texts share a hash with probability 0.03.
    """
    digests = b"".join(
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


class SeenHashes:
    """Which hashes were there before. A lookup costs a binary search in each of a logarithmic number of sorted runs.

    >>> seen = SeenHashes()
    >>> seen.add(hashes_of(["a", "b", "a"])).tolist(), seen.add(hashes_of(["c", "b"])).tolist()
    ([True, True, False], [True, False])
    """

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[np.uint64]] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def add(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Remember the hashes; bool[n], True for those that are new, of equal ones the first."""
        values, first = np.unique(hashes, return_index=True)
        known = np.zeros(len(values), dtype=bool)
        for run in self._runs:
            place = np.minimum(np.searchsorted(run, values), len(run) - 1)
            known |= run[place] == values
        fresh = np.zeros(len(hashes), dtype=bool)
        fresh[first[~known]] = True
        if not known.all():
            self._insert(values[~known])
        return fresh

    def _insert(self, run: npt.NDArray[np.uint64]) -> None:
        self._runs.append(run)
        # Runs grow towards the front, so that each hash is merged a logarithmic number of times.
        while len(self._runs) >= _FAN_OUT and len(self._runs[-_FAN_OUT]) < _FAN_OUT * len(run):
            merged = np.sort(np.concatenate(self._runs[-_FAN_OUT:]), kind="stable")
            del self._runs[-_FAN_OUT:]
            self._runs.append(merged)
            run = merged
