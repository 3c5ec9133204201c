"""Measures of models and of what they write.

perplexity.py       `perplexity` per token, word and byte, and bits per byte, under named conventions
classification.py   `accuracy`, `f1`
overlap.py          `bleu`, `chrf` (sacrebleu) and `rouge` (rouge-score): the extra `eval`
bootstrap.py        `bootstrap`: confidence intervals
result.py           `Result`: a score, its interval, and what it was made of
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ferrolm.evaluation.bootstrap import bootstrap
    from ferrolm.evaluation.classification import accuracy, f1
    from ferrolm.evaluation.overlap import bleu, chrf, rouge
    from ferrolm.evaluation.perplexity import Perplexity, perplexity
    from ferrolm.evaluation.result import Result

__all__ = ["Perplexity", "Result", "accuracy", "bleu", "bootstrap", "chrf", "f1", "perplexity", "rouge"]

_HOMES = {
    "Perplexity": "perplexity",
    "Result": "result",
    "accuracy": "classification",
    "bleu": "overlap",
    "bootstrap": "bootstrap",
    "chrf": "overlap",
    "f1": "classification",
    "perplexity": "perplexity",
    "rouge": "overlap",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ferrolm.evaluation' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"ferrolm.evaluation.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
