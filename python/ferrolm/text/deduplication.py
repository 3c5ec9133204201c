"""Texts that were there before: the same ones by a hash, nearly the same ones by MinHash."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm._files import open_file
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, nearest

__all__ = ["Deduplicator", "LineDeduplicator", "deduplicate"]

Unit = Literal["line", "paragraph"]
_NEAR = b"FLMNEAR\0"


class Deduplicator:
    """Says of each text whether it is new among those it was given before.

    Without a ``threshold``, texts are the same if they are equal up to case and white space. 20 to 40 bytes are kept of
    each new text, wherever its bytes come from; two different texts are taken for one with a probability below 1e-18
    among a thousand million.

    With one, a text is a duplicate of one that was kept if the sets of their n-grams of words (lower case, without
    punctuation; characters in scripts without spaces) have a Jaccard similarity of ``threshold`` or more, as estimated
    by ``bins`` hashes: MinHash with locality-sensitive hashing (Broder 1997), sketched as by Dahlgaard et al. 2017. The
    standard error is at most ``sqrt(t * (1 - t) / bins)``, 0.025 by default. Candidates are texts that share a band of
    their sketches, which 99 % of the pairs at the threshold do. About 2 kB are kept of each new text by default:
    ``2 * bins`` bytes and some 35 for each of the ``bins / rows`` bands.

    Args:
        threshold: from above 0 to 1, or ``None`` for exact duplicates.
        ngram: words of an n-gram. More of them make changed words count more: one word changed in a text of 100 is a
            similarity of 0.90 by ngrams of 5, and 0.98 by single words.
        bins: hashes of a sketch, a power of two. Half as many take half the memory and miss half as many again of the
            pairs that are hardly more similar than the threshold.
        seed: of the hashes.
        verbatim: case and white space count (exact duplicates).

    Raises:
        InvalidArgumentError: a value outside of its range.

    >>> kept = Deduplicator()
    >>> [kept.add(text) for text in ("A cat.", "a  CAT.", "A dog.")]
    [True, False, True]
    >>> kept = Deduplicator(0.7, ngram=2)
    >>> [kept.add(text) for text in ("the cat sat on the mat again", "The cat sat on the mat, again?")]
    [True, False]
    """

    def __init__(
        self,
        threshold: float | None = None,
        *,
        ngram: int = 5,
        bins: int = 256,
        seed: int = 1,
        verbatim: bool = False,
    ) -> None:
        self._texts: _rust.SeenTexts | _rust.NearDuplicates
        if threshold is None:
            self._texts = _rust.SeenTexts(verbatim)
            return
        for name, value in (("ngram", ngram), ("bins", bins), ("seed", seed)):
            if not isinstance(value, int) or not 0 <= value < 2**63:
                raise InvalidArgumentError(f"{name} is {value!r}, expected a whole number of 0 or more")
        self._texts = _rust.NearDuplicates(threshold, ngram, bins, seed)

    @property
    def threshold(self) -> float | None:
        """``None`` for exact duplicates."""
        return None if isinstance(self._texts, _rust.SeenTexts) else self._texts.settings[0]

    def add(self, text: str) -> bool:
        """Whether a text is new; it is remembered if it is."""
        added = self._texts.add(text)
        return added if isinstance(added, bool) else added is None

    def add_all(self, texts: Iterable[str]) -> NDArray[np.bool_]:
        """What `add` gives for each text, one after another, but faster: bool[n].

        >>> Deduplicator().add_all(["A cat.", "a  CAT.", "A dog."])
        array([ True, False,  True])
        """
        texts = list(texts)
        if isinstance(self._texts, _rust.SeenTexts):
            return np.array(self._texts.add_all(texts), dtype=np.bool_)
        return np.array([similar is None for similar in self._texts.add_all(texts)], dtype=np.bool_)

    def __len__(self) -> int:
        """How many texts were new."""
        return len(self._texts)

    def save(self, path: str | PathLike[str]) -> None:
        """Write what is remembered to a file, whole or not at all; `load` goes on from there."""
        self._texts.save(Path(path))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """What `save` wrote, settings included.

        Raises:
            InvalidFileError: the file is something else, damaged or of another version.
        """
        path = Path(path)
        found = cls.__new__(cls)
        near = _begins_with(path, _NEAR)
        found._texts = _rust.NearDuplicates.load(path) if near else _rust.SeenTexts.load(path)
        return found

    def __repr__(self) -> str:
        if isinstance(self._texts, _rust.SeenTexts):
            return f"Deduplicator(verbatim={self._texts.verbatim}): {len(self)} texts"
        threshold, ngram, bins, seed = self._texts.settings
        return f"Deduplicator({threshold}, ngram={ngram}, bins={bins}, seed={seed}): {len(self)} texts"


class LineDeduplicator:
    r"""Takes lines or paragraphs out of texts that were there before, in the same text or an earlier one.

    What stands on every page of a site (menus, notices) is read once. 20 to 40 bytes are kept of each line.

    Args:
        unit: ``"line"``, or ``"paragraph"`` for what empty lines separate.
        min_characters: shorter lines stay, such as a closing bracket or "Yes."; empty ones always do.
        verbatim: case and white space inside the line count.

    >>> without = LineDeduplicator(min_characters=4)
    >>> [without(page) for page in ("Home | Login\nA cat.", "Home | Login\nA dog.")]
    ['Home | Login\nA cat.', 'A dog.']
    """

    def __init__(self, unit: Unit = "line", *, min_characters: int = 20, verbatim: bool = False) -> None:
        self._set(unit, min_characters, _rust.SeenTexts(verbatim))

    def _set(self, unit: Unit, min_characters: int, seen: _rust.SeenTexts) -> None:
        if unit not in get_args(Unit):
            hint = nearest(unit, get_args(Unit))
            raise InvalidArgumentError(f"unit is {unit!r}, expected 'line' or 'paragraph'{hint}")
        if min_characters < 0:
            raise InvalidArgumentError(f"min_characters is {min_characters}, expected 0 or more")
        self.unit = unit
        self.min_characters = min_characters
        self._seen = seen

    def __call__(self, text: str) -> str:
        """The text without what was there before."""
        return self._seen.without_repeats(text, self.unit == "paragraph", self.min_characters)

    def __len__(self) -> int:
        """How many different lines were seen."""
        return len(self._seen)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the lines that were seen, as hashes, to a file; `load` goes on from there."""
        self._seen.save(Path(path))

    @classmethod
    def load(cls, path: str | PathLike[str], unit: Unit = "line", *, min_characters: int = 20) -> Self:
        """What `save` wrote, with the arguments that are not in the file.

        Raises:
            InvalidFileError: the file is something else, damaged or of another version.
        """
        found = cls.__new__(cls)
        found._set(unit, min_characters, _rust.SeenTexts.load(Path(path)))
        return found


def deduplicate(texts: Iterable[str], threshold: float | None = None, **settings: Any) -> NDArray[np.int64]:
    """The places of the texts that are not duplicates of one before them, in order: int64[kept].

    Args:
        texts: all of them, in memory; what does not fit goes through a `Deduplicator`.
        threshold: the similarity from which on two texts are duplicates; ``None`` for equal ones.
        settings: further arguments of `Deduplicator`, whose errors it raises.

    >>> deduplicate(["A cat.", "a  CAT.", "A dog."])
    array([0, 2])
    """
    if isinstance(texts, str):
        raise InvalidTypeError("texts is str, expected several texts")
    return np.flatnonzero(Deduplicator(threshold, **settings).add_all(texts))


def _begins_with(path: Path, magic: bytes) -> bool:
    with open_file(path) as file:
        return file.read(len(magic)) == magic
