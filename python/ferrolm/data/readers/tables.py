"""Texts with labels from tables: CSV and TSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ferrolm.data.readers._lines import PathLike, numbered_lines
from ferrolm.data.readers.examples import Label, TextExample
from ferrolm.errors import InvalidArgumentError, InvalidFileError, nearest

__all__ = ["Column", "read_csv", "read_rows", "read_tsv"]

# A name in the first line, or a number from 0.
Column = str | int


def read_csv(
    path: PathLike,
    text: Column = "text",
    text_pair: Column | None = None,
    label: Column | None = "label",
    *,
    header: bool | None = None,
    numeric: bool = False,
    label_separator: str | None = None,
    delimiter: str = ",",
    quoting: int = csv.QUOTE_MINIMAL,
    encoding: str = "utf-8",
) -> Iterator[TextExample]:
    r"""The rows of a table with a comma between columns, quoted as the module `csv` reads it.

    Args:
        path: the file, perhaps compressed (``.gz``, ``.bz2``, ``.xz``, ``.zst``).
        text, text_pair, label: columns, by name or by number from 0. ``label=None``: there are none.
        header: whether the first line has the names; None: if a column is asked for by name.
        numeric: labels are numbers to predict (float).
        label_separator: what stands between the labels of a row that may have several, which become a tuple.
        delimiter, quoting: as in `csv.reader`.
        encoding: any in which ASCII is itself.

    Raises:
        InvalidFileError: a row with too few columns, a column that is not there, a label that is no number; with the line.
        InvalidEncodingError, MissingFileError, FileAccessError: as their names say.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "reviews.csv"
    >>> _ = path.write_text('text,label\n"Dull, and long",negative\nA joy,positive\n')
    >>> for example in read_csv(path): print(example)
    TextExample(text='Dull, and long', text_pair=None, label='negative')
    TextExample(text='A joy', text_pair=None, label='positive')
    """
    columns = [text, text_pair, label]
    rows = read_rows(
        Path(path), columns, header=header, delimiter=delimiter, quoting=quoting, encoding=encoding
    )
    for line, (first, second, found) in rows:
        assert first is not None
        yield TextExample(first, second, _label(Path(path), line, found, numeric, label_separator))


def read_tsv(
    path: PathLike,
    text: Column = "text",
    text_pair: Column | None = None,
    label: Column | None = "label",
    *,
    header: bool | None = None,
    numeric: bool = False,
    label_separator: str | None = None,
    quoting: int = csv.QUOTE_NONE,
    encoding: str = "utf-8",
) -> Iterator[TextExample]:
    r"""The rows of a table with tabs between columns: `read_csv` with other defaults, quotes are text.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "pairs.tsv"
    >>> _ = path.write_text('A man "sleeps"\tA man is awake\t2\n')
    >>> list(read_tsv(path, text=0, text_pair=1, label=2))
    [TextExample(text='A man "sleeps"', text_pair='A man is awake', label='2')]
    """
    return read_csv(
        path, text, text_pair, label, header=header, numeric=numeric, label_separator=label_separator,
        delimiter="\t", quoting=quoting, encoding=encoding,
    )  # fmt: skip


def read_rows(
    path: Path,
    columns: Sequence[Column | None],
    *,
    header: bool | None,
    delimiter: str,
    quoting: int,
    encoding: str,
) -> Iterator[tuple[int, list[str | None]]]:
    """Line numbers and the asked columns of each row, None for the column None. Empty lines are skipped."""
    by_name = [column for column in columns if isinstance(column, str)]
    if header is False and by_name:
        raise InvalidArgumentError(f"column {by_name[0]!r} is a name, but header is False")
    reader = csv.reader(
        (line for _, line in numbered_lines(path, encoding)),
        delimiter=delimiter, quoting=quoting, strict=quoting != csv.QUOTE_NONE,  # type: ignore[arg-type]
    )  # fmt: skip
    names: list[str] | None = [] if header or by_name else None
    places: list[int | None] | None = None
    for row in _rows(path, reader):
        if not row:
            continue
        if places is None:
            names = row if names is not None else None
            places = [_place(path, column, names) for column in columns]
            if names is not None:
                continue
        yield reader.line_num, [_cell(path, reader.line_num, row, place) for place in places]


def _rows(path: Path, reader: Any) -> Iterator[list[str]]:
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise InvalidFileError(
                f"{path}, line {reader.line_num}: not a row of a table: {error}"
            ) from error
        if row is None:
            return
        yield row


def _place(path: Path, column: Column | None, names: list[str] | None) -> int | None:
    if not isinstance(column, str):
        if column is not None and column < 0:
            raise InvalidArgumentError(f"column is {column}, expected a name or a number from 0")
        return column
    assert names is not None
    if column not in names:
        found = ", ".join(map(repr, names))
        raise InvalidFileError(f"{path}, line 1: no column {column!r}, found {found}{nearest(column, names)}")
    return names.index(column)


def _cell(path: Path, line: int, row: list[str], place: int | None) -> str | None:
    if place is None:
        return None
    if place >= len(row):
        raise InvalidFileError(f"{path}, line {line}: {len(row)} columns, expected {place + 1} or more")
    return row[place]


def _label(path: Path, line: int, label: str | None, numeric: bool, separator: str | None) -> Label | None:
    if label is None:
        return None
    if separator is not None:
        return tuple(part.strip() for part in label.split(separator) if part.strip())
    if not numeric:
        return label
    try:
        return float(label)
    except ValueError:
        message = f"{path}, line {line}: the label is {label!r}, expected a number"
        raise InvalidFileError(message) from None
