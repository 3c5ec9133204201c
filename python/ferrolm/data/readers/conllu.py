"""Treebanks of Universal Dependencies in CoNLL-U (https://universaldependencies.org/format.html)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ferrolm.data.readers._lines import PathLike, numbered_lines
from ferrolm.data.readers.examples import DependencySentence
from ferrolm.errors import InvalidFileError

__all__ = ["read_conllu"]

_COLUMNS = 10


def read_conllu(path: PathLike) -> Iterator[DependencySentence]:
    r"""The sentences of a treebank, by syntactic words.

    Multiword tokens (``4-5  don't``) are listed in ``multiword``, empty nodes (``8.1``) of enhanced graphs are left out;
    comments ``# key = value`` are in ``metadata``.

    Raises:
        InvalidFileError: a line without ten columns, words that are not numbered 1, 2, ..., a head that is no word of the
            sentence; with the line.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "dev.conllu"
    >>> _ = path.write_text("# text = Dogs bark\n1\tDogs\tdog\tNOUN\tNNS\tNumber=Plur\t2\tnsubj\t_\t_\n"
    ...                     "2\tbark\tbark\tVERB\tVBP\t_\t0\troot\t_\t_\n\n")
    >>> [sentence] = read_conllu(path)
    >>> sentence.words, sentence.upos, sentence.heads, sentence.relations, sentence.features[0]
    (('Dogs', 'bark'), ('NOUN', 'VERB'), (2, 0), ('nsubj', 'root'), {'Number': 'Plur'})
    """
    sentence = _Sentence(Path(path))
    for number, line in numbered_lines(Path(path)):
        line = line.rstrip("\r\n")
        if line.strip():
            sentence.add(number, line)
        elif sentence.rows:
            yield sentence.finished()
            sentence = _Sentence(Path(path))
    if sentence.rows:
        yield sentence.finished()


class _Sentence:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[tuple[int, list[str]]] = []
        self.multiword: list[tuple[int, int, str]] = []
        self.metadata: dict[str, str] = {}

    def add(self, number: int, line: str) -> None:
        if line.startswith("#"):
            key, equals, value = line[1:].partition("=")
            if equals:
                self.metadata[key.strip()] = value.strip()
            return
        columns = line.split("\t")
        if len(columns) != _COLUMNS:
            raise self._error(number, f"{len(columns)} columns, expected {_COLUMNS} with tabs between them")
        first, dash, last = columns[0].partition("-")
        if dash and first.isdecimal() and last.isdecimal():
            self.multiword.append((int(first), int(last), columns[1]))
        elif columns[0].isdecimal():
            if int(columns[0]) != len(self.rows) + 1:
                raise self._error(number, f"word {columns[0]}, expected {len(self.rows) + 1}")
            self.rows.append((number, columns))
        elif not columns[0].replace(".", "", 1).isdecimal():  # 8.1, an empty node
            raise self._error(number, f"{columns[0]!r} is not the number of a word")

    def finished(self) -> DependencySentence:
        rows = [columns for _, columns in self.rows]
        return DependencySentence(
            words=tuple(row[1] for row in rows),
            # A word that is an underscore has that lemma too.
            lemmas=tuple(row[2] if row[1] == "_" else _given(row[2]) for row in rows),
            upos=tuple(_given(row[3]) for row in rows),
            xpos=tuple(_given(row[4]) for row in rows),
            features=tuple(self._features(number, row[5]) for number, row in self.rows),
            heads=tuple(self._head(number, row[6]) for number, row in self.rows),
            relations=tuple(_given(row[7]) for row in rows),
            multiword=tuple(self.multiword),
            metadata=self.metadata,
        )

    def _features(self, number: int, text: str) -> dict[str, str]:
        if text == "_":
            return {}
        pairs = [part.partition("=") for part in text.split("|")]
        if not all(equals for _, equals, _ in pairs):
            raise self._error(number, f"features {text!r}, expected Name=Value|Name=Value")
        return {name: value for name, _, value in pairs}

    def _head(self, number: int, text: str) -> int | None:
        if text == "_":
            return None
        if not text.isdecimal() or int(text) > len(self.rows):
            raise self._error(
                number, f"head {text!r}, expected a number up to {len(self.rows)}, the words of the sentence"
            )
        return int(text)

    def _error(self, number: int, message: str) -> InvalidFileError:
        return InvalidFileError(f"{self.path}, line {number}: {message}")


def _given(value: str) -> str | None:
    return None if value == "_" else value
