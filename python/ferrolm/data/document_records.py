"""The documents of one file, from any position on, with what could not be read.

Memory: one line, page, or batch of rows at a time. Whatever is longer than `MAX_RECORD` bytes is reported, not held.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from ferrolm._extras import require
from ferrolm.data.document_inputs import STANDARD_INPUT, InputFile
from ferrolm.data.sources import file_errors, open_content
from ferrolm.errors import InvalidFileError
from ferrolm.text.pipeline.document import Document

__all__ = ["MAX_RECORD", "START", "Entry", "Position", "Split", "read_entries"]

MAX_RECORD = 1 << 26
"""Bytes of a document beyond which it is not read."""

Position = tuple[int, int]
"""Where the next record begins (a byte or a row, as the format has it), and how many were before it."""
START: Position = (0, 0)

Split = Literal["file", "line", "paragraph"]

_ROWS = 256


@dataclass(slots=True)
class Entry:
    """A document, or why there is none; where to go on; bytes of the file that were read.

    ``severity``: ``skip`` for what is not meant to be read (an image in an archive), ``record`` for what should have been.
    """

    position: Position
    done: int
    document: Document | None = None
    problem: str = ""
    source: str = ""
    severity: Literal["skip", "record"] = "record"


def read_entries(
    file: InputFile, *, field: str = "text", split: Split = "file", start: Position = START
) -> Iterator[Entry]:
    """The records of a file in order, from ``start`` on, which an earlier entry gave.

    Raises `FileAccessError` and `InvalidFileError` where the file itself cannot be read further.
    """
    path = file.path
    with file_errors(path):
        if file.format == "parquet":
            yield from _parquet(path, field, start)
        elif file.format == "warc":
            from ferrolm.data.warc_records import read_warc

            yield from read_warc(path, start, MAX_RECORD)
        elif file.format == "jsonl":
            with _content(path) as (raw, content):
                yield from _json_lines(path, raw, content, field, start)
        elif file.format == "text" and split != "file":
            with _content(path) as (raw, content):
                yield from _parts(path, raw, content, split, start)
        elif start == START:
            yield _whole(file)


def _content(path: Path) -> Any:
    if path == STANDARD_INPUT:
        return _StandardInput()
    return open_content(path)


class _StandardInput:
    def __enter__(self) -> tuple[IO[bytes], IO[bytes]]:
        # A pipe has no position; bytes are not needed for progress, which a pipe cannot have either.
        return io.BytesIO(), sys.stdin.buffer

    def __exit__(self, *_: object) -> None:
        pass


def _whole(file: InputFile) -> Entry:
    with _content(file.path) as (raw, content):
        data = content.read(MAX_RECORD + 1)
        done = raw.tell()
    name = str(file.path)
    if len(data) > MAX_RECORD:
        hint = "; read its lines or paragraphs as documents" if file.format == "text" else ""
        return Entry(
            (1, 1),
            done,
            problem=f"a file of more than {MAX_RECORD >> 20} MiB as one document{hint}",
            source=name,
        )
    media_type = {"html": "text/html", "text": "text/plain" if file.named else ""}[file.format]
    metadata = {} if file.path == STANDARD_INPUT else {"source": name}
    return Entry((1, 1), done, Document(metadata=metadata, source=name, data=data, media_type=media_type))


def _lines(content: Any, start: Position) -> Iterator[tuple[int, int, bytes | None]]:
    """(offset behind the line, its number, the line; None if it is too long)."""
    offset, number = start
    _skip(content, offset)
    while line := content.readline(MAX_RECORD + 1):
        offset += len(line)
        number += 1
        if len(line) <= MAX_RECORD:
            yield offset, number, line
            continue
        while line and not line.endswith(b"\n"):
            line = content.readline(1 << 20)
            offset += len(line)
        yield offset, number, None


def _skip(content: Any, offset: int) -> None:
    if offset and content.seekable():
        content.seek(offset)
        return
    while offset > 0:
        piece = len(content.read(min(offset, 1 << 20)))
        if piece == 0:
            return
        offset -= piece


def _json_lines(path: Path, raw: IO[bytes], content: Any, field: str, start: Position) -> Iterator[Entry]:
    for offset, number, line in _lines(content, start):
        entry = Entry((offset, number), raw.tell(), source=f"{path}, line {number}")
        if line is None:
            entry.problem = f"a line of more than {MAX_RECORD >> 20} MiB"
        elif not line.strip():
            continue
        else:
            record, entry.problem = _json_record(line, field)
            if record is not None:
                text = record.pop(field)
                entry.document = Document(text, record, entry.source)
        yield entry


def _json_record(line: bytes, field: str) -> tuple[dict[str, Any] | None, str]:
    try:
        record = json.loads(line)
    except UnicodeDecodeError:
        return None, "not UTF-8"
    except (json.JSONDecodeError, RecursionError):
        return None, "not JSON"
    if not isinstance(record, dict) or not isinstance(record.get(field), str):
        return None, f"no string under {field!r}"
    return record, ""


def _parts(path: Path, raw: IO[bytes], content: Any, split: Split, start: Position) -> Iterator[Entry]:
    held: list[bytes] = []
    size, position = 0, start
    for offset, number, line in _lines(content, start):
        position = (offset, number)
        if line is None or size > MAX_RECORD:
            yield Entry(
                position,
                raw.tell(),
                problem=f"a {split} of more than {MAX_RECORD >> 20} MiB",
                source=str(path),
            )
            held, size = [], 0
            continue
        if line.strip():
            held.append(line)
            size += len(line)
        if held and (split == "line" or not line.strip()):
            yield _part(path, raw, position, held)
            held, size = [], 0
    if held:
        yield _part(path, raw, position, held)


def _part(path: Path, raw: IO[bytes], position: Position, lines: list[bytes]) -> Entry:
    source = f"{path}, line {position[1]}"
    try:
        text = b"".join(lines).decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        return Entry(position, raw.tell(), problem="not UTF-8", source=source)
    return Entry(position, raw.tell(), Document(text, {"source": str(path)}, source), source=source)


def _parquet(path: Path, field: str, start: Position) -> Iterator[Entry]:
    if path == STANDARD_INPUT:
        raise InvalidFileError("Parquet cannot be read from standard input: its index is at the end")
    parquet = require("pyarrow.parquet", "data", "reading Parquet")
    arrow = require("pyarrow", "data", "reading Parquet")
    size = path.stat().st_size
    try:
        with parquet.ParquetFile(path) as file:
            if field not in file.schema_arrow.names:
                found = ", ".join(file.schema_arrow.names)
                raise InvalidFileError(f"{path}: no column {field!r}, found {found}")
            rows, row = max(file.metadata.num_rows, 1), 0
            for group in range(file.num_row_groups):
                length = file.metadata.row_group(group).num_rows
                if row + length <= start[0]:
                    row += length
                    continue
                for batch in file.iter_batches(batch_size=_ROWS, row_groups=[group]):
                    for record in batch.to_pylist():
                        row += 1
                        if row > start[0]:
                            yield _row(path, row, record, field, size * row // rows)
    except arrow.ArrowException as error:
        raise InvalidFileError(f"{path}: not a readable Parquet file: {error}") from error


def _row(path: Path, row: int, record: dict[str, Any], field: str, done: int) -> Entry:
    source = f"{path}, row {row}"
    text = record.pop(field)
    if not isinstance(text, str):
        return Entry((row, row), done, problem=f"no string under {field!r}", source=source)
    return Entry((row, row), done, Document(text, record, source), source=source)
