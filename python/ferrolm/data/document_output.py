"""Documents to files: JSON lines, Parquet, plain text.

Each piece that is encoded is compressed by itself (a gzip member, a zstd frame, ...): readers take such files as one, and a file
can grow at any border of pieces.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from ferrolm._extras import require
from ferrolm.data._atomic import replace_file, sync_folder
from ferrolm.data.document_inputs import format_of
from ferrolm.data.sources import COMPRESSED
from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.text.pipeline.document import Document

__all__ = ["DocumentEncoder", "OutputFormat", "finish_output", "output_format_of"]

OutputFormat = Literal["jsonl", "parquet", "text"]

# Bytes of lines that become one row group of a Parquet file.
_ROW_GROUP = 1 << 24
# Fields of metadata that become columns of a Parquet file; more are no table.
MAX_COLUMNS = 500

# Kinds of columns, and Python's types for them; all else is written as JSON.
_KINDS: dict[type, str] = {str: "string", bool: "bool", int: "int", float: "float"}


def output_format_of(path: Path, output_format: str = "auto") -> OutputFormat:
    """What is to be written: as named, else by the ending of the name, else text.

    Raises `UnknownNameError` for an unknown format and `InvalidArgumentError` for names of formats that are only read.
    """
    known = get_args(OutputFormat)
    if output_format != "auto":
        if output_format not in known:
            raise UnknownNameError(
                f"output_format is {output_format!r}, expected auto, {', '.join(known)}{nearest(output_format, known)}"
            )
        return output_format  # type: ignore[return-value]
    found = format_of(path) or "text"
    if found not in known:
        raise InvalidArgumentError(f"{path}: {found} is read, not written; expected .jsonl, .parquet or .txt")
    return found  # type: ignore[return-value]


class DocumentEncoder:
    """Makes the bytes that are appended to a file; Parquet is gathered as JSON lines, and made at the end.

    ``columns``: kinds of the fields seen, which Parquet needs at the end.
    """

    def __init__(self, format: OutputFormat, field: str = "text", path: Path | None = None) -> None:
        self.format = format
        self.field = field
        ending = path.suffix if path is not None and format != "parquet" else ""
        self._compress = _compression(ending if ending in COMPRESSED else "")
        self.columns: dict[str, str] = {field: "string"}

    def encode(self, documents: list[Document], *, first: bool) -> bytes:
        """The documents in the format; ``first``: nothing was written before. Texts are separated by an empty line."""
        if not documents:
            return b""
        if self.format == "text":
            data = b"".join(
                (b"" if first and place == 0 else b"\n") + document.text.encode("utf-8", "replace") + b"\n"
                for place, document in enumerate(documents)
            )
        else:
            data = b"".join(self._line(document) for document in documents)
        return self._compress(data)

    def _line(self, document: Document) -> bytes:
        record = {self.field: document.text, **document.metadata}
        if self.format == "parquet":
            self._note_columns(record)
        try:
            return json.dumps(record, ensure_ascii=False, default=str).encode() + b"\n"
        except UnicodeEncodeError:  # half of a surrogate pair: JSON can escape it
            return json.dumps(record, default=str).encode() + b"\n"

    def _note_columns(self, record: dict[str, Any]) -> None:
        for name, value in record.items():
            kind = _KINDS.get(type(value), "json") if value is not None else "null"
            known = self.columns.setdefault(name, "null")
            if kind != known:
                self.columns[name] = _common(known, kind)
        if len(self.columns) > MAX_COLUMNS:
            raise InvalidArgumentError(
                f"the documents have more than {MAX_COLUMNS} different fields, too many for the columns of Parquet; write .jsonl"
            )


def _common(known: str, kind: str) -> str:
    if "null" in (known, kind):
        return kind if known == "null" else known
    return "float" if {known, kind} == {"int", "float"} else "json"


def _compression(ending: str) -> Callable[[bytes], bytes]:
    if ending == ".gz":
        return lambda data: gzip.compress(data, 6, mtime=0)
    if ending == ".bz2":
        return bz2.compress
    if ending == ".xz":
        return lzma.compress
    if ending == ".zst":
        compressor = require("zstandard", "data", "writing zstd").ZstdCompressor(level=3)
        return lambda data: compressor.compress(data) if data else b""
    return lambda data: data


def finish_output(gathered: Path, path: Path, format: OutputFormat, columns: dict[str, str]) -> None:
    """Give what was gathered its place and form."""
    if format != "parquet":
        gathered.replace(path)
        sync_folder(path.parent)
        return
    arrow = require("pyarrow", "data", "writing Parquet")
    parquet = require("pyarrow.parquet", "data", "writing Parquet")
    types = {"bool": arrow.bool_(), "int": arrow.int64(), "float": arrow.float64()}
    schema = arrow.schema([(name, types.get(kind, arrow.string())) for name, kind in columns.items()])
    with replace_file(path) as target, parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for records in _groups(gathered):
            rows = [
                {name: _cell(record.get(name), kind) for name, kind in columns.items()} for record in records
            ]
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))


def _groups(path: Path) -> Iterator[list[dict[str, Any]]]:
    with path.open("rb") as lines:
        while batch := lines.readlines(_ROW_GROUP):
            yield [json.loads(line) for line in batch]


def _cell(value: Any, kind: str) -> Any:
    if value is None or kind not in ("json", "int"):
        return value
    if kind == "json":
        return json.dumps(value, ensure_ascii=False)
    if not -(2**63) <= value < 2**63:
        raise InvalidArgumentError(f"the number {value} is too large for a column of Parquet; write .jsonl")
    return value
