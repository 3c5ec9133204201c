"""Ids of many texts in one flat array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ferrolm.errors import ShapeError

__all__ = ["RaggedIds"]


@dataclass(frozen=True, eq=False)
class RaggedIds:
    """Rows of ids of different lengths: row ``i`` is ``ids[offsets[i]:offsets[i + 1]]``.

    ``ids``: uint32 [total]; ``offsets``: int64 [rows + 1], ascending from 0 to ``total``.

    >>> ragged = RaggedIds(np.array([5, 6, 7], np.uint32), np.array([0, 2, 2, 3]))
    >>> len(ragged), ragged[0], [row.tolist() for row in ragged[1:]]
    (3, array([5, 6], dtype=uint32), [[], [7]])
    """

    ids: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.ids.ndim != 1 or self.offsets.ndim != 1 or len(self.offsets) == 0:
            raise ShapeError(
                f"ids and offsets: found shapes {self.ids.shape} and {self.offsets.shape}, expected [total] and [rows + 1]"
            )
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.ids):
            raise ShapeError(
                f"offsets: found {self.offsets[0]} to {self.offsets[-1]}, expected 0 to {len(self.ids)}"
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int | slice) -> npt.NDArray[np.uint32] | RaggedIds:
        """A row as a view, or a slice of rows as another ragged array."""
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                rows = [self.row(row) for row in range(start, stop, step)]
                return RaggedIds.from_rows(rows)
            stop = max(start, stop)
            first, last = int(self.offsets[start]), int(self.offsets[stop])
            return RaggedIds(self.ids[first:last], self.offsets[start : stop + 1] - first)
        return self.row(index)

    def row(self, index: int) -> npt.NDArray[np.uint32]:
        """Row ``index`` as a view of ``ids``; negative indices count from the end."""
        rows = len(self)
        if not -rows <= index < rows:
            raise IndexError(f"row {index} of {rows}")
        index %= rows
        return self.ids[int(self.offsets[index]) : int(self.offsets[index + 1])]

    def __iter__(self) -> Iterator[npt.NDArray[np.uint32]]:
        return (self.row(index) for index in range(len(self)))

    def __repr__(self) -> str:
        return f"RaggedIds(rows={len(self)}, ids={len(self.ids)})"

    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of ids of each row, int64 [rows]."""
        return np.diff(self.offsets)

    def tolist(self) -> list[list[int]]:
        """The rows as lists."""
        ids = self.ids.tolist()
        bounds = self.offsets.tolist()
        return [ids[start:end] for start, end in pairwise(bounds)]

    @classmethod
    def from_rows(cls, rows: list[npt.NDArray[np.uint32]]) -> RaggedIds:
        """Rows joined.

        >>> RaggedIds.from_rows([np.array([1], np.uint32), np.array([2, 3], np.uint32)]).offsets
        array([0, 1, 3])
        """
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        ids = np.concatenate(rows) if rows else np.empty(0, np.uint32)
        return cls(ids.astype(np.uint32, copy=False), offsets)
