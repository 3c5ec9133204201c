"""Agreement of predicted with true tags: of all words, of each tag, of entities; and what is taken for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferrolm.data import LabeledWords
from ferrolm.errors import InvalidArgumentError
from ferrolm.evaluation import entity_figures

if TYPE_CHECKING:
    from ferrolm.tagging.protocol import Tagger

__all__ = ["TagFigures", "TaggingReport", "evaluate_tagger", "tagging_report"]

# Other ways to write the end of an entity and one of a single word.
_AS_BIO = {"E": "I", "L": "I", "S": "B", "U": "B"}


@dataclass(frozen=True, slots=True)
class TagFigures:
    """Of one tag. true: how many words have it, predicted: how many were given it."""

    precision: float
    recall: float
    f1: float
    true: int
    predicted: int


@dataclass(frozen=True, slots=True)
class TaggingReport:
    """What a tagger got right.

    accuracy: of words; unknown_accuracy: of those that training had not, None where that is not known. words, sentences:
    how many. tags: figures by tag, in order of their names. confusion: how often (true, predicted) occurred, the most
    frequent first, without what is right. entities: ``f1``, ``precision`` and ``recall`` of whole entities where tags
    are BIO or BIOES, else None.
    """

    accuracy: float
    unknown_accuracy: float | None
    words: int
    sentences: int
    tags: dict[str, TagFigures]
    confusion: dict[tuple[str, str], int]
    entities: dict[str, float] | None = None

    def __str__(self) -> str:
        lines = [f"accuracy {self.accuracy:.2%} of {self.words} words in {self.sentences} sentences"]
        if self.unknown_accuracy is not None:
            lines.append(f"accuracy {self.unknown_accuracy:.2%} of words that training had not")
        if self.entities is not None:
            names = ("f1", "precision", "recall")
            lines.append("entities " + "  ".join(f"{name} {self.entities[name]:.2%}" for name in names))
        width = max([3, *map(len, self.tags)])
        lines += ["", f"{'tag':{width}}  precision  recall      f1   words"]
        for name, figures in self.tags.items():
            parts = f"{figures.precision:9.2%} {figures.recall:7.2%} {figures.f1:7.2%} {figures.true:7d}"
            lines.append(f"{name:{width}}  {parts}")
        if self.confusion:
            lines += ["", "most frequent confusions: true, predicted, how often"]
            for (true, predicted), count in list(self.confusion.items())[:10]:
                lines.append(f"{true:{width}}  {predicted:{width}} {count:7d}")
        return "\n".join(lines)


def evaluate_tagger(
    tagger: Tagger, sentences: Iterable[LabeledWords], *, known: Collection[str] | None = None
) -> TaggingReport:
    """How a tagger does on sentences whose tags are known.

    known: the words of the training data, for the accuracy of the others.
    """
    gold = list(sentences)
    predicted = tagger.tag_sents([sentence.words for sentence in gold])
    return tagging_report(gold, predicted, known=known)


def tagging_report(
    sentences: Sequence[LabeledWords],
    predicted: Sequence[Sequence[str]],
    *,
    known: Collection[str] | None = None,
) -> TaggingReport:
    """The report of tags that were predicted for sentences.

    Raises:
        InvalidArgumentError: not a predicted tag for each word.

    >>> gold = [LabeledWords(("Dogs", "bark"), ("NOUN", "VERB"))]
    >>> report = tagging_report(gold, [["NOUN", "NOUN"]])
    >>> report.accuracy, report.tags["NOUN"].recall, report.confusion
    (0.5, 1.0, {('VERB', 'NOUN'): 1})
    """
    if [len(each.words) for each in sentences] != [len(row) for row in predicted]:
        raise InvalidArgumentError("predicted: expected a tag for each word of each sentence")
    true_tags = [tag for sentence in sentences for tag in sentence.labels]
    tags = [tag for row in predicted for tag in row]
    pairs = Counter(zip(true_tags, tags, strict=True))
    right = sum(count for (true, tag), count in pairs.items() if true == tag)
    wrong = sorted(
        ((pair, count) for pair, count in pairs.items() if pair[0] != pair[1]),
        key=lambda each: (-each[1], each[0]),
    )
    return TaggingReport(
        accuracy=right / max(1, len(tags)),
        unknown_accuracy=None if known is None else _unknown_accuracy(sentences, tags, known),
        words=len(tags),
        sentences=len(sentences),
        tags=_by_tag(pairs),
        confusion=dict(wrong),
        entities=_entities(sentences, predicted),
    )


def _by_tag(pairs: Counter[tuple[str, str]]) -> dict[str, TagFigures]:
    true: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    for (name, other), count in pairs.items():
        true[name] += count
        predicted[other] += count
    figures = {}
    for name in sorted({*true, *predicted}):
        right = pairs[name, name]
        figures[name] = TagFigures(
            right / max(1, predicted[name]), right / max(1, true[name]),
            2 * right / max(1, true[name] + predicted[name]), true[name], predicted[name],
        )  # fmt: skip
    return figures


def _unknown_accuracy(
    sentences: Sequence[LabeledWords], tags: Sequence[str], known: Collection[str]
) -> float:
    words = [pair for each in sentences for pair in zip(each.words, each.labels, strict=True)]
    right = [true == tag for (word, true), tag in zip(words, tags, strict=True) if word not in known]
    return sum(right) / max(1, len(right))


def _entities(
    sentences: Sequence[LabeledWords], predicted: Sequence[Sequence[str]]
) -> dict[str, float] | None:
    names = {name for sentence in sentences for name in sentence.labels}
    if not any(name.startswith("B-") for name in names) or not all(map(_is_entity_label, names)):
        return None
    return entity_figures([_bio(row) for row in predicted], [_bio(sentence.labels) for sentence in sentences])


def _is_entity_label(name: str) -> bool:
    return name == "O" or name[:2] in ("B-", "I-", "E-", "L-", "S-", "U-")


def _bio(labels: Sequence[str]) -> list[str]:
    return [_AS_BIO.get(label[:1], label[:1]) + label[1:] if "-" in label else label for label in labels]
