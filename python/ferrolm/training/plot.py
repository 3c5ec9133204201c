"""The figures of a run as a picture."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from ferrolm._extras import require
from ferrolm.data._atomic import replace_file
from ferrolm.errors import InvalidArgumentError, MissingFileError

__all__ = ["can_plot", "plot_runs"]

# Drawn beside the loss, each in a panel of its own, where a run has them.
_PANELS = ("learning_rate", "gradient_norm", "tokens_per_second")
# Not figures of the model.
_NOT_DRAWN = ("step", "epoch", "mfu", *_PANELS)


def can_plot() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def plot_runs(runs: Iterable[str | PathLike[str]], path: str | PathLike[str]) -> Path:
    """Draw the metrics of one or more runs (folders with ``metrics.jsonl``) into ``path``: .svg, .png or .pdf.

    One panel has the losses, one each other figure of the evaluations, and small ones the learning rate, the norm of the
    gradient and the tokens a second. Raises `MissingFileError` for a folder without metrics and `MissingExtraError`
    without matplotlib.
    """
    target = Path(path)
    require("matplotlib", extra="plot", purpose="plotting a run")
    # Drawn into a file: no window, whatever the settings of the user say.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    series = {Path(run).name: _read(Path(run)) for run in runs}
    if not series:
        raise InvalidArgumentError("there are no runs to plot")
    panels = _panels(series.values())
    figure = Figure(figsize=(5 * min(3, len(panels)), 3.2 * -(-len(panels) // 3)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(-(-len(panels) // 3), min(3, len(panels)), squeeze=False).flat
    for axis, names in zip(axes, panels, strict=False):
        for run, lines in series.items():
            for name in names:
                points = [(line["step"], line[name]) for line in lines if name in line]
                label = name if len(series) == 1 else f"{run}: {name}"
                if points:
                    axis.plot(*zip(*points, strict=True), label=label, marker="." if len(points) < 30 else "")
        axis.set_xlabel("step")
        axis.legend(fontsize="small")
        axis.grid(alpha=0.3)
    for axis in list(axes)[len(panels) :]:
        axis.remove()
    with replace_file(target) as file:
        figure.savefig(file, format=target.suffix.removeprefix(".") or "svg")
    return target


def _read(run: Path) -> list[dict[str, Any]]:
    try:
        text = (run / "metrics.jsonl").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingFileError(f"{run} has no metrics.jsonl: it is not the folder of a run") from error
    return [json.loads(line) for line in text.splitlines()]


def _panels(series: Iterable[list[dict[str, Any]]]) -> list[list[str]]:
    """Names of the figures of each panel: losses together, then those of evaluations, then those of the loop."""
    found: dict[str, None] = {}
    for lines in series:
        for line in lines:
            found |= {name: None for name, value in line.items() if isinstance(value, int | float)}
    losses = [name for name in found if name.endswith("loss")]
    others = [name for name in found if name not in losses and name not in _NOT_DRAWN]
    panels = [losses, *([name] for name in others), *([name] for name in _PANELS if name in found)]
    return [panel for panel in panels if panel]
