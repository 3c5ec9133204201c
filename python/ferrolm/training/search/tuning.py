"""`tune`: a search whose trials are runs of training, each in its own folder.

SEARCH/trials/0007/   a run: config.toml, metrics.jsonl, and the weights if they are kept; trial.json beside them
SEARCH/trials.csv     one line per trial
SEARCH/trials.png     see `plot_trials`
SEARCH/best.toml      the configuration of the best run, ready for training
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ferrolm.data._atomic import replace_file
from ferrolm.errors import FerrolmError, InvalidArgumentError, MissingExtraError, UnknownNameError, nearest
from ferrolm.training.config import RunConfig
from ferrolm.training.finetuning.settings import FinetuningConfig
from ferrolm.training.search.config import SearchConfig, read_search, with_parameters
from ferrolm.training.search.plots import plot_trials
from ferrolm.training.search.results import write_csv
from ferrolm.training.search.space import Choices, Value
from ferrolm.training.search.study import SearchResult, run_search
from ferrolm.training.search.trial import Trial, TrialInterruptedError, TrialRecord, trial_folder

__all__ = ["OnEvaluation", "RunTraining", "tune"]

# Gets the step and the figures of an evaluation; True ends the run.
OnEvaluation: TypeAlias = Callable[[int, Mapping[str, float]], bool]
# Trains in a folder as the sections say, resuming what is there; returns the signal that stopped it, or None.
RunTraining: TypeAlias = Callable[[Mapping[str, Any], Path, OnEvaluation], int | None]

# Devices and threads may change when a search goes on; what they change is in the last digits.
_NOT_IDENTITY = ("device", "threads")


def tune(
    config: str | Path,
    folder: str | Path,
    *,
    overrides: Iterable[str] = (),
    resume: bool = False,
    show_progress: bool = True,
    train: RunTraining | None = None,
) -> SearchResult:
    """Search as the section [search] of the TOML file ``config`` says; its other sections are those of a run.

    A run that diverges, runs out of memory, or has settings that do not go together is a failed trial. ``train``: what a trial
    does, if it is not `ferrolm.training.pretrain` or, for a configuration with [task], fine-tuning.
    """
    if int(os.environ.get("WORLD_SIZE") or 1) > 1:
        raise InvalidArgumentError("a search is one process: start it without torchrun")
    search, content = read_search(config, overrides)
    _check_names(content, search)
    train = train or run_training
    folder = Path(folder)
    report = _Report(folder, content, search, show_progress)
    result = run_search(
        search.space, lambda trial: _objective(trial, content, search.metric, train), sampler=search.sampler,
        trials=search.trials, seed=search.seed, direction=search.direction, pruner=search.pruner,
        pruning_start=search.pruning_start, steps=_steps(content, search), timeout_minutes=search.timeout_minutes,
        folder=folder, resume=resume, identity=_identity(content, search), catch=(InvalidArgumentError,),
        on_trial=report,
    )  # fmt: skip
    report.finish(result)
    return result


def run_training(content: Mapping[str, Any], folder: Path, on_evaluation: OnEvaluation) -> int | None:
    """Pre-train or fine-tune as ``content`` says, or go on with what is in ``folder``."""
    from ferrolm.training import pretrain
    from ferrolm.training.finetuning.run import finetune

    config, resume = _configuration(content), (folder / "checkpoints").exists()
    if isinstance(config, FinetuningConfig):
        result = finetune(config, folder, resume=resume, show_progress=False, on_evaluation=on_evaluation)
    else:
        result = pretrain(config, folder, resume=resume, show_progress=False, on_evaluation=on_evaluation)
    return result.signal


def _configuration(content: Mapping[str, Any]) -> RunConfig | FinetuningConfig:
    """The configuration of a run: of fine-tuning, if there is a section [task]."""
    return (FinetuningConfig if "task" in content else RunConfig).from_dict(content)


def _objective(trial: Trial, content: Mapping[str, Any], metric: str, train: RunTraining) -> float:
    assert trial.folder is not None

    def on_evaluation(step: int, figures: Mapping[str, float]) -> bool:
        if metric not in figures:
            known = f"; it has {', '.join(figures)}"
            raise UnknownNameError(
                f"an evaluation has no search.metric {metric!r}{nearest(metric, figures) or known}"
            )
        return not trial.report(step, figures[metric])

    signal = train(with_parameters(content, trial.parameters), trial.folder, on_evaluation)
    if signal is not None:
        raise TrialInterruptedError(signal)
    if not trial.reports:
        raise FerrolmError("the runs of the search are never evaluated: name data.validation")
    return trial.reports[-1][1]


class _Report:
    """Keeps the results up to date after each trial, and says a line about it."""

    def __init__(
        self, folder: Path, content: Mapping[str, Any], search: SearchConfig, show_progress: bool
    ) -> None:
        self._folder = folder
        self._content = content
        self._search = search
        self._show = show_progress
        self._best: int | None = None

    def __call__(self, record: TrialRecord, result: SearchResult) -> None:
        self._write(result)
        if self._search.keep == "best":
            self._drop_weights(record, result)
        if self._show:
            print(_line(record, result), file=sys.stderr, flush=True)

    def finish(self, result: SearchResult) -> None:
        if any(trial.finished for trial in result.trials):
            self._write(result)
        if any(trial.value is not None for trial in result.trials):
            try:
                plot_trials(result, self._folder / "trials.png", metric=self._search.metric)
            except MissingExtraError as error:
                print(f"no plot: {error}", file=sys.stderr)

    def _write(self, result: SearchResult) -> None:
        write_csv(result.trials, self._folder / "trials.csv")
        if result.best is not None and result.best.number != self._best:
            self._best = result.best.number
            config = _configuration(with_parameters(self._content, result.best.parameters))
            with replace_file(self._folder / "best.toml") as file:
                file.write(config.to_toml().encode())

    def _drop_weights(self, record: TrialRecord, result: SearchResult) -> None:
        """Remove the weights of the new trial, or of all older ones if it is the best."""
        is_best = result.best is not None and result.best.number == record.number
        others = [trial for trial in result.trials if trial.finished and trial.number != record.number]
        for trial in others if is_best else [record]:
            for name in ("checkpoints", "final"):
                shutil.rmtree(trial_folder(self._folder, trial.number) / name, ignore_errors=True)


def _line(record: TrialRecord, result: SearchResult) -> str:
    """One trial on one line.

    >>> record = TrialRecord(3, {"training.seed": 1}, "complete", 0.5, seconds=2.0)
    >>> _line(record, SearchResult([record], "minimize"))
    'trial 3: 0.5 in 2.0 s, the best so far  (training.seed = 1)'
    """
    parameters = ", ".join(f"{name} = {_shown(value)}" for name, value in record.parameters.items())
    if record.state == "failed":
        outcome = f"failed: {record.error}"
    else:
        how = "pruned at " if record.state == "pruned" else ""
        outcome = f"{how}{record.value:.5g} in {record.seconds:.1f} s"
    if result.best is not None:
        best = result.best
        outcome += (
            ", the best so far" if best is record else f", best {best.value:.5g} of trial {best.number}"
        )
    return f"trial {record.number}: {outcome}  ({parameters})"


def _shown(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _check_names(content: Mapping[str, Any], search: SearchConfig) -> None:
    """What is wrong with every trial is an error before the first."""
    for name, dimension in search.space.items():
        if "." not in name:
            raise InvalidArgumentError(
                f"search.space.{name}: a setting has a section, such as training.{name}"
            )
        value = dimension.values[0] if isinstance(dimension, Choices) else dimension.low
        _configuration(with_parameters(content, {name: value}))


def _steps(content: Mapping[str, Any], search: SearchConfig) -> int:
    """Steps of a whole run, for hyperband; 0 if they are searched, or given in epochs."""
    training = _configuration(content).training
    return (
        0
        if training.epochs or {"training.steps", "training.epochs"} & search.space.keys()
        else training.steps
    )


def _identity(content: Mapping[str, Any], search: SearchConfig) -> dict[str, Any]:
    training = {
        name: value for name, value in content.get("training", {}).items() if name not in _NOT_IDENTITY
    }
    return {"metric": search.metric, **content, "training": training}
