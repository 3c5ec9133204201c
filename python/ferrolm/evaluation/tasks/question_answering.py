"""Answers that are a stretch of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ferrolm.data import read_squad
from ferrolm.evaluation.answers import answer_f1, squad
from ferrolm.evaluation.tasks.settings import Outcome, Settings
from ferrolm.evaluation.tasks.stream import batches, examples_of

__all__ = ["question_answering"]


def question_answering(model: Any, data: Path, settings: Settings) -> Outcome:
    """F1 and exact match of SQuAD's script, on a file in its format."""
    from ferrolm.generation import pipeline

    pipe = pipeline("question-answering", model=model, device=settings.device, batch_size=settings.batch_size)
    examples = examples_of(read_squad(data), data, settings)
    impossible = any(not example.answers for example in examples)
    predictions: list[str] = []
    for batch in batches(examples, settings, "question"):
        asked = [{"question": example.question, "context": example.context} for example in batch]
        found = pipe(asked, handle_impossible_answer=impossible)
        predictions += [each["answer"] for each in (found if isinstance(found, list) else [found])]
    references = [[answer.text for answer in example.answers] for example in examples]
    results = squad(predictions, references, resamples=settings.resamples, seed=settings.seed)
    scores = [
        100 * max(answer_f1(text, each) for each in row or [""])
        for text, row in zip(predictions, references, strict=True)
    ]
    return Outcome({"f1": results["f1"], **results}, np.array(scores), predictions, references)
