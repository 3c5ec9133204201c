"""How much texts repeat themselves and each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.evaluation.intervals import bootstrap
from ferrolm.evaluation.result import Result

__all__ = ["distinct", "self_bleu"]


def distinct(texts: Sequence[str | Sequence[str]], order: int = 2) -> Result:
    """Distinct-n (Li et al. 2016): the share of n-grams of all texts together that are different, 0 to 1.

    texts: strings, split at white space, or lists of tokens. The longer the texts, the lower: compare equal lengths.
    Details: the number of n-grams, and of different ones.

    Raises `ShapeError` for texts without an n-gram.

    >>> distinct(["a b a b", "a b c"], order=2).value
    0.6
    """
    if order < 1:
        raise InvalidArgumentError(f"order is {order}: expected at least 1")
    found: set[tuple[str, ...]] = set()
    total = 0
    for text in texts:
        tokens = text.split() if isinstance(text, str) else list(text)
        grams = list(zip(*(tokens[start:] for start in range(order)), strict=False))
        total += len(grams)
        found.update(grams)
    if not total:
        raise ShapeError(f"texts has {len(texts)} texts and no {order}-gram: expected one or more")
    details = {"n-grams": float(total), "different": float(len(found))}
    return Result(f"distinct-{order}", len(found) / total, count=len(texts), details=details)


def self_bleu(
    texts: Sequence[str], *, order: int = 4, sample: int = 500, resamples: int = 1000, seed: int = 0
) -> Result:
    """Self-BLEU (Zhu et al. 2018, "Texygen"): mean BLEU of each text with all others as its references, 0 to 100.

    A high one means that the texts resemble each other. The cost grows with the square of the number of texts: of more
    than ``sample`` that many are drawn. BLEU is sacrebleu's of sentences (13a, exponential smoothing).

    Raises `ShapeError` for fewer than two texts, `MissingExtraError` without sacrebleu (extra ``eval``).

    >>> self_bleu(["a cat sat on the mat"] * 3).value
    100.0
    """
    if len(texts) < 2:
        raise ShapeError(f"texts has {len(texts)} texts: expected 2 or more")
    if sample < 2:
        raise InvalidArgumentError(f"sample is {sample}: expected 2 or more")
    metric = require("sacrebleu.metrics", "eval", "self-BLEU").BLEU(
        max_ngram_order=order, effective_order=True
    )
    generator = np.random.default_rng(seed)
    chosen = [
        texts[place] for place in sorted(generator.choice(len(texts), min(sample, len(texts)), replace=False))
    ]
    scores = np.array(
        [
            round(metric.sentence_score(text, chosen[:place] + chosen[place + 1 :]).score, 9)
            for place, text in enumerate(chosen)
        ]
    )
    low, high = bootstrap(scores, resamples=resamples, seed=seed) if resamples else (None, None)
    return Result("self-BLEU", float(scores.mean()), low, high, count=len(chosen))
