"""From the logits of a step to its tokens: a `Sampler` alone, or one behind what the user has put before it."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ferrolm.generation.plan import Ids, Plan
from ferrolm.generation.processing import Processing, drawing_alone, needs_processing, warped
from ferrolm.sampling import Sampler

__all__ = ["Choice", "ProcessedChoice", "choice_of"]


class Choice:
    """Draws the next token of each row. ``scores``: what was drawn from, where it is known."""

    scores: Tensor | None = None

    def __init__(self, plan: Plan) -> None:
        self._sampler = Sampler(plan.params, prompt=plan.prompts_of_rows)

    def draw(self, logits: Tensor, rows: list[int] | None) -> Tensor:
        """Ids int64 of logits [rows, vocab]; ``rows``: which of the plan's these are, None for all."""
        return self._sampler.sample(logits, rows=rows)  # type: ignore[no-any-return]

    def accept(self, ids: Ids, rows: list[int] | None) -> None:
        """Count the tokens as generated."""
        self._sampler.accept(ids, rows=rows)


class ProcessedChoice(Choice):
    """The same through `Processing`, in torch: rules first, then functions of the user, then the draw."""

    def __init__(self, plan: Plan, *, keeps_scores: bool = False) -> None:
        self._params = [drawing_alone(params) for params in plan.params]
        self._sampler = Sampler(self._params, prompt=plan.prompts_of_rows)
        self._processing = Processing(plan)
        self._keeps_scores = keeps_scores
        self._new = np.zeros((plan.rows, max(plan.limits)), np.int64)
        self._length = 0

    def draw(self, logits: Tensor, rows: list[int] | None) -> Tensor:
        chosen = list(range(len(self._params))) if rows is None else rows
        x = self._processing(logits, chosen, self._new[chosen, : self._length])
        if self._keeps_scores:
            self.scores = warped(x, [self._params[row] for row in chosen])
        return super().draw(x, rows)

    def accept(self, ids: Ids, rows: list[int] | None) -> None:
        self._new[slice(None) if rows is None else rows, self._length] = ids
        self._length += 1
        super().accept(ids, rows)


def choice_of(plan: Plan) -> Choice:
    """The cheapest that does what is asked for."""
    keeps_scores = plan.config.return_dict_in_generate and plan.config.output_scores
    if keeps_scores or needs_processing(plan.config):
        return ProcessedChoice(plan, keeps_scores=keeps_scores)
    return Choice(plan)
