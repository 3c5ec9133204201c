"""Batches of documents from files: text, JSON lines and Parquet, plain, gzip or zstd, from a position on."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ferrolm._extras import require
from ferrolm.errors import (
    FileAccessError,
    InvalidArgumentError,
    InvalidEncodingError,
    InvalidFileError,
    MissingFileError,
)

__all__ = ["COMPRESSED", "Batch", "file_errors", "json_text", "open_content", "read_batches"]

# Endings of compressed files.
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")

# Bytes of a compressed file that are read at once.
_PACKED = 1 << 16
# Bytes or characters of a batch: enough to keep all threads busy, little memory.
BATCH_SIZE = 1 << 22


@dataclass(frozen=True)
class Batch:
    """Documents, as `Tokenizer.encode_ids_batch` takes them.

    ``position``: where the next batch starts; pass it to `read_batches`. ``done``: bytes of the file read so far.
    """

    texts: Any
    separator: str | None
    text_bytes: int
    position: int
    done: int


def read_batches(
    path: Path, *, field: str = "text", separator: str | None = None, start: int = 0
) -> Iterator[Batch]:
    """The documents of a file, from the position ``start`` of an earlier batch on.

    ``.parquet``: the column ``field``. ``.jsonl``: the string under ``field`` of each line. Any other file is UTF-8
    text, one document, or several that ``separator`` ends. Text and JSON may be compressed: see `COMPRESSED`.

    Raises `MissingFileError` or `FileAccessError` for files that cannot be read, `InvalidEncodingError` for text
    that is not UTF-8, `InvalidFileError` for content that is not as described, `MissingExtraError` for Parquet and
    zstd without the extra ``data``.
    """
    stem, suffix = (path.stem, path.suffix) if path.suffix in COMPRESSED else (path.name, "")
    with file_errors(path):
        if path.suffix == ".parquet":
            yield from _parquet(path, field, start)
        elif stem.endswith(".jsonl"):
            with open_content(path) as (raw, lines):
                yield from _json_lines(path, raw, lines, field, start)
        elif separator is not None and not suffix:
            yield from _separated(path, separator, start)
        elif start == 0:
            with open_content(path) as (raw, text):
                content = text.read()
            yield Batch(
                content if separator is not None else [content.decode()],
                separator,
                len(content),
                1,
                path.stat().st_size,
            )


@contextmanager
def file_errors(path: Path, ending: str | None = None) -> Iterator[None]:
    """Errors of reading ``path`` as ours, which name it; ``ending`` as in `open_content`."""
    kind = {".bz2": "bzip2", ".xz": "xz"}.get(path.suffix if ending is None else ending, "gzip")
    try:
        yield
    except FileNotFoundError as error:
        raise MissingFileError(f"cannot read {path}: it does not exist") from error
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 at byte {error.start} of what was being read: {error.reason}"
        raise InvalidEncodingError(message) from error
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise InvalidFileError(f"{path}: not a complete {kind} file: {error}") from error
    except OSError as error:
        if kind == "bzip2" and error.errno is None:  # the system gives a number, the decompressor none
            raise InvalidFileError(f"{path}: not a complete bzip2 file: {error}") from error
        raise FileAccessError(f"cannot read {path}: {error}") from error


@contextmanager
def open_content(path: Path, ending: str | None = None) -> Iterator[tuple[IO[bytes], Any]]:
    """The file itself, whose position tells progress, and its content.

    ``ending``: of `COMPRESSED`, what the file is; None asks its name.
    """
    ending = path.suffix if ending is None else ending
    with path.open("rb") as raw:
        if ending == ".gz":
            with gzip.open(raw, "rb") as content:
                yield raw, content
        elif ending == ".bz2":
            with bz2.open(raw, "rb") as content:
                yield raw, content
        elif ending == ".xz":
            with lzma.open(raw, "rb") as content:
                yield raw, content
        elif ending == ".zst":
            zstandard = require("zstandard", "data", "reading zstd")
            try:
                yield raw, io.BufferedReader(_Zstd(raw, zstandard))
            except zstandard.ZstdError as error:
                raise InvalidFileError(f"{path}: not a complete zstd file: {error}") from error
        else:
            yield raw, raw


class _Zstd(io.RawIOBase):
    """The content of a zstd file of any number of frames. `zstandard`'s own reader takes a cut file for a shorter one."""

    def __init__(self, raw: IO[bytes], zstandard: Any) -> None:
        self._raw = raw
        self._begin = zstandard.ZstdDecompressor().decompressobj
        self._error = zstandard.ZstdError
        self._frame: Any = None
        self._packed = b""
        self._content = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._content:
            self._packed = self._packed or self._raw.read(_PACKED)
            if not self._packed:
                if self._frame is not None:
                    raise self._error("the last frame is cut")
                return 0
            self._frame = self._frame or self._begin()
            # A view: cutting a piece from the front copies nothing.
            self._content = memoryview(self._frame.decompress(self._packed))
            self._packed = b""
            if self._frame.eof:
                self._packed, self._frame = self._frame.unused_data, None
        size = min(len(buffer), len(self._content))
        buffer[:size], self._content = self._content[:size], self._content[size:]
        return size


