"""The order in which a causal language model sees a stream of tokens: seeded, resumable at any step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ferrolm.errors import InvalidArgumentError

__all__ = ["BlockSampler"]


class BlockSampler:
    """Batches of blocks of ``block_size + 1`` tokens (inputs and, shifted by one, targets).

    The stream is cut into consecutive blocks; each epoch shuffles them anew and shifts the cuts by a random number
    of tokens, so that a token does not always have the same context. Batch ``step`` depends on ``seed`` and
    ``step`` alone: resuming needs no state, and with ``world_size`` processes, process ``rank`` gets its rows of
    the same global batch.

    >>> sampler = BlockSampler(np.arange(100, dtype=np.uint16), block_size=8, batch_size=4, seed=0)
    >>> sampler.batch(0).shape, sampler.blocks_per_epoch
    ((4, 9), 11)
    >>> bool((sampler.batch(7) == sampler.batch(7)).all())
    True
    """

    def __init__(
        self,
        tokens: npt.NDArray[np.unsignedinteger],
        block_size: int,
        batch_size: int,
        seed: int = 0,
        *,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """``tokens``: uint16 or uint32 [count], may be memory-mapped; ``batch_size``: rows per process and batch."""
        if block_size < 1 or batch_size < 1:
            raise InvalidArgumentError(
                f"block_size and batch_size must be positive, not {block_size} and {batch_size}"
            )
        if not 0 <= rank < world_size:
            raise InvalidArgumentError(f"rank must be in [0, world_size), not {rank} of {world_size}")
        if len(tokens) < block_size + 1:
            raise InvalidArgumentError(
                f"block_size {block_size} needs at least {block_size + 1} tokens, found {len(tokens)}"
            )
        self.tokens = tokens
        self.block_size = block_size
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        # One block less than fits leaves room to shift the cuts by a block at least, up to the very end.
        self.blocks_per_epoch = max(1, (len(tokens) - 1) // block_size - 1)
        self._largest_shift = len(tokens) - 1 - self.blocks_per_epoch * block_size
        self._epoch = -1
        self._starts: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def batch(self, step: int) -> npt.NDArray[np.int64]:
        """Batch number ``step`` (from 0): int64 [batch_size, block_size + 1]."""
        first = (step * self.world_size + self.rank) * self.batch_size
        starts = self._block_starts(first, self.batch_size)
        rows = starts[:, None] + np.arange(self.block_size + 1)
        blocks: npt.NDArray[np.int64] = self.tokens[rows].astype(np.int64)
        return blocks

    def epoch(self, step: int) -> float:
        """How often the stream has been seen before batch ``step``."""
        return step * self.world_size * self.batch_size / self.blocks_per_epoch

    def _block_starts(self, first: int, count: int) -> npt.NDArray[np.int64]:
        """Starts of the blocks ``first ... first + count - 1`` of the endless sequence of epochs."""
        parts = []
        while count > 0:
            epoch, index = divmod(first, self.blocks_per_epoch)
            part = self._epoch_starts(epoch)[index : index + count]
            parts.append(part)
            first, count = first + len(part), count - len(part)
        return np.concatenate(parts)

    def _epoch_starts(self, epoch: int) -> npt.NDArray[np.int64]:
        if epoch != self._epoch:
            random = np.random.default_rng([self.seed, epoch])
            shift = int(random.integers(self._largest_shift + 1))
            self._starts = shift + self.block_size * random.permutation(self.blocks_per_epoch).astype(
                np.int64
            )
            self._epoch = epoch
        return self._starts
