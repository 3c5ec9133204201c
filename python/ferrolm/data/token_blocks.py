"""Blocks of a token file as batches for training."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ferrolm.data.sampler import BlockSampler

if TYPE_CHECKING:
    from ferrolm.data.batches import Batch
    from ferrolm.data.token_file import TokenFile

__all__ = ["TokenBlocks"]


class TokenBlocks:
    """Shuffled blocks of a token file as `BatchSource`: ``{"blocks": int64 [batch_size, block_size + 1]}``.

    Each token of a block is learned from those before it (`training.objectives.NextToken`). Which blocks a batch has is
    decided by `BlockSampler`, whose arguments these are.

    >>> import tempfile, pathlib
    >>> from ferrolm.data import TokenFile, TokenFileWriter
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "corpus.tokens"
    >>> with TokenFileWriter(path, vocab_size=256) as writer: writer.add(range(100))
    >>> blocks = TokenBlocks(TokenFile(path), block_size=8, batch_size=4)
    >>> blocks.batch(0)["blocks"].shape, round(blocks.epoch(11), 2)
    (torch.Size([4, 9]), 4.0)
    """

    def __init__(
        self,
        token_file: TokenFile,
        block_size: int,
        batch_size: int,
        seed: int = 0,
        *,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.token_file = token_file
        self.sampler = BlockSampler(
            token_file.tokens, block_size, batch_size, seed, rank=rank, world_size=world_size
        )

    @property
    def fingerprint(self) -> str:
        """The same for all processes, and for another number of them if the global batch is the same."""
        file, sampler = self.token_file, self.sampler
        parts = (
            len(file.tokens), file.tokenizer_hash, file.text_bytes,
            sampler.seed, sampler.block_size, sampler.batch_size * sampler.world_size,
        )  # fmt: skip
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def batch(self, index: int) -> Batch:
        import torch

        return {"blocks": torch.from_numpy(self.sampler.batch(index))}

    def epoch(self, index: int) -> float:
        return self.sampler.epoch(index)
