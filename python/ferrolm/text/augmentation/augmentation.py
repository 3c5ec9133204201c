"""What every augmentation of text can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, overload

import numpy as np

from ferrolm.errors import InvalidArgumentError

__all__ = ["Augmentation", "Edit", "WordAugmentation", "changes", "check_rate"]


class Augmentation(ABC):
    """A random change of a text that leaves what a label says of it.

    ``augment(text, random)`` gives another text, ``augment(words, random)`` other words. All chance comes from ``random``, so
    the same generator gives the same result.
    """

    @overload
    def __call__(self, text: str, random: np.random.Generator) -> str: ...
    @overload
    def __call__(self, text: list[str] | tuple[str, ...], random: np.random.Generator) -> list[str]: ...
    def __call__(
        self, text: str | list[str] | tuple[str, ...], random: np.random.Generator
    ) -> str | list[str]:
        if isinstance(text, str):
            return self.batch([text], random)[0]
        return self.labeled(text, ["O"] * len(text), random)[0]

    @abstractmethod
    def batch(self, texts: Sequence[str], random: np.random.Generator) -> list[str]:
        """Several texts at once."""

    @abstractmethod
    def labeled(
        self, words: Sequence[str], labels: Sequence[str], random: np.random.Generator
    ) -> tuple[list[str], list[str]]:
        """Words with their labels, which stay with them.

        A word that is inserted has the label of the word whose synonym it is. Entities (``B-``, ``I-``) stay as they are: no
        word of theirs is changed or moved and none is inserted between them.
        """


class Edit(NamedTuple):
    """Other words, and for each the place of the word before the change that it comes from."""

    words: list[str]
    origins: list[int]


class WordAugmentation(Augmentation):
    """An augmentation that changes words one by one; those of a text are what white space separates."""

    @abstractmethod
    def edit(self, words: Sequence[str], free: Sequence[bool], random: np.random.Generator) -> Edit:
        """Change words; ``free`` [words] says which may be changed, moved or left out."""

    def batch(self, texts: Sequence[str], random: np.random.Generator) -> list[str]:
        return [self._text(text, random) for text in texts]

    def _text(self, text: str, random: np.random.Generator) -> str:
        words = text.split()
        changed = self.edit(words, [True] * len(words), random).words
        return text if changed == words else " ".join(changed)  # an unchanged text keeps its white space

    def labeled(
        self, words: Sequence[str], labels: Sequence[str], random: np.random.Generator
    ) -> tuple[list[str], list[str]]:
        if len(words) != len(labels):
            raise InvalidArgumentError(f"{len(words)} words with {len(labels)} labels, expected as many")
        free = [not label.startswith(("B-", "I-")) for label in labels]
        changed, origins = self.edit(words, free, random)
        started = [_started(label, labels[place - 1] if place else "O") for place, label in enumerate(labels)]
        return changed, [started[origin] for origin in origins]


def _started(label: str, before: str) -> str:
    """An ``I-`` that starts an entity as the ``B-`` that it means, lest it go on with another that comes to stand before it."""
    starts = label.startswith("I-") and before not in (label, "B-" + label[2:])
    return "B-" + label[2:] if starts else label


def check_rate(rate: float) -> float:
    """A share of words or tokens."""
    if not 0 <= rate <= 1:
        raise InvalidArgumentError(f"rate is {rate}, expected 0 to 1")
    return rate


def changes(rate: float, words: int) -> int:
    """How many changes a rate means for a text: one at least, as in EDA, but none for a rate of 0."""
    return max(1, int(rate * words)) if rate else 0
