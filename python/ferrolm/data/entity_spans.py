"""Entities as spans of words, and as labels of the words: BIO (IOB2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ferrolm.errors import InvalidArgumentError

__all__ = ["EntitySpan", "bio_labels", "entity_spans"]


class EntitySpan(NamedTuple):
    """The words ``start`` to ``end`` (not included) are an entity of the type ``label``."""

    label: str
    start: int
    end: int


def entity_spans(labels: Sequence[str]) -> list[EntitySpan]:
    """The entities that the labels of words mean, in order.

    A ``B-`` starts an entity, and so does an ``I-`` that follows another type or none, as in the script ``conlleval`` and in
    `seqeval` (its default mode): what a model predicts is read as far as it goes. Labels without ``B-`` or ``I-`` are outside.

    >>> entity_spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
    [EntitySpan(label='PER', start=0, end=2), EntitySpan(label='LOC', start=3, end=4), EntitySpan(label='LOC', start=4, end=5)]
    """
    spans: list[EntitySpan] = []
    kind, start = "", 0
    for place, label in enumerate([*labels, "O"]):
        prefix, _, name = label.partition("-")
        name = name or "_"  # plain B and I, as in chunking; seqeval calls the type so
        if kind and not (prefix == "I" and name == kind):
            spans.append(EntitySpan(kind, start, place))
            kind = ""
        if not kind and prefix in ("B", "I"):
            kind, start = name, place
    return spans


def bio_labels(spans: Iterable[EntitySpan | tuple[str, int, int]], length: int) -> list[str]:
    """The labels of ``length`` words that have these entities: the inverse of `entity_spans`.

    Raises:
        InvalidArgumentError: spans that overlap, are empty or reach beyond the words.

    >>> bio_labels([("PER", 0, 2)], 3)
    ['B-PER', 'I-PER', 'O']
    """
    labels = ["O"] * length
    for label, start, end in spans:
        if not 0 <= start < end <= length:
            raise InvalidArgumentError(f"span {start}:{end} of {label!r}, expected words of 0:{length}")
        if any(found != "O" for found in labels[start:end]):
            raise InvalidArgumentError(f"span {start}:{end} of {label!r} overlaps another")
        labels[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return labels
