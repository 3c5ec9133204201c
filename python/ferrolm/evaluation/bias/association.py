"""Associations of word and sentence vectors: WEAT (Caliskan, Bryson and Narayanan 2017) and SEAT (May et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["SEAT_TEMPLATES", "Association", "association", "seat", "weat"]

SEAT_TEMPLATES = ("This is {}.", "That is {}.", "There is {}.", "Here is {}.", "{} is here.", "{} is there.")
"""Sentences that say nothing of the word in them, as in the paper; words may need an article."""

_MOST_EXACT = 50_000
_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Association:
    """How much more the first targets lie near the first attributes than the second targets do.

    effect_size: difference of the targets' mean associations over their standard deviation (Cohen's d), -2 to 2. statistic: the
    sum that is tested. p_value: one-sided, of a statistic at least as large if targets were assigned by chance; exact where
    there are at most 50,000 divisions, else by that many draws. words: of each of the four sets that were used.
    """

    effect_size: float
    statistic: float
    p_value: float
    words: tuple[int, int, int, int]
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"d={self.effect_size:+.2f} p={self.p_value:.4g} words={'/'.join(map(str, self.words))}"


def association(
    targets: tuple[Any, Any], attributes: tuple[Any, Any], *, permutations: int = 10_000, seed: int = 0
) -> Association:
    """The test on vectors: two sets of targets and two of attributes, (words, size) each.

    The targets' sets are cut to the length of the shorter one, which the permutation test needs. permutations, seed: of the
    draws where not all divisions are counted.

    Raises `ShapeError` for sets of fewer than two vectors or of other sizes.

    >>> flowers, insects = [[1, 0.1], [1, 0.2]], [[0.1, 1], [0.2, 1]]
    >>> found = association((flowers, insects), ([[1, 0]], [[0, 1]]))
    >>> round(found.effect_size, 2), round(found.p_value, 2)
    (1.73, 0.17)
    """
    first, second = (_units(rows, "targets") for rows in targets)
    near, far = (_units(rows, "attributes", 1) for rows in attributes)
    count = min(len(first), len(second))
    both = np.concatenate([first[:count], second[:count]])
    if not both.shape[1] == near.shape[1] == far.shape[1]:
        raise ShapeError(
            f"vectors have sizes {both.shape[1]}, {near.shape[1]} and {far.shape[1]}: expected one size"
        )
    values = (both @ near.T).mean(axis=1) - (both @ far.T).mean(axis=1)
    spread = values.std(ddof=1)
    effect = (values[:count].mean() - values[count:].mean()) / spread if spread > 0 else 0.0
    statistic = float(values[:count].sum() - values[count:].sum())
    p_value = _p_value(values, count, permutations, seed)
    return Association(float(effect), statistic, p_value, (count, count, len(near), len(far)))


def weat(
    vectors: Any,
    targets: tuple[Sequence[str], Sequence[str]],
    attributes: tuple[Sequence[str], Sequence[str]],
    *,
    permutations: int = 10_000,
    seed: int = 0,
) -> Association:
    """The Word Embedding Association Test.

    Args:
        vectors: `ferrolm.embeddings.KeyedVectors`, or a mapping from words to vectors. Words without one are left out, and
            named in ``missing``.
        targets: two sets of words, such as flowers and insects.
        attributes: two sets of words, such as pleasant and unpleasant ones.
        permutations, seed: as for `association`.

    Raises `InvalidArgumentError` where fewer than two words of a set of targets, or none of attributes, have vectors.
    """
    known, missing = [], []
    for words in (*targets, *attributes):
        known.append([word for word in words if word in vectors])
        missing += [word for word in words if word not in vectors]
    if min(map(len, known[:2])) < 2 or min(map(len, known[2:])) < 1:
        raise InvalidArgumentError(
            f"of the sets {', '.join(str(len(words)) for words in known)} words have vectors: "
            "expected two or more of each set of targets, and one of attributes"
        )
    rows = [np.array([vectors[word] for word in words], np.float64) for words in known]
    found = association((rows[0], rows[1]), (rows[2], rows[3]), permutations=permutations, seed=seed)
    return Association(found.effect_size, found.statistic, found.p_value, found.words, tuple(missing))


def seat(
    encode: Callable[[list[str]], Any],
    targets: tuple[Sequence[str], Sequence[str]],
    attributes: tuple[Sequence[str], Sequence[str]],
    *,
    templates: Sequence[str] = SEAT_TEMPLATES,
    permutations: int = 10_000,
    seed: int = 0,
) -> Association:
    """The Sentence Encoder Association Test: `weat` on sentences that say nothing but the word.

    encode: from texts to vectors (texts, size), such as an encoder's ``encode``. Other arguments are those of `weat`; each
    word stands in each of the ``templates``.
    """
    sets = [
        [template.format(word) for word in words for template in templates]
        for words in (*targets, *attributes)
    ]
    rows = [np.asarray(encode(sentences), np.float64) for sentences in sets]
    return association((rows[0], rows[1]), (rows[2], rows[3]), permutations=permutations, seed=seed)


def _units(rows: Any, name: str, least: int = 2) -> NDArray[np.float64]:
    array = np.asarray(rows, np.float64)
    if array.ndim != 2 or len(array) < least:
        raise ShapeError(
            f"a set of {name} has shape {array.shape}, expected (words, size) with {least} words or more"
        )
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    units: NDArray[np.float64] = np.divide(array, lengths, out=np.zeros_like(array), where=lengths > 0)
    return units


def _p_value(values: NDArray[np.float64], count: int, permutations: int, seed: int) -> float:
    """How often a division into halves has a sum at least as large as the true one's."""
    if permutations < 1:
        raise InvalidArgumentError(f"permutations is {permutations}, expected at least 1")
    own = values[:count].sum()
    exact = comb(2 * count, count) <= _MOST_EXACT
    if exact:
        rows = np.array([*combinations(range(2 * count), count)])
        return float(np.mean(values[rows].sum(axis=1) >= own - 1e-12))
    generator = np.random.default_rng(seed)
    larger, at_once = 0, max(1, _AT_ONCE // (2 * count))
    for done in range(0, permutations, at_once):
        drawn = generator.random((min(at_once, permutations - done), 2 * count)).argpartition(count, axis=1)
        larger += int((values[drawn[:, :count]].sum(axis=1) >= own - 1e-12).sum())
    return (1 + larger) / (1 + permutations)
