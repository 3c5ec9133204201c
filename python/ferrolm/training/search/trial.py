"""One evaluation of an objective: what it may read and report, and the record that is kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ferrolm.data._atomic import replace_file
from ferrolm.errors import InvalidFileError
from ferrolm.training.search.space import Value

__all__ = ["FINISHED", "Trial", "TrialInterruptedError", "TrialRecord", "read_records", "trial_folder"]

# States of a trial that is over. The others are "running" and "interrupted".
FINISHED = ("complete", "pruned", "failed")


class TrialInterruptedError(Exception):
    """An objective raises it when ``signal`` stopped its training: the search ends, and the trial is resumed with it."""

    def __init__(self, signal: int) -> None:
        super().__init__(f"signal {signal}")
        self.signal = signal


@dataclass
class TrialRecord:
    """What is known of a trial; kept as ``trial.json`` in its folder.

    ``state``: ``running``, ``interrupted`` (to be resumed), ``complete``, ``pruned`` or ``failed`` (``error`` says why).
    ``value``: of the objective; for a pruned trial the last that it reported. ``reports``: [step, value] pairs.
    ``given_up``: the pruner has judged it. ``starts``: how often it was begun without being ended or interrupted in order.
    """

    number: int
    parameters: dict[str, Value]
    state: str = "running"
    value: float | None = None
    seconds: float = 0.0
    error: str = ""
    reports: list[tuple[int, float]] = field(default_factory=list)
    given_up: bool = False
    starts: int = 0

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    def save(self, folder: Path) -> None:
        """Write ``folder/trial.json``, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        with replace_file(folder / "trial.json") as file:
            file.write((json.dumps(asdict(self), ensure_ascii=False, allow_nan=True) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> TrialRecord:
        """Read ``folder/trial.json``. Raises `InvalidFileError`."""
        path = folder / "trial.json"
        try:
            record = cls(**json.loads(path.read_text(encoding="utf-8")))
            record.reports = [(int(step), float(value)) for step, value in record.reports]
        except (ValueError, TypeError, OSError) as error:
            raise InvalidFileError(f"{path} is not the record of a trial: {error}") from error
        return record


class Trial:
    """What an objective is given.

    ``parameters``: its point of the space. ``folder``: where it may keep files, or None in a search without a folder.
    ``resumed``: it was interrupted before, and ``folder`` may hold what it had then.
    """

    def __init__(
        self,
        record: TrialRecord,
        observe: Callable[[int, float], None],
        folder: Path | None = None,
        *,
        resumed: bool = False,
    ) -> None:
        """``observe`` keeps a new report in the record, and has it judged."""
        self._record = record
        self._observe = observe
        self.folder = folder
        self.resumed = resumed

    @property
    def number(self) -> int:
        return self._record.number

    @property
    def parameters(self) -> Mapping[str, Value]:
        return self._record.parameters

    @property
    def reports(self) -> list[tuple[int, float]]:
        """Pairs of step and value, those of before an interruption included."""
        return list(self._record.reports)

    def report(self, step: int, value: float) -> bool:
        """Tell the value after ``step`` steps; False asks the objective to end, because the trial is not worth going on with.

        Values that are not finite are not judged. A step that is told again, after an interruption, is not counted twice.
        """
        if all(step != earlier for earlier, _ in self._record.reports):
            self._observe(int(step), float(value))
        return not self._record.given_up

    def __repr__(self) -> str:
        return f"Trial(number={self.number}, parameters={dict(self.parameters)})"


def trial_folder(folder: Path, number: int) -> Path:
    """Where trial ``number`` of the search in ``folder`` is.

    >>> trial_folder(Path("search"), 7).as_posix()
    'search/trials/0007'
    """
    return folder / "trials" / f"{number:04d}"


def read_records(folder: Path) -> list[TrialRecord]:
    """The records of a search's folder, by number. Raises `InvalidFileError`."""
    paths = (folder / "trials").glob("*/trial.json")
    return sorted((TrialRecord.load(path.parent) for path in paths), key=lambda record: record.number)
