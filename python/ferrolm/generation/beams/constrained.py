"""Beam search in which words must come (Post & Vilar 2018, dynamic beam allocation), with transformers' choice of beams.

Beside the best candidates there are those that bring a hypothesis further with its words. They are sorted into banks by how
far they have got, and the beams are dealt out to the banks in turn, so that some always make progress.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.generation.beams.constraints import Constraints, Progress
from ferrolm.generation.beams.hypotheses import BeamGroup, Scores
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.plan import Ids

__all__ = ["ConstrainedGroup"]

# What a token more of a word is worth in log-probability: more than any token costs.
_BANK = 100.0


class _Candidate(NamedTuple):
    score: float
    beam: int
    token: int
    progress: Progress


class ConstrainedGroup(BeamGroup):
    """Beams that know how far each of them has got with the words; those of a decoder's prompt have come already."""

    def __init__(
        self,
        config: GenerationConfig,
        beams: int,
        limits: Ids,
        constraints: Constraints,
        prompts: Sequence[Ids],
    ) -> None:
        super().__init__(config, beams, limits)
        self._returned = config.num_return_sequences
        self._progress: list[list[Progress]] = []
        for prompt in prompts:
            progress = constraints.begin()
            for token in prompt.tolist():
                progress = progress if progress.is_complete else progress.after(token)
            self._progress.append([progress] * beams)

    def advance_constrained(
        self, scores: Scores, beams: Ids, tokens: Ids, ends: NDArray[np.bool_], totals: Tensor
    ) -> tuple[Ids, Ids]:
        """As `advance`; ``totals`` [texts * beams, vocab] are the scores of all continuations."""
        width = self._beams
        chosen_beams = np.zeros((len(scores), width), np.int64)
        chosen_tokens = np.zeros_like(chosen_beams)
        chosen = np.full(chosen_beams.shape, -np.inf, np.float32)
        complete = np.array(
            [[self._progress[text][beam].is_complete for beam in row] for text, row in enumerate(beams)]
        )
        self._keep_complete(scores, beams, tokens, ends & complete & (scores > -np.inf))
        last = self.time + 1 >= self._limits
        for text in range(len(scores)):
            best = self._choose(text, scores[text], beams[text], tokens[text], ends[text], totals)
            for place, each in enumerate(best):
                chosen[text, place] = each.score
                chosen_beams[text, place], chosen_tokens[text, place] = each.beam, each.token
            self._progress[text] = [each.progress for each in best] + self._progress[text][len(best) :]
        if last.any():
            self._keep_last(chosen, chosen_beams, chosen_tokens, last)
        self._run_on(chosen, chosen_beams, chosen_tokens, scores[:, 0])
        return chosen_beams, chosen_tokens

    def _choose(
        self, text: int, scores: Scores, beams: Ids, tokens: Ids, ends: NDArray[np.bool_], totals: Tensor
    ) -> list[_Candidate]:
        """The beams that run on."""
        running = np.flatnonzero(~ends & (scores > -np.inf))[: self._beams]
        progress = self._progress[text]
        found = [
            _Candidate(
                float(scores[at]),
                int(beams[at]),
                int(tokens[at]),
                progress[beams[at]]
                if progress[beams[at]].is_complete
                else progress[beams[at]].after(int(tokens[at])),
            )
            for at in running
        ]
        seen = {(each.beam, each.token) for each in found}
        for beam in range(self._beams):
            if progress[beam].is_complete or self.scores[text, beam] == -np.inf:
                continue
            further = [token for token in progress[beam].next_tokens() if (beam, token) not in seen]
            own = totals[text * self._beams + beam, further].tolist()
            for token, score in zip(further, own, strict=True):
                if (beam, token) not in seen and score > -np.inf:
                    seen.add((beam, token))
                    found.append(_Candidate(score, beam, token, progress[beam].after(token)))
        return _dealt(found)[: self._beams]

    def _keep_last(self, scores: Scores, beams: Ids, tokens: Ids, last: NDArray[np.bool_]) -> None:
        """At the last token, hypotheses that have all words are complete; too few of them let the others be so too."""
        done = np.array([[each.is_complete for each in row] for row in self._progress])
        enough = done.sum(axis=1) >= self._returned
        ends = np.where(enough[:, None], done, True) & last[:, None] & (scores > -np.inf)
        self._keep_complete(scores, beams, tokens, ends)

    def select(self, texts: NDArray[np.intp]) -> None:
        super().select(texts)
        self._progress = [self._progress[text] for text in texts]


def _dealt(found: list[_Candidate]) -> list[_Candidate]:
    """The best of each bank, the banks that have got furthest first; then the second of each, and so on."""
    ordered = sorted(found, key=lambda each: -(each.progress.bank * _BANK + each.score))
    turns: dict[int, int] = {}
    places = []
    for each in ordered:
        places.append(turns.get(each.progress.bank, 0))
        turns[each.progress.bank] = places[-1] + 1
    return [ordered[at] for at in sorted(range(len(ordered)), key=places.__getitem__)]
