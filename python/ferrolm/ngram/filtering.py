"""Keeping the documents that a language model finds probable, as CCNet does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram.model import NgramLM

__all__ = ["BUCKETS", "FilteredDocuments", "PerplexityFilter"]

BUCKETS = ("head", "middle", "tail")


@dataclass(frozen=True, eq=False)
class FilteredDocuments:
    """What a `PerplexityFilter` says of some documents.

    perplexities: float64 [documents], infinite for a document without words. buckets: uint8 [documents], places in
    `BUCKETS`. keep: bool [documents].
    """

    perplexities: NDArray[np.float64]
    buckets: NDArray[np.uint8]
    keep: NDArray[np.bool_]

    @property
    def names(self) -> NDArray[np.str_]:
        """The name of each document's bucket."""
        return np.array(BUCKETS)[self.buckets]


class PerplexityFilter:
    """Sorts documents into head, middle and tail by their perplexity under an n-gram model.

    Wenzek et al. (2020), "CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data": a model of clean text
    (Wikipedia) finds clean documents probable. The head are documents up to the first threshold, the middle those up
    to the second.

    Args:
        model: an `NgramLM` over words, or over ids with ``tokenizer``. Each line of a document is a sentence, between
            ``<s>`` and ``</s>``; lines of white space are skipped, and a document's score is the sum over its lines.
        tokenizer: a `ferrolm.Tokenizer`, or anything with ``encode_ids_batch``, for a model over its ids. It gets each
            line by itself, without the white space around it, as CCNet gives lines to SentencePiece. Without one, words
            are split at white space.
        thresholds: the two perplexities, if they are known; otherwise `fit` finds them.
        keep: names of the buckets to keep, or one name.

    >>> model = NgramLM.train(["the cat sat", "the dog sat"] * 9, order=2, discount_fallback=(0.5, 1, 1.5))
    >>> filter = PerplexityFilter(model).fit(["the cat sat", "the dog", "sat the", "xyz zyx"], (0.25, 0.75))
    >>> filter(["the cat sat", "sat the"]).names.tolist()
    ['head', 'tail']
    """

    def __init__(
        self,
        model: NgramLM,
        tokenizer: Any = None,
        *,
        thresholds: tuple[float, float] | None = None,
        keep: str | Sequence[str] = ("head", "middle"),
    ) -> None:
        if model.is_over_ids != (tokenizer is not None):
            needed = "needs a tokenizer" if model.is_over_ids else "has words: no tokenizer is expected"
            raise InvalidArgumentError(f"a model over {'ids' if model.is_over_ids else 'words'} {needed}")
        kept = (keep,) if isinstance(keep, str) else tuple(keep)
        for name in kept:
            if name not in BUCKETS:
                raise InvalidArgumentError(f"keep has {name!r}, expected some of {', '.join(BUCKETS)}")
        self.model = model
        self.tokenizer = tokenizer
        self.keep = kept
        self.thresholds = None if thresholds is None else _checked(*thresholds)

    def fit(self, sample: Iterable[str], quantiles: tuple[float, float] = (1 / 3, 2 / 3)) -> PerplexityFilter:
        """Take as thresholds the ``quantiles`` of the perplexities of a sample; documents without words do not count.

        CCNet's paper cuts into thirds.
        """
        low, high = quantiles
        if not 0 <= low <= high <= 1:
            raise InvalidArgumentError(f"quantiles are {low} and {high}, expected 0 <= first <= second <= 1")
        perplexities = self.perplexities(sample)
        finite = perplexities[np.isfinite(perplexities)]
        if not len(finite):
            raise InvalidArgumentError(f"the sample's {len(perplexities)} documents have no words")
        first, second = np.quantile(finite, [low, high]).tolist()
        self.thresholds = _checked(first, second)
        return self

    def perplexities(self, documents: Iterable[str]) -> NDArray[np.float64]:
        """The perplexity per word or token of each document: float64 [documents]; on all threads.

        The ends of lines count as tokens. A document without words has infinite perplexity.
        """
        texts = _texts(documents)
        if self.tokenizer is None:
            totals = _rust.text_totals(self.model._core, texts, True, True, True)
            sums = np.array(totals, dtype=np.float64).reshape(-1, 4)
        else:
            sums = self._sums_of_ids(texts)
        log10, tokens = sums[:, 0], sums[:, 2]
        with np.errstate(over="ignore"):
            return np.where(tokens > 0, 10.0 ** (-log10 / np.maximum(tokens, 1)), np.inf)

    def _sums_of_ids(self, texts: list[str]) -> NDArray[np.float64]:
        """As the sums of `TextScore`, float64 [documents, 4], of documents whose lines are tokenized."""
        lines = [list(filter(None, map(str.strip, text.split("\n")))) for text in texts]
        ragged = self.tokenizer.encode_ids_batch(list(chain.from_iterable(lines)))
        totals = self.model._core.totals_ids(ragged.ids, ragged.offsets, True, True)
        sums = np.array(totals, dtype=np.float64).reshape(-1, 4)
        # Of a line without tokens the end alone would count.
        sums[np.diff(ragged.offsets) == 0] = 0
        documents = np.repeat(np.arange(len(texts)), list(map(len, lines)))
        return np.stack(
            [np.bincount(documents, weights=column, minlength=len(texts)) for column in sums.T], axis=1
        )

    def __call__(self, documents: Iterable[str]) -> FilteredDocuments:
        """Perplexities, buckets, and which documents to keep."""
        if self.thresholds is None:
            raise InvalidArgumentError("the filter has no thresholds: fit it on a sample, or give them")
        perplexities = self.perplexities(documents)
        buckets = np.searchsorted(np.array(self.thresholds), perplexities, side="left").astype(np.uint8)
        kept = np.array([name in self.keep for name in BUCKETS])
        return FilteredDocuments(perplexities, buckets, kept[buckets])

    def __repr__(self) -> str:
        return f"PerplexityFilter({self.model!r}, thresholds={self.thresholds}, keep={self.keep})"


def _checked(first: float, second: float) -> tuple[float, float]:
    if not 0 <= first <= second:
        raise InvalidArgumentError(f"thresholds are {first} and {second}, expected 0 <= first <= second")
    return float(first), float(second)


def _texts(documents: Iterable[str]) -> list[str]:
    if isinstance(documents, str):
        raise InvalidTypeError("documents is one text, expected an iterable of texts")
    return documents if isinstance(documents, list) else list(documents)
