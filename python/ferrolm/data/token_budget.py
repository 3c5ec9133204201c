"""Batches of as many tokens rather than of as many rows, as encoder-decoders are trained with (Vaswani et al. 2017, section 5.1).

Where rows are grouped by length, a batch of as many rows of short texts has a fraction of the tokens of one of long texts, and
counts as much: the words of short texts would be learnt many times as much as those of long ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ferrolm.data.batches import Batch, by_length
from ferrolm.errors import InvalidArgumentError

__all__ = ["TokenBudgetBatches"]

_Example = TypeVar("_Example")


class TokenBudgetBatches(Generic[_Example]):
    """A `BatchSource` of shuffled batches of like length, each of ``max_tokens`` tokens at most, padding included.

    Every epoch cuts all examples, sorted by length and at random among those of one length, at the same places, and shuffles
    these batches. With ``world_size`` processes, a step has a batch for each of them.

    >>> def collate(rows, random):
    ...     return {"input_ids": rows}
    >>> batches = TokenBudgetBatches(["a", "bb", "cc", "dddd"], collate, 4, lengths=[1, 2, 2, 4])
    >>> [batches.batch(index)["input_ids"] for index in range(3)], len(batches)
    ([['dddd'], ['bb'], ['a', 'cc']], 3)
    """

    def __init__(
        self,
        examples: Sequence[_Example],
        collate: Callable[[list[_Example], np.random.Generator], Batch],
        max_tokens: int,
        lengths: npt.ArrayLike,
        seed: int = 0,
        *,
        rank: int = 0,
        world_size: int = 1,
        fingerprint: str = "",
    ) -> None:
        """``lengths`` [examples], or [examples, kinds] where each has several rows of tokens, such as target and source: a batch
        has the sum of its widths times its examples. An example that is longer than ``max_tokens`` is a batch of its own.
        ``collate``, ``rank``, ``world_size``, ``fingerprint``: see `ExampleBatches`.

        Raises `InvalidArgumentError`.
        """
        if max_tokens < 1:
            raise InvalidArgumentError(f"max_tokens must be positive, not {max_tokens}")
        if not 0 <= rank < world_size:
            raise InvalidArgumentError(f"rank must be in [0, world_size), not {rank} of {world_size}")
        if not len(examples):
            raise InvalidArgumentError("there are no examples to make batches of")
        self._lengths = np.asarray(lengths)
        if self._lengths.ndim not in (1, 2) or len(self._lengths) != len(examples):
            raise InvalidArgumentError(
                f"lengths has shape {list(self._lengths.shape)}, expected [{len(examples)}] or [{len(examples)}, kinds]"
            )
        self.examples, self.max_tokens, self.seed = examples, max_tokens, seed
        self.rank, self.world_size = rank, world_size
        self._collate, self._content = collate, fingerprint
        # Sorted lengths are those of every epoch, whatever the order among equals.
        sorted_lengths = self._lengths[by_length(self._lengths)].reshape(len(examples), -1)
        self._starts = _cut(sorted_lengths, max_tokens)
        self._epoch = -1
        self._batches: list[npt.NDArray[np.int64]] = []

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self._starts)

    @property
    def fingerprint(self) -> str:
        parts = (len(self.examples), self.max_tokens, self.world_size, self.seed, len(self), self._content)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def batch(self, index: int) -> Batch:
        number = index * self.world_size + self.rank
        epoch, place = divmod(number, len(self))
        rows = [self.examples[row] for row in self._epoch_batches(epoch)[place].tolist()]
        return self._collate(rows, np.random.default_rng([self.seed, number]))

    def epoch(self, index: int) -> float:
        return index * self.world_size / len(self)

    def _epoch_batches(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        if epoch != self._epoch:
            random = np.random.default_rng([self.seed, epoch])
            order = random.permutation(len(self.examples))
            order = order[by_length(self._lengths[order])]
            batches = np.split(order, self._starts[1:])
            self._epoch, self._batches = epoch, [batches[place] for place in random.permutation(len(batches))]
        return self._batches


def _cut(lengths: npt.NDArray[Any], max_tokens: int) -> list[int]:
    """Where batches start, of sorted lengths [examples, kinds]."""
    starts = [0]
    while True:
        start = starts[-1]
        most = max(1, max_tokens // max(1, int(lengths[start].sum())))
        widths = np.maximum.accumulate(lengths[start : start + most]).sum(1)
        fitting = int((widths * np.arange(1, len(widths) + 1) <= max_tokens).sum())
        if start + max(1, fitting) >= len(lengths):
            return starts
        starts.append(start + max(1, fitting))
