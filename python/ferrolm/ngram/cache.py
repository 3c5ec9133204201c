"""An n-gram model that expects the words of the last part of a document to come again."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram._inputs import Ids, Text, ids_only, text_or_ids
from ferrolm.ngram.model import NgramLM, TextScore

__all__ = ["CachedNgramLM"]

_Documents: TypeAlias = list[Text] | tuple[NDArray[np.uint32], NDArray[np.int64], list[int]]


class CachedNgramLM:
    r"""A model mixed with a cache: the distribution of the last words of the document.

    p(w) = (1 - ``weight``) p_model(w | context) + ``weight`` p_cache(w), where p_cache is the share of w among the last
    ``size`` tokens of the document so far. With a ``half_life`` (in tokens) older ones count less: half as much after
    that many. Kuhn and De Mori (1990); with decay Clarkson and Robinson (1997).

    Everything that is scored is remembered, ends of sentences and unknown words too; the cache starts empty with each
    document, and the first word has the model's probability alone. Probabilities sum to one.

    A document is a string (one sentence a line) or a list of sentences; over ids, an array (one sequence) or a list of
    sequences. Documents are a list of such.

    >>> model = NgramLM.train(["a b c d", "d c b a"], order=2, smoothing="witten-bell")
    >>> cached = CachedNgramLM(model, weight=0.3, size=100)
    >>> documents = ["a a a a\nb a a", "d d d c"]
    >>> cached.perplexity(documents) < model.perplexity(["a a a a", "b a a", "d d d c"])
    True
    """

    def __init__(
        self, model: NgramLM, weight: float = 0.1, size: int = 500, half_life: float | None = None
    ) -> None:
        if size < 1:
            raise InvalidArgumentError(f"size is {size}, but must be positive")
        self._core = _rust.NgramCache(model._core, weight, size, half_life)
        self._model, self._weight, self._size, self._half_life = model, weight, size, half_life

    @property
    def model(self) -> NgramLM:
        """The model without its cache."""
        return self._model

    @property
    def weight(self) -> float:
        """The weight of the cache, at least 0 and below 1."""
        return self._weight

    @property
    def size(self) -> int:
        """How many tokens the cache holds."""
        return self._size

    @property
    def half_life(self) -> float | None:
        """After how many others a token counts half; None if all count alike."""
        return self._half_life

    def score_documents(
        self, documents: Iterable[Any], bos: bool = True, eos: bool = True
    ) -> list[TextScore]:
        """The score of each document, its sentences in their order, documents on all threads.

        ``bos`` starts each sentence with ``<s>``, ``eos`` includes (and remembers) the probability of ``</s>``.
        """
        return [TextScore(*total) for total in self._core.totals(_documents(documents), bos, eos)]

    def score_texts(self, documents: Iterable[Any], bos: bool = True, eos: bool = True) -> TextScore:
        """The summed score of all documents: see `score_documents`.

        As everywhere in `ferrolm.ngram`, a single string is text and not a list of characters: it is one document.
        """
        scores = self.score_documents(documents, bos, eos)
        return TextScore(
            math.fsum(score.log10 for score in scores),
            math.fsum(score.log10_unknown for score in scores),
            sum(score.num_tokens for score in scores),
            sum(score.num_unknown for score in scores),
        )

    def perplexity(
        self, documents: Iterable[Any], *, include_unknown: bool = True, bos: bool = True, eos: bool = True
    ) -> float:
        """The perplexity per word (with end markers) of documents; ``include_unknown=False`` leaves out unknown words."""
        score = self.score_texts(documents, bos, eos)
        return score.perplexity if include_unknown else score.perplexity_without_unknown

    def next_token_logprobs(
        self, context: Any = (), bos: bool = True, eos: bool = True
    ) -> NDArray[np.float32]:
        r"""Natural logarithms of the probability of every id after ``context``: float32 [vocab_size].

        ``context`` is the document so far: its last line (sentence, sequence) is the one to be continued, those before it
        are complete. Without ``eos`` their ends were not scored and are not remembered.

        >>> model = NgramLM.train(["a b", "b a"], order=2, smoothing="witten-bell")
        >>> cached = CachedNgramLM(model, weight=0.5)
        >>> before, after = cached.next_token_logprobs("a"), cached.next_token_logprobs("b b b b\na")
        >>> bool(after[model.ids("b")[0]] > before[model.ids("b")[0]])
        True
        """
        # A line feed at the end begins a new sentence, while a text is over with it.
        document = context.split("\n") if isinstance(context, str) else context
        return self._core.next_logprobs(_documents([document]), bos, eos)

    def tune(self, held_out: Iterable[Any], bos: bool = True, eos: bool = True) -> CachedNgramLM:
        r"""The same with the weight under which ``held_out`` documents are most likely (expectation maximization).

        >>> model = NgramLM.train(["a b c d", "d c b a"], order=2, smoothing="witten-bell")
        >>> cached = CachedNgramLM(model).tune(["a a a a\nb a a", "d d d c"])
        >>> 0.3 < cached.weight < 1
        True
        """
        weight = self._core.best_weight(_documents(held_out), bos, eos)
        # All the weight for the cache would leave new words without any probability.
        return CachedNgramLM(self._model, min(weight, 1 - 1e-6), self._size, self._half_life)

    def __repr__(self) -> str:
        half_life = "" if self._half_life is None else f", half_life={self._half_life}"
        return f"CachedNgramLM({self._model!r}, weight={self._weight:.4g}, size={self._size}{half_life})"


def _documents(documents: Any) -> _Documents:
    """Documents in the core's form; a string is one document, each row of ragged ids one as well."""
    if hasattr(documents, "offsets"):
        rows = ids_only(documents)
        return rows.ids, rows.offsets, [1] * (len(rows.offsets) - 1)
    items = [documents] if isinstance(documents, str) else list(documents)
    sources = [text_or_ids(item) for item in items]
    if any(isinstance(source, Ids) for source in sources):
        return _id_documents(sources)
    return [source for source in sources if not isinstance(source, Ids)]


def _id_documents(sources: list[Text | Ids]) -> _Documents:
    """All sequences one after the other, and how many each document has; an empty list is a document without any."""
    parts = []
    for source in sources:
        if not isinstance(source, Ids) and source != []:
            raise InvalidTypeError("documents: some are text and some are ids")
        parts.append(
            source if isinstance(source, Ids) else Ids(np.zeros(0, np.uint32), np.zeros(1, np.int64))
        )
    lengths = [len(part.offsets) - 1 for part in parts]
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    return np.concatenate([part.ids for part in parts]), offsets, lengths
