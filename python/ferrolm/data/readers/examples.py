"""What the readers give: one frozen dataclass for each kind of task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "Answer",
    "DependencySentence",
    "Dialogue",
    "Label",
    "LabeledWords",
    "QuestionExample",
    "TextExample",
    "TextPair",
]

#: A class, a number to predict, or the classes of a text that may have several.
Label: TypeAlias = "str | float | tuple[str, ...]"

#: The messages of a dialogue in order, each with ``role`` and ``content``.
Dialogue: TypeAlias = "list[dict[str, str]]"


@dataclass(frozen=True, slots=True)
class TextExample:
    """A text, or two of which something is asked (entailment, similarity), and its label."""

    text: str
    text_pair: str | None = None
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class LabeledWords:
    """The words of a sentence and a label for each: parts of speech, or entities as BIO."""

    words: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DependencySentence:
    """A sentence of Universal Dependencies; all fields have one entry for each syntactic word.

    heads: number (from 1) of the word that each depends on, 0 for the root. upos: universal parts of speech, xpos: those of
    the language's treebank. multiword: (first, last, form) of tokens that are several words, numbered from 1, such as
    ``(4, 5, "don't")``. misc: the tenth column, ``SpaceAfter=No`` and the like. None where the file has ``_``.

    source: the lines that the sentence was read from, up to the next one, with all that the fields do not have: enhanced
    graphs, empty nodes, the order of comments. `write_conllu` writes it, if there is one.
    """

    words: tuple[str, ...]
    lemmas: tuple[str | None, ...]
    upos: tuple[str | None, ...]
    xpos: tuple[str | None, ...]
    features: tuple[dict[str, str], ...]
    heads: tuple[int | None, ...]
    relations: tuple[str | None, ...]
    multiword: tuple[tuple[int, int, str], ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    misc: tuple[str | None, ...] = ()
    source: str = field(default="", repr=False, compare=False)

    def labeled(self, column: str = "upos") -> LabeledWords:
        """The words with one column as their labels, ``_`` where there is none.

        column: ``upos``, ``xpos`` or ``relations``, or ``ner``: entities as BIO under ``NER=`` in misc, ``O`` where there is none.
        """
        if column == "ner":
            misc = self.misc or (None,) * len(self.words)
            return LabeledWords(self.words, tuple(_entity(value) for value in misc))
        return LabeledWords(self.words, tuple(label or "_" for label in getattr(self, column)))


def _entity(misc: str | None) -> str:
    pairs = [part.partition("=") for part in (misc or "").split("|")]
    return next((value for name, _, value in pairs if name == "NER" and value), "O")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that stands in the context: ``context[start : start + len(text)] == text``, counted in characters."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class QuestionExample:
    """A question about a context, and the answers that people gave; none if it cannot be answered (SQuAD 2)."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class TextPair:
    """A source and the texts that are right for it: a translation, or the summaries that several people wrote."""

    source: str
    targets: tuple[str, ...]

    @property
    def target(self) -> str:
        """The first of the targets: what a model learns to write."""
        return self.targets[0]
