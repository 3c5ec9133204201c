"""`BeamGroup`: the running and the complete hypotheses of a beam search, and what a step makes of them.

The arithmetic is that of transformers, so that the same hypotheses win. Of each text there are some running hypotheses; of
twice as many candidates those that end are complete if they are among the best, and the best of the others run on. A text is
closed when none of its running ones can overtake the complete ones any more, by a rule that ``early_stopping`` chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.plan import Ids

__all__ = ["BeamGroup", "Hypothesis"]

# Below every score; transformers' stand-in for minus infinity.
_NONE = np.float32(-1e9)

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Hypothesis:
    """ids: int64 [time]. score: divided by the length penalty. beams: the beam of its text that each token was added to."""

    ids: Ids
    score: float
    beams: Ids


class BeamGroup:
    """Hypotheses of ``beams`` beams for each of several texts, which may have ``limits`` tokens."""

    def __init__(self, config: GenerationConfig, beams: int, limits: Ids) -> None:
        texts, longest = len(limits), int(limits.max())
        self._limits, self._beams = limits, beams
        self._penalty = config.length_penalty
        self._early = config.early_stopping
        self.scores = np.full((texts, beams), -np.inf, np.float32)  # of the running ones, all equal at first
        self.scores[:, 0] = 0.0
        self.ids = np.zeros((texts, beams, longest), np.int64)
        self._sources = np.full((texts, beams, longest), -1, np.int64)
        self._complete_scores = np.full((texts, beams), _NONE, np.float32)
        self._complete = np.zeros((texts, beams), dtype=bool)
        self._complete_ids, self._complete_sources = self.ids.copy(), self._sources.copy()
        self._lengths = np.zeros((texts, beams), np.int64)
        self.open = np.ones(texts, dtype=bool)
        self.time = 0  # tokens of each running one
        # Whether a text stays open for a candidate that ends, as in transformers 4.
        self.looks_at_ending = False

    def extended(self, beams: Ids, tokens: Ids) -> Ids:
        """The ids of candidates [texts, candidates], with the token that each adds: [texts, candidates, time]."""
        return self._candidates(beams, tokens)[0][..., : self.time + 1]

    def advance(self, scores: Scores, beams: Ids, tokens: Ids, ends: NDArray[np.bool_]) -> tuple[Ids, Ids]:
        """Go on with candidates, the best first, of which some end: all [texts, candidates].

        Returns the beams and the tokens that run on, [texts, beams].
        """
        ends = ends | (self.time + 1 >= self._limits)[:, None]
        self._keep_complete(scores, beams, tokens, ends & (scores > -np.inf))
        running = np.where(ends, -np.inf, scores).astype(np.float32)
        best = np.argsort(-running, axis=1, kind="stable")[:, : self._beams]
        at = np.arange(len(best))[:, None]
        chosen_beams, chosen_tokens = beams[at, best], tokens[at, best]
        self._run_on(running[at, best], chosen_beams, chosen_tokens, scores[:, 0])
        return chosen_beams, chosen_tokens

    def _candidates(self, beams: Ids, tokens: Ids) -> tuple[Ids, Ids]:
        """Ids, and the beams that they were added to, of candidates: [texts, candidates, longest] each."""
        at = np.arange(len(beams))[:, None]
        ids, sources = self.ids[at, beams], self._sources[at, beams]
        ids[..., self.time], sources[..., self.time] = tokens, beams
        return ids, sources

    def _run_on(self, scores: Scores, beams: Ids, tokens: Ids, best: Scores) -> None:
        """These candidates are the running ones now; ``best`` [texts] was the score of the best one."""
        self.scores = scores
        self.ids, self._sources = self._candidates(beams, tokens)
        self.time += 1
        self._close(best if self.looks_at_ending else scores[:, 0])

    def _keep_complete(self, scores: Scores, beams: Ids, tokens: Ids, ends: NDArray[np.bool_]) -> None:
        """Of the candidates that end, those among the best ones and of open texts join the complete ones."""
        ends = ends & self.open[:, None]
        ends[:, self._beams :] = False
        if not ends.any():
            return
        ids, sources = self._candidates(beams, tokens)
        divided = scores / np.float32((self.time + 1) ** self._penalty)
        own = np.where(ends, divided, 2 * _NONE).astype(np.float32)
        merged = np.concatenate([self._complete_scores, own], axis=1)
        best = np.argsort(-merged, axis=1, kind="stable")[:, : self._beams]

        def taken(old: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([old, new], axis=1)[np.arange(len(best))[:, None], best]

        self._complete_scores = taken(self._complete_scores, own)
        self._complete = taken(self._complete, ends)
        self._complete_ids = taken(self._complete_ids, ids)
        self._complete_sources = taken(self._complete_sources, sources)
        lengths = np.full(ends.shape, self.time + 1)
        self._lengths = taken(self._lengths, lengths)

    def _close(self, best: Scores) -> None:
        """Close the texts in which nothing better can come, if ``best`` [texts] is the score of the best candidate."""
        time = self.time
        full = self._complete.all(axis=1)
        length = (
            self._limits if self._early == "never" and self._penalty > 0 else np.full_like(self._limits, time)
        )
        attainable = best / (length.astype(np.float64) ** self._penalty).astype(np.float32)
        worst = np.where(full, self._complete_scores.min(axis=1), _NONE)
        self.open &= (attainable > worst) & (self.scores > -np.inf).any(axis=1)
        if self._early is True:
            self.open &= ~full
        self.open &= time < self._limits

    def select(self, texts: NDArray[np.intp]) -> None:
        """Go on with these texts."""
        for name in (
            "_limits",
            "scores",
            "ids",
            "_sources",
            "_complete_scores",
            "_complete",
            "_complete_ids",
            "_complete_sources",
            "_lengths",
            "open",
        ):
            setattr(self, name, getattr(self, name)[texts])

    def best(self, text: int) -> list[Hypothesis]:
        """The complete hypotheses, the best first; empty ones with a score of minus infinity where there are none."""
        found = []
        for beam in range(self._beams):
            length = int(self._lengths[text, beam]) if self._complete[text, beam] else 0
            score = float(self._complete_scores[text, beam]) if length else -np.inf
            own = (text, beam, slice(length))
            found.append(Hypothesis(self._complete_ids[own], score, self._complete_sources[own]))
        return found
