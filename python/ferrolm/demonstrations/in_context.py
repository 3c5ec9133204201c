"""Answers by a model that is shown examples: from a pool and a query to a label or a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ferrolm.demonstrations.budget import within_budget
from ferrolm.demonstrations.calibration import CONTENT_FREE, calibrated, normalized
from ferrolm.demonstrations.scoring import as_scorer, checked_scores
from ferrolm.demonstrations.selectors import Selector, texts_of
from ferrolm.demonstrations.template import Example, Template
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["InContextClassifier", "InContextGenerator", "Order"]

Order = Literal["best-last", "best-first"]


@dataclass
class _Prompts:
    """What classifier and generator share: examples chosen, ordered and written."""

    selector: Selector
    labels: Sequence[str]
    k: int = 8
    template: Template = field(default_factory=Template)
    order: Order = "best-last"
    budget: int | None = None
    count_tokens: Any = None

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.selector.pool):
            raise ShapeError(
                f"there are {len(self.labels)} labels for the pool's {len(self.selector.pool)} texts: expected as many"
            )
        if self.order not in get_args(Order):
            raise InvalidArgumentError(
                f"order is {self.order!r}, expected one of {', '.join(get_args(Order))}"
            )
        if self.k < 0:
            raise InvalidArgumentError(f"k is {self.k}, expected at least 0")
        if self.budget is not None and self.count_tokens is None:
            raise InvalidArgumentError("budget is given without count_tokens, which says what a text costs")

    def examples(self, chosen: NDArray[np.int64]) -> list[Example]:
        """The chosen ones that fit the budget, in the order of the prompt."""
        if self.budget is not None:
            shown = [self.template.shown(self._example(int(place))) for place in chosen]
            chosen = chosen[within_budget(np.arange(len(shown)), shown, self.count_tokens, self.budget)]
        ordered = chosen if self.order == "best-first" else chosen[::-1]
        return [self._example(int(place)) for place in ordered]

    def chosen(self, queries: Sequence[str]) -> list[list[Example]]:
        """The examples for each query, in the order of the prompt."""
        queries = texts_of(queries, "queries")
        return [self.examples(row) for row in self.selector.select_batch(queries, self.k)]

    def _example(self, place: int) -> Example:
        return Example(self.selector.pool[place], self.labels[place])


class InContextClassifier:
    """Labels of texts by a language model that is shown labelled ones.

    Args:
        model: a `LanguageModel`, or a function of prompts and continuations that gives log-probabilities (`Scorer`).
        selector: over the pool of texts.
        labels: of the pool's texts.
        k: examples in a prompt.
        template: how examples are written; its verbalizer has the words that the model is asked for.
        order: "best-last" puts the best example next to the query.
        budget, count_tokens: tokens that the examples may take together, as ``Tokenizer.count_tokens`` counts them.
        calibrate: divide by what the same examples give for queries without content (`calibrated`); four times the work.

    >>> from ferrolm.demonstrations import BM25Selector
    >>> def model(prompts, words):  # says what the last example says
    ...     return [[0.0 if p.rsplit("Label: ", 1)[1].startswith(w.strip()) else -5.0 for w in words] for p in prompts]
    >>> pool, labels = ["a good film", "a bad film"], ["pos", "neg"]
    >>> InContextClassifier(model, BM25Selector(pool), labels, k=2).predict(["so bad a film", "good"])
    ['neg', 'pos']
    """

    def __init__(
        self,
        model: Any,
        selector: Selector,
        labels: Sequence[str],
        *,
        k: int = 8,
        template: Template | None = None,
        order: Order = "best-last",
        budget: int | None = None,
        count_tokens: Any = None,
        calibrate: bool = False,
    ) -> None:
        self.classes = sorted(set(labels))
        if len(self.classes) < 2:
            raise InvalidArgumentError(f"labels are {self.classes}: expected two different ones or more")
        self._score = as_scorer(model)
        self._calibrate = calibrate
        self._prompts = _Prompts(selector, labels, k, template or Template(), order, budget, count_tokens)
        self._continuations = [self._prompts.template.continuation(name) for name in self.classes]

    def probabilities(self, queries: Sequence[str]) -> NDArray[np.float64]:
        """Of each class of ``classes``, float64[queries, classes]."""
        if not len(queries):
            return np.zeros((0, len(self.classes)))
        template, rows = self._prompts.template, self._prompts.chosen(queries)
        prompts = [template.prompt(row, query) for row, query in zip(rows, queries, strict=True)]
        found = normalized(checked_scores(self._score, prompts, self._continuations))
        return self._calibrated(rows, found) if self._calibrate else found

    def predict(self, queries: Sequence[str]) -> list[str]:
        """The most probable class of each query."""
        return [self.classes[place] for place in self.probabilities(queries).argmax(axis=1)]

    def _calibrated(self, rows: list[list[Example]], found: NDArray[np.float64]) -> NDArray[np.float64]:
        asked = [self._prompts.template.prompt(row, nothing) for row in rows for nothing in CONTENT_FREE]
        free = normalized(checked_scores(self._score, asked, self._continuations))
        free = free.reshape(len(rows), len(CONTENT_FREE), -1)
        return np.stack([calibrated(row, own) for row, own in zip(found, free, strict=True)])


class InContextGenerator:
    """Texts by a language model that is shown examples of them.

    Args:
        model: a `LanguageModel`, or a function from a list of prompts to a list of texts.
        selector, k, template, order, budget, count_tokens: as for `InContextClassifier`.
        answers: of the pool's texts, what ``{label}`` of the template stands for.
        stop: where an answer ends; by default the template's separator.
        settings: of `LanguageModel.generate`, such as ``max_new_tokens``.
    """

    def __init__(
        self,
        model: Any,
        selector: Selector,
        answers: Sequence[str],
        *,
        k: int = 8,
        template: Template | None = None,
        order: Order = "best-last",
        budget: int | None = None,
        count_tokens: Any = None,
        stop: Sequence[str] | None = None,
        **settings: Any,
    ) -> None:
        self._prompts = _Prompts(selector, answers, k, template or Template(), order, budget, count_tokens)
        self._model, self._settings = model, settings
        self._stop = [self._prompts.template.separator] if stop is None else list(stop)

    def generate(self, queries: Sequence[str]) -> list[str]:
        """An answer for each query, without white space around it."""
        template, rows = self._prompts.template, self._prompts.chosen(queries)
        prompts = [template.prompt(row, query) for row, query in zip(rows, queries, strict=True)]
        if not hasattr(self._model, "generate"):
            return [text.strip() for text in self._model(prompts)]
        rows = self._model.generate(prompts, stop=self._stop, **self._settings)
        return [row.text.strip() for row in rows]
