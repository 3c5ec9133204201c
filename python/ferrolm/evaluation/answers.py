"""Agreement of answers with true ones, as SQuAD's script has it (Rajpurkar et al. 2016)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ferrolm.errors import ShapeError
from ferrolm.evaluation.intervals import bootstrap
from ferrolm.evaluation.result import Result

__all__ = ["answer_f1", "normalized_answer", "squad"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalized_answer(text: str) -> str:
    """Lower case, without punctuation and articles, and with single spaces: SQuAD's script.

    >>> normalized_answer("The  Eiffel-Tower!")
    'eiffeltower'
    """
    bare = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def answer_f1(found: str, true: str) -> float:
    """F1 of the words of two answers; 1 where both are empty.

    >>> answer_f1("the big tower", "a tower in Paris")
    0.4
    """
    one, other = normalized_answer(found).split(), normalized_answer(true).split()
    if not one or not other:
        return float(one == other)
    shared = sum((Counter(one) & Counter(other)).values())
    return 2 * shared / (len(one) + len(other))


def squad(
    predictions: Sequence[str],
    references: Sequence[str] | Sequence[Sequence[str]],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Result]:
    """Exact match and F1 of answers, 0 to 100, each with its 95 % interval: SQuAD's figures (version 1.1).

    Args:
        predictions: an answer for each question.
        references: a true answer for each, or several, of which the nearest counts; none, or empty ones, mean that there is
            no answer, and an empty prediction is right (as in version 2.0).
        resamples: of the intervals; 0 gives none.
        seed: of the resampling.

    Raises `ShapeError` where there are not as many of one as of the other.

    >>> found = squad(["the tower", "Rome"], [["a Tower", "it"], ["in Rome"]], resamples=0)
    >>> found["exact_match"].value, round(found["f1"].value, 2)
    (50.0, 83.33)
    """
    if len(predictions) != len(references) or not len(predictions):
        raise ShapeError(
            f"there are {len(predictions)} predictions and {len(references)} references; expected as many"
        )
    rows = [[row] if isinstance(row, str) else list(row) or [""] for row in references]
    pairs = list(zip(predictions, rows, strict=True))
    scores = {
        "exact_match": [
            max(normalized_answer(each) == normalized_answer(text) for each in row) for text, row in pairs
        ],
        "f1": [max(answer_f1(text, each) for each in row) for text, row in pairs],
    }
    results = {}
    for name, values in scores.items():
        each = 100 * np.asarray(values, np.float64)
        low, high = bootstrap(each, resamples=resamples, seed=seed) if resamples else (None, None)
        results[name] = Result(name, float(each.mean()), low, high, count=len(each))
    return results
