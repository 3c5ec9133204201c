"""Choosing among candidates (of a translation, a transcript, a spelling) with an n-gram model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.ngram._inputs import ids_only
from ferrolm.ngram.model import NgramLM

__all__ = ["Reranked", "rerank"]


@dataclass(frozen=True, eq=False)
class Reranked:
    """Lists of candidates in a new order; made by `rerank`.

    Of each list: order, the candidates' places, the best first (ties as they came), int64; scores, in the order of
    the candidates, float64; logprobs, of the model, natural logarithms, float64.
    """

    order: list[NDArray[np.int64]]
    scores: list[NDArray[np.float64]]
    logprobs: list[NDArray[np.float64]]

    @property
    def best(self) -> list[int]:
        """The place of the best candidate of each list; -1 for an empty list."""
        return [int(order[0]) if len(order) else -1 for order in self.order]


def rerank(
    model: NgramLM,
    candidates: Sequence[Sequence[Any]],
    scores: Sequence[Any] | None = None,
    *,
    weight: float = 1.0,
    length_normalization: float = 0.0,
    bos: bool = True,
    eos: bool = True,
) -> Reranked:
    """Order the candidates of each list by ``score + weight * logprob / length ** length_normalization``.

    Args:
        model: whose natural log-probability of each candidate counts.
        candidates: one list for each n-best list: texts for a model over words, sequences of ids for one over ids.
        scores: of the system that made the candidates (log-probabilities, say), in the same shape; default 0.
        weight: of the model.
        length_normalization: 0 is none, 1 the mean per word; lengths include the end of the sentence with ``eos``.
        bos, eos: whether a candidate begins, and ends, a sentence.

    All candidates of all lists are scored in one batch, on all threads.

    >>> model = NgramLM.train(["the cat sat", "a cat ran"] * 5, order=2, discount_fallback=(0.5, 1, 1.5))
    >>> rerank(model, [["cat the sat", "the cat sat"], ["ran"]]).best
    [1, 0]
    """
    lists = [list(each) for each in candidates]
    sizes = np.array([len(each) for each in lists], dtype=np.int64)
    logprobs, lengths = _scored(model, [item for each in lists for item in each], bos, eos)
    given = np.zeros(len(logprobs)) if scores is None else _flat(scores, sizes)
    total = given + weight * logprobs / np.maximum(lengths, 1) ** length_normalization
    if np.isnan(total).any():
        raise InvalidArgumentError("scores: some are not numbers")
    owners = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.cumsum(sizes) - sizes
    # Stable: candidates of equal score stay in their order.
    order = np.lexsort((-total, owners)) - np.repeat(starts, sizes)
    if not len(sizes):
        return Reranked([], [], [])
    return Reranked(*(np.split(values, starts[1:]) for values in (order, total, logprobs)))  # type: ignore[arg-type]


def _scored(
    model: NgramLM, items: list[Any], bos: bool, eos: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Natural log-probabilities and numbers of words."""
    if model.is_over_ids:
        source = ids_only(items)
        totals = model._core.totals_ids(source.ids, source.offsets, bos, eos)
    else:
        totals = _rust.text_totals(model._core, items, False, bos, eos)
    sums = np.array(totals, dtype=np.float64).reshape(-1, 4)
    return sums[:, 0] * np.log(10), sums[:, 2]


def _flat(scores: Sequence[Any], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    arrays = [np.asarray(each, dtype=np.float64).ravel() for each in scores]
    if [len(array) for array in arrays] != sizes.tolist():
        raise ShapeError(
            f"scores has lists of {[len(array) for array in arrays][:5]}, but the candidates {sizes[:5].tolist()}"
        )
    return np.concatenate(arrays) if arrays else np.zeros(0)
