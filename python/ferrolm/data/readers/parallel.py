"""Pairs of texts that say the same in two languages: two files line by line, or two columns of a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from ferrolm.data.readers._lines import PathLike, numbered_lines
from ferrolm.data.readers.examples import TextPair
from ferrolm.data.readers.tables import Column, read_rows
from ferrolm.errors import InvalidFileError

__all__ = ["read_parallel", "read_parallel_tsv"]


def read_parallel(source: PathLike, target: PathLike, *, encoding: str = "utf-8") -> Iterator[TextPair]:
    r"""Line by line from two files of as many lines; pairs of which one side is empty are left out.

    Raises:
        InvalidFileError: one file ends before the other; with the line.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "test.en").write_text("Hi.\nRun!\n"), (folder / "test.fr").write_text("Salut.\nCours !\n")
    >>> list(read_parallel(folder / "test.en", folder / "test.fr"))[1]
    TextPair(source='Run!', targets=('Cours !',))
    """
    lines = zip_longest(numbered_lines(Path(source), encoding), numbered_lines(Path(target), encoding))
    for one, other in lines:
        if one is None or other is None:
            (short, number) = (source, other[0]) if one is None else (target, one[0])
            raise InvalidFileError(f"{short}: ends before line {number}, which the other file has")
        first, second = one[1].strip(), other[1].strip()
        if first and second:
            yield TextPair(first, (second,))


def read_parallel_tsv(
    path: PathLike,
    source: Column = 0,
    target: Column = 1,
    *,
    header: bool | None = None,
    alternatives: bool = True,
    encoding: str = "utf-8",
) -> Iterator[TextPair]:
    r"""Two columns of a table with tabs; rows of which one side is empty are left out.

    ``alternatives``: neighbouring rows of the same source are one example with several targets, as evaluation wants them;
    False: each row is an example, to train on all. ``source``, ``target``, ``header``: as for `read_tsv`. Quotes are text.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "pairs.tsv"
    >>> _ = path.write_text("Hi.\tSalut.\nHi.\tBonjour.\nRun!\tCours !\n")
    >>> for pair in read_parallel_tsv(path): print(pair)
    TextPair(source='Hi.', targets=('Salut.', 'Bonjour.'))
    TextPair(source='Run!', targets=('Cours !',))
    """
    rows = read_rows(
        Path(path), [source, target],
        header=header, delimiter="\t", quoting=csv.QUOTE_NONE, encoding=encoding,
    )  # fmt: skip
    text: str | None = None
    targets: list[str] = []
    for _, (first, second) in rows:
        first, second = (first or "").strip(), (second or "").strip()
        if not first or not second:
            continue
        if text is not None and (first != text or not alternatives):
            yield TextPair(text, tuple(targets))
            targets = []
        text = first
        targets.append(second)
    if text is not None:
        yield TextPair(text, tuple(targets))
