"""Chunks of documents, in order, with what is needed to go on behind each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ferrolm.data.document_inputs import InputFile
from ferrolm.data.document_records import START, Entry, Position, Split, read_entries
from ferrolm.errors import FileAccessError, InvalidEncodingError, InvalidFileError
from ferrolm.text.pipeline.document import Document
from ferrolm.text.pipeline.pipeline import Tolerate
from ferrolm.text.pipeline.report import Count, StepReport, add_example

__all__ = ["CHUNK_CHARACTERS", "CHUNK_DOCUMENTS", "UNREAD_EXAMPLES", "Chunk", "Place", "read_chunks"]

CHUNK_CHARACTERS = 1 << 20
"""Characters (bytes, of what is not decoded) from which a chunk is full."""
CHUNK_DOCUMENTS = 1024
"""Records, read or not, from which a chunk is full."""

UNREAD_EXAMPLES = 3
"""Records of each reason for not being read that are named in any case."""

Place = tuple[int, Position]
"""A file, by its number, and a position in it."""


@dataclass
class Chunk:
    """Documents on their way, and all that is to be noted once they are written.

    ``place``: behind the chunk; ``done``: bytes of the current file read; ``steps``: what steps did, by their number;
    ``journals``: what steps with memory learnt.
    """

    place: Place
    done: int = 0
    documents: list[Document] = field(default_factory=list)
    size: int = 0
    entries: int = 0
    records: int = 0
    unread: dict[str, Count] = field(default_factory=dict)
    steps: dict[int, StepReport] = field(default_factory=dict)
    journals: dict[int, bytes] = field(default_factory=dict)


def read_chunks(
    files: Sequence[InputFile],
    *,
    field: str = "text",
    split: Split = "file",
    tolerate: Tolerate = "records",
    start: Place = (0, START),
    examples: int = 0,
) -> Iterator[Chunk]:
    """The documents of ``files`` in chunks, from ``start`` on; the last chunk may hold none.

    Raises `InvalidFileError` for what is not tolerated.
    """
    chunk = Chunk(start)
    examples = max(examples, UNREAD_EXAMPLES)
    for number in range(start[0], len(files)):
        position = start[1] if number == start[0] else START
        try:
            for entry in read_entries(files[number], field=field, split=split, start=position):
                _take(chunk, entry, number, tolerate, examples)
                if chunk.size >= CHUNK_CHARACTERS or chunk.entries >= CHUNK_DOCUMENTS:
                    yield chunk
                    chunk = Chunk(chunk.place)
        except (InvalidFileError, InvalidEncodingError, FileAccessError) as error:
            if tolerate != "files":
                raise
            name = str(files[number].path)
            add_example(
                chunk.unread, "a damaged file, or the rest of one", name, str(error), 0, max(examples, 1)
            )
        chunk.place, chunk.done = (number + 1, START), 0
    yield chunk


def _take(chunk: Chunk, entry: Entry, number: int, tolerate: Tolerate, examples: int) -> None:
    chunk.place, chunk.done = (number, entry.position), entry.done
    chunk.entries += 1
    if entry.document is not None:
        chunk.documents.append(entry.document)
        chunk.records += 1
        chunk.size += entry.document.size
        return
    if entry.severity == "record" and tolerate == "none":
        raise InvalidFileError(f"{entry.source}: {entry.problem}")
    add_example(chunk.unread, entry.problem, entry.source, "", 0, examples)
