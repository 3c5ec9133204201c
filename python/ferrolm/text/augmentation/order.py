"""Words that change places, are left out or come in: the other three operations of EDA.

Wei & Zou 2019, https://arxiv.org/abs/1901.11196.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from ferrolm.text.augmentation.augmentation import Edit, WordAugmentation, changes, check_rate
from ferrolm.text.augmentation.replacement import Thesaurus, synonyms

__all__ = ["RandomDeletion", "RandomInsertion", "RandomSwap"]


class RandomSwap(WordAugmentation):
    """Two words change places, as often as ``rate`` times the number of words says.

    >>> RandomSwap(0.3)("one two three four", np.random.default_rng(0))
    'one two four three'
    """

    def __init__(self, rate: float = 0.1) -> None:
        self.rate = check_rate(rate)

    def edit(self, words: Sequence[str], free: Sequence[bool], random: np.random.Generator) -> Edit:
        places = np.flatnonzero(free)
        origins = list(range(len(words)))
        for _ in range(changes(self.rate, len(words)) if len(places) > 1 else 0):
            one, other = random.choice(places, 2, replace=False).tolist()
            origins[one], origins[other] = origins[other], origins[one]
        return Edit([words[origin] for origin in origins], origins)


class RandomDeletion(WordAugmentation):
    """Each word is left out with the probability ``rate``; one stays at least.

    >>> RandomDeletion(0.5)("one two three four", np.random.default_rng(0))
    'one'
    """

    def __init__(self, rate: float = 0.1) -> None:
        self.rate = check_rate(rate)

    def edit(self, words: Sequence[str], free: Sequence[bool], random: np.random.Generator) -> Edit:
        gone = np.logical_and(free, random.random(len(words)) < self.rate)
        if len(words) and gone.all():
            gone[random.integers(len(words))] = False
        origins = np.flatnonzero(~gone).tolist()
        return Edit([words[origin] for origin in origins], origins)


class RandomInsertion(WordAugmentation):
    """Synonyms of words of the text come in at random places, as many as ``rate`` times the number of words says.

    >>> RandomInsertion({"film": ["movie"]}, 0.3)("a good film", np.random.default_rng(0))
    'a good film movie'
    """

    def __init__(self, thesaurus: Thesaurus, rate: float = 0.1, *, skip: Collection[str] = ()) -> None:
        """``rate``: words to insert for each word, one at least. ``skip``: words whose synonyms are not used."""
        self.thesaurus, self.rate, self.skip = thesaurus, check_rate(rate), frozenset(skip)

    def edit(self, words: Sequence[str], free: Sequence[bool], random: np.random.Generator) -> Edit:
        found = {
            place: others
            for place, word in enumerate(words)
            if free[place] and (others := synonyms(self.thesaurus, word, self.skip))
        }
        changed, origins, inside = list(words), list(range(len(words))), list(free)
        for _ in range(changes(self.rate, len(words)) if found else 0):
            origin = int(random.choice(list(found)))
            word = found[origin][random.integers(len(found[origin]))]
            # Not between two words that are to stay as they are: they may be one entity.
            gaps = [
                gap for gap in range(len(changed) + 1)
                if gap in (0, len(changed)) or inside[gap - 1] or inside[gap]
            ]  # fmt: skip
            gap = int(random.choice(gaps))
            changed.insert(gap, word)
            origins.insert(gap, origin)
            inside.insert(gap, True)
        return Edit(changed, origins)
