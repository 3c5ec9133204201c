"""Treebanks of Universal Dependencies in CoNLL-U (https://universaldependencies.org/format.html), in and out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ferrolm.data._atomic import replace_file
from ferrolm.data.readers._lines import PathLike, numbered_lines
from ferrolm.data.readers.examples import DependencySentence
from ferrolm.errors import InvalidArgumentError, InvalidFileError, UnknownNameError, nearest

__all__ = ["conllu_text", "read_conllu", "with_labels", "write_conllu"]

_COLUMNS = 10
# Where `with_labels` writes.
_WRITABLE = {"upos": 3, "xpos": 4, "ner": 9}


def read_conllu(path: PathLike) -> Iterator[DependencySentence]:
    r"""The sentences of a treebank, by syntactic words.

    Multiword tokens (``4-5  don't``) are listed in ``multiword``, empty nodes (``8.1``) of enhanced graphs are left out;
    comments ``# key = value`` are in ``metadata``. ``source`` has every byte of the sentence, as text, so that `write_conllu`
    gives back the file that was read.

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
        empty = not line.strip()
        if sentence.ended and not empty:  # further empty lines belong to the sentence before
            yield sentence.finished()
            sentence = _Sentence(Path(path))
        sentence.source.append(line)
        if not empty:
            sentence.add(number, line.rstrip("\r\n"))
        sentence.ended = empty and bool(sentence.rows)
    if sentence.rows:
        yield sentence.finished()


def conllu_text(sentence: DependencySentence) -> str:
    r"""A sentence as the lines of a file: its ``source``, or else what its fields say.

    >>> nothing = (None, None)
    >>> conllu_text(DependencySentence(("Go", "!"), nothing, ("VERB", "PUNCT"), nothing, ({}, {}), nothing, nothing))
    '1\tGo\t_\tVERB\t_\t_\t_\t_\t_\t_\n2\t!\t_\tPUNCT\t_\t_\t_\t_\t_\t_\n\n'
    """
    if sentence.source:
        return sentence.source
    lines = [f"# {name} = {value}" for name, value in sentence.metadata.items()]
    tokens = {first: f"{first}-{last}\t{form}" + "\t_" * 8 for first, last, form in sentence.multiword}
    misc = sentence.misc or (None,) * len(sentence.words)
    features = ["|".join(f"{name}={value}" for name, value in each.items()) for each in sentence.features]
    rows = zip(
        sentence.words, sentence.lemmas, sentence.upos, sentence.xpos, features, sentence.heads,
        sentence.relations, misc, strict=True,
    )  # fmt: skip
    for number, (*columns, head, relation, last) in enumerate(rows, 1):
        if number in tokens:
            lines.append(tokens[number])
        cells = [*columns, head if head is None else str(head), relation, None, last]
        lines.append("\t".join([str(number), *(cell or "_" for cell in cells)]))
    return "\n".join([*lines, "", ""])


def write_conllu(path: PathLike, sentences: Iterable[DependencySentence]) -> int:
    """Write sentences to a file, which is replaced whole or not at all; returns how many there were.

    Sentences that `read_conllu` read are written as they were, byte for byte.

    Raises:
        FileAccessError: the file cannot be written.
    """
    count = 0
    with replace_file(Path(path)) as file:
        for sentence in sentences:
            file.write(conllu_text(sentence).encode())
            count += 1
    return count


def with_labels(sentence: DependencySentence, column: str, labels: Sequence[str]) -> DependencySentence:
    r"""The sentence with other labels of its words, and all else as it was.

    column: ``upos``, ``xpos`` or ``ner``, which is ``NER=`` in misc, left out where the label is ``O``.

    Raises:
        UnknownNameError: another column.
        InvalidArgumentError: not a label for each word.

    >>> words = DependencySentence(("Go", "!"), (None,) * 2, (None,) * 2, (None,) * 2, ({}, {}), (None,) * 2, (None,) * 2)
    >>> with_labels(words, "upos", ["VERB", "PUNCT"]).upos
    ('VERB', 'PUNCT')
    """
    if column not in _WRITABLE:
        raise UnknownNameError(
            f"column is {column!r}, expected one of {', '.join(_WRITABLE)}{nearest(column, _WRITABLE)}"
        )
    if len(labels) != len(sentence.words):
        raise InvalidArgumentError(f"found {len(labels)} labels for {len(sentence.words)} words")
    if column == "ner":
        misc = sentence.misc or (None,) * len(sentence.words)
        values = tuple(_with_entity(value, label) for value, label in zip(misc, labels, strict=True))
        changed = replace(sentence, misc=values)
    else:
        values = tuple(labels)
        changed = replace(sentence, upos=values) if column == "upos" else replace(sentence, xpos=values)
    if not sentence.source:
        return changed
    return replace(changed, source=_with_column(sentence.source, _WRITABLE[column], values))


def _with_entity(misc: str | None, label: str) -> str | None:
    parts = [part for part in (misc or "").split("|") if part and not part.startswith("NER=")]
    return "|".join(parts if label == "O" else [*parts, f"NER={label}"]) or None


def _with_column(source: str, column: int, values: Sequence[str | None]) -> str:
    """The lines of a sentence with other values in a column of its syntactic words."""
    following = iter(values)
    lines = source.split("\n")
    for number, line in enumerate(lines):
        cells = line.rstrip("\r").split("\t")
        if len(cells) == _COLUMNS and not line.startswith("#") and cells[0].isdecimal():
            cells[column] = next(following) or "_"
            lines[number] = "\t".join(cells) + "\r" * line.endswith("\r")
    return "\n".join(lines)


class _Sentence:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[tuple[int, list[str]]] = []
        self.multiword: list[tuple[int, int, str]] = []
        self.metadata: dict[str, str] = {}
        self.source: list[str] = []
        self.ended = False

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
            misc=tuple(_given(row[9]) for row in rows),
            source="".join(self.source),
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
