"""Word vectors against people's judgements: analogies and pairs of words, counted as gensim counts."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import FileAccessError, InvalidArgumentError, InvalidFileError, MissingFileError

if TYPE_CHECKING:
    from ferrolm.embeddings.keyed_vectors import KeyedVectors

__all__ = ["Correlation", "WordPairResult", "evaluate_word_analogies", "evaluate_word_pairs"]

_log = logging.getLogger(__name__)
#: Questions whose cosines are computed at a time.
_BATCH = 1024
#: Candidates for an answer: the first of them that is in the vocabulary and not in the question counts.
_CANDIDATES = 5


class Correlation(float):
    """A coefficient, -1 to 1, that also unpacks into (statistic, p-value) as the results of scipy and gensim do.

    >>> result = Correlation(0.5, 0.03)
    >>> result > 0.4, result[0], result.pvalue
    (True, 0.5, 0.03)
    """

    #: Two-sided: how likely so strong a correlation is without any; nan without scipy.
    pvalue: float

    def __new__(cls, statistic: float, pvalue: float = math.nan) -> Correlation:
        made = super().__new__(cls, statistic)
        made.pvalue = pvalue
        return made

    def __getnewargs__(self) -> tuple[float, float]:  # type: ignore[override]
        return float(self), self.pvalue

    @property
    def statistic(self) -> float:
        return float(self)

    def __iter__(self) -> Iterator[float]:
        return iter((float(self), self.pvalue))

    def __getitem__(self, index: int) -> float:
        return (float(self), self.pvalue)[index]


@dataclass(frozen=True)
class WordPairResult:
    """Agreement of cosine similarities with people's judgements of pairs of words.

    Unpacks into (pearson, spearman, percentage of pairs that have an unknown word), as gensim's result does.
    """

    pearson: Correlation
    spearman: Correlation
    #: Share of the pairs that have an unknown word, 0 to 1.
    out_of_vocabulary: float
    #: Pairs that were compared.
    pairs: int

    def __iter__(self) -> Iterator[Any]:
        return iter((self.pearson, self.spearman, 100 * self.out_of_vocabulary))

    def __getitem__(self, index: int) -> Any:
        return tuple(self)[index]


def evaluate_word_analogies(
    vectors: KeyedVectors,
    analogies: str | PathLike[str],
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
) -> tuple[float, list[dict[str, Any]]]:
    """See `KeyedVectors.evaluate_word_analogies`."""
    known = _vocabulary(vectors, restrict_vocab, case_insensitive)
    sections, asked = [], []
    for name, questions in _read_analogies(analogies, case_insensitive):
        section: dict[str, Any] = {"section": name, "correct": [], "incorrect": []}
        sections.append(section)
        for question in questions:
            if all(word in known for word in question):
                asked.append((section, question))
            elif dummy4unknown:
                section["incorrect"].append(question)
    for start in range(0, len(asked), _BATCH):
        batch = asked[start : start + _BATCH]
        rows = np.array([[known[word] for word in question[:3]] for _, question in batch])
        for (section, question), near in zip(batch, _answers(vectors, rows, restrict_vocab), strict=True):
            found = _first(vectors, near, known, question, case_insensitive)
            section["correct" if found == question[3] else "incorrect"].append(question)
    total = {
        "section": "Total accuracy",
        "correct": list(chain.from_iterable(section["correct"] for section in sections)),
        "incorrect": list(chain.from_iterable(section["incorrect"] for section in sections)),
    }
    sections.append(total)
    for section in sections:
        right, wrong = len(section["correct"]), len(section["incorrect"])
        _log.info("%s: %.1f%% (%i/%i)", section["section"], 100 * _share(section), right, right + wrong)
    return _share(total), sections


def _share(section: dict[str, Any]) -> float:
    right, wrong = len(section["correct"]), len(section["incorrect"])
    return right / (right + wrong) if right + wrong else 0.0


def _vocabulary(vectors: KeyedVectors, restrict_vocab: int | None, fold: bool) -> dict[str, int]:
    """Rows by word; of spellings that are one without their case, the first counts."""
    words = vectors.index_to_key[:restrict_vocab]
    rows = range(len(words) - 1, -1, -1)
    return {(words[row].upper() if fold else words[row]): row for row in rows}


def _answers(vectors: KeyedVectors, rows: NDArray[np.int64], restrict_vocab: int | None) -> list[list[int]]:
    """For questions (n, 3) "a is to b as c to what", the rows nearest to b - a + c."""
    units = vectors.vectors[rows] / np.maximum(vectors.norms[rows], np.finfo(np.float32).tiny)[..., None]
    means = (units[:, 1] + units[:, 2] - units[:, 0]) / 3
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    means /= np.where(lengths == 0, 1, lengths)
    searched = vectors._rows(0, None, restrict_vocab)
    found, _ = vectors._nearest(means.astype(np.float32), _CANDIDATES, rows.tolist(), searched)
    near: list[list[int]] = found.tolist()
    return near


def _first(
    vectors: KeyedVectors, near: list[int], known: dict[str, int], question: tuple[str, ...], fold: bool
) -> str | None:
    """The first candidate that may be the answer; the last one if none may, as gensim has it."""
    found = None
    for row in near:
        if row < 0:
            break
        found = vectors.index_to_key[row].upper() if fold else vectors.index_to_key[row]
        if found in known and found not in question[:3]:
            break
    return found


def _read_analogies(
    path: str | PathLike[str], fold: bool
) -> Iterator[tuple[str, list[tuple[str, str, str, str]]]]:
    """Sections and their questions; lines of other than four words are passed over."""
    name: str | None = None
    questions: list[tuple[str, str, str, str]] = []
    for number, line in enumerate(_lines(path), start=1):
        if line.startswith(": "):
            if name is not None:
                yield name, questions
            name, questions = line.lstrip(": ").strip(), []
        elif name is None:
            raise InvalidFileError(
                f"{path}: line {number} is {line[:80]!r}: expected a line ': NAME OF A SECTION' before it"
            )
        else:
            words = (line.upper() if fold else line).split()
            if len(words) == 4:
                questions.append((words[0], words[1], words[2], words[3]))
    if name is not None:
        yield name, questions


def evaluate_word_pairs(
    vectors: KeyedVectors,
    pairs: str | PathLike[str] | Iterable[tuple[str, str, float]],
    delimiter: str = "\t",
    encoding: str = "utf8",
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
) -> WordPairResult:
    """See `KeyedVectors.evaluate_word_pairs`."""
    triples = _read_pairs(pairs, delimiter, encoding) if isinstance(pairs, (str, PathLike)) else list(pairs)
    known = _vocabulary(vectors, restrict_vocab, case_insensitive)
    ours, theirs, unknown = [], [], 0
    for first, second, score in triples:
        rows = [known.get(word.upper() if case_insensitive else word) for word in (first, second)]
        if None not in rows:
            ours.append(vectors.similarity(*(row for row in rows if row is not None)))
            theirs.append(score)
            continue
        unknown += 1
        if dummy4unknown:
            ours.append(0.0)
            theirs.append(score)
    if len(ours) < 2:
        raise InvalidArgumentError(
            f"pairs has {len(triples)} pairs, {len(triples) - unknown} of them known: expected 2 or more"
        )
    model, people = np.array(ours), np.array(theirs, dtype=np.float64)
    return WordPairResult(
        pearson=_correlation(people, model),
        spearman=_correlation(ranks(people), ranks(model)),
        out_of_vocabulary=unknown / len(triples),
        pairs=len(ours),
    )


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> Correlation:
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = float(np.clip(np.corrcoef(first, second)[0, 1], -1, 1))
    freedom = len(first) - 2
    try:
        from scipy.special import stdtr
    except ModuleNotFoundError:
        return Correlation(statistic)
    if freedom == 0:
        return Correlation(statistic, 1.0)
    if abs(statistic) == 1:
        return Correlation(statistic, 0.0)
    # Of uncorrelated normal values, r √(n - 2) / √(1 - r²) has Student's distribution.
    student = abs(statistic) * math.sqrt(freedom / (1 - statistic**2))
    return Correlation(statistic, float(2 * stdtr(freedom, -student)))


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: NDArray[np.float64] = ((ends - counts + ends - 1) / 2)[inverse]
    return found


def _read_pairs(path: str | PathLike[str], delimiter: str, encoding: str) -> list[tuple[str, str, float]]:
    pairs = []
    for number, line in enumerate(_lines(path, encoding), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(delimiter)
        try:
            first, second, score = fields[0].strip(), fields[1].strip(), float(fields[2])
        except (IndexError, ValueError):
            message = (
                f"{path}: line {number} is {line[:80]!r}: expected two words and a number, "
                f"separated by {delimiter!r} (delimiter)"
            )
            raise InvalidFileError(message) from None
        pairs.append((first, second, score))
    return pairs


def _lines(path: str | PathLike[str], encoding: str = "utf8") -> list[str]:
    try:
        return Path(path).read_text(encoding=encoding).splitlines()
    except FileNotFoundError as error:
        raise MissingFileError(f"cannot read {path}: {error.strerror}") from None
    except OSError as error:
        raise FileAccessError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidFileError(f"{path} is not {encoding} (byte {error.start}): {error.reason}") from None
