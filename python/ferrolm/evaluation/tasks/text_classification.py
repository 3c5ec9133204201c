"""Classes of texts: how many are right, and whether the model knows which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ferrolm.data import TextExample, read_csv, read_jsonl, read_labeled_files, read_tsv
from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.evaluation.calibration import calibration
from ferrolm.evaluation.classification import accuracy, f1, mcc
from ferrolm.evaluation.result import Result
from ferrolm.evaluation.tasks.settings import Outcome, Settings
from ferrolm.evaluation.tasks.stream import batches, column, examples_of

__all__ = ["text_classification"]


def text_classification(model: Any, data: Path, settings: Settings) -> Outcome:
    """Accuracy, macro F1, Matthews' correlation and calibration on a CSV, TSV or JSON lines file, or a folder of classes."""
    from ferrolm.generation import pipeline

    pipe = pipeline(
        "text-classification", model=model, device=settings.device, batch_size=settings.batch_size
    )
    examples = examples_of(_read(data, settings), data, settings)
    labels = list(pipe.encoder.labels)
    if len(labels) < 2:
        raise InvalidArgumentError("the model gives one number, expected one with two classes or more")
    true = [_class(example, labels, data) for example in examples]
    table = np.empty((len(examples), len(labels)))
    done = 0
    for batch in batches([_input(example) for example in examples], settings, "text"):
        for row in pipe(batch, top_k=None, function_to_apply="softmax", truncation=True):
            for each in row:
                table[done, labels.index(each["label"])] = each["score"]
            done += 1
    chosen = table.argmax(axis=1)
    options: dict[str, Any] = {"resamples": settings.resamples, "seed": settings.seed}
    calibrated = calibration(table / table.sum(axis=1, keepdims=True), true)
    predictions = [labels[place] for place in chosen]
    references = [labels[place] for place in true]
    results = {
        "accuracy": accuracy(predictions, references, **options),
        "f1": f1(predictions, references, **options),
        "mcc": mcc(predictions, references, **options),
        "calibration_error": Result(
            "calibration error",
            calibrated.expected_error,
            count=len(examples),
            details={"brier": calibrated.brier},
        ),
    }
    return Outcome(results, (chosen == np.array(true)).astype(np.float64), predictions, references)


def _read(data: Path, settings: Settings) -> Any:
    text, label = column(settings.text), column(settings.label)
    pair = None if settings.text_pair is None else column(settings.text_pair)
    if data.is_dir():
        return read_labeled_files(data, encoding=settings.encoding)
    ending = [suffix for suffix in data.suffixes if suffix in (".csv", ".tsv", ".jsonl")]
    if ending == [".jsonl"]:
        return read_jsonl(data, settings.text, settings.text_pair, settings.label)
    if not ending:
        raise InvalidArgumentError(
            f"{data}: expected a .csv, .tsv or .jsonl file, or a folder with a file for each class"
        )
    return (read_csv if ending == [".csv"] else read_tsv)(data, text, pair, label, encoding=settings.encoding)


def _class(example: TextExample, labels: list[str], data: Path) -> int:
    name = str(example.label)
    if name not in labels:
        raise UnknownNameError(
            f"{data}: the label {name!r} is none of the model's{nearest(name, labels)}: {', '.join(labels[:20])}"
        )
    return labels.index(name)


def _input(example: TextExample) -> Any:
    if example.text_pair is None:
        return example.text
    return {"text": example.text, "text_pair": example.text_pair}
