"""`evaluate`: a model on a task's data, as ``ferrolm evaluate`` does it.

language_modeling.py, text_classification.py, tagging.py, question_answering.py, text_to_text.py, bias.py: one task or some each
settings.py   what may be set; what a task returns
report.py     `Report`: the figures, as a table and as JSON, and the comparison of two
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, fields
from os import PathLike
from pathlib import Path
from typing import Any

from ferrolm.errors import InvalidArgumentError, MissingFileError, UnknownNameError, nearest
from ferrolm.evaluation.tasks.bias import bias_of_pairs, bias_of_pronouns, bias_of_stereotypes
from ferrolm.evaluation.tasks.language_modeling import language_modeling
from ferrolm.evaluation.tasks.question_answering import question_answering
from ferrolm.evaluation.tasks.report import Report
from ferrolm.evaluation.tasks.settings import Outcome, Settings
from ferrolm.evaluation.tasks.tagging import tagging
from ferrolm.evaluation.tasks.text_classification import text_classification
from ferrolm.evaluation.tasks.text_to_text import summarization, translation

__all__ = ["TASKS", "Report", "Settings", "evaluate"]

TASKS: dict[str, Callable[[Any, Path, Settings], Outcome]] = {
    "language-modeling": language_modeling,
    "text-classification": text_classification,
    "token-classification": tagging,
    "question-answering": question_answering,
    "translation": translation,
    "summarization": summarization,
    "crows-pairs": bias_of_pairs,
    "stereoset": bias_of_stereotypes,
    "winogender": bias_of_pronouns,
}
_OTHER_NAMES = {
    "perplexity": "language-modeling",
    "sentiment-analysis": "text-classification",
    "tagging": "token-classification",
    "ner": "token-classification",
}


def evaluate(model: Any, task: str, data: str | PathLike[str], **settings: Any) -> Report:
    """The figures of a model on labelled data, each with its 95 % interval.

    Args:
        model: a folder or a name as for `ferrolm.pipeline` and `ferrolm.load_model`, an n-gram model's file, a perceptron
            tagger's file, or a loaded one.
        task: "language-modeling" ("perplexity"), "text-classification", "token-classification" ("tagging", "ner"),
            "question-answering", "translation", "summarization", and of bias "crows-pairs", "stereoset", "winogender".
        data: text, JSON lines or Parquet; labelled CSV, TSV, JSON lines or a folder of classes; CoNLL-U or CoNLL; SQuAD's
            JSON; TSV or JSON lines of sources and targets; the published files of a test of bias.
        settings: the fields of `Settings`.

    Raises:
        UnknownNameError: a task or a label that is not known. InvalidArgumentError: a setting that is not.
        MissingFileError, InvalidFileError: of the data. And what loading the model raises.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "test.txt"
    >>> _ = path.write_text("Once upon a time there was a fox.")
    >>> report = evaluate("ferrolm-tiny", "perplexity", path, show_progress=False)
    >>> [*report.results], report.value < 3
    (['bits_per_byte', 'perplexity', 'word_perplexity'], True)
    """
    name = _OTHER_NAMES.get(task, task)
    if name not in TASKS:
        raise UnknownNameError(
            f"the task {task!r} is unknown{nearest(task, [*TASKS, *_OTHER_NAMES])}; known: {', '.join(TASKS)}"
        )
    known = [field.name for field in fields(Settings)]
    for given in settings:
        if given not in known:
            raise InvalidArgumentError(f"unknown setting {given!r}{nearest(given, known)}")
    chosen = Settings(**settings)
    for count in ("batch_size", "num_beams", "max_new_tokens"):
        if getattr(chosen, count) < 1:
            raise InvalidArgumentError(f"{count} is {getattr(chosen, count)}: expected at least 1")
    if chosen.resamples < 0 or (chosen.limit is not None and chosen.limit < 1):
        raise InvalidArgumentError(
            f"resamples is {chosen.resamples} and limit {chosen.limit}: expected 0 or more, and 1 or more"
        )
    if not Path(data).exists():
        raise MissingFileError(f"{data} does not exist")
    begun = time.perf_counter()
    outcome = TASKS[name](model, Path(data), chosen)
    shown = str(model) if isinstance(model, str | PathLike) else type(model).__name__
    return Report(
        name, shown, str(data), outcome.results, outcome.scores, outcome.predictions, outcome.references,
        settings=asdict(chosen), seconds=time.perf_counter() - begun, higher_is_better=outcome.higher_is_better,
    )  # fmt: skip
