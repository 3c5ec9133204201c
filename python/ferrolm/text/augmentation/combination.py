"""Augmentations one after the other, one of several, or now and then."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ferrolm.errors import InvalidArgumentError
from ferrolm.text.augmentation.augmentation import Augmentation
from ferrolm.text.augmentation.order import RandomDeletion, RandomInsertion, RandomSwap
from ferrolm.text.augmentation.replacement import SynonymReplacement, Thesaurus
from ferrolm.text.stop_words import stop_words

__all__ = ["Compose", "OneOf", "WithProbability", "eda"]


class Compose(Augmentation):
    """All of them, in order.

    >>> from ferrolm.text.augmentation import RandomSwap
    >>> Compose([RandomSwap(), RandomSwap()])("one two three", np.random.default_rng(0))
    'two three one'
    """

    def __init__(self, augmentations: Sequence[Augmentation]) -> None:
        self.augmentations = list(augmentations)

    def batch(self, texts: Sequence[str], random: np.random.Generator) -> list[str]:
        found = list(texts)
        for augmentation in self.augmentations:
            found = augmentation.batch(found, random)
        return found

    def labeled(
        self, words: Sequence[str], labels: Sequence[str], random: np.random.Generator
    ) -> tuple[list[str], list[str]]:
        found = list(words), list(labels)
        for augmentation in self.augmentations:
            found = augmentation.labeled(*found, random)
        return found


class OneOf(Augmentation):
    """One of them for each text, with the probabilities ``weights`` / sum(weights); None among them: no change.

    >>> from ferrolm.text.augmentation import RandomSwap
    >>> OneOf([RandomSwap(), None]).batch(["one two", "three four"], np.random.default_rng(2))
    ['two one', 'four three']
    """

    def __init__(
        self, augmentations: Sequence[Augmentation | None], weights: Sequence[float] | None = None
    ) -> None:
        self.augmentations = list(augmentations)
        given = [1.0] * len(self.augmentations) if weights is None else list(weights)
        if not given or len(given) != len(self.augmentations) or min(given) < 0 or not sum(given) > 0:
            raise InvalidArgumentError(
                f"weights are {given} for {len(self.augmentations)} augmentations, expected a number of 0 or more for each"
            )
        self.probabilities = np.array(given) / sum(given)

    def batch(self, texts: Sequence[str], random: np.random.Generator) -> list[str]:
        chosen = random.choice(len(self.augmentations), len(texts), p=self.probabilities)
        found = list(texts)
        for number, augmentation in enumerate(self.augmentations):
            places = np.flatnonzero(chosen == number).tolist()
            if places and augmentation is not None:
                changed = augmentation.batch([texts[place] for place in places], random)
                for place, text in zip(places, changed, strict=True):
                    found[place] = text
        return found

    def labeled(
        self, words: Sequence[str], labels: Sequence[str], random: np.random.Generator
    ) -> tuple[list[str], list[str]]:
        chosen = self.augmentations[random.choice(len(self.augmentations), p=self.probabilities)]
        return (list(words), list(labels)) if chosen is None else chosen.labeled(words, labels, random)


class WithProbability(OneOf):
    """An augmentation for a share of the texts; the others stay as they are.

    >>> from ferrolm.text.augmentation import RandomSwap
    >>> WithProbability(RandomSwap(), 0.0)("one two", np.random.default_rng(0))
    'one two'
    """

    def __init__(self, augmentation: Augmentation, probability: float) -> None:
        if not 0 <= probability <= 1:
            raise InvalidArgumentError(f"probability is {probability}, expected 0 to 1")
        super().__init__([augmentation, None], [probability, 1 - probability])


def eda(thesaurus: Thesaurus, rate: float = 0.1, *, language: str | None = "en") -> OneOf:
    """Easy data augmentation (Wei & Zou 2019): for each text one of replacing, inserting, swapping and leaving out.

    Args:
        thesaurus: synonyms by word.
        rate: share of the words to change, alpha of the paper: 0.05 for small data sets, 0.1 for others.
        language: whose `stop_words` are not replaced; None: none are left out.

    >>> augment = eda({"film": ["movie"]})
    >>> [augment("a good film", np.random.default_rng(seed)) for seed in range(3)]
    ['good a film', 'a film good', 'movie a good film']
    """
    skip = frozenset() if language is None else frozenset(stop_words(language))
    return OneOf([
        SynonymReplacement(thesaurus, rate, skip=skip), RandomInsertion(thesaurus, rate, skip=skip),
        RandomSwap(rate), RandomDeletion(rate),
    ])  # fmt: skip
