"""Agreement of predicted with true entities, which are spans of words."""

from __future__ import annotations

from collections.abc import Sequence

from ferrolm.data import entity_spans

__all__ = ["entity_figures"]


def entity_figures(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> dict[str, float]:
    """Precision, recall and F1 of whole entities, over all sentences together.

    >>> entity_figures([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "B-LOC"]])
    {'f1': 0.6666666666666666, 'precision': 1.0, 'recall': 0.5}
    """
    right = given = wanted = 0
    for row, other in zip(predicted, true, strict=True):
        found, expected = set(entity_spans(row)), set(entity_spans(other))
        right, given, wanted = right + len(found & expected), given + len(found), wanted + len(expected)
    precision, recall = right / max(1, given), right / max(1, wanted)
    return {"f1": 2 * right / max(1, given + wanted), "precision": precision, "recall": recall}
