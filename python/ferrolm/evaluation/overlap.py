"""Overlap of texts with references: BLEU, chrF and TER as sacrebleu computes them, ROUGE as rouge-score does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.evaluation.intervals import bootstrap
from ferrolm.evaluation.result import Result

__all__ = ["bleu", "chrf", "rouge", "ter"]

References = Sequence[str] | Sequence[Sequence[str]]
ROUGE_TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


def bleu(
    predictions: Sequence[str],
    references: References,
    *,
    tokenize: str = "13a",
    lowercase: bool = False,
    resamples: int = 0,
) -> Result:
    """Corpus BLEU (Papineni et al., 2002), from 0 to 100, by sacrebleu (Post, 2018).

    Args:
        predictions: one text for each example.
        references: one text for each example, or several.
        tokenize: sacrebleu's tokenizer: ``13a``, ``intl``, ``char``, ``zh``, ``none``.
        lowercase: fold the case first.
        resamples: of the 95 % interval, by sacrebleu's own bootstrap; 0 gives none.

    Returns:
        The score, with the brevity penalty, the precisions, the lengths in tokens, and sacrebleu's ``signature``,
        which belongs beside every published score.

    Raises:
        ShapeError: there are no examples, or more of one than of the other.
        MissingExtraError: sacrebleu (extra ``eval``) is not installed.

    >>> round(bleu(["the cat sat on the mat"], ["the cat sat on the mat"]).value, 6)
    100.0
    """
    metrics = require("sacrebleu.metrics", "eval", "BLEU")
    try:
        metric = metrics.BLEU(tokenize=tokenize, lowercase=lowercase)
    except (KeyError, ValueError, AssertionError):
        known = ", ".join(sorted(metrics.BLEU.TOKENIZERS))
        raise InvalidArgumentError(f"tokenize is {tokenize!r}, expected one of {known}") from None
    score = metric.corpus_score(
        list(predictions), _streams(predictions, references), n_bootstrap=max(resamples, 1)
    )
    details = {f"precision {order}": value for order, value in enumerate(score.precisions, start=1)}
    details |= {"brevity penalty": score.bp, "length": score.sys_len, "reference length": score.ref_len}
    return _result("BLEU", metric, score, len(predictions), details)


def chrf(
    predictions: Sequence[str], references: References, *, word_order: int = 0, resamples: int = 0
) -> Result:
    """Character n-gram F2 score (Popović, 2015), from 0 to 100, by sacrebleu; ``word_order=2`` is chrF++.

    Arguments, result and errors are as in `bleu`.
    """
    metric = require("sacrebleu.metrics", "eval", "chrF").CHRF(word_order=word_order)
    score = metric.corpus_score(
        list(predictions), _streams(predictions, references), n_bootstrap=max(resamples, 1)
    )
    return _result("chrF++" if word_order else "chrF", metric, score, len(predictions), {})


def ter(
    predictions: Sequence[str],
    references: References,
    *,
    normalized: bool = False,
    case_sensitive: bool = False,
    resamples: int = 0,
) -> Result:
    """Translation edit rate (Snover et al. 2006), 0 for equal texts, 100 for as many edits as words, by sacrebleu.

    Lower is better. Words that move together count as one edit. ``normalized``: separate punctuation first. Other arguments,
    result and errors are as in `bleu`.

    >>> round(ter(["the cat sat on the mat"], ["the cat is on the mat"]).value, 2)
    16.67
    """
    metric = require("sacrebleu.metrics", "eval", "TER").TER(
        normalized=normalized, case_sensitive=case_sensitive
    )
    score = metric.corpus_score(
        list(predictions), _streams(predictions, references), n_bootstrap=max(resamples, 1)
    )
    details = {"edits": float(score.num_edits), "reference length": float(score.ref_length)}
    return _result("TER", metric, score, len(predictions), details)


def rouge(
    predictions: Sequence[str],
    references: References,
    *,
    types: Sequence[str] = ("rouge1", "rouge2", "rougeL"),
    stem: bool = False,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Result]:
    """ROUGE (Lin, 2004), from 0 to 1, by rouge-score: mean F1 over examples for each type, with its 95 % interval.

    Args:
        predictions: one text for each example.
        references: one text for each example, or several, of which the nearest counts.
        types: ``rouge1`` to ``rouge9``, ``rougeL``, ``rougeLsum`` (sentences are lines).
        stem: compare stems of English words (Porter).
        resamples: of the interval; 0 gives none.
        seed: of the resampling.

    Returns:
        A result for each type; details: mean precision and recall.

    Raises:
        ShapeError: there are no examples, or more of one than of the other.
        InvalidArgumentError: a type is not known.
        MissingExtraError: rouge-score (extra ``eval``) is not installed.
    """
    scorer = require("rouge_score.rouge_scorer", "eval", "ROUGE")
    rows = _rows(predictions, references)
    try:
        each = scorer.RougeScorer(list(types), use_stemmer=stem)
        scores = [each.score_multi(row, text) for row, text in zip(rows, predictions, strict=True)]
    except ValueError as error:
        raise InvalidArgumentError(f"types is {list(types)}: {error}") from None
    results = {}
    for kind in types:
        table = np.array([score[kind] for score in scores])  # [examples, (precision, recall, F1)]
        low, high = bootstrap(table[:, 2], resamples=resamples, seed=seed) if resamples else (None, None)
        precision, recall, value = table.mean(axis=0).tolist()
        details = {"precision": precision, "recall": recall}
        results[kind] = Result(kind, value, low, high, count=len(scores), details=details)
    return results


def _rows(predictions: Sequence[str], references: References) -> list[list[str]]:
    if len(predictions) != len(references) or not len(predictions):
        raise ShapeError(
            f"there are {len(predictions)} predictions and {len(references)} references; expected as many"
        )
    rows = [[row] if isinstance(row, str) else list(row) for row in references]
    if not all(rows):
        raise ShapeError(f"example {rows.index([])} has no references; expected one or more")
    return rows


def _streams(predictions: Sequence[str], references: References) -> list[list[str | None]]:
    """References as sacrebleu takes them: all first ones, all second ones, and so on; None where an example has fewer."""
    return [list(stream) for stream in zip_longest(*_rows(predictions, references))]


def _result(name: str, metric: Any, score: Any, count: int, details: dict[str, Any]) -> Result:
    signature = str(metric.get_signature())
    report = json.loads(score.format(width=10, signature=signature, is_json=True))
    low = high = None
    if "confidence_mean" in report:
        low, high = (report["confidence_mean"] + sign * report["confidence_var"] for sign in (-1, 1))
    return Result(
        name, float(score.score), low, high, count=count, details={**details, "signature": signature}
    )
