"""Steps that remove what was there before: texts, texts that are nearly the same, lines."""

from __future__ import annotations

import struct
from collections.abc import Sequence
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
    """A memory of hashes, whose journal is the new ones.

    Args:
        verbatim: case and white space count; else they do not, as in `ferrolm.text.Deduplicator`.
    """

    def __init__(self, verbatim: bool = False) -> None:
        self.verbatim = verbatim
        self._seen = SeenHashes()
        self._journal: list[bytes] = []

    def _new(self, texts: Sequence[str]) -> list[bool]:
        hashes = hashes_of(texts if self.verbatim else (" ".join(text.lower().split()) for text in texts))
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
    """Removes texts that were there before; eight bytes of memory for each text."""

    name = "dedup:exact"

    def fresh(self) -> MemoryStep:
        copy = ExactDuplicates(self.verbatim)
        copy.name = self.name
        return copy

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
        verbatim: case and white space count.
    """

    name = "dedup:lines"

    def __init__(self, min: int = 20, verbatim: bool = False) -> None:
        super().__init__(verbatim)
        self.min = min

    def fresh(self) -> MemoryStep:
        copy = RepeatedLines(self.min, self.verbatim)
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
    """Removes texts that are nearly one that was kept, by `ferrolm.text.Deduplicator`.

    Its journal is the texts that were kept, which are sketched again when a run is taken up.

    Args:
        threshold: Jaccard similarity from which on two texts are nearly the same.
        ngram: words whose sequences are compared.
    """

    name = "dedup:near"

    def __init__(self, threshold: float = 0.8, ngram: int = 5) -> None:
        from ferrolm.text.deduplication import Deduplicator

        self.threshold = threshold
        self.ngram = ngram
        self._memory = Deduplicator(threshold, ngram=ngram)
        self._journal: list[bytes] = []

    def fresh(self) -> MemoryStep:
        copy = NearDuplicates(self.threshold, self.ngram)
        copy.name = self.name
        return copy

    def process(self, documents: Sequence[Document]) -> list[Document | None]:
        fresh = self._memory.add_all([document.text for document in documents])
        kept: list[Document | None] = []
        for document, new in zip(documents, fresh, strict=True):
            if new:
                data = document.text.encode("utf-8", "surrogatepass")
                self._journal.append(_LENGTH.pack(len(data)) + data)
            kept.append(document if new else document.remove("nearly the same text before"))
        return kept

    def take_journal(self) -> bytes:
        journal, self._journal = b"".join(self._journal), []
        return journal

    def restore(self, journal: IO[bytes]) -> None:
        texts: list[str] = []
        size = 0
        while head := journal.read(_LENGTH.size):
            data = journal.read(*_LENGTH.unpack(head))
            texts.append(data.decode("utf-8", "surrogatepass"))
            size += len(data)
            if size >= _PIECE:
                self._memory.add_all(texts)
                texts, size = [], 0
        self._memory.add_all(texts)


_KINDS = ("exact", "near", "lines")


@register("dedup")
def dedup(
    kind: str = "exact", threshold: float = 0.8, ngram: int = 5, min: int = 20, verbatim: bool = False
) -> MemoryStep:
    """Keep the first of equal texts (exact), of similar ones (near, threshold=, ngram=), of equal lines (lines, from min= characters).

    Case and white space do not count, but with verbatim=true.
    """
    if kind not in _KINDS:
        raise UnknownNameError(f"dedup: {kind!r} is not one of {', '.join(_KINDS)}{nearest(kind, _KINDS)}")
    if not 0.0 < threshold <= 1.0:
        raise InvalidArgumentError(f"dedup: threshold is {threshold}, expected above 0 and at most 1")
    if kind == "near":
        return NearDuplicates(threshold, ngram)
    return ExactDuplicates(verbatim) if kind == "exact" else RepeatedLines(min, verbatim)
