"""Measures of models and of what they write.

perplexity.py       `perplexity` per token, word and byte, and bits per byte, under named conventions
classification.py   `accuracy`, `f1`
overlap.py          `bleu`, `chrf` (sacrebleu) and `rouge` (rouge-score): the extra `eval`
intervals.py        `bootstrap`: confidence intervals
result.py           `Result`: a score, its interval, and what it was made of
"""

from __future__ import annotations

from ferrolm.evaluation.classification import accuracy, f1
from ferrolm.evaluation.intervals import bootstrap
from ferrolm.evaluation.overlap import bleu, chrf, rouge
from ferrolm.evaluation.perplexity import Perplexity, perplexity
from ferrolm.evaluation.result import Result

__all__ = ["Perplexity", "Result", "accuracy", "bleu", "bootstrap", "chrf", "f1", "perplexity", "rouge"]
