"""Pages of web archives (WARC, ISO 28500) by warcio, and texts of their conversions (WET).

warcio was chosen over fastwarc for what both did with damaged archives: it goes on with the next record where a length is
wrong, and does not fail on a page whose Content-Encoding lies. That a record is cut or its length wrong neither says:
it is found here, by what is left of the record and what stands behind it.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ferrolm._extras import require
from ferrolm.data.sources import open_content
from ferrolm.errors import InvalidFileError
from ferrolm.text.pipeline.document import Document

if TYPE_CHECKING:
    from ferrolm.data.document_records import Entry, Position

__all__ = ["read_warc"]

_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
# Compressed files without members for records.
_STREAMS = frozenset({".bz2", ".xz", ".zst"})
# Where a record begins, for going on behind one whose length is wrong.
_BEGIN = b"\nWARC/1."
_CUT = "a record that ends before its Content-Length"
_MISFIT = "a record that is not as long as its Content-Length"
_WRONG = frozenset({_CUT, _MISFIT})
# Places without a record that are overcome in one file; what stands before each may be read twice.
_MAX_WRONG = 1000


def read_warc(path: Path, start: Position, limit: int) -> Iterator[Entry]:
    """The HTML responses and text conversions of an archive, plain, with a gzip member for each record, or zstd.

    Raises `InvalidFileError` where the archive ends within a record, or no further record is found.
    """
    if str(path) == "-":
        yield from _stream(path, io.BytesIO(), sys.stdin.buffer, start[1], limit)
        return
    with path.open("rb") as file:
        members = file.read(2) == b"\x1f\x8b"
    # Only archives that are one stream have positions without a place, see `_members`.
    if path.suffix in _STREAMS or (members and start[0] == 0 and start[1] > 1):
        with open_content(path) as (raw, content):
            yield from _stream(path, raw, content, start[1], limit)
        return
    with path.open("rb") as file:
        yield from (_members if members else _plain)(path, file, start, limit)


def _plain(path: Path, file: IO[bytes], start: Position, limit: int) -> Iterator[Entry]:
    """Records one behind the other; behind one whose length is wrong the next is searched for."""
    place, number = start
    for _ in range(_MAX_WRONG):
        file.seek(place)
        what = "the file ends"
        try:
            for offset, entry in _records(path, file, file, number, limit):
                number = entry.position[1]
                if entry.problem in _WRONG:
                    place, what = offset, entry.problem
                    break
                place = entry.position[0]
                yield entry
            else:
                return
        except _errors() as error:
            entry, what = None, _said(error)
        found = _find_record(file, place)
        if found is None and (entry is None or entry.problem == _CUT):
            raise InvalidFileError(
                f"{path}: cut off or damaged at byte {place}, behind record {number}: {what}"
            )
        place = path.stat().st_size if found is None else found
        if entry is not None:
            entry.position = (place, number)
            yield entry
    raise InvalidFileError(f"{path}: more than {_MAX_WRONG} records whose length is wrong")


def _members(path: Path, file: IO[bytes], start: Position, limit: int) -> Iterator[Entry]:
    """Records that are gzip members, whose ends are known whatever the records say."""
    # One record may be all of a file that is a single member, and the place behind it the end: read it again.
    skip = start[1] if start[1] == 1 else 0
    number = start[1] - skip
    file.seek(0 if skip else start[0])
    held: Entry | None = None
    try:
        for _, entry in _records(path, file, file, number, limit):
            if held is not None:
                yield held
            number = entry.position[1]
            # Cut by its own mistake if there is another record behind it, by the end of the file if not.
            held = entry if entry.problem == _CUT else None
            if held is None and number > skip:
                yield entry
    except _errors() as error:
        if "non-chunked" in str(error):  # all in one member, which some programs write
            with open_content(path, ".gz") as (raw, content):
                yield from _stream(path, raw, content, number, limit)
            return
        raise InvalidFileError(f"{path}: damaged behind record {number}: {_said(error)}") from error
    if held is not None:
        raise InvalidFileError(f"{path}: cut off in record {number}")


def _stream(path: Path, raw: IO[bytes], content: Any, skip: int, limit: int) -> Iterator[Entry]:
    """Records of a stream in which nobody can go back; the first ``skip`` are passed over."""
    number = 0
    try:
        for _, entry in _records(path, raw, content, 0, limit):
            number = entry.position[1]
            entry.position = (0, number)
            if entry.problem == _CUT:
                raise InvalidFileError(f"{path}: cut off in record {number}")
            if number > skip:
                yield entry
    except InvalidFileError:
        raise
    except _errors() as error:
        raise InvalidFileError(f"{path}: damaged behind record {number}: {_said(error)}") from error


def _errors() -> tuple[type[Exception], ...]:
    """Where no header is to be found warcio raises its own error, or trips over what is missing."""
    failed = require("warcio.exceptions", "data", "reading WARC").ArchiveLoadFailed
    return failed, AttributeError, ValueError, TypeError, IndexError


def _said(error: Exception) -> str:
    own = isinstance(error, (AttributeError, TypeError, IndexError))
    return "no header of a record" if own else " ".join(str(error).split())


def _records(
    path: Path, raw: IO[bytes], content: Any, number: int, limit: int
) -> Iterator[tuple[int, Entry]]:
    """(where the record begins, the record)."""
    from ferrolm.data.document_records import Entry

    archive = require("warcio.archiveiterator", "data", "reading WARC").ArchiveIterator(content)
    errors = 0
    for record in archive:
        number += 1
        entry = Entry((0, number), 0, source=f"{path}, record {number}")
        _fill(entry, record, limit)
        # warcio prints what it finds behind a record; the count is enough.
        with redirect_stderr(io.StringIO()):
            archive.read_to_end()
        if getattr(record.raw_stream, "limit", 0) > 0:
            entry.document, entry.problem, entry.severity = None, _CUT, "record"
        elif archive.err_count > errors:
            entry.document, entry.problem, entry.severity = None, _MISFIT, "record"
        errors = archive.err_count
        offset = archive.get_record_offset()
        entry.position = (archive.offset, number)  # where the next one begins
        entry.done = raw.tell()
        yield offset, entry


def _fill(entry: Entry, record: Any, limit: int) -> None:
    """Make a document of the record, or say why not."""
    entry.severity = "skip"
    headers = record.rec_headers
    http = record.http_headers
    if record.rec_type == "response" and http is not None:
        kind = http.get_header("Content-Type") or ""
        if http.get_statuscode() != "200":
            entry.problem = "a response other than 200"
        elif kind.partition(";")[0].strip().lower() not in _PAGES:
            entry.problem = "a response that is not HTML"
    elif record.rec_type == "conversion" and (headers.get_header("Content-Type") or "").startswith(
        "text/plain"
    ):
        kind = "text/plain; charset=utf-8"
    else:
        entry.problem = "not a response"
    if entry.problem:
        return
    entry.severity = "record"
    data = _read(record.content_stream(), limit + 1)
    if len(data) > limit:
        entry.problem = f"a page of more than {limit >> 20} MiB"
        return
    charset = _CHARSET.search(kind)
    metadata = {"url": headers.get_header("WARC-Target-URI"), "date": headers.get_header("WARC-Date")}
    entry.document = Document(
        metadata=metadata,
        source=entry.source,
        data=data,
        encoding=_known(charset[1]) if charset else None,
        media_type=kind.partition(";")[0].strip().lower().replace("application/xhtml+xml", "text/html"),
    )


def _read(stream: Any, size: int) -> bytes:
    pieces: list[bytes] = []
    while size > 0 and (piece := stream.read(min(size, 1 << 20))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _known(encoding: str) -> str | None:
    """The name, if it is an encoding: servers send anything."""
    from ferrolm.errors import InvalidArgumentError
    from ferrolm.text.encoding import decode_html

    try:
        decode_html(b"", encoding)
    except InvalidArgumentError:
        return None
    return encoding


def _find_record(file: IO[bytes], place: int) -> int | None:
    """Where the next record begins behind ``place``."""
    file.seek(place)
    held = b""
    while piece := file.read(1 << 20):
        held += piece
        found = held.find(_BEGIN)
        if found >= 0:
            return file.tell() - len(held) + found + 1
        held = held[-len(_BEGIN) :]
    return None
