"""Processors of transformers that `SamplingParams` has no field for, as functions of (ids, scores)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ferrolm.generation.plan import Ids, Plan

__all__ = ["processors_of"]

Processor = Callable[[Tensor, Tensor], Tensor]


def processors_of(plan: Plan) -> list[Processor]:
    """Those that the settings ask for, in the order of transformers. ids: int64 [rows, padded prompts and new tokens]."""
    config = plan.config
    longest = max(len(prompt) for prompt in plan.prompts)
    found: list[Processor] = []
    if config.encoder_repetition_penalty != 1.0 or config.encoder_no_repeat_ngram_size:
        found.append(_Source(plan))
    if config.remove_invalid_values:
        found.append(_finite)
    if config.exponential_decay_length_penalty is not None and plan.eos:
        first, factor = config.exponential_decay_length_penalty
        found.append(_growing(plan.eos, longest + first, factor))
    if config.forced_bos_token_id is not None and config.begin_suppress_tokens is not None and longest == 1:
        found.append(_suppressed_at(2, config.begin_suppress_tokens))
    return found


class _Source:
    """Favours tokens of the source (penalty above 1), or forbids to repeat its n-grams."""

    def __init__(self, plan: Plan) -> None:
        sources: list[Ids] = plan.prompts if plan.sources is None else plan.sources
        self._penalty = plan.config.encoder_repetition_penalty
        self._n = plan.config.encoder_no_repeat_ngram_size
        self._distinct = [torch.from_numpy(np.unique(source)) for source in sources]
        self._sources = [torch.from_numpy(source) for source in sources]
        self.rows = [row // plan.copies for row in range(plan.rows)]

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:
        scores = scores.clone()
        for row, source in enumerate(self.rows[: len(scores)]):
            if self._penalty != 1.0:
                tokens = self._distinct[source].to(scores.device)
                own = scores[row, tokens]
                scores[row, tokens] = torch.where(own < 0, own / self._penalty, own * self._penalty)
            if self._n:
                scores[row, self._repeating(self._sources[source], ids[row]).to(scores.device)] = -math.inf
        return scores

    def _repeating(self, source: Tensor, ids: Tensor) -> Tensor:
        """The tokens that would end an n-gram of the source, after the last n - 1 of ``ids``."""
        if len(source) < self._n:
            return source[:0]
        grams = source.unfold(0, self._n, 1)
        last = ids[len(ids) - self._n + 1 :].to(grams.device)
        return grams[(grams[:, :-1] == last).all(-1), -1]


def _finite(ids: Tensor, scores: Tensor) -> Tensor:
    limits = torch.finfo(scores.dtype)
    return torch.nan_to_num(scores, nan=0.0, posinf=limits.max, neginf=limits.min)


def _growing(eos: Sequence[int], first: int, factor: float) -> Processor:
    def favour_the_end(ids: Tensor, scores: Tensor) -> Tensor:
        after = ids.shape[1] - first
        if after > 0:
            scores = scores.clone()
            ends = list(eos)
            scores[:, ends] += scores[:, ends].abs() * (factor**after - 1)
        return scores

    return favour_the_end


def _suppressed_at(length: int, tokens: Sequence[int]) -> Processor:
    def suppress(ids: Tensor, scores: Tensor) -> Tensor:
        if ids.shape[1] == length:
            scores = scores.clone()
            scores[:, list(tokens)] = -math.inf
        return scores

    return suppress
