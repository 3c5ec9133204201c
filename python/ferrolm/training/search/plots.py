"""What the trials of a search look like: values in their order, and against each parameter."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError
from ferrolm.training.search.results import parameter_names
from ferrolm.training.search.study import SearchResult
from ferrolm.training.search.trial import TrialRecord

__all__ = ["plot_trials"]

_COLUMNS = 3


def plot_trials(result: SearchResult, path: str | Path, *, metric: str = "value") -> None:
    """Draw the search into ``path``, whose ending chooses the format (.png, .svg, .pdf).

    First the values by number with the best so far and marks for trials that were pruned or failed, then the curves that trials
    reported, then the values against each parameter. Needs matplotlib. Raises `InvalidArgumentError` when no trial has a value.
    """
    figures = require("matplotlib.figure", extra="search", purpose="plotting a search")
    shown = [trial for trial in result.trials if trial.value is not None]
    if not shown:
        raise InvalidArgumentError("there is nothing to plot: no trial has a value")
    names = parameter_names(result.trials)
    panels = 1 + any(len(trial.reports) > 1 for trial in shown) + len(names)
    rows = -(-panels // _COLUMNS)
    figure = figures.Figure(figsize=(4 * min(panels, _COLUMNS), 3.2 * rows), layout="constrained")
    axes = iter([figure.add_subplot(rows, min(panels, _COLUMNS), index + 1) for index in range(panels)])
    _history(next(axes), result, metric)
    if panels > 1 + len(names):
        _curves(next(axes), shown, result.best, metric)
    for name, panel in zip(names, axes, strict=True):
        _slice(panel, shown, name, metric)
    figure.savefig(path, dpi=120)


def _history(axes: Any, result: SearchResult, metric: str) -> None:
    complete = [trial for trial in result.trials if trial.state == "complete"]
    pruned = [trial for trial in result.trials if trial.state == "pruned"]
    axes.scatter([t.number for t in complete], [t.value for t in complete], s=16, label="complete")
    if complete:
        better = min if result.direction == "minimize" else max
        best = list(itertools.accumulate((t.value or 0.0 for t in complete), better))
        axes.step([t.number for t in complete], best, where="post", color="C2", label="best so far")
    if pruned:
        axes.scatter([t.number for t in pruned], [t.value for t in pruned], s=16, marker="x", label="pruned")
    failed = [trial.number for trial in result.trials if trial.state == "failed"]
    for index, number in enumerate(failed):
        axes.axvline(number, color="C3", alpha=0.4, linewidth=1, label=None if index else "failed")
    axes.set(xlabel="trial", ylabel=metric)
    axes.legend(fontsize="small")


def _curves(axes: Any, trials: Sequence[TrialRecord], best: TrialRecord | None, metric: str) -> None:
    for trial in trials:
        steps, values = zip(*trial.reports, strict=True) if trial.reports else ((), ())
        chosen = best is not None and trial.number == best.number
        style = {"color": "C2", "linewidth": 2, "zorder": 3} if chosen else {"color": "0.6", "linewidth": 0.8}
        axes.plot(steps, values, **style)
    axes.set(xlabel="step", ylabel=metric)


def _slice(axes: Any, trials: Sequence[TrialRecord], name: str, metric: str) -> None:
    values = [trial.parameters[name] for trial in trials]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    places = values if numbers else [str(value) for value in values]
    axes.scatter(
        places, [trial.value for trial in trials], c=[t.number for t in trials], s=16, cmap="viridis"
    )
    if numbers and min(values) > 0 and max(values) > 30 * min(values):  # type: ignore[operator]
        axes.set_xscale("log")
    axes.set(xlabel=name, ylabel=metric)
