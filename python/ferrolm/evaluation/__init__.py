"""Measures of models and of what they write.

perplexity.py       `perplexity` per token, word and byte, and bits per byte, under named conventions
classification.py   `accuracy`, `f1`, `mcc`, `confusion`
calibration.py      `calibration`: whether probabilities are as right as they say, and the plot of it
entities.py         `entity_f1`: precision, recall and F1 of whole entities, as seqeval has them
answers.py          `squad`: exact match and F1 of answers to questions
overlap.py          `bleu`, `chrf`, `ter` (sacrebleu) and `rouge` (rouge-score): the extra `eval`
diversity.py        `distinct`, `self_bleu`: how much texts repeat themselves and each other
intervals.py        `bootstrap`: confidence intervals
significance.py     `compare`, `compare_corpus`: whether one system is better than another
tasks/              `evaluate`: a model on a task's data, with a `Report`
result.py           `Result`: a score, its interval, and what it was made of
"""

from __future__ import annotations

from ferrolm.evaluation.answers import answer_f1, normalized_answer, squad
from ferrolm.evaluation.calibration import Calibration, calibration
from ferrolm.evaluation.classification import accuracy, confusion, f1, mcc
from ferrolm.evaluation.diversity import distinct, self_bleu
from ferrolm.evaluation.entities import entity_f1, entity_figures
from ferrolm.evaluation.intervals import bootstrap
from ferrolm.evaluation.overlap import bleu, chrf, rouge, ter
from ferrolm.evaluation.perplexity import Perplexity, perplexity
from ferrolm.evaluation.result import Result
from ferrolm.evaluation.significance import Comparison, compare, compare_corpus
from ferrolm.evaluation.tasks import Report, evaluate

__all__ = [
    "Calibration",
    "Comparison",
    "Perplexity",
    "Report",
    "Result",
    "accuracy",
    "answer_f1",
    "bleu",
    "bootstrap",
    "calibration",
    "chrf",
    "compare",
    "compare_corpus",
    "confusion",
    "distinct",
    "entity_f1",
    "entity_figures",
    "evaluate",
    "f1",
    "mcc",
    "normalized_answer",
    "perplexity",
    "rouge",
    "self_bleu",
    "squad",
    "ter",
]
