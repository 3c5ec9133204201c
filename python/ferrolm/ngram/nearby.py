"""Words that are near each other: skip-grams, and how often words occur within a window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram._inputs import Ids, as_uint32, text_or_ids
from ferrolm.ngram._sparse import scipy_sparse
from ferrolm.ngram.counts import NgramCounts

__all__ = ["Cooccurrences", "cooccurrences", "skip_grams"]


def skip_grams(ids_or_texts: Any, n: int, k: int) -> NgramCounts:
    """Count the k-skip-n-grams: ``n`` words of a sentence in their order that leave out at most ``k`` between them.

    ``ids_or_texts`` as `ferrolm.ngram.count` takes it; ``n`` is 1 to 8. Each way to choose the words counts, as in
    ``nltk.util.skipgrams`` (which has none of one word). The order of the counts is ``n``. Runs on all threads, in
    memory for the distinct skip-grams. Guthrie et al. (2006), "A Closer Look at Skip-gram Modelling".

    >>> skip_grams(["insurgents killed in ongoing fighting"], n=2, k=1).most_common(9)[:3]
    [(('insurgents', 'killed'), 1), (('insurgents', 'in'), 1), (('killed', 'in'), 1)]
    """
    if n < 1 or k < 0:
        raise InvalidArgumentError(f"n is {n} and k is {k}, expected 1 or more and 0 or more")
    source = text_or_ids(ids_or_texts)
    if isinstance(source, Ids):
        return NgramCounts(_rust.skip_grams_of_ids(source.ids, source.offsets, n, k))
    return NgramCounts(_rust.skip_grams_of_text(source, n, k))


@dataclass(frozen=True, eq=False)
class Cooccurrences:
    """The pairs of words that occur near each other, sorted by row and column; made by `cooccurrences`.

    rows, columns: uint32 [pairs]. values: how often (uint64), or with weights (float64) [pairs]. size: rows and columns of
    the whole matrix. words: the word of each row and column; None for ids, which are rows and columns themselves.
    """

    rows: NDArray[np.uint32]
    columns: NDArray[np.uint32]
    values: NDArray[np.uint64] | NDArray[np.float64]
    size: int
    words: list[str] | None

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.rows)

    def to_scipy(self) -> Any:
        """A scipy CSR matrix [size, size]."""
        sparse = scipy_sparse()
        starts = np.searchsorted(self.rows, np.arange(self.size + 1))
        return sparse.csr_matrix((self.values, self.columns, starts), shape=(self.size, self.size))

    def __repr__(self) -> str:
        return f"Cooccurrences({len(self):,} pairs, size={self.size:,}, {self.values.dtype})"


def cooccurrences(
    ids_or_texts: Any,
    *,
    window: int = 5,
    symmetric: bool = True,
    weighting: Literal["uniform", "harmonic"] = "uniform",
    min_count: int = 1,
    vocabulary: Iterable[str] | Iterable[int] | None = None,
) -> Cooccurrences:
    """Count the pairs of words at most ``window`` apart within sentences, or weigh them.

    Args:
        ids_or_texts: as `ferrolm.ngram.count` takes it.
        window: the largest distance; neighbours have distance 1.
        symmetric: both words are row and column, so that the matrix is its own transpose (a word beside itself counts
            twice); otherwise the earlier word is the row and the later one the column.
        weighting: ``"uniform"``: each pair counts one. ``"harmonic"``: one over its distance, as for GloVe (window
            up to 64). Weights are summed as integers and divided once, so they are exact for any number of threads.
        min_count: leave out words that occur less often. They go before distances are counted, as GloVe's and
            word2vec's programs do it.
        vocabulary: the words of the rows and columns instead, in order; or the ids to look at.

    Words are numbered by frequency, the most frequent first, equals as they first came. Pennington et al. (2014),
    "GloVe: Global Vectors for Word Representation".

    >>> pairs = cooccurrences("the cat saw the dog", window=2, weighting="harmonic")
    >>> pairs.words, pairs.rows[:3].tolist(), pairs.columns[:3].tolist(), pairs.values[:3].tolist()
    (['the', 'cat', 'saw', 'dog'], [0, 0, 0], [1, 2, 3], [1.5, 1.5, 1.0])
    """
    if weighting not in ("uniform", "harmonic"):
        raise InvalidArgumentError(f"weighting is {weighting!r}, expected 'uniform' or 'harmonic'")
    if not isinstance(window, int) or window < 1 or min_count < 0:
        raise InvalidArgumentError(f"window is {window} and min_count {min_count}, expected 1 and 0 or more")
    options = (window, bool(symmetric), weighting == "harmonic", min_count)
    source = text_or_ids(ids_or_texts)
    if isinstance(source, Ids):
        wanted = None if vocabulary is None else as_uint32(np.asarray(list(vocabulary)), "vocabulary")
        pairs = _rust.cooccurrences_of_ids(source.ids, source.offsets, *options, wanted)
        largest = [int(ids.max()) for ids in (source.ids, wanted) if ids is not None and len(ids)]
        return Cooccurrences(*pairs, size=max(largest, default=-1) + 1, words=None)
    words = None if vocabulary is None else _distinct(vocabulary)
    pairs, found = _rust.cooccurrences_of_text(source, *options, words)
    names = words if found is None else found
    assert names is not None  # the core returns the words unless they are given
    return Cooccurrences(*pairs, size=len(names), words=names)


def _distinct(vocabulary: Iterable[Any]) -> list[str]:
    words = list(vocabulary)
    if not all(isinstance(word, str) for word in words):
        raise InvalidTypeError("vocabulary: expected words, as the source is text")
    if len(set(words)) != len(words):
        raise InvalidArgumentError("vocabulary has a word twice")
    return words