def _json_lines(
    path: Path, raw: IO[bytes], lines: Iterable[bytes], field: str, start: int
) -> Iterator[Batch]:
    texts: list[str] = []
    size, number = 0, 0
    for number, line in enumerate(lines, 1):
        if number <= start or not line.strip():
            continue
        text = json_text(path, number, line, field)
        texts.append(text)
        size += len(line)
        if size >= BATCH_SIZE:
            yield Batch(texts, None, _utf8_bytes(texts), number, raw.tell())
            texts, size = [], 0
    if texts:
        yield Batch(texts, None, _utf8_bytes(texts), number, raw.tell())


def json_text(path: Path, number: int, line: bytes, field: str) -> str:
    """The string under ``field`` of a line of JSON."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidFileError(f"{path}, line {number}: not JSON: {error}") from error
    text = record.get(field) if isinstance(record, dict) else None
    if not isinstance(text, str):
        raise InvalidFileError(f"{path}, line {number}: expected an object with a string under {field!r}")
    return text


def _utf8_bytes(texts: list[str]) -> int:
    # Lone surrogates are refused by the tokenizer, which names the text.
    return sum(len(text) if text.isascii() else len(text.encode(errors="replace")) for text in texts)


def _parquet(path: Path, field: str, start: int) -> Iterator[Batch]:
    parquet = require("pyarrow.parquet", "data", "reading Parquet")
    arrow = require("pyarrow", "data", "reading Parquet")
    size = path.stat().st_size
    try:
        file = parquet.ParquetFile(path)
        if field not in file.schema_arrow.names:
            found = ", ".join(file.schema_arrow.names)
            raise InvalidFileError(f"{path}: no column {field!r}, found {found}")
        row, rows = 0, max(file.metadata.num_rows, 1)
        for batch in file.iter_batches(batch_size=4096, columns=[field]):
            row += len(batch)
            if row <= start:
                continue
            column = batch.column(0)[max(0, start - (row - len(batch))) :]
            yield Batch(column, None, int(column.nbytes), row, size * row // rows)
    except arrow.ArrowException as error:
        raise InvalidFileError(f"{path}: not a readable Parquet file: {error}") from error


def _separated(path: Path, separator: str, start: int) -> Iterator[Batch]:
    if not separator:
        raise InvalidArgumentError("separator: is empty, expected one character or more")
    mark = separator.encode()
    size = path.stat().st_size
    # Read and not mapped: a map of a file that somebody truncates meanwhile would end the process.
    with path.open("rb") as file:
        file.seek(start)
        rest = b""
        while start < size:
            piece, rest = _up_to_mark(file, rest, mark)
            if not piece:
                raise FileAccessError(
                    f"cannot read {path}: it had {size} bytes, and was cut to {start} meanwhile"
                )
            yield Batch(piece, separator, len(piece), start + len(piece), start + len(piece))
            start += len(piece)


def _up_to_mark(file: IO[bytes], rest: bytes, mark: bytes) -> tuple[bytes, bytes]:
    """`BATCH_SIZE` bytes and what comes up to the next mark, of which ``rest`` was read already; and what was read too much."""
    data, looked = bytearray(rest), BATCH_SIZE
    data += file.read(max(0, BATCH_SIZE - len(rest)))
    while (found := data.find(mark, looked)) < 0:
        looked = max(BATCH_SIZE, len(data) - len(mark) + 1)
        more = file.read(BATCH_SIZE)
        if not more:
            return bytes(data), b""
        data += more
    end = found + len(mark)
    return bytes(data[:end]), bytes(data[end:])
