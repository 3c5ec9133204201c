"""Do sentence embeddings agree with people: correlations over pairs of sentences, as in the STS tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ferrolm.embeddings.evaluation import ranks
from ferrolm.embeddings.sentence import SentenceEmbedder, unit_rows
from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, ShapeError

__all__ = ["SentencePairResult", "evaluate_sentence_pairs", "spearman"]


@dataclass(frozen=True)
class SentencePairResult:
    """Correlations, -1 to 1, of cosines with the scores of ``pairs`` pairs of sentences."""

    pearson: float
    spearman: float
    pairs: int


def evaluate_sentence_pairs(
    embedder: SentenceEmbedder,
    pairs: str | PathLike[str] | Iterable[tuple[str, str, float]],
    *,
    batch_size: int = 32,
) -> SentencePairResult:
    """Compare cosines of pairs of sentences with scores that people gave them (Cer et al. 2017).

    Args:
        embedder: what embeds them.
        pairs: a file of ``sentence<tab>sentence<tab>score`` lines in UTF-8 (``#`` starts a comment), or such triples.
            The larger the score, the nearer are the two.
        batch_size: of ``embedder.encode``.

    Raises:
        InvalidFileError: a line of another form; the message has its number.
        InvalidArgumentError: fewer than two pairs, or all scores or all cosines are equal.

    >>> from ferrolm.embeddings import AverageEmbeddings, KeyedVectors
    >>> wv = KeyedVectors(["cat", "dog", "car"], np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]))
    >>> pairs = [("a cat", "a dog", 4.0), ("a cat", "a car", 1.0), ("a car", "the dog", 2.0)]
    >>> evaluate_sentence_pairs(AverageEmbeddings(wv), pairs).spearman
    1.0
    """
    triples = _read(Path(pairs)) if isinstance(pairs, (str, PathLike)) else list(pairs)
    if len(triples) < 2:
        raise InvalidArgumentError(f"pairs has {len(triples)} pairs: expected 2 or more")
    first, second, scores = zip(*triples, strict=True)
    # One call for all, so that a sentence of many pairs is embedded once.
    texts = list(dict.fromkeys((*first, *second)))
    place = {text: row for row, text in enumerate(texts)}
    units = unit_rows(embedder.encode(texts, batch_size=batch_size))
    left = units[[place[text] for text in first]]
    right = units[[place[text] for text in second]]
    cosines = np.einsum("ij,ij->i", left, right).astype(np.float64)
    people = np.array(scores, np.float64)
    for name, values in (("scores", people), ("cosines", cosines)):
        if np.ptp(values) == 0:
            raise InvalidArgumentError(f"all {len(values)} {name} are equal: no correlation is defined")
    return SentencePairResult(
        pearson=float(np.corrcoef(cosines, people)[0, 1]),
        spearman=spearman(cosines, people),
        pairs=len(people),
    )


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rank correlation of two rows of numbers; equal values share the mean of their ranks.

    >>> round(spearman([1, 2, 3, 4], [10, 40, 20, 80]), 3)
    0.8
    """
    left, right = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if left.ndim != 1 or left.shape != right.shape:
        raise ShapeError(f"first has shape {left.shape}, second {right.shape}: expected two equal lengths")
    return float(np.corrcoef(ranks(left), ranks(right))[0, 1])


def _read(path: Path) -> list[tuple[str, str, float]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist: expected a file of pairs of sentences") from None
    except UnicodeDecodeError as error:
        raise InvalidFileError(f"{path} is not UTF-8: byte {error.start}") from None
    triples = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.rstrip("\r").split("\t")
        try:
            triples.append((fields[0], fields[1], float(fields[2])))
        except (IndexError, ValueError):
            raise InvalidFileError(
                f"{path}: line {number} is {line[:80]!r}: expected two sentences and a number, separated by tabs"
            ) from None
    return triples
