"""`run_search`: trial after trial, whatever a trial runs; a search is a folder that can be stopped and resumed.

SEARCH/search.json              what the search is, so that it is resumed as the same one
SEARCH/trials/0007/trial.json   `TrialRecord`: parameters, reports, value; whatever else the objective keeps lies beside it
SEARCH/study.db                 the study of Optuna, where one is needed (TPE, pruning)
"""

from __future__ import annotations

import gc
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ferrolm.data._atomic import replace_file
from ferrolm.errors import InvalidArgumentError, InvalidFileError, UnknownNameError, nearest
from ferrolm.training.search.interrupts import Interrupted, Interrupts
from ferrolm.training.search.optuna_sampler import OptunaSampler
from ferrolm.training.search.samplers import GridSampler, RandomSampler, Sampler
from ferrolm.training.search.space import Dimension, read_space
from ferrolm.training.search.trial import (
    Trial,
    TrialInterruptedError,
    TrialRecord,
    read_records,
    trial_folder,
)

__all__ = ["SAMPLERS", "SearchResult", "run_search"]

SAMPLERS = ("grid", "random", "tpe")
DIRECTIONS = ("minimize", "maximize")

_DEFAULT_TRIALS = 20
# A trial in which the process died so often, without a word, is not begun again: the system may have killed it for memory.
_MOST_STARTS = 2


@dataclass(frozen=True)
class SearchResult:
    """How a search ended: its trials, and the signal that stopped it, if one did."""

    trials: list[TrialRecord]
    direction: str
    signal: int | None = None

    @property
    def best(self) -> TrialRecord | None:
        """The complete trial with the best value, the first of equals; None if none is complete."""
        sign = 1 if self.direction == "minimize" else -1
        complete = [trial for trial in self.trials if trial.state == "complete" and trial.value is not None]
        return min(complete, key=lambda trial: sign * (trial.value or 0.0), default=None)


def run_search(
    space: Mapping[str, Any],
    objective: Callable[[Trial], float],
    *,
    sampler: str = "random",
    trials: int = 0,
    seed: int = 0,
    direction: str = "minimize",
    pruner: str = "none",
    pruning_start: int = 0,
    steps: int = 0,
    timeout_minutes: float = 0.0,
    folder: str | Path | None = None,
    resume: bool = False,
    identity: Mapping[str, Any] | None = None,
    catch: tuple[type[Exception], ...] = (),
    on_trial: Callable[[TrialRecord, SearchResult], None] | None = None,
) -> SearchResult:
    """Call ``objective`` with points of ``space`` (see `read_space`) and keep what it returns.

    ``sampler``: ``grid``, ``random``, or ``tpe`` (needs Optuna). ``trials``: how many; 0: the whole grid, or 20.
    ``direction``: ``minimize`` or ``maximize``. ``pruner``: ``none``, ``median`` or ``hyperband``, which judge what the objective
    gives to `Trial.report`, from ``pruning_start`` steps on; ``steps``: of a whole trial. No trial is begun after
    ``timeout_minutes`` of this call (0: no limit).

    An objective that raises an arithmetic error, runs out of memory, raises one of ``catch``, or returns no finite number
    makes a failed trial; other errors end the search. In a ``folder``, Ctrl-C and SIGTERM end it too, and ``resume`` goes on: the
    trials are those of a search that was never stopped. ``identity``: what else must be the same then. ``on_trial`` is called
    after each trial. Without a folder nothing is kept, and Ctrl-C raises `KeyboardInterrupt` as ever.

    Raises `InvalidArgumentError` for settings that do not fit, and where the folder has trials and ``resume`` is not set.

    >>> space = {"x": {"low": -2.0, "high": 2.0, "count": 5}, "kind": ["square", "cube"]}
    >>> result = run_search(space, lambda trial: (trial.parameters["x"] - 1.0) ** 2, sampler="grid")
    >>> len(result.trials), result.best.parameters, result.best.value
    (10, {'x': 1.0, 'kind': 'square'}, 0.0)
    """
    dimensions = read_space(space)
    _check(sampler, trials, direction, timeout_minutes)
    settings = {
        "sampler": sampler, "seed": seed, "direction": direction, "pruner": pruner, "pruning_start": pruning_start,
        "steps": steps, "space": {name: asdict(dimension) for name, dimension in dimensions.items()},
        **(identity or {}),
    }  # fmt: skip
    place = None if folder is None else Path(folder)
    records = [] if place is None else _open_folder(place, settings, resume)
    points = _make_sampler(dimensions, sampler, seed, direction, pruner, pruning_start, steps, place)
    limit = min(trials or points.size or _DEFAULT_TRIALS, points.size or sys.maxsize)
    search = _Search(objective, points, place, direction, catch, on_trial, records)
    try:
        search.run(limit, 60 * timeout_minutes or math.inf)
    finally:
        points.close()
    return search.result


