"""`PackedBatches`: the documents of a token file, packed into rows, for causal language models."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ferrolm.data.batches import ExampleBatches
from ferrolm.data.collators.packing import PackedExamples, PackingCollator
from ferrolm.data.collators.padding import Example, Ids
from ferrolm.errors import InvalidArgumentError

__all__ = ["DocumentPieces", "PackedBatches"]


class DocumentPieces(Sequence[Example]):
    """Documents in pieces of ``length`` inputs at most, so that each token but a document's first is a target once.

    The last token of a piece is the first of the next: there it is a target, here an input.

    >>> pieces = DocumentPieces(np.arange(9), np.array([0, 6, 9]), length=3)
    >>> [piece["input_ids"].tolist() for piece in pieces]
    [[0, 1, 2, 3], [3, 4, 5], [6, 7, 8]]
    """

    def __init__(self, tokens: npt.NDArray[Any], offsets: npt.NDArray[np.int64], length: int) -> None:
        """``tokens`` and ``offsets`` of a `TokenFile`; documents of fewer than two tokens have no target, and no piece."""
        if length < 1:
            raise InvalidArgumentError(f"length must be positive, not {length}")
        self.tokens = tokens
        inputs = np.diff(offsets) - 1
        counts = np.maximum(-(-inputs // length), 0)
        within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
        self._starts: Ids = np.repeat(offsets[:-1], counts) + within * length
        self.lengths: Ids = np.minimum(length, np.repeat(inputs, counts) - within * length) + 1

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        start = int(self._starts[index])
        return {"input_ids": self.tokens[start : start + int(self.lengths[index])]}

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))


class PackedBatches(ExampleBatches[list[Example]]):
    """Rows of whole documents, those longer than a row in pieces; no document sees another, none predicts another's token.

    Each epoch has the same rows in another order. `BlockSampler` wastes no place and needs no mask, but its rows run from one
    document into the next and cut both; the loss of the first tokens then depends on a stranger.

    >>> tokens, offsets = np.arange(20, dtype=np.uint16), np.array([0, 3, 12, 16, 20])
    >>> batches = PackedBatches(tokens, offsets, block_size=6, batch_size=2, shuffle=False)
    >>> batch = batches.batch(0)
    >>> batch["input_ids"].tolist()
    [[3, 4, 5, 6, 7, 8], [12, 13, 14, 16, 17, 18]]
    >>> batch["document_ids"].tolist(), round(batches.fill, 2)
    ([[0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1]], 0.89)
    """

    def __init__(
        self,
        tokens: npt.NDArray[Any],
        offsets: npt.NDArray[np.int64],
        block_size: int,
        batch_size: int,
        seed: int = 0,
        *,
        pad_token_id: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """The batches of a `TokenFile`'s ``tokens`` and ``offsets``.

        Args:
            tokens: uint16 or uint32 [count], may be memory-mapped.
            offsets: int64 [documents + 1].
            block_size: inputs of a row, and of a document's piece at most.
            batch_size, seed, shuffle, rank, world_size: see `ExampleBatches`.
            pad_token_id: see `PackingCollator`, which says what a batch has.
        """
        pieces = DocumentPieces(tokens, offsets, block_size)
        rows = PackedExamples(pieces, block_size, lengths=pieces.lengths)
        content = hashlib.sha256(np.ascontiguousarray(offsets).tobytes()).hexdigest()
        self.fill = rows.fill
        super().__init__(
            rows,
            PackingCollator(block_size, pad_token_id),
            batch_size,
            seed,
            shuffle=shuffle,
            rank=rank,
            world_size=world_size,
            fingerprint=f"{content} {block_size}",
        )
