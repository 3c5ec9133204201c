"""N-gram counts and language models, over words or over token ids.

>>> from ferrolm import ngram
>>> ngram.count(["a b a b", "b a"], orders=2).most_common(2, order=2)
[(('a', 'b'), 2), (('b', 'a'), 2)]

`NgramLM.train`, `NgramLM.load` make models, `interpolate` makes one of several, `CachedNgramLM` adds a memory of the
document; see there.
"""

from __future__ import annotations

from ferrolm.ngram.cache import CachedNgramLM
from ferrolm.ngram.counts import NgramCounts, count
from ferrolm.ngram.interpolation import interpolate, tune_weights
from ferrolm.ngram.model import DiscountFallbackWarning, NgramLM, OrderReport, TextScore

__all__ = [
    "CachedNgramLM",
    "DiscountFallbackWarning",
    "NgramCounts",
    "NgramLM",
    "OrderReport",
    "TextScore",
    "count",
    "interpolate",
    "tune_weights",
]
