"""The text of a card. Tables come from records; what people write stands between marks, and stays when the card is written again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ferrolm._rust import __version__
from ferrolm.training.cards.metadata import base_model
from ferrolm.training.cards.records import BIAS_TASKS, Records

__all__ = ["MARK", "SECTIONS", "body", "written_before"]

MISSING = "not recorded"
MARK = "<!-- This card was written by `ferrolm card`."
_WARNING = (
    f"{MARK} Run it again after a change of the run: what stands between the marks\n"
    "`card: NAME` and `card: end`, and license, language, datasets and tags above, stay; the rest is written anew. -->"
)

SECTIONS = {
    "description": "What the model is for, in a sentence or two.",
    "intended_use": "Who may use the model for what.",
    "out_of_scope": "What it must not be used for, or will not do well.",
    "training_data": "Where the texts are from, who is in them and who is not, how they were chosen and cleaned.",
    "limitations": "Where the model fails, whom that harms, and what was not measured.",
    "citation": "How to refer to the model, and whom to ask.",
}
"""What only the author knows, with what is asked for; by ``--set``, in a TOML file, or between the marks of the card."""

_BETWEEN = re.compile(r"<!-- card: (\w+) -->\n(.*?)\n?<!-- card: end -->", re.DOTALL)


def written_before(text: str) -> dict[str, str]:
    """What stands between the marks of a card, but what was only asked for."""
    found = {name: content.strip() for name, content in _BETWEEN.findall(text)}
    return {name: content for name, content in found.items() if content and content != _asked(name)}


def _asked(name: str) -> str:
    return f"*{MISSING.capitalize()}. {SECTIONS.get(name, '')}*"


def _free(name: str, given: Mapping[str, str]) -> str:
    return f"<!-- card: {name} -->\n{given.get(name) or _asked(name)}\n<!-- card: end -->"


def body(records: Records, given: Mapping[str, str], name: str, license: str | None) -> str:
    """Everything below the metadata."""
    parts = [
        f"# {name}", _WARNING, _free("description", given),
        "## Model", _table(_model(records, license)),
        "## Intended use", _free("intended_use", given),
        "## Not intended", _free("out_of_scope", given),
        "## Training data", _table(_data(records)), _free("training_data", given),
        "## Training", _table(_training(records)),
        "## Evaluation", _evaluation(records),
        "## Bias and limits", _bias(records), _free("limitations", given),
        "## Contact and citation", _free("citation", given),
        f"Written by ferrolm {__version__} from the records of the run; \"{MISSING}\" is what they do not tell.",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _model(records: Records, license: str | None) -> dict[str, Any]:
    summary = records.summary
    types = None if summary is None else ", ".join(summary.bytes_by_dtype)
    return {
        "architecture": summary and summary.architecture,
        "parameters": summary and f"{summary.parameters:,}",
        "longest input": summary and summary.context and f"{summary.context:,} tokens",
        "weights": summary and f"{types}, {summary.bytes / 1e6:,.1f} MB",
        "tokenizer": records.tokenizer,
        "task": records.task,
        "trained from": base_model(records) or (records.setting("model", "checkpoint") and "a checkpoint of the author's")
        or (records.config.get("model") and "random weights"),
        "license": license,
    }  # fmt: skip


def _data(records: Records) -> dict[str, Any]:
    data = records.config.get("data", {})
    found = {part: Path(str(data[part])).name for part in ("train", "validation", "test") if data.get(part)}
    if data.get("mixture"):
        found["train"] = ", ".join(
            f"{Path(str(key)).name}: {value}" for key, value in data["mixture"].items()
        )
    return {
        "trained on": found.get("train"),
        "validated on": found.get("validation") or (data.get("validation_fraction") and
        f"{data['validation_fraction']:.0%} of the training data, held out"),
        "tested on": found.get("test"),
        "changed on the way": data.get("augmentation") or ("nothing" if data else None),
        "fingerprint of the data and its order": records.progress.get("data_fingerprint"),
    }  # fmt: skip


def _training(records: Records) -> dict[str, Any]:
    sessions = records.sessions
    newest = sessions[-1] if sessions else {}
    seconds = [each["seconds"] for each in sessions if "seconds" in each]
    commits = list(dict.fromkeys(str(each["git_commit"]) for each in sessions if each.get("git_commit")))
    settings = records.config.get("training", {})
    names = ("batch_size", "accumulation", "learning_rate", "schedule", "weight_decay", "precision")
    return {
        "objective": records.setting("objective", "type") or records.task,
        "steps": records.progress.get("step") or records.last("step"),
        "passes over the data": _number(records.last("epoch")),
        "optimizer": settings.get("optimizer"),
        **{name.replace("_", " "): settings.get(name) for name in names},
        "seed": settings.get("seed"),
        "last training loss": _number(records.last("loss")),
        "started": sessions[0].get("started") if sessions else None,
        "time": f"{sum(seconds) / 3600:.2f} hours" if seconds else None,
        "hardware": _joined(newest.get(key) for key in ("device", "processor")),
        "processes, threads": _joined(newest.get(key) for key in ("processes", "threads")),
        "versions": _joined(
            f"{key} {newest[key]}" for key in ("ferrolm", "torch", "python") if newest.get(key)
        ),
        "commit": ", ".join(commits),
    }


def _joined(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values if value is not None)


def _evaluation(records: Records) -> str:
    rows = []
    evaluated = {name: value for name, value in records.evaluated().items() if name != "step"}
    data = Path(str(records.setting("data", "validation") or "held-out data")).name
    rows += [[data, name.replace("_", " "), _number(value), "", ""] for name, value in evaluated.items()]
    data = Path(str(records.setting("data", "test") or "test data")).name
    count = str(records.test.get("examples", ""))
    rows += [
        [data, name.replace("_", " "), _number(value), "", count]
        for name, value in records.test.items()
        if name != "examples"
    ]
    for report in records.reports:
        if report["task"] not in BIAS_TASKS:
            rows += _rows(report)
    if not rows:
        return (
            f"{MISSING.capitalize()}: no validation data, no test data and no report of `ferrolm evaluate`."
        )
    return _grid(["data", "figure", "value", "95 % interval", "examples"], rows)


def _bias(records: Records) -> str:
    reports = [report for report in records.reports if report["task"] in BIAS_TASKS]
    if not reports:
        return f"Bias: {MISSING}. `ferrolm evaluate MODEL crows-pairs DATA --report RUN/bias.json` measures some of it."
    rows = [[report["task"], *row[1:]] for report in reports for row in _rows(report)]
    return (
        _grid(["test", "figure", "value", "95 % interval", "examples"], rows)
        + "\n\nThese tests can show a bias; they cannot show that there is none (Blodgett et al. 2021)."
    )


def _rows(report: Mapping[str, Any]) -> list[list[str]]:
    data = Path(str(report.get("data", ""))).name
    rows = []
    for name, each in report["results"].items():
        low, high = each.get("low"), each.get("high")
        interval = "" if low is None or high is None else f"{_number(low)} to {_number(high)}"
        rows.append(
            [data, name.replace("_", " "), _number(each["value"]), interval, str(each.get("count") or "")]
        )
    return rows


def _number(value: Any) -> str:
    if value is None:
        return MISSING
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(values: Mapping[str, Any]) -> str:
    return _grid(
        ["", ""], [[name, MISSING if value in (None, "") else str(value)] for name, value in values.items()]
    )


def _grid(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