class _Search:
    """The loop over trials."""

    def __init__(
        self,
        objective: Callable[[Trial], float],
        sampler: Sampler,
        folder: Path | None,
        direction: str,
        catch: tuple[type[Exception], ...],
        on_trial: Callable[[TrialRecord, SearchResult], None] | None,
        records: list[TrialRecord],
    ) -> None:
        self._objective = objective
        self._sampler = sampler
        self._folder = folder
        self._direction = direction
        self._catch: tuple[type[Exception], ...] = (ArithmeticError, MemoryError, *catch)
        self._on_trial = on_trial
        self._records = {record.number: record for record in records}
        self._interrupts = Interrupts()

    @property
    def result(self) -> SearchResult:
        trials = [self._records[number] for number in sorted(self._records)]
        return SearchResult(trials, self._direction, self._interrupts.signal)

    def run(self, limit: int, seconds: float) -> None:
        start = time.monotonic()
        if self._folder is None:
            self._trials(limit, start + seconds)
            return
        with self._interrupts:
            self._trials(limit, start + seconds)

    def _trials(self, limit: int, end: float) -> None:
        for number in range(limit):
            earlier = self._records.get(number)
            if earlier is not None and earlier.finished:
                self._sampler.tell(earlier)
                continue
            if time.monotonic() >= end or self._interrupts.signal is not None:
                break
            record = self._records[number] = earlier or TrialRecord(number, {})
            point = self._sampler.ask(number)
            record.parameters = record.parameters or point
            self._run_trial(record, resumed=earlier is not None)
            if record.finished:
                self._sampler.tell(record)
                if self._on_trial is not None:
                    self._on_trial(record, self.result)

    def _run_trial(self, record: TrialRecord, resumed: bool) -> None:
        if record.state == "running" and record.starts >= _MOST_STARTS:
            record.state, record.error = "failed", f"the process died {record.starts} times in this trial"
            self._save(record)
            return
        record.state, record.starts = "running", record.starts + 1
        self._save(record)
        start = time.monotonic()
        try:
            self._evaluate(record, resumed)
        except (Interrupted, TrialInterruptedError) as error:
            record.state, record.starts = "interrupted", 0
            if isinstance(error, TrialInterruptedError):
                self._interrupts.signal = error.signal
        except Exception as error:
            if not (isinstance(error, self._catch) or _is_out_of_memory(error)):
                record.state, record.starts = "interrupted", 0
                raise
            record.state, record.error = "failed", f"{type(error).__name__}: {error}"
        finally:
            record.seconds += time.monotonic() - start
            self._save(record)
        if record.state == "failed":
            _free_memory()  # after the traceback, which holds tensors, is gone

    def _evaluate(self, record: TrialRecord, resumed: bool) -> None:
        def observe(step: int, value: float) -> None:
            with self._interrupts.deferring():
                record.reports.append((step, value))
                record.given_up = self._sampler.judge(record) or record.given_up
                self._save(record)

        folder = None if self._folder is None else trial_folder(self._folder, record.number)
        trial = Trial(record, observe, folder, resumed=resumed)
        with self._interrupts.raising():
            # A signal may have come between the verdict and the end of the objective.
            value = math.nan if record.given_up else float(self._objective(trial))
        if record.given_up:
            record.state, record.value = "pruned", record.reports[-1][1]
        elif math.isfinite(value):
            record.state, record.value = "complete", value
        else:
            record.state, record.error = "failed", f"the objective is {value}"

    def _save(self, record: TrialRecord) -> None:
        if self._folder is not None:
            record.save(trial_folder(self._folder, record.number))


def _check(sampler: str, trials: int, direction: str, timeout_minutes: float) -> None:
    for name, value, known in (("sampler", sampler, SAMPLERS), ("direction", direction, DIRECTIONS)):
        if value not in known:
            raise UnknownNameError(f"unknown search.{name} {value!r}{nearest(value, known) or f': {known}'}")
    if trials < 0:
        raise InvalidArgumentError(f"search.trials must not be negative: {trials}")
    if timeout_minutes < 0:
        raise InvalidArgumentError(f"search.timeout_minutes must not be negative: {timeout_minutes}")


def _make_sampler(
    space: Mapping[str, Dimension], name: str, seed: int, direction: str, pruner: str, start: int, steps: int,
    folder: Path | None,
) -> Sampler:  # fmt: skip
    points: Sampler | None = None
    if name == "grid":
        points = GridSampler(space)
    elif name == "random":
        points = RandomSampler(space, seed)
    if points is not None and pruner == "none":
        return points
    return OptunaSampler(
        space, seed=seed, direction=direction, pruner=pruner, pruning_start=start, steps=steps, points=points,
        path=None if folder is None else folder / "study.db",
    )  # fmt: skip


def _open_folder(folder: Path, settings: dict[str, Any], resume: bool) -> list[TrialRecord]:
    """The records in ``folder``, which must be of the same search; it is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    records = read_records(folder)
    path = folder / "search.json"
    if records and not resume:
        raise InvalidArgumentError(
            f"{folder} has trials (up to number {records[-1].number}): resume it, or use another folder"
        )
    if records:
        _check_same(path, json.loads(json.dumps(settings)))
        return records
    with replace_file(path) as file:
        file.write((json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode())
    return []


def _check_same(path: Path, settings: dict[str, Any]) -> None:
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidFileError(f"{path} does not describe a search: {error}") from error
    old, new = _flat(before), _flat(settings)
    for name in old.keys() | new.keys():
        if old.get(name) != new.get(name):
            change = f"{name} is {new.get(name)!r} and was {old.get(name)!r}"
            raise InvalidArgumentError(
                f"{path.parent} is another search, which cannot be resumed as this one: {change}"
            )


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat.update(
            _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
        )
    return flat


def _is_out_of_memory(error: Exception) -> bool:
    """Whether torch found no memory: on CUDA there is a class for it, on CPU a message alone."""
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def _free_memory() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
