"""Blocks of tokens from files that are read once through, tokenized on the way, and where one is in them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ferrolm.data import sources
from ferrolm.errors import InvalidFileError

__all__ = ["BlockStream", "StreamBatch", "StreamSettings"]


class _Tokenizer(Protocol):
    def encode_ids_batch(
        self, texts: Any, add_special_tokens: bool = ..., *, separator: str | None = ...
    ) -> Any: ...


@dataclass(frozen=True)
class StreamSettings:
    """What the content and the order of the batches depend on beside the files' content and the tokenizer."""

    paths: tuple[str, ...]
    block_size: int
    batch_size: int
    field: str = "text"
    separator: str | None = None
    end_id: int | None = None
    shuffle_buffer: int = 0
    seed: int = 0
    rank: int = 0
    world_size: int = 1


@dataclass(frozen=True)
class _Place:
    """Before a read batch: its epoch, file and position in it, documents of the epoch before it, and epochs seen."""

    epoch: int = 0
    file: int = 0
    position: int = 0
    documents: int = 0
    seen: float = 0.0


@dataclass(frozen=True)
class _Piece:
    """The ids of a read batch; ``start``: its first token in the buffer; ``seen``: epochs after it."""

    place: _Place
    ids: npt.NDArray[np.uint32]
    seen: float
    start: int = 0

    def seen_at(self, token: int) -> float:
        share = (token - self.start) / max(1, len(self.ids))
        return self.place.seen + min(1.0, share) * (self.seen - self.place.seen)


@dataclass(frozen=True)
class StreamBatch:
    """``blocks``: uint32 [batch_size, block_size + 1]. ``state``: where the next one is. ``seen``: epochs until then."""

    blocks: npt.NDArray[np.uint32]
    state: dict[str, Any]
    seen: float


class BlockStream:
    """Endless batches from a state on.

    The tokens of all documents make one long row, cut into blocks of which each repeats the last token of the one before (it
    is learned there and is context here). Blocks are shuffled within windows, which follow each other; a state is the start of
    a window and how many of its batches were given, so it is small, and going on from it reads at most one window again.
    """

    def __init__(
        self, settings: StreamSettings, tokenizer: _Tokenizer, state: dict[str, Any] | None = None
    ) -> None:
        self.settings = settings
        self._tokenizer = tokenizer
        state = state or {}
        self._place = _Place(**state.get("place", {}))
        self._skip = int(state.get("skip", 0))
        self._window = int(state.get("window", 0))
        self._given = int(state.get("given", 0))
        # Whole batches, so that none reaches over the end of a window.
        self._batches = max(1, -(-settings.shuffle_buffer // settings.batch_size))
        self._stride = self._batches * settings.batch_size * settings.block_size

    def __iter__(self) -> Iterator[StreamBatch]:
        held: list[_Piece] = []
        start, length = self._skip, 0
        for piece in self._pieces(self._place):
            held.append(replace(piece, start=length))
            length += len(piece.ids)
            if length <= start + self._stride:
                continue
            tokens = np.concatenate([one.ids for one in held])
            while start + self._stride < length:
                yield from self._batches_of(tokens, start, held)
                self._window, self._given = self._window + 1, 0
                start += self._stride
            held = held[_holding(held, start) :]
            first = held[0].start
            held = [replace(one, start=one.start - first) for one in held]
            start, length = start - first, length - first

    def _batches_of(
        self, tokens: npt.NDArray[np.uint32], start: int, held: list[_Piece]
    ) -> Iterator[StreamBatch]:
        size, block = self.settings.batch_size, self.settings.block_size
        order = np.arange(self._batches * size)
        if self.settings.shuffle_buffer > 1:
            order = np.random.default_rng([self.settings.seed, self._window]).permutation(order)
        piece = held[_holding(held, start)]
        state = {"place": asdict(piece.place), "skip": start - piece.start, "window": self._window}
        for given in range(self._given, self._batches):
            starts = start + block * order[given * size : (given + 1) * size]
            # How far one is: as if the window were not shuffled.
            end = start + (given + 1) * size * block
            yield StreamBatch(
                tokens[starts[:, None] + np.arange(block + 1)],
                {**state, "given": given + 1},
                held[_holding(held, end)].seen_at(end),
            )

    def _pieces(self, place: _Place) -> Iterator[_Piece]:
        sizes = [Path(path).stat().st_size if Path(path).exists() else 0 for path in self.settings.paths]
        while True:
            found = 0
            whole = place == _Place(epoch=place.epoch, seen=place.seen)
            for file in range(place.file, len(sizes)):
                place = replace(place, file=file)
                batches = sources.read_batches(
                    Path(self.settings.paths[file]),
                    field=self.settings.field, separator=self.settings.separator, start=place.position,
                )  # fmt: skip
                for batch in batches:
                    ids, documents = self._own(batch, place)
                    seen = place.epoch + (sum(sizes[:file]) + batch.done) / max(1, sum(sizes))
                    yield _Piece(place, ids, seen)
                    found += len(ids)
                    position, documents = batch.position, place.documents + documents
                    place = replace(place, position=position, documents=documents, seen=seen)
                place = replace(place, position=0)
            if whole and not found:
                raise InvalidFileError(self._nothing(place.documents))
            place = _Place(epoch=place.epoch + 1, seen=place.epoch + 1.0)

    def _own(self, batch: sources.Batch, place: _Place) -> tuple[npt.NDArray[np.uint32], int]:
        """The ids of this process's documents of a batch, and how many documents it has for all."""
        texts, world_size = batch.texts, self.settings.world_size
        count = 0
        if world_size > 1:
            # The next epoch gives each process what another one had.
            first = (self.settings.rank - place.documents - place.epoch) % world_size
            texts, count = _every(texts, batch.separator, first, world_size)
        ragged = self._tokenizer.encode_ids_batch(texts, False, separator=batch.separator)
        ids: npt.NDArray[np.uint32] = ragged.ids
        if self.settings.end_id is not None:
            ids = np.insert(ids, ragged.offsets[1:], np.uint32(self.settings.end_id))
        return ids, count if world_size > 1 else len(ragged.offsets) - 1

    def _nothing(self, documents: int) -> str:
        whose = f" for process {self.settings.rank} of {self.settings.world_size}" * (
            self.settings.world_size > 1
        )
        names = ", ".join(self.settings.paths[:3]) + ", ..." * (len(self.settings.paths) > 3)
        return f"{names}: {documents} documents without a token{whose}, expected text to make blocks of"


def _holding(held: list[_Piece], token: int) -> int:
    """The index of the piece that has a token of the buffer (or ends before it, if it is the last)."""
    return bisect_right(held, token, key=lambda piece: piece.start) - 1


def _every(texts: Any, separator: str | None, first: int, step: int) -> tuple[Any, int]:
    """Each ``step``-th document from ``first`` on, and how many there are."""
    if separator is not None:
        mark = separator.encode()
        documents = bytes(texts).split(mark)
        if not documents[-1]:
            documents.pop()
        chosen = documents[first::step]
        return mark.join(chosen) + mark * bool(chosen), len(documents)
    if isinstance(texts, list):
        return texts[first::step], len(texts)
    return texts.take(np.arange(first, len(texts), step)), len(texts)  # a column of Parquet
