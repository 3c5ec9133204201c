"""Documents from files of any kind, and to files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from os import PathLike
from pathlib import Path

from ferrolm.data.cleaning.chunks import read_chunks
from ferrolm.data.cleaning.output import ResumableOutput
from ferrolm.data.document_inputs import find_inputs
from ferrolm.data.document_output import output_format_of
from ferrolm.data.document_records import Split
from ferrolm.text.encoding import decode_html
from ferrolm.text.pipeline.document import Document
from ferrolm.text.pipeline.pipeline import Tolerate
from ferrolm.text.pipeline.report import Count

__all__ = ["read_documents", "write_documents"]

# Documents that are encoded together by `write_documents`.
_TOGETHER = 256


def read_documents(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    field: str = "text",
    input_format: str = "auto",
    documents: Split = "file",
    tolerate: Tolerate = "none",
    unread: dict[str, Count] | None = None,
) -> Iterator[Document]:
    """The documents of files and folders, one after the other, about a million characters at a time.

    Args:
        paths: HTML pages and text files, ``.jsonl``, ``.parquet``, and web archives (``.warc``, ``.wet``); all but Parquet may be
            compressed (``.gz``, ``.bz2``, ``.xz``, ``.zst``). Folders are searched for these endings. ``-`` is standard input.
        field: the text of a JSON line or a row; the other fields become ``metadata``.
        input_format: ``html``, ``text``, ``jsonl``, ``parquet`` or ``warc``, whatever the names are.
        documents: what is a document of a text file: the ``file``, each ``line``, or each ``paragraph`` (empty lines between).
        tolerate: ``none`` raises at the first record that cannot be read; ``records`` passes over it, ``files`` also over what
            is left of a damaged file.
        unread: filled with what was passed over, by reason.

    Bytes of pages and text files are decoded by `decode_html`, with the encoding of the HTTP header in archives; of an archive the
    HTML responses (status 200) and text conversions are read. A document of more than 64 MiB is a record that cannot be read.

    Raises `MissingFileError`, `FileAccessError`, `InvalidFileError` naming file and place, and `MissingExtraError` for Parquet, zstd
    and WARC without the extra ``data``.

    >>> from pathlib import Path
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     count = write_documents(["Tea.", "Bread."], Path(folder) / "a.jsonl.gz")
    ...     [document.text for document in read_documents(folder)]
    ['Tea.', 'Bread.']
    """
    files, _ = find_inputs(paths, input_format)
    counts = {} if unread is None else unread
    for chunk in read_chunks(files, field=field, split=documents, tolerate=tolerate):
        for reason, count in chunk.unread.items():
            counts.setdefault(reason, Count()).merge(count, 1)
        for document in chunk.documents:
            if document.data is not None:
                document.text, document.data = decode_html(document.data, document.encoding), None
            yield document


def write_documents(
    documents: Iterable[str | Document],
    path: str | PathLike[str],
    *,
    field: str = "text",
    output_format: str = "auto",
) -> int:
    """Write documents to a file, which appears when it is whole; returns how many there were.

    Args:
        documents: texts, or documents, whose metadata become fields beside the text. They are taken 256 at a time.
        path: ``.jsonl``, ``.parquet`` or else plain text, one empty line between two documents; JSON and text compressed if
            the name ends in ``.gz``, ``.bz2``, ``.xz`` or ``.zst``.
        field: the name of the text.
        output_format: ``jsonl``, ``parquet`` or ``text``, whatever the name is.

    In Parquet a field has one type: text, whole numbers, numbers, truth values; fields of other or mixed types are JSON.

    Raises `FileAccessError` if the file cannot be written, `MissingExtraError` for Parquet and zstd without the extra ``data``.
    """
    target = Path(path)
    output = ResumableOutput(target, output_format_of(target, output_format), "", field, resume=False)
    count = 0
    with output:
        rest: Iterator[str | Document] = iter(documents)
        while together := list(islice(rest, _TOGETHER)):
            output.append([Document(one) if isinstance(one, str) else one for one in together], {})
            count += len(together)
    return count
