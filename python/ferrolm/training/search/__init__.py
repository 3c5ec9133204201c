"""Hyperparameter search: which settings make the best model.

space.py            what may vary: `Range`, `Choices`, and reading them
trial.py            `Trial`, which an objective is given, and `TrialRecord`, which is kept of it
samplers.py         grid and random; optuna_sampler.py: TPE and pruning by Optuna
study.py            `run_search`: the loop, stopped and resumed; interrupts.py: signals in it
results.py          trials.csv and a table;  plots.py: what the trials look like
config.py           `SearchConfig`: the [search] section;  tuning.py: `tune`, whose trials are runs of training
"""

from __future__ import annotations

from ferrolm.training.search.config import SearchConfig, read_search
from ferrolm.training.search.plots import plot_trials
from ferrolm.training.search.results import table, write_csv
from ferrolm.training.search.space import Choices, Dimension, Range, read_space
from ferrolm.training.search.study import SearchResult, run_search
from ferrolm.training.search.trial import Trial, TrialInterruptedError, TrialRecord
from ferrolm.training.search.tuning import tune

__all__ = [
    "Choices",
    "Dimension",
    "Range",
    "SearchConfig",
    "SearchResult",
    "Trial",
    "TrialInterruptedError",
    "TrialRecord",
    "plot_trials",
    "read_search",
    "read_space",
    "run_search",
    "table",
    "tune",
    "write_csv",
]
