"""Agreement of predicted with true entities, which are spans of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ferrolm.data import entity_spans
from ferrolm.errors import ShapeError
from ferrolm.evaluation.intervals import check, percentiles
from ferrolm.evaluation.result import Result

__all__ = ["entity_f1", "entity_figures"]


def entity_figures(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> dict[str, float]:
    """Precision, recall and F1 of whole entities, over all sentences together.

    >>> entity_figures([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "B-LOC"]])
    {'f1': 0.6666666666666666, 'precision': 1.0, 'recall': 0.5}
    """
    right, given, wanted = _counts(predicted, true).sum(axis=0).tolist()
    precision, recall = right / max(1, given), right / max(1, wanted)
    return {"f1": 2 * right / max(1, given + wanted), "precision": precision, "recall": recall}


def entity_f1(
    predicted: Sequence[Sequence[str]],
    true: Sequence[Sequence[str]],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Result:
    """F1 of whole entities over all sentences together (seqeval's and conlleval's), with its 95 % interval.

    Args:
        predicted, true: the BIO labels of each sentence's words; how they are read: `ferrolm.data.entity_spans`.
        resamples: of the interval, in which sentences are drawn anew; 0 gives none.
        seed: of the resampling.

    Returns:
        The score; details: precision, recall, and the F1 of each type of entity.

    Raises `ShapeError` where sentences, or their words, are not as many.

    >>> found = entity_f1([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "B-LOC"]], resamples=0)
    >>> round(found.value, 3), found.details["F1 of PER"], found.details["F1 of LOC"]
    (0.667, 1.0, 0.0)
    """
    table = _counts(predicted, true)
    figures = entity_figures(predicted, true)
    low = high = None
    if resamples:
        check(resamples, 0.95)
        drawn = np.random.default_rng(seed).integers(len(table), size=(resamples, len(table)))
        right, given, wanted = table[drawn].sum(axis=1).T
        low, high = percentiles(2 * right / np.maximum(1, given + wanted), 0.95)
    details: dict[str, float | str] = {"precision": figures["precision"], "recall": figures["recall"]}
    details |= {f"F1 of {name}": score for name, score in _of_types(predicted, true).items()}
    return Result("entity F1", figures["f1"], low, high, count=len(table), details=details)


def _counts(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> np.ndarray[tuple[int, int]]:
    """Right, given and wanted entities of each sentence, int64[sentences, 3]."""
    if len(predicted) != len(true) or not len(true):
        raise ShapeError(
            f"there are {len(predicted)} predicted and {len(true)} true sentences; expected as many"
        )
    counts = np.zeros((len(true), 3), np.int64)
    for place, (row, other) in enumerate(zip(predicted, true, strict=True)):
        if len(row) != len(other):
            raise ShapeError(
                f"sentence {place} has {len(row)} predicted and {len(other)} true labels; expected as many"
            )
        found, expected = set(entity_spans(row)), set(entity_spans(other))
        counts[place] = len(found & expected), len(found), len(expected)
    return counts


def _of_types(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> dict[str, float]:
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for row, other in zip(predicted, true, strict=True):
        found, expected = set(entity_spans(row)), set(entity_spans(other))
        right.update(span.label for span in found & expected)
        total.update(span.label for span in (*found, *expected))
    return {name: 2 * right[name] / total[name] for name in sorted(total)}
