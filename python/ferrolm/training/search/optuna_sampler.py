"""Optuna behind our samplers: TPE (Bergstra et al. 2011), pruning, and a study in SQLite that its dashboard can open.

Optuna's samplers draw from a random generator whose state is in no study. A search that is resumed therefore has its new
study ask again for each trial that is on record, and tells it the same results, which brings the generator to where it
was: the rest of the search is what it would have been, and what Optuna alone does with the same seed. The records are the
truth; the SQLite file gets each trial when it is over, and is made again if it is gone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrolm._extras import require
from ferrolm.errors import InvalidFileError, UnknownNameError, nearest
from ferrolm.training.search.samplers import Sampler
from ferrolm.training.search.space import Dimension, Range, Value
from ferrolm.training.search.trial import TrialRecord

if TYPE_CHECKING:
    import optuna

__all__ = ["PRUNERS", "STUDY_NAME", "OptunaSampler"]

PRUNERS = ("none", "median", "hyperband")

# In the SQLite file. Hyperband derives from it which trial gets how many steps.
STUDY_NAME = "search"


class OptunaSampler:
    """Proposes points by TPE, or passes on those of ``points``, and judges running trials by ``pruner``.

    ``pruner``: ``median`` gives up a trial that is worse than the median of the earlier ones at the same step, after five
    trials; ``hyperband`` (Li et al. 2018) lets few trials run to the end and ends the others at steps that grow by
    factors of three. None is given up before ``pruning_start`` steps; hyperband takes ``steps`` as a whole trial, or what
    the first trials have if it is 0. ``path``: the SQLite file, or None for none.
    """

    def __init__(
        self,
        space: Mapping[str, Dimension],
        *,
        seed: int = 0,
        direction: str = "minimize",
        pruner: str = "none",
        pruning_start: int = 0,
        steps: int = 0,
        points: Sampler | None = None,
        path: Path | None = None,
    ) -> None:
        self._optuna: Any = require("optuna", extra="search", purpose="the sampler tpe, and pruning,")
        self._verbosity = self._optuna.logging.get_verbosity()
        self._optuna.logging.set_verbosity(self._optuna.logging.WARNING)
        self._space = {name: self._distribution(dimension) for name, dimension in space.items()}
        self._points = points
        self._direction = direction
        self._study: optuna.Study = self._optuna.create_study(
            study_name=STUDY_NAME, direction=direction, sampler=self._optuna.samplers.TPESampler(seed=seed),
            pruner=self._make_pruner(pruner, pruning_start, steps),
        )  # fmt: skip
        self._trials: dict[int, optuna.trial.Trial] = {}
        self._file = None if path is None else self._open(path)

    @property
    def size(self) -> int | None:
        return None if self._points is None else self._points.size

    def ask(self, number: int) -> dict[str, Value]:
        if self._points is not None:
            self._study.enqueue_trial(self._points.ask(number))
        self._trials[number] = self._study.ask(self._space)
        return dict(self._trials[number].params)

    def judge(self, record: TrialRecord) -> bool:
        return self._report(record)

    def tell(self, record: TrialRecord) -> None:
        if record.number not in self._trials and self.ask(record.number) != record.parameters:
            raise InvalidFileError(
                f"trial {record.number} was at {record.parameters}, where Optuna {self._optuna.__version__} would not be: "
                "go on with the version that the search was begun with"
            )
        states = self._optuna.trial.TrialState
        state = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[record.state]
        value = record.value if state == states.COMPLETE else None
        self._report(record)
        frozen = self._study.tell(self._trials[record.number], value, state=state)
        if self._file is not None and len(self._file.get_trials(deepcopy=False)) == record.number:
            self._file.add_trial(frozen)

    def close(self) -> None:
        if self._file is not None:
            self._file._storage.remove_session()
        self._optuna.logging.set_verbosity(self._verbosity)

    def _report(self, record: TrialRecord) -> bool:
        """Tell Optuna what it does not know yet; whether it gives the trial up after the last report."""
        trial, verdict = self._trials[record.number], False
        known = self._study.get_trials(deepcopy=False)[record.number].intermediate_values
        for step, value in record.reports:
            if step not in known and math.isfinite(value):
                trial.report(value, step)
                verdict = bool(trial.should_prune())  # hyperband takes notes when it is asked
        return verdict

    def _open(self, path: Path) -> optuna.Study:
        try:
            study: optuna.Study = self._optuna.create_study(
                study_name=STUDY_NAME,
                storage=f"sqlite:///{path}",
                direction=self._direction,
                load_if_exists=True,
            )
        except Exception as error:
            if type(error).__module__.startswith("sqlalchemy"):
                raise InvalidFileError(
                    f"{path} is not a study of Optuna; it can be removed: {error}"
                ) from error
            raise
        return study

    def _distribution(self, dimension: Dimension) -> Any:
        kinds = self._optuna.distributions
        if not isinstance(dimension, Range):
            return kinds.CategoricalDistribution(dimension.values)
        # The highest value that the steps reach: Optuna warns where it is not the end.
        high = dimension.high if dimension.step is None else dimension.grid()[-1]
        if dimension.integer:
            return kinds.IntDistribution(dimension.low, high, log=dimension.log, step=dimension.step or 1)
        return kinds.FloatDistribution(dimension.low, high, log=dimension.log, step=dimension.step)

    def _make_pruner(self, name: str, start: int, steps: int) -> Any:
        pruners = self._optuna.pruners
        if name == "none":
            return pruners.NopPruner()
        if name == "median":
            return pruners.MedianPruner(n_warmup_steps=start)
        if name == "hyperband":
            return pruners.HyperbandPruner(min_resource=max(start, 1), max_resource=steps or "auto")
        raise UnknownNameError(f"unknown search.pruner {name!r}{nearest(name, PRUNERS)}")
