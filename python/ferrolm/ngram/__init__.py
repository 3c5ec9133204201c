"""N-gram counts and language models, over words or over token ids, and what they are used for.

>>> from ferrolm import ngram
>>> ngram.count(["a b a b", "b a"], orders=2).most_common(2, order=2)
[(('a', 'b'), 2), (('b', 'a'), 2)]

`NgramLM.train`, `NgramLM.load` make models, `interpolate` makes one of several, `CachedNgramLM` adds a memory of the
document; see there.
"""

from __future__ import annotations

from ferrolm.ngram.cache import CachedNgramLM
from ferrolm.ngram.count_vectorizer import CountVectorizer
from ferrolm.ngram.counts import NgramCounts, count
from ferrolm.ngram.document_ngrams import DocumentNgrams, document_ngrams
from ferrolm.ngram.filtering import FilteredDocuments, PerplexityFilter
from ferrolm.ngram.hashing_vectorizer import HashingVectorizer
from ferrolm.ngram.interpolation import interpolate, tune_weights
from ferrolm.ngram.model import DiscountFallbackWarning, NgramLM, OrderReport, TextScore
from ferrolm.ngram.nearby import Cooccurrences, cooccurrences, skip_grams
from ferrolm.ngram.overlap import (
    ContaminationReport,
    ContaminationSearch,
    ExampleOverlap,
    RepeatedSpans,
    contamination,
    repeated_spans,
)
from ferrolm.ngram.reranking import Reranked, rerank

__all__ = [
    "CachedNgramLM",
    "ContaminationReport",
    "ContaminationSearch",
    "Cooccurrences",
    "CountVectorizer",
    "DiscountFallbackWarning",
    "DocumentNgrams",
    "ExampleOverlap",
    "FilteredDocuments",
    "HashingVectorizer",
    "NgramCounts",
    "NgramLM",
    "OrderReport",
    "PerplexityFilter",
    "RepeatedSpans",
    "Reranked",
    "TextScore",
    "contamination",
    "cooccurrences",
    "count",
    "document_ngrams",
    "interpolate",
    "repeated_spans",
    "rerank",
    "skip_grams",
    "tune_weights",
]
