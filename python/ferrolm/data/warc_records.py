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
from contextlib import contextmanager, redirect_stderr
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
# Where a record begins, for going on behind one whose length is wrong.
_BEGIN = b"\nWARC/1."
_CUT = "a record that ends before its Content-Length"
_MISFIT = "a record that is not as long as its Content-Length"
_WRONG = frozenset({_CUT, _MISFIT})
# Places without a record that are overcome in one file; what stands before each may be read twice.
_MAX_WRONG = 1000


def read_warc(path: Path, start: Position, limit: int) -> Iterator[Entry]:
    """The HTML responses and text conversions of an archive, plain, with a gzip member for each record, or zstd."""
    failed = require("warcio.exceptions", "data", "reading WARC").ArchiveLoadFailed
    with _open(path) as (raw, content, seekable):
        if seekable:
            content.seek(start[0])
        number, begin = (start[1], start[0]) if seekable else (0, 0)
        for _ in range(_MAX_WRONG):
            cut: Entry | None = None
            what = "the file ends"
            try:
                for offset, entry in _records(path, raw, content, number, limit):
                    if cut is not None:
                        yield cut
                    number = entry.position[1]
                    begin = offset if entry.problem in _WRONG else entry.position[0]
                    cut = entry if entry.problem == _CUT else None
                    if cut is None and (seekable or number > start[1]):
                        yield entry
                if cut is None:
                    return
            except (failed, AttributeError, ValueError, TypeError) as error:
                # No header where one should be: warcio raises its own error, or trips over what is missing.
                what = " ".join(str(error).split())
            if not seekable or not _find_record(content, begin):
                if cut is not None:
                    raise InvalidFileError(f"{path}: cut off in record {number}")
                raise InvalidFileError(f"{path}: no WARC record where record {number + 1} should begin: {what}")
            if cut is not None:
                yield cut
        raise InvalidFileError(f"{path}: more than {_MAX_WRONG} records whose length is wrong")


@contextmanager
def _open(path: Path) -> Iterator[tuple[IO[bytes], Any, bool]]:
    """The file, what warcio reads, and whether positions are places in it."""
    if str(path) == "-":
        yield io.BytesIO(), sys.stdin.buffer, False
    elif path.suffix == ".zst":
        with open_content(path) as (raw, content):
            yield raw, content, False
    else:
        with path.open("rb") as raw:
            yield raw, raw, True


def _records(path: Path, raw: IO[bytes], content: Any, number: int, limit: int) -> Iterator[tuple[int, Entry]]:
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
        entry.position = (offset + archive.get_record_length(), number)
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
    elif record.rec_type == "conversion" and (headers.get_header("Content-Type") or "").startswith("text/plain"):
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


def _find_record(content: Any, begin: int) -> bool:
    """Put the file at the next beginning of a record behind ``begin``; False if there is none."""
    content.seek(begin)
    held = b""
    while piece := content.read(1 << 20):
        held += piece
        found = held.find(_BEGIN)
        if found >= 0:
            content.seek(content.tell() - len(held) + found + 1)
            return True
        held = held[-len(_BEGIN) :]
    return False
