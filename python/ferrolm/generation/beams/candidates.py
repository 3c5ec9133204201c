"""`Candidates`: the best continuations of the beams of a step, with all that the settings say about them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.generation.plan import Ids, Plan
from ferrolm.generation.processing import Processing, drawing_alone, needs_processing, warped
from ferrolm.sampling import beam_candidates

__all__ = ["Candidates"]

Found = tuple[NDArray[np.float32], Ids, Ids]


class Candidates:
    """Scores, beams and tokens [texts, candidates], the best (or the first drawn) first.

    keeps_scores: whether ``scores`` has the log-probabilities [rows, vocab] of the last call.
    """

    scores: Tensor

    def __init__(self, plan: Plan, *, keeps_scores: bool = False) -> None:
        config = plan.config
        self._plan, self._config = plan, config
        self._prompts = plan.prompts_of_rows
        self._uses_history = any(params.uses_history for params in plan.params)
        # Filters act before a draw, and what is asked for has to be kept: then the scores are made in torch.
        apart = config.do_sample or config.renormalize_logits or keeps_scores
        self._processing = Processing(plan) if apart or needs_processing(config) else None
        self._drawing = [drawing_alone(params) for params in plan.params]
        # So many candidates of a beam may end; as many as there are beams have to be left.
        self._share = max(2, 1 + len(plan.eos))

    def __call__(
        self,
        logits: Tensor,
        running: NDArray[np.float32],
        rows: list[int],
        new: Ids,
        penalized: Ids | None = None,
    ) -> Found:
        """logits: [texts * beams, vocab] of rows of the plan that have the ``running`` scores [texts, beams].

        new: int64 [rows, time], what they have generated. penalized: [texts, m], tokens that other groups have taken.
        """
        count = min(self._share * running.shape[1], running.shape[1] * logits.shape[1])
        if self._processing is not None:
            logits, running = self._processed(logits, running, rows, new)
        plain = self._processing is not None or not self._uses_history
        seeds = None
        if self._config.do_sample:
            first = rows[:: running.shape[1]]
            seeds = np.array([self._plan.params[row].seed for row in first], np.uint64)
        found = beam_candidates(
            logits,
            running,
            count,
            params=None if plain else [self._plan.params[row] for row in rows],
            prompt=None if plain else [self._prompts[row] for row in rows],
            history=None if plain else new,
            penalized=penalized,
            diversity_penalty=self._config.diversity_penalty if penalized is not None else 0.0,
            seeds=seeds,
            step=new.shape[1],
        )
        scores, beams, tokens = (part.cpu().numpy() for part in found)
        return scores, beams, tokens

    def _processed(
        self, logits: Tensor, running: NDArray[np.float32], rows: list[int], new: Ids
    ) -> tuple[Tensor, NDArray[np.float32]]:
        """Log-probabilities after all processors, and running scores that make up for their normalization."""
        assert self._processing is not None
        x = self._processing(logits.float().log_softmax(-1), rows, new)
        if self._config.do_sample:
            x = warped(x, [self._drawing[row] for row in rows], least=len(self._plan.eos) + 1)
        if self._config.renormalize_logits:
            x = x.log_softmax(-1)
        self.scores = x
        # `beam_candidates` normalizes once more: what that takes away is added to the score of the beam.
        total = x.logsumexp(-1)
        x = torch.where(total[:, None] > -math.inf, x, 0.0)  # a beam without continuations is not read
        return x, running + total.cpu().numpy().reshape(running.shape)

    def totals(self, logits: Tensor, running: NDArray[np.float32], rows: list[int], new: Ids) -> Tensor:
        """Scores of all continuations, float32 [texts * beams, vocab]."""
        if self._processing is None:
            self._processing = Processing(self._plan)
        x = self._processing(logits.float().log_softmax(-1), rows, new)
        return x + torch.from_numpy(running.reshape(-1, 1)).to(x.device)
