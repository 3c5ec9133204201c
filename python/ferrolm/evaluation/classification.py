"""Agreement of predicted with true classes."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.evaluation.intervals import bootstrap, check, percentiles
from ferrolm.evaluation.result import Result

__all__ = ["Average", "accuracy", "confusion", "f1", "mcc"]

Average = Literal["macro", "micro", "weighted"]


def accuracy(
    predictions: ArrayLike, references: ArrayLike, *, resamples: int = 1000, seed: int = 0
) -> Result:
    """The share of predictions that equal their reference, with its 95 % interval.

    Args:
        predictions: classes of any type that numpy compares (numbers or strings), shape (examples,).
        references: the true classes, the same shape.
        resamples: of the interval; 0 gives none.
        seed: of the resampling.

    Raises:
        ShapeError: the shapes differ, or there are no examples.

    >>> accuracy(["cat", "dog", "cat", "cat"], ["cat", "dog", "dog", "cat"], resamples=0).value
    0.75
    """
    predicted, true = _labels(predictions, references)
    right = (predicted == true).astype(np.float64)
    low, high = bootstrap(right, resamples=resamples, seed=seed) if resamples else (None, None)
    return Result("accuracy", float(right.mean()), low, high, count=right.size)


def f1(
    predictions: ArrayLike,
    references: ArrayLike,
    *,
    average: Average = "macro",
    resamples: int = 1000,
    seed: int = 0,
) -> Result:
    """The harmonic mean of precision and recall, over all classes that occur, with its 95 % interval.

    ``average``: "macro" is the mean over classes, "weighted" the mean weighted by how often each is true, "micro"
    counts all classes together (with one label an example, the accuracy). A class that is never true or never
    predicted counts as 0. Details: the score of each class, by name.

    Raises:
        ShapeError: the shapes differ, or there are no examples.
        InvalidArgumentError: ``average`` is not one of the three.

    >>> result = f1(["cat", "dog", "cat"], ["cat", "dog", "dog"], resamples=0)
    >>> round(result.value, 4), result.details
    (0.6667, {'cat': 0.6666666666666666, 'dog': 0.6666666666666666})
    """
    if average not in get_args(Average):
        raise InvalidArgumentError(f"average is {average!r}, expected one of {', '.join(get_args(Average))}")
    predicted, true = _labels(predictions, references)
    classes, numbers = np.unique(np.concatenate([predicted, true]), return_inverse=True)
    cells, counts = np.unique(numbers.reshape(2, -1), axis=1, return_counts=True)
    per_class = _f1_per_class(cells, counts[None], len(classes))[0]
    value = _average(cells, counts[None], len(classes), average)[0]
    low = high = None
    if resamples:
        check(resamples, 0.95)
        # To draw examples anew is to draw the counts of the confusion matrix from a multinomial distribution.
        drawn = np.random.default_rng(seed).multinomial(len(true), counts / len(true), size=resamples)
        low, high = percentiles(_average(cells, drawn, len(classes), average), 0.95)
    details: dict[str, float | str] = {
        str(name): float(score) for name, score in zip(classes, per_class, strict=True)
    }
    return Result(f"{average} F1", float(value), low, high, count=len(true), details=details)


def mcc(predictions: ArrayLike, references: ArrayLike, *, resamples: int = 1000, seed: int = 0) -> Result:
    """Matthews' correlation of predicted and true classes, -1 to 1, with its 95 % interval.

    For any number of classes (Gorodkin 2004); 0 is chance, also where all predictions or all references are one class.
    Arguments and errors are those of `accuracy`.

    >>> round(mcc(["a", "a", "b", "b"], ["a", "b", "b", "b"], resamples=0).value, 4)
    0.5774
    """
    table, _ = confusion(predictions, references)
    low = high = None
    if resamples:
        check(resamples, 0.95)
        drawn = np.random.default_rng(seed).multinomial(
            table.sum(), table.ravel() / table.sum(), size=resamples
        )
        low, high = percentiles(_mcc(drawn.reshape(-1, *table.shape)), 0.95)
    return Result("MCC", float(_mcc(table[None])[0]), low, high, count=int(table.sum()))


def confusion(predictions: ArrayLike, references: ArrayLike) -> tuple[NDArray[np.int64], list[Any]]:
    """How often each class (row) was taken for each (column), int64[classes, classes], and the classes in order.

    Raises `ShapeError` as `accuracy` does.

    >>> counts, classes = confusion(["a", "a", "b"], ["a", "b", "b"])
    >>> counts.tolist(), classes
    ([[1, 0], [1, 1]], ['a', 'b'])
    """
    predicted, true = _labels(predictions, references)
    classes, numbers = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    rows, columns = numbers.reshape(2, -1)
    size = len(classes)
    counts = np.bincount(rows * size + columns, minlength=size * size).reshape(size, size)
    return counts, classes.tolist()


def _mcc(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each table [resamples, classes, classes]."""
    counts = tables.astype(np.float64)
    total, right = counts.sum((1, 2)), np.trace(counts, axis1=1, axis2=2)
    true, predicted = counts.sum(2), counts.sum(1)
    covariance = right * total - (true * predicted).sum(1)
    spread = np.sqrt((total**2 - (predicted**2).sum(1)) * (total**2 - (true**2).sum(1)))
    found: NDArray[np.float64] = np.divide(covariance, spread, out=np.zeros(len(counts)), where=spread > 0)
    return found


def _labels(predictions: ArrayLike, references: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    predicted, true = np.asarray(predictions), np.asarray(references)
    if predicted.shape != true.shape or predicted.ndim != 1 or not predicted.size:
        raise ShapeError(
            f"predictions has shape {predicted.shape} and references {true.shape}, expected both (examples,), not empty"
        )
    return predicted, true


def _f1_per_class(cells: NDArray[np.intp], counts: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Scores of each class, shape (resamples, classes), from the counts of the cells of the confusion matrix."""
    predicted, true = (_per_class(row, counts, classes) for row in cells)
    both = cells[0] == cells[1]
    right = _per_class(cells[0][both], counts[:, both], classes)
    total = predicted + true
    scores: NDArray[np.float64] = np.divide(2 * right, total, out=np.zeros(total.shape), where=total > 0)
    return scores


def _average(
    cells: NDArray[np.intp], counts: NDArray[np.int64], classes: int, average: Average
) -> NDArray[np.float64]:
    if average == "micro":
        right: NDArray[np.float64] = counts[:, cells[0] == cells[1]].sum(axis=1) / counts.sum(axis=1)
        return right
    scores = _f1_per_class(cells, counts, classes)
    true = _per_class(cells[1], counts, classes)
    # A class that a resample has lost altogether is not one of its classes.
    weights = true if average == "weighted" else (true + _per_class(cells[0], counts, classes) > 0)
    mean: NDArray[np.float64] = (scores * weights).sum(axis=1) / weights.sum(axis=1)
    return mean


def _per_class(numbers: NDArray[np.intp], counts: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Sums of columns of ``counts`` by class, shape (resamples, classes)."""
    sums = np.zeros((classes, len(counts)), dtype=np.int64)
    np.add.at(sums, numbers, counts.T)
    return sums.T
