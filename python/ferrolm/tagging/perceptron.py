"""`PerceptronTagger`: a structured averaged perceptron (Collins 2002, https://aclanthology.org/W02-1001), in Rust.

Features are the word, its beginning, end and shape, the words around it, pairs of those, and the tag before; Viterbi finds the best
sequence of tags. See docs/tagging.md for figures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ferrolm._rust import TaggerModel, TaggerTraining
from ferrolm.data import LabeledWords
from ferrolm.data.readers._lines import PathLike
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.tagging.report import TaggingReport, evaluate_tagger

__all__ = ["EpochFigures", "PerceptronTagger", "TaggedSentence"]

#: Words with tags, or pairs of a word and its tag, as nltk has them.
TaggedSentence = LabeledWords | Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class EpochFigures:
    """After an epoch, from 1. training: share of words that were tagged right before they were corrected, the margin being in the way.

    held_out: accuracy on ``dev``, of entities their F1; None without ``dev``.
    """

    epoch: int
    training: float
    held_out: float | None = None


class PerceptronTagger:
    """A tagger that learns in seconds and tags some hundred thousand words a second, or more, on each thread.

    Threads may share it. It is the same for the same examples and seed, whatever the machine.

    >>> sentences = [[("the", "DET"), ("dog", "NOUN"), ("barks", "VERB")], [("a", "DET"), ("cat", "NOUN"), ("sleeps", "VERB")]]
    >>> tagger = PerceptronTagger.train(sentences, epochs=5)
    >>> tagger.tag(["the", "cat", "barks"])
    ['DET', 'NOUN', 'VERB']
    >>> tagger
    PerceptronTagger(labels=3, features=121)
    """

    def __init__(self, model: TaggerModel) -> None:
        """From the extension's object; use `train` and `load`."""
        self._model = model

    @classmethod
    def train(
        cls,
        sentences: Iterable[TaggedSentence],
        *,
        epochs: int = 10,
        seed: int = 1,
        dev: Iterable[TaggedSentence] | None = None,
        margin: int = 1,
        missed_margin: int = 20,
        min_count: int = 1,
        prune: float = 0.1,
        constraints: bool | None = None,
        column: str = "upos",
        progress: Callable[[EpochFigures], None] | None = None,
    ) -> PerceptronTagger:
        """Learn from sentences.

        Args:
            sentences: `LabeledWords`, or lists of (word, tag) as nltk has them.
            epochs: how often to see all of them.
            seed: of the order in which they are seen.
            dev: other sentences; the tagger of the epoch that does best on them is kept, rather than the last.
            margin: by how much the right tag must win while learning.
            missed_margin: the same against ``O`` where an entity is. Higher finds more entities, and more that are none;
                of no account for parts of speech.
            min_count: leave out features that occur less often. 2 makes a smaller model that is a little worse.
            prune: leave out averaged weights up to this.
            constraints: whether ``I-X`` may only follow ``B-X`` or ``I-X`` (BIO), and entities must end with ``E-X`` (BIOES)
                if there are such tags. None: if the examples keep to it.
            column: what the tags are, which `column` says and the file keeps: "upos", "xpos" or "ner".
            progress: called after each epoch.

        Raises:
            InvalidArgumentError: no words, a setting out of range, or ``constraints=True`` with tags that do not keep to BIO.
            InvalidTypeError: a sentence, word or tag that is none.
        """
        _check(epochs=epochs, margin=margin, missed_margin=missed_margin, min_count=min_count, prune=prune)
        words, tags = _columns(sentences)
        held_out = None if dev is None else _labeled(dev)
        training = TaggerTraining(
            words, tags, seed=seed % 2**64, margin=margin, missed_margin=missed_margin, min_count=min_count,
            constraints=constraints,
        )  # fmt: skip
        info = json.dumps({"column": column, "sentences": len(words), "epochs": epochs, "seed": seed})
        best: tuple[float, TaggerModel] | None = None
        for epoch in range(1, epochs + 1):
            share, figure = training.epoch(), None
            if held_out is not None:
                model = training.tagger(prune, info)
                figure = _figure(cls(model).evaluate(held_out))
                if best is None or figure > best[0]:
                    best = (figure, model)
            if progress is not None:
                progress(EpochFigures(epoch, share, figure))
        return cls(training.tagger(prune, info) if best is None else best[1])

    def tag(self, words: Sequence[str]) -> list[str]:
        """A tag for each word of one sentence.

        Raises:
            InvalidTypeError: a word that is no string.
            InvalidEncodingError: one with a lone surrogate.
        """
        return self._model.tag(words)

    def tag_sents(self, sentences: Iterable[Sequence[str]]) -> list[list[str]]:
        """A tag for each word of each sentence, on all threads; the same as `tag` of each, and faster."""
        return self._model.tag_sents(sentences)

    def evaluate(
        self, sentences: Iterable[TaggedSentence], *, known: Collection[str] | None = None
    ) -> TaggingReport:
        """How it does on sentences whose tags are known; known: see `evaluate_tagger`."""
        return evaluate_tagger(self, _labeled(sentences), known=known)

    def accuracy(self, sentences: Iterable[TaggedSentence]) -> float:
        """The share of words that get their tag."""
        return self.evaluate(sentences).accuracy

    def save(self, path: PathLike) -> None:
        """Write it to a file, whole or not at all: magic, version, weights, checksum."""
        self._model.save(path)

    @classmethod
    def load(cls, path: PathLike) -> PerceptronTagger:
        """Read what `save` wrote.

        Raises:
            MissingFileError, FileAccessError: it cannot be read.
            InvalidFileError: it is damaged, or no tagger's file.
        """
        return cls(TaggerModel.load(path))

    @property
    def labels(self) -> list[str]:
        """The tags, in order of their names."""
        return self._model.labels

    @property
    def column(self) -> str:
        """What the tags are: "upos", "xpos", "ner", or what `train` was told."""
        return str(self.info.get("column", "upos"))

    @property
    def info(self) -> dict[str, Any]:
        """What `train` noted about it."""
        found = json.loads(self._model.info or "{}")
        return found if isinstance(found, dict) else {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(labels={len(self.labels)}, features={self._model.num_features})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self._model.to_bytes(),)


def _unpickled(content: bytes) -> PerceptronTagger:
    return PerceptronTagger(TaggerModel.from_bytes(content))


def _columns(sentences: Iterable[TaggedSentence]) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
    words: list[Sequence[str]] = []
    tags: list[Sequence[str]] = []
    for number, sentence in enumerate(sentences):
        if isinstance(sentence, LabeledWords):
            words.append(sentence.words)
            tags.append(sentence.labels)
            continue
        try:
            columns = list(zip(*sentence, strict=True)) if sentence else [(), ()]
            words.append(columns[0])
            tags.append(columns[1])
        except (TypeError, ValueError, IndexError):
            raise InvalidTypeError(
                f"sentence {number} is {str(sentence)[:60]!r}, expected LabeledWords or a list of (word, tag)"
            ) from None
    return words, tags


def _labeled(sentences: Iterable[TaggedSentence]) -> list[LabeledWords]:
    return [LabeledWords(tuple(words), tuple(tags)) for words, tags in zip(*_columns(sentences), strict=True)]


def _check(**settings: float) -> None:
    least = {"epochs": 1, "min_count": 1}
    for name, value in settings.items():
        if not least.get(name, 0) <= value <= 10**6:
            raise InvalidArgumentError(f"{name} is {value}, expected {least.get(name, 0)} to 1000000")


def _figure(report: TaggingReport) -> float:
    return report.accuracy if report.entities is None else report.entities["f1"]
