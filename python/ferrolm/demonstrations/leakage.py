"""Whether the pool gives answers of the test set away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ferrolm.ngram import ContaminationSearch

__all__ = ["leaking"]


def leaking(
    pool: Sequence[str], test: Sequence[str], n: int = 8, *, min_length: int = 4, threshold: float = 0.0
) -> NDArray[np.int64]:
    """Positions of the pool's texts that share word n-grams with the test set, without case and punctuation.

    Args:
        pool: the texts to show.
        test: the queries that will be asked.
        n: words of an n-gram.
        min_length: a text of fewer than ``n`` words counts if it stands as a whole in the test set and has so many.
        threshold: share of a text's n-grams that must be found; by default one is enough.

    Raises what `ferrolm.ngram.contamination` raises, whose search this is.

    >>> pool = ["The cat sat on the mat.", "A dog ran home very fast", "yes"]
    >>> leaking(pool, ["so the cat sat on the mat again", "yes"], n=5).tolist()
    [0]
    """
    search = ContaminationSearch(list(pool), n, min_length=min_length)
    search.add(list(test))
    found = search.report(threshold).contaminated
    return np.array([example.example for example in found], np.int64)
