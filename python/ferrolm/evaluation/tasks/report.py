"""What evaluating a model gives: figures with intervals, and what they were made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm._rust import __version__
from ferrolm.data._atomic import replace_file
from ferrolm.errors import InvalidArgumentError
from ferrolm.evaluation.result import Result
from ferrolm.evaluation.significance import Comparison, compare

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """A model on a task.

    results: by name, the most important first. scores: one number for each example, float64[examples], of which the first
    result is the mean or nearly so; what comparisons pair. predictions, references: of each example. seconds: of the whole.
    """

    task: str
    model: str
    data: str
    results: Mapping[str, Result]
    scores: NDArray[np.float64] = field(repr=False)
    predictions: list[Any] = field(repr=False)
    references: list[Any] = field(repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    higher_is_better: bool = True

    @property
    def value(self) -> float:
        """The most important figure."""
        return next(iter(self.results.values())).value

    def compare(self, other: Report, *, resamples: int = 10_000, seed: int = 0) -> Comparison:
        """Pair the scores of this model (first) and another (second) on the same examples: `ferrolm.evaluation.compare`.

        Raises `InvalidArgumentError` where the examples differ.
        """
        if (self.task, self.references) != (other.task, other.references):
            raise InvalidArgumentError(
                f"the reports are of {self.data} and {other.data}, whose examples differ: expected the same ones"
            )
        return compare(self.scores, other.scores, resamples=resamples, seed=seed)

    def table(self) -> str:
        """The figures as lines of text, each with its 95 % interval."""
        width = max(map(len, self.results))
        lines = [
            f"{self.task}: {self.model} on {self.data}, {len(self.scores):,} examples, {self.seconds:.1f} s"
        ]
        for name, result in self.results.items():
            interval = "" if result.low is None else f"  [{result.low:.4g}, {result.high:.4g}]"
            lines.append(f"  {name:<{width}}  {result.value:<8.4g}{interval}".rstrip())
            lines += [
                f"  {'':<{width}}    {key} {value if isinstance(value, str) else format(value, '.4g')}"
                for key, value in result.details.items()
            ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The figures and how they came about, of what JSON has."""
        return {
            "task": self.task,
            "model": self.model,
            "data": self.data,
            "examples": len(self.scores),
            "results": {name: asdict(result) for name, result in self.results.items()},
            "settings": dict(self.settings),
            "seconds": round(self.seconds, 3),
            "ferrolm": __version__,
        }

    def save_predictions(self, path: str | PathLike[str]) -> None:
        """Write a line of JSON for each example: ``prediction``, ``reference`` and ``score``."""
        rows = zip(self.predictions, self.references, self.scores.tolist(), strict=True)
        with replace_file(Path(path)) as file:
            for prediction, reference, score in rows:
                row = {"prediction": prediction, "reference": reference, "score": score}
                file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
