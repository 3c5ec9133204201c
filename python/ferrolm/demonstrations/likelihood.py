"""Examples chosen by what the model itself makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.demonstrations.calibration import normalized
from ferrolm.demonstrations.scoring import as_scorer, checked_scores
from ferrolm.demonstrations.selectors import Selector
from ferrolm.demonstrations.template import Example, Template
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["MDLSelector"]


class MDLSelector(Selector):
    """The set and order of examples that make the model surest of its answer (Wu et al. 2023, "Self-adaptive ICL").

    Of the ``candidates`` best by another selector, ``trials`` sets of ``k`` are drawn in random orders; taken is the one
    with the smallest conditional entropy of the label given examples and query: the shortest description of the answer.
    Needs ``trials`` prompts for each query.

    Args:
        inner: whose best are the candidates; its own choice of ``k`` is one of the trials.
        labels: of its pool's texts.
        model: a `LanguageModel`, or a function of prompts and continuations (`Scorer`).
        template: how examples are written.
        candidates, trials: see above.
        seed: of the draws; equal queries have equal draws.
    """

    def __init__(
        self,
        inner: Selector,
        labels: Sequence[str],
        model: Any,
        *,
        template: Template | None = None,
        candidates: int = 32,
        trials: int = 8,
        seed: int = 0,
    ) -> None:
        super().__init__(inner.pool, seed=seed)
        if len(labels) != len(inner.pool):
            raise ShapeError(f"there are {len(labels)} labels for {len(inner.pool)} texts: expected as many")
        if candidates < 1 or trials < 1:
            raise InvalidArgumentError(f"candidates is {candidates} and trials {trials}, expected at least 1")
        self._inner, self._labels, self._score = inner, list(labels), as_scorer(model)
        self._template, self._candidates, self._trials = template or Template(), candidates, trials
        self._seed = seed
        self._continuations = [self._template.continuation(name) for name in sorted(set(labels))]

    def scores(self, query: str) -> NDArray[np.float64]:
        """Those of the inner selector."""
        return self._inner.scores(query)

    def select(self, query: str, k: int) -> NDArray[np.int64]:
        """Positions of ``k`` examples; the last of the prompt first, as `InContextClassifier` puts the best one last."""
        own = self._inner.select(query, k)
        near = self._inner.select(query, max(self._candidates, k))
        if len(own) < 2 and len(near) <= len(own):
            return own
        generator = np.random.default_rng([self._seed % 2**32, *query.encode("utf-8", "surrogatepass")])
        drawn = [generator.permutation(near)[: len(own)] for _ in range(self._trials - 1)]
        trials = [own, *drawn]
        prompts = [
            self._template.prompt([self._example(place) for place in trial[::-1]], query) for trial in trials
        ]
        table = normalized(checked_scores(self._score, prompts, self._continuations))
        entropies = -(table * np.log(np.maximum(table, 1e-300))).sum(axis=1)
        return trials[int(np.argmin(entropies))].astype(np.int64)

    def _example(self, place: int) -> Example:
        return Example(self.pool[place], self._labels[place])
