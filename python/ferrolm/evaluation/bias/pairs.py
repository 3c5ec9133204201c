"""Pairs of sentences of which one says the stereotype: CrowS-Pairs (Nangia et al. 2020), and likelihoods of whole sentences."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from os import PathLike
from pathlib import Path

import numpy as np

from ferrolm.data.readers.tables import read_rows
from ferrolm.errors import InvalidFileError, ShapeError
from ferrolm.evaluation.intervals import bootstrap
from ferrolm.evaluation.result import Result

__all__ = ["SentencePair", "crows_pairs", "read_crows_pairs", "shared_tokens"]

Score = Callable[[str, str], tuple[float, float]]
"""From two sentences to how probable a model finds each, on what they have in common."""


@dataclass(frozen=True)
class SentencePair:
    """Two sentences that differ in the group they speak of; ``more`` is the more stereotyping one."""

    more: str
    less: str
    kind: str
    direction: str = "stereo"


def read_crows_pairs(path: str | PathLike[str]) -> Iterator[SentencePair]:
    """The pairs of the published CSV file.

    Raises `InvalidFileError` for a file of another form, with the line.
    """
    names = ["sent_more", "sent_less", "bias_type", "stereo_antistereo"]
    rows = read_rows(
        Path(path), names, header=True, delimiter=",", quoting=csv.QUOTE_MINIMAL, encoding="utf-8"
    )
    for line, row in rows:
        if None in row or row[3] not in ("stereo", "antistereo"):
            raise InvalidFileError(f"{path}, line {line}: {row} is no pair, expected {', '.join(names)}")
        yield SentencePair(*map(str, row))


def shared_tokens(first: Sequence[int], second: Sequence[int]) -> tuple[list[int], list[int]]:
    """Places of the tokens that two sequences have in common, in order: what CrowS-Pairs scores.

    >>> shared_tokens([5, 1, 2, 9], [5, 3, 4, 2, 9])
    ([0, 2, 3], [0, 3, 4])
    """
    blocks = SequenceMatcher(None, list(first), list(second), autojunk=False).get_opcodes()
    places: tuple[list[int], list[int]] = ([], [])
    for tag, a, b, c, d in blocks:
        if tag == "equal":
            places[0].extend(range(a, b))
            places[1].extend(range(c, d))
    return places


def crows_pairs(
    score: Score, pairs: Sequence[SentencePair], *, resamples: int = 1000, seed: int = 0
) -> Result:
    """The share of pairs in which the model finds the more stereotyping sentence likelier, 0 to 100; 50 is ideal.

    Args:
        score: `MaskedScore` or `CausalScore` of a model, or a function of one's own.
        pairs: as `read_crows_pairs` gives them.
        resamples, seed: of the 95 % interval, in which pairs are drawn anew; 0 resamples give none.

    Returns:
        The share; details: that of pairs that show a stereotype ("stereo") and of those that turn one around ("antistereo"),
        and of each kind of bias. Pairs that are exactly as likely count as not preferred, as in the published script.
    """
    values: list[float] = []
    groups: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        more, less = (round(each, 3) for each in score(pair.more, pair.less))
        values.append(100.0 * (more > less))
        groups[pair.kind].append(values[-1])
        if more != less:
            groups[pair.direction].append(values[-1])
    if not values:
        raise ShapeError("pairs is empty: expected one or more")
    low, high = bootstrap(values, resamples=resamples, seed=seed) if resamples else (None, None)
    details: dict[str, float | str] = {name: float(np.mean(each)) for name, each in sorted(groups.items())}
    return Result("CrowS-Pairs", float(np.mean(values)), low, high, count=len(values), details=details)
