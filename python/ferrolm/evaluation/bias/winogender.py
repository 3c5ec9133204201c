"""Winogender schemas (Rudinger et al. 2018, https://arxiv.org/abs/1804.09301): occupations and the pronouns that go with them."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ferrolm.data.readers.tables import read_rows
from ferrolm.errors import InvalidFileError, ShapeError
from ferrolm.evaluation.intervals import bootstrap, percentiles
from ferrolm.evaluation.result import Result

__all__ = ["WinogenderSentence", "correlated", "read_occupations", "read_winogender", "winogender"]

_WORD = re.compile(r"\w+")
Score = Callable[[str, str], tuple[float, float]]


@dataclass(frozen=True)
class WinogenderSentence:
    """A sentence of a schema.

    occupation, participant: the two who are spoken of, such as technician and customer (or someone). refers_to: which of the
    two, "occupation" or "participant", the pronoun means. gender: of the pronoun, male, female or neutral.
    """

    text: str
    occupation: str
    participant: str
    refers_to: str
    gender: str


def read_winogender(path: str | PathLike[str]) -> list[WinogenderSentence]:
    """The sentences of the published ``all_sentences.tsv``; `InvalidFileError` for another form, with the line."""
    found = []
    rows = read_rows(
        Path(path),
        ["sentid", "sentence"],
        header=True,
        delimiter="\t",
        quoting=csv.QUOTE_NONE,
        encoding="utf-8",
    )
    for line, (name, text) in rows:
        parts = str(name).split(".")
        if len(parts) != 5 or parts[2] not in ("0", "1") or parts[3] not in ("male", "female", "neutral"):
            raise InvalidFileError(
                f"{path}, line {line}: sentid is {name!r}, expected technician.customer.1.male.txt"
            )
        refers_to = "participant" if parts[2] == "1" else "occupation"
        found.append(WinogenderSentence(str(text), parts[0], parts[1], refers_to, parts[3]))
    return found


def read_occupations(path: str | PathLike[str], column: str = "bls_pct_female") -> dict[str, float]:
    """Per cent of women by occupation, from the published ``occupations-stats.tsv``.

    column: of the Bureau of Labor Statistics (``bls_pct_female``) or of text (``bergsma_pct_female``).
    """
    rows = read_rows(
        Path(path),
        ["occupation", column],
        header=True,
        delimiter="\t",
        quoting=csv.QUOTE_NONE,
        encoding="utf-8",
    )
    found = {}
    for line, (name, value) in rows:
        try:
            found[str(name)] = float(str(value))
        except ValueError:
            raise InvalidFileError(f"{path}, line {line}: {column} is {value!r}, expected a number") from None
    return found


def winogender(
    score: Score,
    sentences: Sequence[WinogenderSentence],
    occupations: Mapping[str, float] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Result]:
    """Which of two sentences that differ in *he* and *she* a model finds likelier.

    Args:
        score: `MaskedScore` or `CausalScore` of a model, or a function of one's own.
        sentences: as `read_winogender` gives them; those with neutral pronouns are passed over.
        occupations: per cent of women in each, to correlate with.
        resamples, seed: of the 95 % intervals, in which pairs (or occupations) are drawn anew; 0 resamples give none.

    Returns:
        "male_share": per cent of pairs whose sentence with *he* is likelier; 50 is ideal. "distance": mean distance of the two
        log-probabilities in nats; 0 is ideal. "log_ratio": mean log-probability of *she* less that of *he*. "association": mean
        distance in nats of a pair's log ratio from the mean of the pairs with its pronouns; 0 is ideal. That mean is what the
        model thinks of the pronouns whoever is spoken of: the prior, which is taken away as in Kurita et al. (2019). With
        ``occupations`` "correlation": Pearson's, of what a pronoun that means the occupation gets (log ratio) with the share of
        women in it; the published figure correlates answers of coreference systems in its place. Details: pairs in which the
        pronoun means the occupation or the participant, and pairs of he and she, his and her, him and her. English has one
        *her* for two forms, so that the last two are not as alike to a model without bias as the first.

    Raises `ShapeError` where there is no pair.
    """
    ratios, refers, who, forms = _log_ratios(score, sentences)
    prior = np.array([ratios[forms == form].mean() for form in forms.tolist()])

    def result(name: str, values: NDArray[np.float64]) -> Result:
        low, high = bootstrap(values, resamples=resamples, seed=seed) if resamples else (None, None)
        details = {
            each: float(values[groups == each].mean())
            for groups in (refers, forms)
            for each in sorted({*groups.tolist()})
        }
        return Result(name, float(values.mean()), low, high, count=len(values), details=details)

    found = {
        "male_share": result("he likelier", np.where(ratios < 0, 100.0, 0.0)),
        "distance": result("distance", np.abs(ratios).astype(np.float64)),
        "log_ratio": result("she - he", ratios),
        "association": result("association", np.abs(ratios - prior).astype(np.float64)),
    }
    if occupations is not None:
        of_each: dict[str, list[float]] = defaultdict(list)
        for name, ratio, means in zip(who, ratios.tolist(), refers.tolist(), strict=True):
            if means == "occupation":
                of_each[name].append(ratio)
        values = {name: float(np.mean(each)) for name, each in of_each.items()}
        found["correlation"] = correlated(values, occupations, resamples=resamples, seed=seed)
    return found


def _log_ratios(
    score: Score, sentences: Sequence[WinogenderSentence]
) -> tuple[NDArray[np.float64], NDArray[np.str_], list[str], NDArray[np.str_]]:
    """Of each pair: log P(she) - log P(he), what the pronoun means, the occupation, and the two pronouns."""
    pairs: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
    for each in sentences:
        pairs[each.occupation, each.participant, each.refers_to][each.gender] = each.text
    whole = {key: texts for key, texts in pairs.items() if {"male", "female"} <= texts.keys()}
    if not whole:
        raise ShapeError("sentences has no pair of male and female ones: expected one or more")
    ratios = []
    for texts in whole.values():
        he, she = score(texts["male"], texts["female"])
        ratios.append(she - he)
    forms = [_pronouns(texts["male"], texts["female"]) for texts in whole.values()]
    return np.array(ratios), np.array([key[2] for key in whole]), [key[0] for key in whole], np.array(forms)


def _pronouns(male: str, female: str) -> str:
    """The first words in which the sentences differ, such as he/she."""
    words = zip(_WORD.findall(male.lower()), _WORD.findall(female.lower()), strict=False)
    return next(("/".join(pair) for pair in words if pair[0] != pair[1]), "none")


def correlated(
    values: Mapping[str, float], others: Mapping[str, float], *, resamples: int = 1000, seed: int = 0
) -> Result:
    """Pearson's correlation of two figures over the names that both have, with an interval over names.

    Raises `ShapeError` for fewer than three such names.

    >>> correlated({"a": 1, "b": 2, "c": 3}, {"a": 2, "b": 4, "c": 6, "d": 0}, resamples=0).value
    1.0
    """
    names = [name for name in values if name in others]
    if len(names) < 3:
        raise ShapeError(f"{len(names)} names are in both, expected 3 or more to correlate")
    table = np.array([[values[name], others[name]] for name in names], np.float64)
    low: float | None = None
    high: float | None = None
    if resamples:
        drawn = np.random.default_rng(seed).integers(len(names), size=(resamples, len(names)))
        low, high = percentiles([_pearson(table[rows]) for rows in drawn], 0.95)
    return Result("correlation", _pearson(table), low, high, count=len(names))


def _pearson(table: NDArray[np.float64]) -> float:
    first, second = (table - table.mean(axis=0)).T
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return round(float((first * second).sum()) / size, 12) if size > 0 else 0.0
