"""Words replaced by others of like meaning."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np

from ferrolm.errors import InvalidArgumentError
from ferrolm.text.augmentation.augmentation import Edit, WordAugmentation, changes, check_rate

__all__ = ["EmbeddingReplacement", "SynonymReplacement", "Thesaurus", "synonyms"]

# A word with the punctuation that clings to it.
_WORD = re.compile(r"^([\W_]*)(.*?)([\W_]*)$", re.DOTALL)


class Thesaurus(Protocol):
    """Synonyms by word, in lower case: a dictionary, or a `WordNet`."""

    def get(self, word: str, /) -> Sequence[str] | None: ...


class _Vectors(Protocol):
    """`ferrolm.embeddings.KeyedVectors`."""

    def __contains__(self, key: object) -> bool: ...
    def most_similar(self, positive: str, *, topn: int) -> list[tuple[str, float]]: ...


class SynonymReplacement(WordAugmentation):
    """A share of the words is replaced by synonyms (EDA's SR; Wei & Zou 2019, https://arxiv.org/abs/1901.11196).

    Capitals and punctuation around a word stay. Synonyms of several words are not used.

    >>> augment = SynonymReplacement({"film": ["movie"], "good": ["fine", "great"]}, rate=0.5)
    >>> augment("A good Film!", np.random.default_rng(1))
    'A great Film!'
    """

    def __init__(self, thesaurus: Thesaurus, rate: float = 0.1, *, skip: Collection[str] = ()) -> None:
        """``rate``: share of all words to replace, one at least. ``skip``: words to leave, such as `stop_words`."""
        self.thesaurus, self.rate, self.skip = thesaurus, check_rate(rate), frozenset(skip)

    def edit(self, words: Sequence[str], free: Sequence[bool], random: np.random.Generator) -> Edit:
        found = [
            synonyms(self.thesaurus, word, self.skip) if may else []
            for word, may in zip(words, free, strict=True)
        ]
        return _replaced(words, found, self.rate, random)


class EmbeddingReplacement(WordAugmentation):
    """A share of the words is replaced by neighbours of their vectors (Wang & Yang 2015).

    Neighbours are words of like use, among them antonyms: high similarities are safer.

    >>> from ferrolm.embeddings import KeyedVectors
    >>> vectors = KeyedVectors(["good", "fine", "car"], np.array([[1, 0], [0.9, 0.1], [0, 1]]))
    >>> EmbeddingReplacement(vectors, min_similarity=0.9)("A good car", np.random.default_rng(0))
    'A fine car'
    """

    def __init__(
        self,
        vectors: _Vectors,
        rate: float = 0.1,
        *,
        neighbors: int = 10,
        min_similarity: float = 0.5,
        skip: Collection[str] = (),
    ) -> None:
        """``vectors``: a `ferrolm.embeddings.KeyedVectors`. ``neighbors``: of each word to choose among, as far as their
        cosine is ``min_similarity`` or more. ``rate``, ``skip``: as for `SynonymReplacement`.
        """
        if neighbors < 1:
            raise InvalidArgumentError(f"neighbors is {neighbors}, expected 1 or more")
        self.vectors, self.rate, self.skip = vectors, check_rate(rate), frozenset(skip)
        self.neighbors, self.min_similarity = neighbors, min_similarity
        self._near: dict[str, list[str]] = {}

    def get(self, word: str, /) -> list[str] | None:
        """The neighbours of a word; None if it has no vector."""
        if word not in self.vectors:
            return None
        if word not in self._near:
            near = self.vectors.most_similar(word, topn=self.neighbors)
            self._near[word] = [other for other, cosine in near if cosine >= self.min_similarity]
        return self._near[word]

    def edit(self, words: Sequence[str], free: Sequence[bool], random: np.random.Generator) -> Edit:
        # Places first, neighbours after: they cost a product with all vectors.
        known = [[""] if may and self._known(word) else [] for word, may in zip(words, free, strict=True)]
        chosen = _places(known, self.rate, random)
        found = [
            synonyms(self, word, self.skip) if place in chosen else [] for place, word in enumerate(words)
        ]
        return _replaced(words, found, 1.0, random)

    def _known(self, word: str) -> bool:
        core = _parts(word)[1]
        return core.lower() not in self.skip and (core in self.vectors or core.lower() in self.vectors)


def synonyms(thesaurus: Thesaurus, word: str, skip: Collection[str]) -> list[str]:
    """The words that can stand for one, with its capitals and its punctuation, and not itself."""
    before, core, after = _parts(word)
    if not core or core.lower() in skip:
        return []
    found = thesaurus.get(core) or thesaurus.get(core.lower()) or ()
    single = [other for other in found if other.lower() != core.lower() and other and len(other.split()) == 1]
    return [before + _in_case_of(core, other) + after for other in single]


def _parts(word: str) -> tuple[str, str, str]:
    found = _WORD.match(word)
    assert found is not None  # the pattern takes anything
    return found[1], found[2], found[3]


def _in_case_of(word: str, other: str) -> str:
    if len(word) > 1 and word.isupper():
        return other.upper()
    return other[0].upper() + other[1:] if word[0].isupper() else other


def _places(found: Sequence[Sequence[str]], rate: float, random: np.random.Generator) -> list[int]:
    open_to = [place for place, others in enumerate(found) if others]
    count = min(len(open_to), changes(rate, len(found)))
    return sorted(random.permutation(open_to)[:count].tolist())


def _replaced(
    words: Sequence[str], found: Sequence[Sequence[str]], rate: float, random: np.random.Generator
) -> Edit:
    changed = list(words)
    for place in _places(found, rate, random):
        changed[place] = found[place][int(random.integers(len(found[place])))]
    return Edit(changed, list(range(len(words))))
