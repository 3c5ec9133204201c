"""Texts that a model writes of others: translations, summaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ferrolm._extras import require
from ferrolm.data import read_jsonl_pairs, read_parallel_tsv
from ferrolm.data.records import is_json_lines
from ferrolm.errors import InvalidArgumentError
from ferrolm.evaluation.overlap import bleu, chrf, rouge, ter
from ferrolm.evaluation.result import Result
from ferrolm.evaluation.tasks.settings import Outcome, Settings
from ferrolm.evaluation.tasks.stream import batches, column, examples_of

__all__ = ["summarization", "translation"]

Rows = list[tuple[str, list[str]]]


def translation(model: Any, data: Path, settings: Settings) -> Outcome:
    """BLEU, chrF and TER (sacrebleu) of what the model writes; examples are compared by chrF of sentences."""
    predictions, references = _written(model, data, settings)
    resamples = settings.resamples
    results = {
        "bleu": bleu(predictions, references, resamples=resamples),
        "chrf": chrf(predictions, references, resamples=resamples),
        "ter": ter(predictions, references, resamples=resamples),
    }
    metric = require("sacrebleu.metrics", "eval", "chrF").CHRF()
    scores = [
        metric.sentence_score(text, row).score for text, row in zip(predictions, references, strict=True)
    ]
    return Outcome(results, np.array(scores), predictions, references)


def summarization(model: Any, data: Path, settings: Settings) -> Outcome:
    """ROUGE-1, -2 and -L (rouge-score, with stems); examples are compared by ROUGE-L."""
    predictions, references = _written(model, data, settings)
    types = ("rouge1", "rouge2", "rougeL")
    results: dict[str, Result] = rouge(
        predictions, references, types=types, stem=True, resamples=settings.resamples, seed=settings.seed
    )
    scores = [
        rouge([text], [row], types=["rougeL"], stem=True, resamples=0)["rougeL"].value
        for text, row in zip(predictions, references, strict=True)
    ]
    return Outcome({"rougeL": results["rougeL"], **results}, np.array(scores), predictions, references)


def _written(model: Any, data: Path, settings: Settings) -> tuple[list[str], list[list[str]]]:
    from ferrolm.generation import pipeline

    pipe = pipeline(
        "text2text-generation", model=model, device=settings.device, batch_size=settings.batch_size
    )
    rows = examples_of(_read(data, settings), data, settings)
    predictions: list[str] = []
    for batch in batches([source for source, _ in rows], settings, "text"):
        found = pipe(
            batch, num_beams=settings.num_beams, max_new_tokens=settings.max_new_tokens, do_sample=False
        )
        predictions += [each["generated_text"] for each in found]
    return predictions, [targets for _, targets in rows]


def _read(data: Path, settings: Settings) -> Any:
    if is_json_lines(data):
        return _json_rows(data, settings)
    if ".tsv" not in data.suffixes:
        raise InvalidArgumentError(f"{data}: expected a .tsv or .jsonl file with sources and targets")
    pairs = read_parallel_tsv(
        data, column(settings.source), column(settings.target), encoding=settings.encoding
    )
    return ((pair.source, list(pair.targets)) for pair in pairs)


def _json_rows(data: Path, settings: Settings) -> Any:
    source = "source" if settings.source.isdigit() else settings.source
    target = "target" if settings.target.isdigit() else settings.target
    return ((pair.source, list(pair.targets)) for pair in read_jsonl_pairs(data, source, target))
