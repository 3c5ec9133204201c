"""Blocks of a token file as batches for a training loop."""

from __future__ import annotations

import hashlib

from ferrolm.data.batches import Batch
from ferrolm.data.sampler import BlockSampler
from ferrolm.data.token_file import TokenFile

__all__ = ["TokenBlocks"]


class TokenBlocks:
    """A `BatchSource` of ``blocks``, int64 [batch_size, block_size + 1], in the order of a `BlockSampler`."""

    def __init__(
        self,
        file: TokenFile,
        block_size: int,
        batch_size: int,
        seed: int = 0,
        *,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """``batch_size``: rows for each of ``world_size`` processes. Raises `InvalidArgumentError` for too short a file."""
        self._sampler = BlockSampler(
            file.tokens, block_size, batch_size, seed, rank=rank, world_size=world_size
        )
        parts = (
            len(file), file.tokenizer_hash, file.text_bytes, seed, block_size, batch_size * world_size,
        )  # fmt: skip
        self.fingerprint = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def batch(self, index: int) -> Batch:
        import torch

        return {"blocks": torch.from_numpy(self._sampler.batch(index))}

    def epoch(self, index: int) -> float:
        return self._sampler.epoch(index)
