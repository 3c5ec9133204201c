"""BM25 (Robertson et al., 1994) as Lucene counts it, on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError
from ferrolm.text import words

__all__ = ["BM25Index"]


class BM25Index:
    """How relevant each text of a pool is to a query, by the words that they share.

    The weight of a word in a text is ``idf * f / (f + k1 * (1 - b + b * length / mean length))``, where ``f`` is how
    often it occurs and ``idf = ln(1 + (texts - df + 0.5) / (df + 0.5))`` (Kamphuis et al., 2020, variant "Lucene").
    Weights are computed once; a query adds up one column for each of its words.

    Args:
        texts: the pool.
        k1: how soon repetition of a word stops counting.
        b: how much long texts are discounted, 0 to 1.

    >>> index = BM25Index(["the cat sat", "the dog ran", "a cat and a dog"])
    >>> index.scores("Cat!").round(3).tolist()
    [0.205, 0.0, 0.162]
    """

    def __init__(self, texts: Sequence[str], *, k1: float = 1.5, b: float = 0.75) -> None:
        if k1 < 0 or not 0 <= b <= 1:
            raise InvalidArgumentError(
                f"k1 is {k1} and b is {b}, expected k1 of at least 0 and b from 0 to 1"
            )
        rows = [words(text, lowercase=True) for text in texts]
        self._numbers: dict[str, int] = {}
        tokens = np.array(
            [self._numbers.setdefault(word, len(self._numbers)) for word in chain.from_iterable(rows)],
            dtype=np.int64,
        )
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        self._texts = len(rows)
        self._build(tokens, lengths, k1, b)

    def _build(self, tokens: NDArray[np.int64], lengths: NDArray[np.int64], k1: float, b: float) -> None:
        """Columns of weights by word: texts ``_rows[s:e]``, weights ``_weights[s:e]``, ends in ``_starts``."""
        texts = np.repeat(np.arange(self._texts), lengths)
        pairs, counts = np.unique(tokens * max(self._texts, 1) + texts, return_counts=True)
        columns, self._rows = np.divmod(pairs, max(self._texts, 1))
        frequencies = np.bincount(columns, minlength=len(self._numbers))
        self._starts = np.concatenate([[0], np.cumsum(frequencies)])
        idf = np.log1p((self._texts - frequencies + 0.5) / (frequencies + 0.5))
        norms = k1 * (1 - b + b * lengths / max(lengths.mean(), 1e-9)) if self._texts else lengths
        self._weights = idf[columns] * counts / (counts + norms[self._rows])

    def weights(self, query: str, texts: NDArray[np.int64]) -> NDArray[np.float64]:
        """The weight of each different word of a query in each of some texts, shape (words, texts).

        >>> BM25Index(["the cat sat", "the dog ran"]).weights("the cat", np.array([0, 1])).round(2).tolist()
        [[0.07, 0.07], [0.28, 0.0]]
        """
        found = dict.fromkeys(words(query, lowercase=True))
        table = np.zeros((len(found), len(texts)))
        for row, word in zip(table, found, strict=True):
            if word in self._numbers and len(texts):
                column = slice(*self._starts[self._numbers[word] : self._numbers[word] + 2])
                places = np.minimum(
                    np.searchsorted(self._rows[column], texts), column.stop - column.start - 1
                )
                row[:] = np.where(self._rows[column][places] == texts, self._weights[column][places], 0.0)
        return table

    def scores(self, query: str) -> NDArray[np.float64]:
        """The score of each text, shape (texts,); 0 for those that share no word with the query."""
        known = [self._numbers[word] for word in words(query, lowercase=True) if word in self._numbers]
        columns = [slice(self._starts[number], self._starts[number + 1]) for number in known]
        if not columns:
            return np.zeros(self._texts)
        rows = np.concatenate([self._rows[column] for column in columns])
        weights = np.concatenate([self._weights[column] for column in columns])
        return np.bincount(rows, weights, minlength=self._texts).astype(np.float64, copy=False)
