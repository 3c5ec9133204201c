"""Batches of examples: what a training loop reads, in an order that needs no state.

`BatchSource` is all that the loop knows of data. Batch number ``index`` depends on the seed and on ``index`` alone, so a run
that is resumed sees what an unbroken one would have seen, in the middle of an epoch too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    import torch

__all__ = ["Batch", "BatchSource", "ExampleBatches", "by_length"]

Batch: TypeAlias = "dict[str, torch.Tensor]"

_Example = TypeVar("_Example")

# Batches within which rows are sorted by length: more make neighbours more alike, and the order less random.
_SORTED_BATCHES = 50


class BatchSource(Protocol):
    """Endless batches. One that can only be read forwards, a stream, also has ``state()`` (JSON) and ``restore(state)``."""

    @property
    def fingerprint(self) -> str:
        """Names what the content and the order of the batches depend on."""

    def batch(self, index: int) -> Batch:
        """Batch number ``index`` (from 0): keyword arguments of a model's ``forward``, CPU tensors, rows first."""

    def epoch(self, index: int) -> float:
        """How often the data has been seen before batch ``index``."""


class ExampleBatches(Generic[_Example]):
    """Shuffled batches of a list of examples, made into tensors by ``collate``.

    Every epoch has its own order and each example once; a batch may reach into the next epoch, so that all have
    ``batch_size`` rows. With ``world_size`` processes, process ``rank`` gets its rows of the same global batch.

    >>> def collate(rows, random):
    ...     return {"input_ids": rows}
    >>> batches = ExampleBatches([1, 2, 3], collate, batch_size=2)
    >>> [batches.batch(index)["input_ids"] for index in range(3)], batches.epoch(3)
    ([[3, 1], [2, 3], [1, 2]], 2.0)
    """

    def __init__(
        self,
        examples: Sequence[_Example],
        collate: Callable[[list[_Example], np.random.Generator], Batch],
        batch_size: int,
        seed: int = 0,
        *,
        lengths: npt.ArrayLike | None = None,
        shuffle: bool = True,
        rank: int = 0,
        world_size: int = 1,
        fingerprint: str = "",
    ) -> None:
        """``batch_size``: rows for each process. ``lengths`` [examples], or [examples, kinds] where each has several, such as
        target and source: put rows of like length into one batch, which saves padding. ``collate`` gets the rows and a generator that depends on the seed and their place in the order, for whatever it
        does at random. ``fingerprint``: of the content, for `BatchSource.fingerprint`; the number of examples is in it anyway.
        """
        if batch_size < 1:
            raise InvalidArgumentError(f"batch_size must be positive, not {batch_size}")
        if not 0 <= rank < world_size:
            raise InvalidArgumentError(f"rank must be in [0, world_size), not {rank} of {world_size}")
        if not len(examples):
            raise InvalidArgumentError("there are no examples to make batches of")
        self.examples = examples
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self._collate = collate
        self._shuffle = shuffle
        self._lengths = None if lengths is None else np.asarray(lengths)
        if self._lengths is not None and (
            self._lengths.ndim not in (1, 2) or len(self._lengths) != len(examples)
        ):
            raise InvalidArgumentError(
                f"lengths has shape {list(self._lengths.shape)}, expected [{len(examples)}] or [{len(examples)}, kinds]"
            )
        self._content = fingerprint
        self._epoch = -1
        self._order: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)

    @property
    def fingerprint(self) -> str:
        parts = (
            len(self.examples), self.batch_size * self.world_size, self.seed, self._shuffle,
            self._lengths is not None, self._content,
        )  # fmt: skip
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def batch(self, index: int) -> Batch:
        first = (index * self.world_size + self.rank) * self.batch_size
        rows = [self.examples[row] for row in self._rows(first, self.batch_size)]
        return self._collate(rows, np.random.default_rng([self.seed, first]))

    def epoch(self, index: int) -> float:
        return index * self.world_size * self.batch_size / len(self.examples)

    def _rows(self, first: int, count: int) -> list[int]:
        """Rows ``first ... first + count - 1`` of the endless sequence of epochs."""
        rows: list[int] = []
        while len(rows) < count:
            epoch, start = divmod(first + len(rows), len(self.examples))
            rows += self._epoch_order(epoch)[start : start + count - len(rows)].tolist()
        return rows

    def _epoch_order(self, epoch: int) -> npt.NDArray[np.int64]:
        if epoch == self._epoch or not self._shuffle:
            if self._epoch < 0:
                self._epoch, self._order = 0, np.arange(len(self.examples))
            return self._order
        random = np.random.default_rng([self.seed, epoch])
        order: npt.NDArray[np.int64] = random.permutation(len(self.examples)).astype(np.int64)
        if self._lengths is not None:
            order = self._grouped(order, self._lengths, random)
        self._epoch, self._order = epoch, order
        return order

    def _grouped(
        self, order: npt.NDArray[np.int64], lengths: npt.NDArray[Any], random: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """Sort stretches of a shuffled order by length, cut them into batches, and shuffle those."""
        size = self.batch_size * self.world_size
        stretch = size * _SORTED_BATCHES
        batches: list[npt.NDArray[np.int64]] = []
        for start in range(0, len(order), stretch):
            part = order[start : start + stretch]
            part = part[by_length(lengths[part])]
            batches += [part[cut : cut + size] for cut in range(0, len(part), size)]
        return np.concatenate([batches[index] for index in random.permutation(len(batches))])


def by_length(lengths: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The order of lengths [rows], or [rows, kinds] by the first kind and then the next; equal ones stay in their order.

    >>> by_length(np.array([[3, 1], [2, 9], [3, 0]])).tolist()
    [1, 2, 0]
    """
    order: npt.NDArray[np.int64] = np.lexsort(lengths.reshape(len(lengths), -1).T[::-1])
    return order
