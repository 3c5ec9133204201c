"""Steps that remove what was there before: texts, texts that are nearly the same, lines."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import IO

import numpy as np

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.text.pipeline.document import Document
from ferrolm.text.pipeline.seen import SeenHashes, hashes_of
from ferrolm.text.pipeline.step import MemoryStep, register

__all__ = ["ExactDuplicates", "NearDuplicates", "RepeatedLines", "dedup"]

_LENGTH = struct.Struct("<I")
# Bytes of a journal of hashes that are read at once.
_PIECE = 1 << 23


class _HashMemory(MemoryStep):
    """A memory of hashes, whose journal is the new ones."""

    def __init__(self) -> None:
        self._seen = SeenHashes()
        self._journal: list[bytes] = []

    def _new(self, texts: Sequence[str]) -> list[bool]:
        hashes = hashes_of(texts)
        fresh = self._seen.add(hashes)
        self._journal.append(hashes[fresh].astype("<u8").tobytes())
        return [bool(new) for new in fresh]

    def take_journal(self) -> bytes:
        journal, self._journal = b"".join(self._journal), []
        return journal

    def restore(self, journal: IO[bytes]) -> None:
        while data := journal.read(_PIECE):
            self._seen.add(np.frombuffer(data, dtype="<u8").astype(np.uint64))


class ExactDuplicates(_HashMemory):
    """Removes texts that were there before, character for character; eight bytes of memory for each text."""

    name = "dedup:exact"

    def fresh(self) -> MemoryStep:
        return ExactDuplicates()

    def process(self, documents: Sequence[Document]) -> list[Document | None]:
        fresh = self._new([document.text for document in documents])
        return [
            document if new else document.remove("the same text before")
            for document, new in zip(documents, fresh, strict=True)
        ]


class RepeatedLines(_HashMemory):
    """Removes lines that were there before, in the same text or another; eight bytes of memory for each line.

    Args:
        min: characters under which a line may come again: dialogue, headings, list items.
    """

    name = "dedup:lines"

    def __init__(self, min: int = 30) -> None:
        super().__init__()
        self.min = min

    def fresh(self) -> MemoryStep:
        copy = RepeatedLines(self.min)
        copy.name = self.name
        return copy

    def process(self, documents: Sequence[Document]) -> list[Document | None]:
        lines = [document.text.split("\n") for document in documents]
        long = [line.strip() for some in lines for line in some if len(line.strip()) >= self.min]
        fresh = iter(self._new(long))
        return [self._keep(document, some, fresh) for document, some in zip(documents, lines, strict=True)]

    def _keep(self, document: Document, lines: list[str], fresh: object) -> Document | None:
        kept = [line for line in lines if len(line.strip()) < self.min or next(fresh)]  # type: ignore[call-overload]
        if len(kept) < len(lines):
            document.notes.extend(["a line that was there before"] * (len(lines) - len(kept)))
            document.text = "\n".join(kept).strip("\n")
        return document if document.text else document.remove("no line that is new")


class NearDuplicates(MemoryStep):
    """Removes texts that are nearly those before, by MinHash of their words.

    Args:
        threshold: share of common shingles from which two texts are the same.
    """

    name = "dedup:near"

    def __init__(self, threshold: float = 0.8) -> None:
        from ferrolm.text.deduplication import Deduplicator

        self.threshold = threshold
        self._memory = Deduplicator(threshold=threshold)
        self._journal: list[bytes] = []

    def fresh(self) -> MemoryStep:
        copy = NearDuplicates(self.threshold)
        copy.name = self.name
        return copy

    def process(self, documents: Sequence[Document]) -> list[Document | None]:
        kept: list[Document | None] = []
        for document in documents:
            if self._memory.add(document.text):
                data = document.text.encode("utf-8", "surrogatepass")
                self._journal.append(_LENGTH.pack(len(data)) + data)
                kept.append(document)
            else:
                kept.append(document.remove("nearly the same text before"))
        return kept

    def take_journal(self) -> bytes:
        journal, self._journal = b"".join(self._journal), []
        return journal

    def restore(self, journal: IO[bytes]) -> None:
        while head := journal.read(_LENGTH.size):
            (size,) = _LENGTH.unpack(head)
            self._memory.add(journal.read(size).decode("utf-8", "surrogatepass"))


_KINDS: dict[str, Callable[[float, int], MemoryStep]] = {
    "exact": lambda threshold, min: ExactDuplicates(),
    "near": lambda threshold, min: NearDuplicates(threshold),
    "lines": lambda threshold, min: RepeatedLines(min),
}


@register("dedup")
def dedup(kind: str = "exact", threshold: float = 0.8, min: int = 30) -> MemoryStep:
    """Keep the first of equal texts (exact), of similar ones (near, threshold=), of equal lines (lines, from min= characters)."""
    if kind not in _KINDS:
        raise UnknownNameError(f"dedup: {kind!r} is not one of {', '.join(_KINDS)}{nearest(kind, _KINDS)}")
    if not 0.0 < threshold <= 1.0:
        raise InvalidArgumentError(f"dedup: threshold is {threshold}, expected above 0 and at most 1")
    return _KINDS[kind](threshold, min)
