"""Beam search (Lowerre 1976, Freitag & Al-Onaizan 2017): the most probable continuations that a few hypotheses at a time find.

With ``do_sample`` candidates are drawn without replacement. With groups (diverse beam search, Vijayakumar et al. 2018) each group
is a beam search of its own, for which tokens cost more that the groups before it have taken at the same step. Texts whose
beams cannot become better leave the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.generation.beams.candidates import Candidates
from ferrolm.generation.beams.constrained import ConstrainedGroup
from ferrolm.generation.beams.constraints import Constraints
from ferrolm.generation.beams.hypotheses import BeamGroup, Hypothesis
from ferrolm.generation.decoders.causal import Decoder
from ferrolm.generation.output import Record
from ferrolm.generation.plan import Ids, Plan

__all__ = ["Ends", "beam_search"]

# Which candidates end for another reason than their token: ids [texts, candidates, time] of texts -> bool.
Ends = Callable[[NDArray[np.intp], Ids], NDArray[np.bool_]]


def beam_search(
    decoder: Decoder, plan: Plan, ends: Ends | None = None, record: Record | None = None
) -> list[list[Hypothesis]]:
    """The hypotheses of each prompt, the best first; ``beams`` of a hypothesis are rows of the plan."""
    search = _Search(plan, ends, record)
    logits = decoder.start()
    while True:
        rows, tokens = search.step(logits)
        if rows is None or tokens is None:
            return search.results
        if len(rows) != len(logits) or not np.array_equal(rows, np.arange(len(rows))):
            decoder.keep(torch.from_numpy(rows).to(logits.device))
        logits = decoder.step(torch.from_numpy(tokens).to(logits.device))


class _Search:
    def __init__(self, plan: Plan, ends: Ends | None, record: Record | None) -> None:
        config = plan.config
        self._plan, self._ends, self._record = plan, ends, record
        # Functions of the user are called for all rows, and what is recorded is of all rows.
        self._stays = plan.stays or record is not None
        self._candidates = Candidates(plan, keeps_scores=record is not None and record.keeps_scores)
        self._token_ends = plan.ends()
        self._texts = np.arange(len(plan.prompts))  # the batch, as texts of the caller
        limits = np.array(plan.limits[:: plan.copies])
        self._size = config.num_beams // config.num_beam_groups
        constraints = Constraints.of(config, plan.shape.vocab_size)
        self._groups: list[BeamGroup] = (
            [BeamGroup(config, self._size, limits) for _ in range(config.num_beam_groups)]
            if constraints is None
            else [ConstrainedGroup(config, self._size, limits, constraints, plan.prompts)]
        )
        for group in self._groups:
            group.looks_at_ending = len(self._groups) > 1 or constraints is not None
        self.results: list[list[Hypothesis]] = [[] for _ in plan.prompts]

    def step(self, logits: Tensor) -> tuple[Ids | None, Ids | None]:
        """The rows of ``logits`` that run on, and a token for each; None when all texts are closed."""
        texts, size, beams = len(self._texts), self._size, self._plan.copies
        all_rows = np.arange(texts * beams).reshape(texts, len(self._groups), size)
        rows = np.empty(all_rows.shape, np.int64)
        tokens, scores = np.empty_like(rows), []
        taken: Ids | None = None
        for place, group in enumerate(self._groups):
            own = all_rows[:, place].reshape(-1)
            of_group = logits if len(self._groups) == 1 else logits[own]
            was_open = group.open.copy()
            came_from, came = self._advance(group, of_group, place, taken)
            rows[:, place] = all_rows[:, place, :1] + came_from
            tokens[:, place] = came
            # A group that was closed before takes nothing from the others.
            own_taken = np.where(was_open[:, None], came, -1)
            taken = own_taken if taken is None else np.concatenate([taken, own_taken], axis=1)
            if self._record is not None and self._record.keeps_scores:
                scores.append(self._candidates.scores.view(texts, size, -1))
        if self._record is not None:
            told = torch.cat(scores, 1).flatten(0, 1) if scores else None
            self._record.keep(logits, told)
        going = np.any([group.open for group in self._groups], axis=0)
        self._collect(~going)
        if not going.any():
            return None, None
        if not self._stays and not going.all():
            kept = np.flatnonzero(going)
            self._texts, rows, tokens = self._texts[kept], rows[kept], tokens[kept]
            for group in self._groups:
                group.select(kept)
        return rows.reshape(-1), tokens.reshape(-1)

    def _advance(self, group: BeamGroup, logits: Tensor, place: int, taken: Ids | None) -> tuple[Ids, Ids]:
        beams = np.arange(self._size) + place * self._size
        rows = (self._texts[:, None] * self._plan.copies + beams).reshape(-1).tolist()
        new = group.ids[..., : group.time].reshape(len(rows), -1)
        found = self._candidates(logits, group.scores, rows, new, taken)
        ends = self._token_ends[found[2]]
        if self._ends is not None:
            ends |= self._ends(self._texts, group.extended(found[1], found[2]))
        if isinstance(group, ConstrainedGroup):
            totals = self._candidates.totals(logits, group.scores, rows, new)
            return group.advance_constrained(*found, ends, totals)
        return group.advance(*found, ends)

    def _collect(self, closed: NDArray[np.bool_]) -> None:
        """Take the results of texts that have just been closed."""
        for text in np.flatnonzero(closed):
            at = int(self._texts[text])
            if self.results[at]:
                continue
            first = at * self._plan.copies
            every = [
                Hypothesis(each.ids, each.score, each.beams + first + place * self._size)
                for place, group in enumerate(self._groups)
                for each in group.best(int(text))
            ]
            self.results[at] = sorted(every, key=lambda each: -each.score)
