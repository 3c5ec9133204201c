"""What the folder of a run tells: settings, figures, surroundings, the model, reports of evaluations."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferrolm.errors import FerrolmError, InvalidFileError, MissingFileError

__all__ = ["BIAS_TASKS", "Records", "read_records"]

BIAS_TASKS = ("crows-pairs", "stereoset", "winogender")


@dataclass(frozen=True)
class Records:
    """What was found; what was not is empty.

    folder: of the run. model: the folder with the model, if there is one. config: config.toml by section. log: the lines of
    metrics.jsonl. progress: of the newest checkpoint. sessions: environment.json. test: test.json. summary: of the model.
    tokenizer: kind and size of its vocabulary. reports: what ``ferrolm evaluate --report`` wrote.
    """

    folder: Path
    model: Path | None = None
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    log: Sequence[Mapping[str, Any]] = ()
    progress: Mapping[str, Any] = field(default_factory=dict)
    sessions: Sequence[Mapping[str, Any]] = ()
    test: Mapping[str, Any] = field(default_factory=dict)
    summary: Any = None
    tokenizer: str | None = None
    reports: Sequence[Mapping[str, Any]] = ()

    def setting(self, section: str, name: str) -> Any:
        """A setting, None where it is not there, empty or 0."""
        return self.config.get(section, {}).get(name) or None

    @property
    def task(self) -> str | None:
        """As Hugging Face names it: of fine-tuning what the configuration says, else what the objective teaches."""
        of_finetuning = self.setting("task", "type") or self.setting("task", "kind")
        if of_finetuning == "dialogue":
            return "text-generation"
        if of_finetuning:
            return str(of_finetuning)
        objective = str(self.setting("objective", "type") or "")
        if objective.startswith("masked"):
            return "fill-mask"
        return {"causal": "text-generation", "span-corruption": "text2text-generation"}.get(objective)

    def last(self, name: str) -> Any:
        """The newest figure of metrics.jsonl under a name."""
        return next((line[name] for line in reversed(self.log) if line.get(name) is not None), None)

    def evaluated(self) -> Mapping[str, Any]:
        """The line of the evaluation whose weights became the model: the best one's, else the last."""
        lines = [line for line in self.log if any(key.startswith("validation") for key in line)]
        best = self.progress.get("best_step") or None
        keeps_best = self.setting("training", "final_model") != "last"
        chosen = [line for line in lines if keeps_best and line.get("step") == best]
        return (chosen or lines or [{}])[-1]


def read_records(folder: Path, reports: Iterable[Path] = ()) -> Records:
    """All that the folder of a run has, and the ``reports`` besides those in it.

    Reports in the folder, or its folder ``reports``, are found by what is in them. Raises `MissingFileError` for what is no folder
    of a run, and `InvalidFileError` for a named file, or a record of the run, that cannot be read.
    """
    if not (folder / "config.toml").is_file() and not (folder / "config.json").is_file():
        raise MissingFileError(
            f"{folder} has no config.toml: expected the folder of a run of ferrolm pretrain or finetune, or of a model"
        )
    model = next((each for each in (folder / "final", folder) if (each / "config.json").is_file()), None)
    environment = _json(folder / "environment.json")
    return Records(
        folder, model, _toml(folder / "config.toml"), _lines(folder / "metrics.jsonl"), _progress(folder),
        [*environment.get("sessions", ())], _json(folder / "test.json"), _summary(model), _tokenizer(model),
        _reports(folder, reports),
    )  # fmt: skip


def _toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidFileError(f"{path}: not TOML: {error}") from error


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise InvalidFileError(f"{path}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidFileError(f"{path} holds a {type(found).__name__}, expected an object")
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    """A last line that a crash cut off is passed over."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [each for each in found if isinstance(each, dict)]


def _progress(folder: Path) -> dict[str, Any]:
    steps = sorted(folder.glob("checkpoints/step-*/progress.json"))
    return _json(steps[-1]) if steps else {}


def _summary(model: Path | None) -> Any:
    from ferrolm.models.summary import summarize_checkpoint

    try:
        return None if model is None else summarize_checkpoint(model)
    except (FerrolmError, OSError):
        return None  # weights that are elsewhere, or an architecture of somebody else: not recorded


def _tokenizer(model: Path | None) -> str | None:
    from ferrolm.tokenizers import Tokenizer

    path = None if model is None else model / "tokenizer.json"
    if path is None or not path.is_file():
        return None
    tokenizer = Tokenizer.from_file(str(path))
    return f"{type(tokenizer.model).__name__}, {tokenizer.get_vocab_size():,} tokens"


def _reports(folder: Path, named: Iterable[Path]) -> list[dict[str, Any]]:
    found = []
    for path in named:
        if not path.is_file():
            raise MissingFileError(f"{path} does not exist, expected a report of ferrolm evaluate")
        report = _json(path)
        if not _is_report(report):
            raise InvalidFileError(f"{path} has no task and results, expected a report of ferrolm evaluate")
        found.append(report)
    for path in sorted([*folder.glob("*.json"), *folder.glob("reports/*.json")]):
        try:
            report = _json(path)
        except InvalidFileError:
            continue
        if _is_report(report) and report not in found:
            found.append(report)
    return found


def _is_report(report: Mapping[str, Any]) -> bool:
    results = report.get("results")
    return (
        isinstance(report.get("task"), str)
        and isinstance(results, dict)
        and all(isinstance(each, dict) and "value" in each for each in results.values())
    )
