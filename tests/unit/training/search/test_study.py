"""`run_search` on functions: results, failures, interruptions, and what Optuna does alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from ferrolm.errors import InvalidArgumentError, InvalidFileError, UnknownNameError
from ferrolm.training.search import SearchResult, Trial, TrialInterruptedError, run_search

SPACE = {"x": {"low": -3.0, "high": 3.0}, "n": {"low": 1, "high": 9, "step": 2}, "kind": ["plain", "worse"]}


def bowl(trial: Trial) -> float:
    x, n, kind = trial.parameters.values()
    return (x - 1.0) ** 2 + abs(n - 5) + (kind == "worse")


def curve(trial: Trial) -> float:
    """Reports four values that approach that of `bowl`, and ends when it should."""
    for step in range(1, 5):
        value = bowl(trial) + 1.0 / step
        if not trial.report(step, value):
            break
    return value


def shown(result: SearchResult) -> list[Any]:
    return [(t.number, t.parameters, t.state, t.value, t.reports, t.error) for t in result.trials]


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_minimum_and_a_maximum_are_found(sampler: str) -> None:
    if sampler == "tpe":
        pytest.importorskip("optuna")
    result = run_search(SPACE, bowl, sampler=sampler, trials=60, seed=1)
    assert result.best is not None
    assert result.best.value == min(trial.value for trial in result.trials)
    assert result.best.value < (1.0 if sampler == "tpe" else 2.5)
    upwards = run_search(
        SPACE, lambda trial: -bowl(trial), sampler=sampler, trials=60, seed=1, direction="maximize"
    )
    assert upwards.best is not None
    assert upwards.best.value == max(trial.value for trial in upwards.trials)
    assert [t.parameters for t in upwards.trials] == [t.parameters for t in result.trials]


def test_tpe_learns_from_results() -> None:
    pytest.importorskip("optuna")
    late = {
        sampler: sorted(
            t.value for t in run_search(SPACE, bowl, sampler=sampler, trials=60, seed=2).trials[30:]
        )
        for sampler in ("random", "tpe")
    }
    assert late["tpe"][15] < late["random"][15] / 1.5


def test_a_grid_is_searched_whole_unless_it_is_told_otherwise() -> None:
    space = {"a": [1, 2, 3], "b": {"low": 0.0, "high": 1.0, "count": 2}}
    assert len(run_search(space, lambda trial: 0.0, sampler="grid").trials) == 6
    assert len(run_search(space, lambda trial: 0.0, sampler="grid", trials=4).trials) == 4
    assert len(run_search(space, lambda trial: 0.0, sampler="grid", trials=400).trials) == 6
    assert len(run_search(space, lambda trial: 0.0).trials) == 20


@pytest.mark.parametrize("pruner", ["none", "median", "hyperband"])
def test_trials_are_those_of_optuna_alone(pruner: str) -> None:
    optuna = pytest.importorskip("optuna")
    pruners = {
        "none": optuna.pruners.NopPruner(),
        "median": optuna.pruners.MedianPruner(n_warmup_steps=1),
        "hyperband": optuna.pruners.HyperbandPruner(min_resource=1, max_resource=4),
    }

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", -3.0, 3.0)
        n, kind = trial.suggest_int("n", 1, 9, step=2), trial.suggest_categorical("kind", ["plain", "worse"])
        for step in range(1, 5):
            value = (x - 1.0) ** 2 + abs(n - 5) + (kind == "worse") + 1.0 / step
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(value)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=5), pruner=pruners[pruner], study_name="search"
    )
    study.optimize(objective, n_trials=40)
    ours = run_search(SPACE, curve, sampler="tpe", trials=40, seed=5, pruner=pruner, pruning_start=1, steps=4)
    assert [trial.parameters for trial in ours.trials] == [trial.params for trial in study.trials]
    assert [trial.value for trial in ours.trials] == [trial.value for trial in study.trials]
    assert [trial.state for trial in ours.trials] == [trial.state.name.lower() for trial in study.trials]
    assert (pruner == "none") == all(trial.state == "complete" for trial in ours.trials)


def test_random_points_can_be_pruned_too() -> None:
    pytest.importorskip("optuna")
    plain = run_search(SPACE, curve, trials=20, seed=3)
    pruned = run_search(SPACE, curve, trials=20, seed=3, pruner="median")
    assert [t.parameters for t in pruned.trials] == [t.parameters for t in plain.trials]
    ended = [trial for trial in pruned.trials if trial.state == "pruned"]
    assert ended
    assert all(len(trial.reports) < 4 for trial in ended)
    assert pruned.best is not None
    assert plain.best is not None
    assert pruned.best.number == plain.best.number


def failing(trial: Trial) -> float:
    if trial.number == 1:
        raise ZeroDivisionError("nothing there")
    if trial.number == 2:
        raise MemoryError("too large")
    if trial.number == 3:
        return float("nan")
    if trial.number == 4:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 EB")
    return bowl(trial)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_trial_that_fails_is_not_the_end(sampler: str, tmp_path: Path) -> None:
    if sampler == "tpe":
        pytest.importorskip("optuna")
    result = run_search(SPACE, failing, sampler=sampler, trials=8, folder=tmp_path)
    assert [trial.state for trial in result.trials] == ["complete", *["failed"] * 4, *["complete"] * 3]
    assert result.trials[1].error == "ZeroDivisionError: nothing there"
    assert result.trials[3].error == "the objective is nan"
    assert shown(
        run_search(SPACE, failing, sampler=sampler, trials=8, folder=tmp_path, resume=True)
    ) == shown(result)


def test_an_allocation_that_torch_cannot_make_is_a_failed_trial() -> None:
    torch = pytest.importorskip("torch")
    result = run_search(
        {"size": [1, 2**62]}, lambda trial: float(torch.zeros(trial.parameters["size"], dtype=torch.int8).sum()),
        sampler="grid",
    )  # fmt: skip
    assert [trial.state for trial in result.trials] == ["complete", "failed"]


def test_other_errors_end_the_search_and_can_be_caught(tmp_path: Path) -> None:
    def wrong(trial: Trial) -> float:
        if trial.number == 2:
            raise LookupError("a mistake of the programmer")
        return bowl(trial)

    with pytest.raises(LookupError, match="a mistake"):
        run_search(SPACE, wrong, trials=4, folder=tmp_path)
    # What was done is kept, and a search whose mistake is mended goes on.
    result = run_search(SPACE, bowl, trials=4, folder=tmp_path, resume=True)
    assert shown(result) == shown(run_search(SPACE, bowl, trials=4))
    caught = run_search(SPACE, wrong, trials=4, catch=(LookupError,))
    assert [trial.state for trial in caught.trials] == ["complete", "complete", "failed", "complete"]


CASES = [
    ("grid", "none"),
    ("random", "none"),
    ("random", "median"),
    ("tpe", "none"),
    ("tpe", "median"),
    ("tpe", "hyperband"),
]


@pytest.mark.parametrize(("sampler", "pruner"), CASES)
def test_a_stopped_and_resumed_search_is_the_unbroken_search(
    sampler: str, pruner: str, tmp_path: Path
) -> None:
    if sampler == "tpe" or pruner != "none":
        pytest.importorskip("optuna")
    space = {**SPACE, "x": {"low": -3.0, "high": 3.0, "count": 3}} if sampler == "grid" else SPACE
    settings: dict[str, Any] = {"sampler": sampler, "pruner": pruner, "trials": 17, "seed": 7, "steps": 4}
    whole = run_search(space, curve, **settings)

    def stopped(trial: Trial) -> float:
        """The process gets SIGTERM in the middle of trial 12; what was reported is not reported again."""
        for step in range(1 + len(trial.reports), 5):
            value = bowl(trial) + 1.0 / step
            go_on = trial.report(step, value)
            if trial.number == 12 and (step == 2 or not go_on) and not trial.resumed:
                os.kill(os.getpid(), signal.SIGTERM)
            if not go_on:
                break
        return value

    first = run_search(space, stopped, folder=tmp_path, **settings)
    assert first.signal == signal.SIGTERM
    assert first.trials[-1].state == "interrupted"
    assert len(first.trials) == 13
    second = run_search(space, stopped, folder=tmp_path, resume=True, **{**settings, "trials": 15})
    assert second.signal is None
    assert len(second.trials) == 15
    assert shown(run_search(space, stopped, folder=tmp_path, resume=True, **settings)) == shown(whole)


def test_an_objective_says_that_a_signal_stopped_its_training(tmp_path: Path) -> None:
    def training(trial: Trial) -> float:
        if trial.number == 1 and not trial.resumed:
            raise TrialInterruptedError(signal.SIGINT)
        return bowl(trial)

    result = run_search(SPACE, training, trials=3, folder=tmp_path)
    assert result.signal == signal.SIGINT
    assert [trial.state for trial in result.trials] == ["complete", "interrupted"]
    assert len(run_search(SPACE, training, trials=3, folder=tmp_path, resume=True).trials) == 3


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_process_that_is_killed_loses_nothing_that_was_done(sampler: str, tmp_path: Path) -> None:
    if sampler == "tpe":
        pytest.importorskip("optuna")
    program = textwrap.dedent("""
        import os, signal, sys
        from ferrolm.training.search import run_search
        space = {"x": {"low": -3.0, "high": 3.0}}
        def objective(trial):
            if trial.number == 3:
                trial.report(1, 0.5)
                os.kill(os.getpid(), signal.SIGKILL)
            return trial.parameters["x"] ** 2
        run_search(space, objective, sampler=sys.argv[1], trials=6, folder=sys.argv[2], resume=True)
    """)
    for _ in range(2):
        process = subprocess.run([sys.executable, "-c", program, sampler, str(tmp_path)], check=False)
        assert process.returncode == -signal.SIGKILL
    # Twice is enough: the trial may be what kills the process.
    space = {"x": {"low": -3.0, "high": 3.0}}
    result = run_search(
        space,
        lambda trial: trial.parameters["x"] ** 2,
        sampler=sampler,
        trials=6,
        folder=tmp_path,
        resume=True,
    )
    assert [trial.state for trial in result.trials] == ["complete"] * 3 + ["failed"] + ["complete"] * 2
    assert result.trials[3].error == "the process died 2 times in this trial"


def test_no_trial_is_begun_after_the_time() -> None:
    assert run_search(SPACE, bowl, trials=10_000_000, timeout_minutes=0.002).trials


def test_only_the_same_search_is_resumed(tmp_path: Path) -> None:
    run_search(SPACE, bowl, trials=2, folder=tmp_path)
    with pytest.raises(
        InvalidArgumentError, match=r"has trials \(up to number 1\): resume it, or use another folder"
    ):
        run_search(SPACE, bowl, trials=3, folder=tmp_path)
    with pytest.raises(InvalidArgumentError, match=r"is another search, .* seed is 1 and was 0"):
        run_search(SPACE, bowl, trials=3, seed=1, folder=tmp_path, resume=True)
    wider = {**SPACE, "x": {"low": -3.0, "high": 4.0}}
    with pytest.raises(InvalidArgumentError, match=r"space.x.high is 4.0 and was 3.0"):
        run_search(wider, bowl, trials=3, folder=tmp_path, resume=True)
    (tmp_path / "trials/0001/trial.json").write_text('{"numb')
    with pytest.raises(InvalidFileError, match=r"trial.json is not the record of a trial"):
        run_search(SPACE, bowl, trials=3, folder=tmp_path, resume=True)


def test_a_study_that_is_damaged_is_named_and_one_that_is_gone_is_made_again(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    run_search(SPACE, bowl, sampler="tpe", trials=3, folder=tmp_path)
    study = tmp_path / "study.db"
    study.write_bytes(b"no database" * 100)
    with pytest.raises(InvalidFileError, match=r"study.db is not a study of Optuna; it can be removed"):
        run_search(SPACE, bowl, sampler="tpe", trials=4, folder=tmp_path, resume=True)
    study.unlink()
    result = run_search(SPACE, bowl, sampler="tpe", trials=4, folder=tmp_path, resume=True)
    assert stored(optuna, study) == [(trial.parameters, trial.value) for trial in result.trials]


def test_the_points_of_another_optuna_are_noticed(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    run_search(SPACE, bowl, sampler="tpe", trials=2, folder=tmp_path)
    record = tmp_path / "trials/0001/trial.json"
    record.write_text(record.read_text().replace('"x": ', '"x": 0.0, "y": '))
    with pytest.raises(InvalidFileError, match=r"trial 1 was at .* where Optuna [\d.]+ would not be"):
        run_search(SPACE, bowl, sampler="tpe", trials=3, folder=tmp_path, resume=True)


def test_the_study_can_be_opened_by_optuna(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    result = run_search(SPACE, curve, sampler="tpe", trials=6, pruner="median", folder=tmp_path)
    assert stored(optuna, tmp_path / "study.db") == [(t.parameters, t.value) for t in result.trials]


def stored(optuna: Any, path: Path) -> list[Any]:
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{path}")
    trials = [(trial.params, trial.value) for trial in study.trials]
    study._storage.remove_session()
    return trials


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"sampler": "tpee"}, UnknownNameError, "unknown search.sampler 'tpee'; did you mean 'tpe'"),
        ({"direction": "up"}, UnknownNameError, "unknown search.direction 'up'"),
        ({"pruner": "medain"}, UnknownNameError, "unknown search.pruner 'medain'; did you mean 'median'"),
        ({"trials": -1}, InvalidArgumentError, "search.trials must not be negative: -1"),
        ({"timeout_minutes": -1.0}, InvalidArgumentError, "timeout_minutes must not be negative"),
        ({"sampler": "grid"}, InvalidArgumentError, "search.space.x: a grid needs to know how many"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        run_search(SPACE, bowl, **settings)
