"""Whether a model is right as often as it says: calibration of its probabilities.

Naeini, Cooper and Hauskrecht 2015 (expected calibration error); Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm._extras import require
from ferrolm.data._atomic import replace_file
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["Binning", "Calibration", "calibration"]

Binning = Literal["width", "count"]


@dataclass(frozen=True)
class Calibration:
    """How confidence and accuracy agree, bin by bin.

    confidence, accuracy: means of the examples of each bin that has any, float64[bins]. sizes: of those bins, int64[bins].
    brier: mean squared error of the probabilities: of all classes for several, of the positive one for one.
    """

    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    sizes: NDArray[np.int64]
    brier: float

    @property
    def expected_error(self) -> float:
        """Mean distance of confidence and accuracy over examples: the expected calibration error (ECE), 0 to 1."""
        return float(np.average(np.abs(self.confidence - self.accuracy), weights=self.sizes))

    @property
    def maximum_error(self) -> float:
        """The distance in the worst bin (MCE), 0 to 1."""
        return float(np.abs(self.confidence - self.accuracy).max())

    def plot(self, path: str | PathLike[str]) -> Path:
        """Draw accuracy over confidence, with the diagonal of a calibrated model, into ``path``: .png, .svg or .pdf.

        Raises `MissingExtraError` without matplotlib (extra ``plot``).
        """
        require("matplotlib", extra="plot", purpose="a reliability plot")
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.5, 5), layout="constrained")
        FigureCanvasAgg(figure)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        above.plot([0, 1], [0, 1], color="gray", linestyle="--", label="calibrated")
        above.plot(
            self.confidence, self.accuracy, marker="o", label=f"this one: error {self.expected_error:.3f}"
        )
        above.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
        above.legend()
        below.bar(self.confidence, self.sizes, width=0.03)
        below.set(xlabel="confidence", ylabel="examples")
        target = Path(path)
        with replace_file(target) as file:
            figure.savefig(file, format=target.suffix.removeprefix(".") or "png")
        return target


def calibration(
    probabilities: ArrayLike, references: ArrayLike, *, bins: int = 15, binning: Binning = "width"
) -> Calibration:
    """Compare the probabilities of predictions with how often they are right.

    Args:
        probabilities: (examples, classes), of which the largest is the confidence; or (examples,), of the positive class.
        references: (examples,) integers: the true class, or 0 and 1.
        bins: of the confidence, from 0 to 1.
        binning: "width" makes bins equally wide (each has its upper end, as in the paper), "count" equally full.

    Raises:
        ShapeError: shapes that do not fit, or no examples.
        InvalidArgumentError: probabilities outside 0 to 1, classes outside their number, no bins.

    >>> found = calibration([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]], [0, 1, 1, 1], bins=5)
    >>> round(found.expected_error, 3), round(found.maximum_error, 3)
    (0.25, 0.4)
    """
    table, true = _checked(probabilities, references)
    if bins < 1 or binning not in get_args(Binning):
        raise InvalidArgumentError(
            f"bins is {bins} and binning {binning!r}: expected at least 1, and 'width' or 'count'"
        )
    if table.ndim == 1:
        confidence, right = table, true.astype(np.float64)
        brier = float(np.mean((table - true) ** 2))
    else:
        confidence, right = table.max(axis=1), (table.argmax(axis=1) == true).astype(np.float64)
        brier = float(np.mean(np.sum((table - np.eye(table.shape[1])[true]) ** 2, axis=1)))
    number = _bins(confidence, bins, binning)
    sizes = np.bincount(number)
    full = sizes > 0
    means = [np.bincount(number, weights=values)[full] / sizes[full] for values in (confidence, right)]
    return Calibration(means[0], means[1], sizes[full], brier)


def _bins(confidence: NDArray[np.float64], bins: int, binning: Binning) -> NDArray[np.intp]:
    if binning == "width":
        return np.maximum(np.ceil(confidence * bins).astype(np.intp) - 1, 0)
    ranks = np.argsort(np.argsort(confidence, kind="stable"), kind="stable")
    return ranks * bins // len(confidence)


def _checked(
    probabilities: ArrayLike, references: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    table, true = np.asarray(probabilities, np.float64), np.asarray(references)
    if table.ndim not in (1, 2) or true.shape != table.shape[:1] or not table.size:
        raise ShapeError(
            f"probabilities has shape {table.shape} and references {true.shape}: expected (examples, classes) or "
            "(examples,), and (examples,), not empty"
        )
    classes = 2 if table.ndim == 1 else table.shape[1]
    if true.dtype.kind not in "iub" or true.min() < 0 or true.max() >= classes:
        raise InvalidArgumentError(
            f"references hold {true.min()} to {true.max()}: expected classes 0 to {classes - 1}"
        )
    if not (table.min() >= 0 and table.max() <= 1 + 1e-6):  # false for NaN too
        raise InvalidArgumentError(f"probabilities are {table.min()} to {table.max()}: expected 0 to 1")
    return np.minimum(table, 1), true.astype(np.int64)
