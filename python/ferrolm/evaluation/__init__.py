"""Measures of models and of what they write.

perplexity.py       `perplexity` per token, word and byte, and bits per byte, under named conventions
classification.py   `accuracy`, `f1`
entities.py         `entity_figures`: precision, recall and F1 of whole entities
answers.py          `answer_f1`, `normalized_answer`: of answers to questions, as SQuAD
overlap.py          `bleu`, `chrf` (sacrebleu) and `rouge` (rouge-score): the extra `eval`
intervals.py        `bootstrap`: confidence intervals
result.py           `Result`: a score, its interval, and what it was made of
"""

from __future__ import annotations

from ferrolm.evaluation.answers import answer_f1, normalized_answer
from ferrolm.evaluation.classification import accuracy, f1
from ferrolm.evaluation.entities import entity_figures
from ferrolm.evaluation.intervals import bootstrap
from ferrolm.evaluation.overlap import bleu, chrf, rouge
from ferrolm.evaluation.perplexity import Perplexity, perplexity
from ferrolm.evaluation.result import Result

__all__ = [
    "Perplexity",
    "Result",
    "accuracy",
    "answer_f1",
    "bleu",
    "bootstrap",
    "chrf",
    "entity_figures",
    "f1",
    "normalized_answer",
    "perplexity",
    "rouge",
]
