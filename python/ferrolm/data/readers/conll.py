"""Words with labels in columns, sentences separated by empty lines: the shared tasks of CoNLL, WNUT and their like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ferrolm.data._atomic import replace_file
from ferrolm.data.readers._lines import PathLike, numbered_lines
from ferrolm.data.readers.examples import LabeledWords
from ferrolm.errors import InvalidArgumentError, InvalidFileError

__all__ = ["read_conll", "write_conll"]


def read_conll(
    path: PathLike,
    word: int = 0,
    label: int = -1,
    *,
    delimiter: str | None = None,
    comment: str | None = None,
    encoding: str = "utf-8",
) -> Iterator[LabeledWords]:
    r"""The sentences of a file with one word a line; lines of white space and of ``-DOCSTART-`` separate sentences.

    Args:
        path: the file, perhaps compressed.
        word, label: columns from 0, or from the end with -1 for the last, as CoNLL-2003 and WNUT17 have their entities.
        delimiter: between columns; None: a tab if the line has one, else spaces.
        comment: lines that start so are left out, such as ``"# "``. None: there are none (a word may be ``#``).
        encoding: any in which ASCII is itself.

    Raises:
        InvalidFileError: a line without the columns; with its number.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "train.conll"
    >>> _ = path.write_text("-DOCSTART- -X- O\n\nAnn NNP B-PER\nsleeps VBZ O\n\nGood JJ O\n")
    >>> for sentence in read_conll(path): print(sentence)
    LabeledWords(words=('Ann', 'sleeps'), labels=('B-PER', 'O'))
    LabeledWords(words=('Good',), labels=('O',))
    """
    words: list[str] = []
    labels: list[str] = []
    for number, line in numbered_lines(Path(path), encoding):
        empty = not line.strip() or line.startswith("-DOCSTART-")
        if empty and words:
            yield LabeledWords(tuple(words), tuple(labels))
            words, labels = [], []
        if empty or (comment is not None and line.startswith(comment)):
            continue
        columns = _columns(line.rstrip("\r\n"), delimiter)
        try:
            found = columns[word], columns[label]
        except IndexError:
            found = "", ""
        if len(columns) < 2 or not all(found):
            raise InvalidFileError(
                f"{path}, line {number}: {line.strip()[:60]!r} has {len(columns)} columns, "
                f"expected a word in column {word} and a label in column {label}"
            )
        words.append(found[0])
        labels.append(found[1])
    if words:
        yield LabeledWords(tuple(words), tuple(labels))


def write_conll(path: PathLike, sentences: Iterable[LabeledWords]) -> int:
    r"""Write words and their labels with a tab between them; returns how many sentences there were.

    The file is replaced whole or not at all.

    Raises:
        InvalidArgumentError: a word or a label that is empty or has a tab or a line end, which no file could give back.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "out.conll"
    >>> write_conll(path, [LabeledWords(("Ann", "sleeps"), ("B-PER", "O"))])
    1
    >>> path.read_text()
    'Ann\tB-PER\nsleeps\tO\n\n'
    """
    count = 0
    with replace_file(Path(path)) as file:
        for count, sentence in enumerate(sentences, 1):
            for pair in zip(sentence.words, sentence.labels, strict=True):
                for text in pair:
                    if not text.strip() or any(letter in text for letter in "\t\r\n"):
                        raise InvalidArgumentError(f"sentence {count}: {text!r} cannot stand in a column")
                file.write("\t".join(pair).encode() + b"\n")
            file.write(b"\n")
    return count


def _columns(line: str, delimiter: str | None) -> list[str]:
    if delimiter is not None:
        return line.split(delimiter)
    # Not split(): it would also cut at no-break spaces, which some words are.
    return line.split("\t") if "\t" in line else [part for part in line.split(" ") if part]
