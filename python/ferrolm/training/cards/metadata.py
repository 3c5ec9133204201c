"""The YAML at the beginning of a card, in the form that Hugging Face reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ferrolm.errors import InvalidFileError
from ferrolm.training.cards.records import BIAS_TASKS, Records

__all__ = ["FIELDS", "LISTS", "front_matter", "known_before"]

FIELDS = ("license", "language", "datasets", "tags", "base_model", "model_name")
"""What the author says, by ``--set`` or in the file; lists are separated by commas."""
LISTS = ("language", "datasets", "tags")
# What a card has from the records each time anew.
_WRITTEN = ("model-index", "metrics", "pipeline_tag", "library_name")
_TAGS = ["ferrolm"]


def known_before(text: str, path: Path) -> dict[str, Any]:
    """What the YAML of a card that is there says, without what is written anew."""
    if not text.startswith("---"):
        return {}
    try:
        found = ModelCard(text, ignore_metadata_errors=True).data.to_dict()
    except Exception as error:  # of YAML, whose library is huggingface_hub's business
        raise InvalidFileError(f"{path}: its metadata cannot be read: {error}") from None
    return {name: value for name, value in found.items() if name not in _WRITTEN and value}


def front_matter(records: Records, given: Mapping[str, Any], name: str) -> str:
    """The block with its dashes. ``given``: what the author or the card before says."""
    results = _results(records)
    fields = {key: value for key, value in given.items() if value and key not in ("model_name", *_WRITTEN)}
    fields["tags"] = list(dict.fromkeys([*fields.get("tags", ()), *_TAGS]))
    if "base_model" not in fields and (base := base_model(records)):
        fields["base_model"] = base
    data = ModelCardData(
        pipeline_tag=records.task, library_name="ferrolm", model_name=name, eval_results=results or None,
        metrics=sorted({result.metric_type for result in results}) or None, **fields,
    )  # fmt: skip
    return f"---\n{data.to_yaml()}\n---\n"


def base_model(records: Records) -> str | None:
    """The model that training began with, if its name is one of the hub; folders are nobody else's business."""
    name = str(records.setting("model", "checkpoint") or "")
    return name if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not Path(name).exists() else None


def _results(records: Records) -> list[EvalResult]:
    found = []
    for report in records.reports:
        if report["task"] not in BIAS_TASKS:
            data = Path(str(report.get("data", "data"))).name
            found += [
                _result(report["task"], data, name, each["value"]) for name, each in report["results"].items()
            ]
    data = Path(str(records.setting("data", "test") or "")).name
    if records.task and data:
        figures = {name: value for name, value in records.test.items() if name != "examples"}
        found += [_result(records.task, data, name, value) for name, value in figures.items()]
    return found


def _result(task: str, data: str, name: str, value: float) -> EvalResult:
    return EvalResult(
        task_type=task,
        dataset_type=data,
        dataset_name=data,
        metric_type=name,
        metric_value=round(float(value), 6),
    )
