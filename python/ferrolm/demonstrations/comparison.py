"""Strategies side by side: accuracy with intervals, and each against the first."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ferrolm._extras import require
from ferrolm.data._atomic import replace_file
from ferrolm.demonstrations.selectors import Embed, Selector, unit_rows
from ferrolm.errors import InvalidArgumentError, ShapeError, UnknownNameError, nearest
from ferrolm.evaluation import Comparison, Result, bootstrap, compare

__all__ = ["StrategyReport", "compare_strategies", "majority_label"]

Predict = Callable[[Selector, int], Sequence[str]]


@dataclass(frozen=True)
class StrategyReport:
    """What `compare_strategies` found.

    accuracies: of each strategy, mean over queries and seeds, with its 95 % interval; details: the standard deviation over
    seeds, and milliseconds a query. against_first: each other strategy paired with the first, by query. scores: of each
    strategy, the share of seeds with which each query was answered right, (queries,).
    """

    accuracies: Mapping[str, Result]
    against_first: Mapping[str, Comparison]
    scores: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)

    def against(self, name: str) -> dict[str, Comparison]:
        """Each other strategy paired with the one of this name, by query: differences above 0 are in the others' favour.

        Raises `UnknownNameError` if there is none.
        """
        if name not in self.scores:
            raise UnknownNameError(
                f"strategy {name!r} is not one of {', '.join(self.scores)}{nearest(name, [*self.scores])}"
            )
        return {
            other: compare(self.scores[name], scores)
            for other, scores in self.scores.items()
            if other != name
        }

    def __str__(self) -> str:
        width = max(map(len, self.accuracies))
        lines = [f"{'strategy':<{width}}  accuracy  95 % interval     sd     ms/query  against the first"]
        for name, result in self.accuracies.items():
            found = self.against_first.get(name)
            paired = (
                ""
                if found is None
                else f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}] p={found.p_value:.4f}"
            )
            lines.append(
                f"{name:<{width}}  {result.value:<8.3f}  [{result.low:.3f}, {result.high:.3f}]  "
                f"{result.details['sd over seeds']:<6.3f} {result.details['ms per query']:<9.2f} {paired}".rstrip()
            )
        return "\n".join(lines)

    def plot(self, path: str | PathLike[str]) -> Path:
        """Draw the accuracies with their intervals into ``path``: .png, .svg or .pdf. Needs matplotlib (extra ``plot``)."""
        require("matplotlib", extra="plot", purpose="plotting strategies")
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        results = [*self.accuracies.values()]
        figure = Figure(figsize=(6, 0.6 + 0.4 * len(results)), layout="constrained")
        FigureCanvasAgg(figure)
        axis = figure.subplots()
        values = np.array([result.value for result in results])
        ends = np.array([[result.low, result.high] for result in results], float)
        places = np.arange(len(results))
        axis.errorbar(values, places, xerr=[values - ends[:, 0], ends[:, 1] - values], fmt="o", capsize=3)
        axis.set(yticks=places, yticklabels=[*self.accuracies], xlabel="accuracy (95 % interval)")
        axis.invert_yaxis()
        axis.grid(axis="x", alpha=0.3)
        target = Path(path)
        with replace_file(target) as file:
            figure.savefig(file, format=target.suffix.removeprefix(".") or "png")
        return target


def majority_label(
    labels: Sequence[str], queries: Sequence[str], k: int = 8, *, embed: Embed | None = None
) -> Predict:
    """What a model would say that copies the commonest label of its ``k`` examples: selection alone, without a model.

    Of labels that are as common, the one whose example is best wins; where nothing is chosen, the pool's commonest.

    Args:
        labels: of the pool's texts.
        queries: what is asked.
        k: examples for each.
        embed: if given, an example does not count 1 but its cosine to the query, 0 where that is negative: a model that
            listens more to what is like the query.
    """
    common = Counter(labels).most_common(1)[0][0] if labels else ""

    def predict(selector: Selector, seed: int) -> list[str]:
        rows = selector.select_batch(queries, k)
        weights = (
            [np.ones(len(row), np.float32) for row in rows]
            if embed is None
            else _cosines(selector, queries, rows, embed)
        )
        said = []
        for row, weight in zip(rows, weights, strict=True):
            votes: dict[str, float] = {}
            for place, vote in zip(row.tolist(), weight.tolist(), strict=True):
                votes[labels[place]] = votes.get(labels[place], 0.0) + vote
            said.append(max(votes, key=votes.__getitem__, default=common))  # the first of equals
        return said

    return predict


def _cosines(
    selector: Selector, queries: Sequence[str], rows: Sequence[NDArray[np.int64]], embed: Embed
) -> list[NDArray[np.float32]]:
    """Of each query and its examples, not below 0."""
    shown = np.unique(np.concatenate(rows)) if rows else np.zeros(0, np.int64)
    if not shown.size:
        return [np.zeros(0, np.float32) for _ in queries]
    examples = unit_rows(embed([selector.pool[place] for place in shown]), len(shown))
    asked = unit_rows(embed(list(queries)), len(queries))
    return [
        np.maximum(examples[np.searchsorted(shown, row)] @ query, 0)
        for query, row in zip(asked, rows, strict=True)
    ]


def compare_strategies(
    strategies: Mapping[str, Callable[[int], Selector]],
    predict: Predict,
    references: Sequence[str],
    *,
    seeds: Sequence[int] = (0, 1, 2),
    resamples: int = 1000,
) -> StrategyReport:
    """Evaluate strategies on the same queries; the first is what the others are compared with, such as random choice.

    Args:
        strategies: by name, from a seed to a selector.
        predict: from a selector and a seed to the answers to all queries: `majority_label`, or
            ``lambda selector, seed: InContextClassifier(model, selector, labels).predict(queries)``.
        references: the true answers.
        seeds: each strategy is made once for each; a query's score is its mean over them.
        resamples: of the intervals, in which queries are drawn anew.

    Raises `ShapeError` where ``predict`` gives not as many answers as there are references.

    >>> from ferrolm.demonstrations import BM25Selector, RandomSelector
    >>> pool, labels = ["a red car", "a blue sky"] * 20, ["car", "sky"] * 20
    >>> queries, true = ["the red one", "so blue"] * 20, ["car", "sky"] * 20
    >>> kinds = {"random": lambda s: RandomSelector(pool, seed=s), "bm25": lambda s: BM25Selector(pool, seed=s)}
    >>> found = compare_strategies(kinds, majority_label(labels, queries, k=3), true)
    >>> found.accuracies["bm25"].value, found.against_first["bm25"].p_value < 0.001
    (1.0, True)
    """
    if not strategies or not seeds:
        raise InvalidArgumentError("strategies or seeds are empty: expected one or more")
    scores: dict[str, NDArray[np.float64]] = {}
    accuracies: dict[str, Result] = {}
    for name, make in strategies.items():
        rows, seconds = [], 0.0
        for seed in seeds:
            selector = make(seed)
            begun = time.perf_counter()
            answers = predict(selector, seed)
            seconds += time.perf_counter() - begun
            if len(answers) != len(references):
                raise ShapeError(
                    f"{name}: {len(answers)} answers to {len(references)} queries: expected as many"
                )
            rows.append([float(one == other) for one, other in zip(answers, references, strict=True)])
        table = np.array(rows)
        scores[name] = table.mean(axis=0)
        low, high = bootstrap(scores[name], resamples=resamples)
        details = {
            "sd over seeds": float(table.mean(axis=1).std()),
            "ms per query": 1000 * seconds / table.size,
        }
        accuracies[name] = Result(name, float(table.mean()), low, high, count=table.shape[1], details=details)
    first, *others = scores
    paired = {name: compare(scores[first], scores[name]) for name in others}
    return StrategyReport(accuracies, paired, scores)
