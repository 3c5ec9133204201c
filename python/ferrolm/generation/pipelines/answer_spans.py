"""The likeliest stretches of a text, from the logits of their first and last tokens.

The probabilities and their order are those of transformers 4, whose version 5 has no question answering.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spans", "best_spans"]

_Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Spans:
    """First and last tokens of stretches and their scores, the best first; ``no_answer``: the score of the first token."""

    firsts: list[int]
    lasts: list[int]
    scores: list[float]
    no_answer: float


def best_spans(
    start: _Floats, end: _Floats, allowed: NDArray[np.bool_], top_k: int, max_length: int
) -> Spans:
    """The ``top_k`` best stretches of at most ``max_length`` allowed tokens.

    start, end: logits [time]; allowed: bool [time], the tokens of the text that is asked. A stretch scores the product of the
    probabilities that it starts and ends where it does, over the allowed tokens and the first one, which stands for no
    answer. Takes O(time * max_length).

    >>> logits = np.log(np.array([0.25, 0.5, 0.25], np.float32))
    >>> best_spans(logits, logits, np.array([False, True, True]), 2, 2)
    Spans(firsts=[1, 1], lasts=[1, 2], scores=[0.25, 0.125], no_answer=0.0625)
    """
    counted = allowed.copy()
    counted[0] = True
    starts, ends = _probabilities(start, counted), _probabilities(end, counted)
    no_answer = float(starts[0] * ends[0])
    starts, ends = np.where(allowed, starts, 0), np.where(allowed, ends, 0)
    longest = min(max_length, len(starts))
    # [tokens after the first, first token]; beyond the end nothing is left.
    padded = np.pad(ends, (0, longest - 1))
    scores = starts * np.lib.stride_tricks.sliding_window_view(padded, len(starts))
    flat = scores.ravel()
    best = np.arange(len(flat)) if len(flat) <= top_k else np.argpartition(-flat, top_k - 1)[:top_k]
    best = best[np.argsort(-flat[best], kind="stable")]
    best = best[flat[best] > 0]
    more, firsts = np.divmod(best, len(starts))
    return Spans(firsts.tolist(), (firsts + more).tolist(), flat[best].tolist(), no_answer)


def _probabilities(logits: _Floats, counted: NDArray[np.bool_]) -> _Floats:
    raised = np.where(counted, np.exp(logits - logits[counted].max()), 0).astype(np.float32)
    return raised / raised.sum()  # type: ignore[no-any-return]
