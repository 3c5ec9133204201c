"""`nearest_passages`: where a text, or what is most like it, stands in a corpus: the longest spans that both have.

The corpus is indexed once: a sorted array of a 32-bit hash of each n-gram and its place, 8 bytes a word or token. N-grams of a
text are looked up by bisection; places in a row on one diagonal (Baker 1993's maximal matches) are one span, which grows as far
as the two agree. What a hash says is compared before it is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.data import TokenFile
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, LimitError
from ferrolm.explain.corpus import Corpus, read_corpus
from ferrolm.explain.explanation import FOR, Explanation, label_tokens, shown
from ferrolm.explain.spans import agreement, hashes, outermost, sorted_keys
from ferrolm.tokenizers import Tokenizer

__all__ = ["Passage", "PassageIndex", "Passages", "nearest_passages"]

_MOST_PLACES = 4096
"""Places of an n-gram above which it begins no span: spans of words as common as these are found by their other n-grams."""


@dataclass(frozen=True)
class Passage:
    """A span that the text and the corpus have in common.

    length: in units, words or tokens. text_start, text_end: its characters in the text. document: its number in the corpus;
    start, end: where it is in that, in characters, or in tokens for a token file. before, match, after: the corpus around it.
    occurrences: how often the corpus has it, as far as was looked.
    """

    length: int
    text_start: int
    text_end: int
    document: int
    start: int
    end: int
    before: str
    match: str
    after: str
    occurrences: int


@dataclass(frozen=True, eq=False)
class Passages(Explanation):
    """The longest ``passages`` that a text shares with a corpus, the longest first.

    tokens: the units of the text, which joined are the text; longest: int64 [tokens], units of the longest span of the corpus
    that each is in, of all there are; 0 for none. unit: "word" or "token". n: the least length.
    """

    tokens: tuple[str, ...]
    longest: NDArray[np.int64]
    passages: tuple[Passage, ...]
    unit: str
    n: int

    @property
    def covered(self) -> float:
        """The share of the units that are in some span."""
        return float((self.longest > 0).mean()) if len(self.longest) else 0.0

    def __str__(self) -> str:
        lines = [f"{self.covered:.0%} of {len(self.tokens)} {self.unit}s are in spans of {self.n} or more"]
        for each in self.passages:
            around = f"…{each.before[-30:]}[{each.match}]{each.after[:30]}…"
            lines.append(
                f"{each.length:>5} {self.unit}s  x{each.occurrences:<5} document {each.document}, {each.start}-{each.end}: {shown(around)}"
            )
        return "\n".join(lines)

    def _draw(self, figure: Any) -> None:
        figure.set_size_inches(min(max(5.0, 0.16 * len(self.tokens)), 16), 3)
        axis = figure.subplots()
        axis.bar(range(len(self.tokens)), self.longest, color=FOR)
        label_tokens(axis, self.tokens)
        axis.set(ylabel=f"{self.unit}s", title=f"Longest span of the corpus that each {self.unit} is in")

    def _view(self) -> dict[str, Any]:
        names = ("length", "text_start", "text_end", "document", "start", "end", "before", "match", "after")
        return {
            "kind": "passages",
            "title": "Nearest passages",
            "facts": [
                f"{self.covered:.0%} of {len(self.tokens):,} {self.unit}s in spans of {self.n} or more"
            ],
            "tokens": self.tokens,
            "longest": self.longest.tolist(),
            "unit": self.unit,
            "passages": [
                {**{name: getattr(each, name) for name in names}, "occurrences": each.occurrences}
                for each in self.passages
            ],
        }


class PassageIndex:
    """A corpus in which `nearest` finds what texts share with it; made once, in memory: 28 bytes a word beside the text, 8 a token.

    Args:
        corpus: a token file (`ferrolm.data.TokenFile` or its path); the path of a text, whose documents blank lines separate; or
            texts. Words of texts are what is between white space and punctuation, compared without it and without (ASCII)
            case; tokens are compared as they are, by the ``tokenizer`` that made the token file.
        n: units of the shortest span to report.

    Raises `InvalidArgumentError` for ``n`` below 1, a token file without tokenizer and texts with one, `LimitError` beyond 2^32
    units, and what reading the file raises.

    >>> index = PassageIndex(["It was the best of times, it was the worst of times.", "A tale of two cities"], n=3)
    >>> found = index.nearest("Was it the best of times?").passages[0]
    >>> found.match, found.document, found.start, found.length
    ('the best of times', 0, 7, 4)
    """

    def __init__(
        self,
        corpus: TokenFile | str | PathLike[str] | Sequence[str],
        *,
        tokenizer: Tokenizer | None = None,
        n: int = 4,
    ) -> None:
        if n < 1:
            raise InvalidArgumentError(f"n is {n}, expected 1 or more")
        self.n = n
        self.corpus: Corpus = read_corpus(corpus, tokenizer)
        if len(self.corpus.units) >= 1 << 32:
            raise LimitError(f"corpus has {len(self.corpus.units):,} units, at most 2^32 can be indexed")
        self._keys = sorted_keys(self.corpus, n)

    def __len__(self) -> int:
        """The units of the corpus."""
        return len(self.corpus.units)

    def __repr__(self) -> str:
        return f"PassageIndex({len(self):,} {self.corpus.unit}s, {len(self.corpus.offsets) - 1:,} documents, n={self.n})"

    def nearest(self, text: str, k: int = 10, *, context: int = 12) -> Passages:
        """The ``k`` longest spans that ``text`` shares with the corpus; those within a longer one are left out.

        context: units of the corpus to show on both sides.
        """
        if not isinstance(text, str):
            raise InvalidTypeError(f"text is {type(text).__name__}, expected one text")
        for name, value, least in (("k", k, 1), ("context", context, 0)):
            if value < least:
                raise InvalidArgumentError(f"{name} is {value}, expected {least} or more")
        units, starts, ends = self.corpus.of_text(text)
        first, place, length = self._verified(text, *self._spans(units))
        longest = np.zeros(len(units), np.int64)
        for at, size in zip(first.tolist(), length.tolist(), strict=True):
            np.maximum(longest[at : at + size], size, out=longest[at : at + size])
        tokens = tuple(
            text[start:end]
            for start, end in zip([0, *ends[:-1].tolist()], [*ends[:-1].tolist(), len(text)], strict=True)
        )
        chosen = outermost(first, place, length, k)
        passages = tuple(
            self._passage(span, int(starts[span[0]]), int(ends[span[0] + span[2] - 1]), context)
            for span in chosen
        )
        return Passages(tokens if len(units) else (), longest, passages, self.corpus.unit, self.n)

    def _spans(
        self, units: NDArray[np.uint32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Where maximal spans begin in the text and in the corpus, and their lengths."""
        keys = hashes(units, self.n).astype(np.uint64) << np.uint64(32)
        low = np.searchsorted(self._keys, keys)
        high = np.searchsorted(self._keys, keys | np.uint64(0xFFFFFFFF), side="right")
        count = high - low
        count[count > _MOST_PLACES] = 0
        first = np.repeat(np.arange(len(keys)), count)
        within = np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count)
        place = (self._keys[np.repeat(low, count) + within] & np.uint64(0xFFFFFFFF)).astype(np.int64)
        return self._grown(units, first, place)

    def _grown(
        self, units: NDArray[np.uint32], first: NDArray[np.int64], place: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """One span of all seeds in a row on one diagonal, to both sides as far as the units are equal."""
        order = np.lexsort((first, place - first))
        first, place = first[order], place[order]
        diagonal = place - first
        begins = np.ones(len(first), bool)
        documents = np.searchsorted(self.corpus.offsets, place, side="right") - 1
        begins[1:] = (np.diff(diagonal) != 0) | (np.diff(first) != 1) | (np.diff(documents) != 0)
        starts = np.flatnonzero(begins)
        sizes = np.diff(np.append(starts, len(first))) + self.n - 1
        first, place, documents = first[starts], place[starts], documents[starts]
        left, right = self.corpus.offsets[documents], self.corpus.offsets[documents + 1]
        ends = first + sizes
        diagonal = place - first
        first = first - agreement(units, self.corpus.units, first - 1, diagonal, left, right, -1)
        ends = ends + agreement(units, self.corpus.units, ends, diagonal, left, right, 1)
        found = np.unique(np.stack([diagonal, first, ends]), axis=1)
        diagonal, first, ends = found
        return first, first + diagonal, ends - first

    def _verified(
        self, text: str, first: NDArray[np.int64], place: NDArray[np.int64], length: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Without spans that only their hashes have in common."""
        real = self.corpus.verified(text, first, place, length)
        return first[real], place[real], length[real]

    def _passage(
        self, span: tuple[int, int, int, int], text_start: int, text_end: int, context: int
    ) -> Passage:
        _, place, length, occurrences = span
        offsets = self.corpus.offsets
        document = int(np.searchsorted(offsets, place, side="right")) - 1
        low, high = int(offsets[document]), int(offsets[document + 1])
        cuts = (max(place - context, low), place, place + length, min(place + length + context, high))
        before, match, after, start, end = self.corpus.around(document, cuts)
        return Passage(length, text_start, text_end, document, start, end, before, match, after, occurrences)


def nearest_passages(
    text: str,
    corpus: PassageIndex | TokenFile | str | PathLike[str] | Sequence[str],
    k: int = 10,
    *,
    tokenizer: Tokenizer | None = None,
    n: int = 4,
) -> Passages:
    """The ``k`` longest spans that a text, such as one that a model has written, shares with a corpus.

    corpus: a `PassageIndex`, whose ``n`` then counts, or what one is made of; make it once for several texts. See it for the
    other arguments and for what is raised.

    >>> nearest_passages("They all lived happily ever after", ["so we lived happily ever after, I hope"]).covered
    0.6666666666666666
    """
    index = corpus if isinstance(corpus, PassageIndex) else PassageIndex(corpus, tokenizer=tokenizer, n=n)
    return index.nearest(text, k)
