"""A tag for each word: parts of speech, entities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ferrolm.data import LabeledWords, read_conll, read_conllu
from ferrolm.evaluation.classification import accuracy, f1
from ferrolm.evaluation.entities import entity_f1, entity_figures
from ferrolm.evaluation.result import Result
from ferrolm.evaluation.tasks.settings import Outcome, Settings
from ferrolm.evaluation.tasks.stream import batches, examples_of

__all__ = ["tagging"]


def tagging(model: Any, data: Path, settings: Settings) -> Outcome:
    """Accuracy and macro F1 of tags; of BIO labels the F1 of whole entities. On a CoNLL-U or a CoNLL file.

    model: what `ferrolm.tagging.load_tagger` reads, or a tagger itself.
    """
    from ferrolm.tagging import load_tagger

    tagger = model if hasattr(model, "tag_sents") else load_tagger(model)
    sentences = examples_of(_read(data, settings), data, settings)
    predictions: list[list[str]] = []
    for batch in batches(sentences, settings, "sentence"):
        predictions += [list(tags) for tags in tagger.tag_sents([each.words for each in batch])]
    references = [list(each.labels) for each in sentences]
    options: dict[str, Any] = {"resamples": settings.resamples, "seed": settings.seed}
    words = [[tag for row in rows for tag in row] for rows in (predictions, references)]
    results: dict[str, Result] = {"accuracy": accuracy(*words, **options)}
    if _are_entities(references):
        results = {"entity_f1": entity_f1(predictions, references, **options), **results}
        scores = [
            entity_figures([one], [other])["f1"] if set(one + other) != {"O"} else 1.0
            for one, other in zip(predictions, references, strict=True)
        ]
    else:
        results["f1"] = f1(*words, **options)
        scores = [
            float(np.mean([a == b for a, b in zip(one, other, strict=True)]))
            for one, other in zip(predictions, references, strict=True)
        ]
    return Outcome(results, np.array(scores), predictions, references)


def _are_entities(rows: list[list[str]]) -> bool:
    names = {tag for row in rows for tag in row}
    return "O" in names and all(name == "O" or name[:2] in ("B-", "I-") for name in names)


def _read(data: Path, settings: Settings) -> Any:
    if ".conllu" in data.suffixes:
        return (sentence.labeled(settings.column) for sentence in read_conllu(data) if sentence.words)
    return (row for row in read_conll(data) if isinstance(row, LabeledWords) and row.words)
