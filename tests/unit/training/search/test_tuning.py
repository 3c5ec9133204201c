"""A search over real runs of training, from a file, by the command, stopped and resumed."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ferrolm.cli import main
from ferrolm.data import TokenFileWriter
from ferrolm.errors import FerrolmError, InvalidArgumentError, InvalidTypeError, UnknownNameError
from ferrolm.training import RunConfig, pretrain
from ferrolm.training.search import tune
from ferrolm.training.search.trial import read_records

RUN = """
[model]
vocab_size = 16
n_embd = 16
n_layer = 1
n_head = 2
embd_pdrop = 0.0
resid_pdrop = 0.0
attn_pdrop = 0.0

[data]
train = "{tokens}"
validation = "{tokens}"
block_size = 16

[training]
steps = 12
batch_size = 4
warmup_steps = 2
precision = "float32"
evaluation_interval = 4
checkpoint_interval = 4
threads = 1
device = "cpu"
plot = "off"

[search]
sampler = "grid"
{search}

[search.space]
{space}
"""

GRID = '"training.learning_rate" = [0.0, 0.02]\n"model.n_layer" = {low = 1, high = 2}'


@pytest.fixture
def write(tmp_path: Path) -> Any:
    with TokenFileWriter(tmp_path / "train.tokens", vocab_size=16) as writer:
        writer.add(np.tile([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8], 30), text_bytes=720)

    def write(space: str = GRID, search: str = "") -> Path:
        config = tmp_path / "tiny.toml"
        config.write_text(RUN.format(tokens=tmp_path / "train.tokens", space=space, search=search))
        return config

    return write


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_best_settings_of_a_grid(write: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "search"
    assert main(["search", str(write()), "-o", str(folder)]) == 0
    found = rows(folder)
    assert [(row["training.learning_rate"], row["model.n_layer"]) for row in found] == [
        ("0.0", "1"), ("0.0", "2"), ("0.02", "1"), ("0.02", "2"),
    ]  # fmt: skip
    assert {row["state"] for row in found} == {"complete"}
    best = min(found, key=lambda row: float(row["value"]))
    assert best["training.learning_rate"] == "0.02", "a rate of nothing learns nothing"
    # Each trial is a run; the best one has kept its weights.
    trial = folder / f"trials/{int(best['number']):04d}"
    metrics = [json.loads(line) for line in (trial / "metrics.jsonl").read_text().splitlines()]
    evaluated = [line["validation_loss"] for line in metrics if "validation_loss" in line]
    assert len(evaluated) == 3
    assert evaluated[-1] == float(best["value"])
    assert [path.parent.parent.name for path in folder.glob("trials/*/final/config.json")] == [trial.name]
    # best.toml trains the same model again.
    config = RunConfig.from_file(folder / "best.toml")
    result = pretrain(config, tmp_path / "again", show_progress=False)
    assert result.metrics["validation_loss"] == float(best["value"])
    assert (folder / "trials.png").read_bytes().startswith(b"\x89PNG") or not _has_matplotlib()
    errors = capsys.readouterr().err
    assert re.search(r"trial +value +seconds +learning_rate +n_layer\n", errors)
    assert f"best.toml: the settings of trial {best['number']}" in errors


def _has_matplotlib() -> bool:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def test_runs_that_cannot_be_are_failed_trials(write: Any, tmp_path: Path) -> None:
    space = '"model.n_head" = [2, 3]\n"training.learning_rate" = [0.01, 1e30]'
    result = tune(write(space, 'keep = "all"'), tmp_path / "search", show_progress=False)
    states = {tuple(trial.parameters.values()): trial for trial in result.trials}
    assert states[2, 0.01].state == "complete"
    assert states[2, 1e30].state == "failed"
    assert states[2, 1e30].error.startswith("DivergedError: the loss is nan at step")
    assert "n_head" in states[3, 0.01].error
    assert (tmp_path / "search/trials/0000/final").exists()


def test_hopeless_runs_end_early(write: Any, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    space = '"training.learning_rate" = [0.02, 0.01, 0.03, 0.015, 0.025, 0.0]'
    result = tune(write(space, 'pruner = "median"'), tmp_path / "search", show_progress=False)
    assert [trial.state for trial in result.trials] == ["complete"] * 5 + ["pruned"]
    assert [step for step, _ in result.trials[-1].reports] == [4]


def test_a_stopped_search_goes_on_in_the_middle_of_a_run(write: Any, tmp_path: Path) -> None:
    config = write('"training.learning_rate" = {low = 1e-4, high = 1e-1, log = true}', "seed = 3\ntrials = 2")
    overrides = ["search.sampler=random"]
    whole = tune(config, tmp_path / "whole", overrides=overrides, show_progress=False)
    folder = tmp_path / "broken"
    command = [
        sys.executable, "-m", "ferrolm", "search", str(config), "-o", str(folder), "--set", overrides[0],
        "--set", "training.checkpoint_interval=0",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (folder / "trials/0000/metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, errors
    assert "go on with --resume" in errors
    assert len(read_records(folder)) <= 2
    resumed = tune(
        config,
        folder,
        overrides=[*overrides, "training.checkpoint_interval=0"],
        resume=True,
        show_progress=False,
    )
    assert [(t.parameters, t.value) for t in resumed.trials] == [
        (t.parameters, t.value) for t in whole.trials
    ]


def test_a_signal_in_a_run_saves_it_and_the_search(write: Any, tmp_path: Path) -> None:
    """Ctrl-C after the second evaluation of trial 1: the run goes on from its checkpoint, not from its beginning."""
    config = write()
    whole = tune(config, tmp_path / "whole", show_progress=False)
    begun: list[tuple[Path, bool]] = []

    def train(content: Any, folder: Path, on_evaluation: Any) -> int | None:
        begun.append((folder, (folder / "checkpoints").exists()))

        def evaluated(step: int, figures: Any) -> bool:
            if folder.name == "0001" and step == 8 and len(begun) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            return on_evaluation(step, figures)

        resume = begun[-1][1]
        return pretrain(
            RunConfig.from_dict(content), folder, resume=resume, show_progress=False, on_evaluation=evaluated
        ).signal

    folder = tmp_path / "broken"
    assert tune(config, folder, show_progress=False, train=train).signal == signal.SIGINT
    resumed = tune(config, folder, resume=True, show_progress=False, train=train)
    assert [path.name for path, _ in begun] == ["0000", "0001", "0001", "0002", "0003"]
    assert [resuming for _, resuming in begun] == [False, False, True, False, False]
    assert [(t.parameters, t.value, t.reports) for t in resumed.trials] == [
        (t.parameters, t.value, t.reports) for t in whole.trials
    ]


def test_mistakes_are_found_before_the_first_run(write: Any, tmp_path: Path) -> None:
    def raises(kind: type, message: str, **content: Any) -> None:
        with pytest.raises(kind, match=message):
            tune(write(**content), tmp_path / "search", show_progress=False)
        assert not (tmp_path / "search/trials").exists()

    raises(
        UnknownNameError,
        "training.learning_rat; did you mean 'learning_rate'",
        space='"training.learning_rat" = [1.0]',
    )
    raises(
        InvalidArgumentError, "training.steps must be of type int, not 0.5", space='"training.steps" = [0.5]'
    )
    raises(InvalidArgumentError, r"search.space.steps: a setting has a section", space="steps = [1]")
    raises(UnknownNameError, "unknown setting search.trails; did you mean 'trials'", search="trails = 3")
    raises(InvalidTypeError, r"search.trials must be of type int, not '3'", search='trials = "3"')
    raises(UnknownNameError, "unknown search.keep 'beste'; did you mean 'best'", search='keep = "beste"')
    raises(
        UnknownNameError,
        r"unknown section \[trainig\]; did you mean 'training'",
        space='"trainig.steps" = [1]',
    )
    bare = tmp_path / "bare.toml"
    bare.write_text("[training]\nsteps = 3\n")
    with pytest.raises(InvalidArgumentError, match=r"bare.toml has no section \[search\]"):
        tune(bare, tmp_path / "search")


def test_mistakes_that_the_first_run_shows_end_the_search(write: Any, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown setting model.n_layers; did you mean 'n_layer'"):
        tune(write('"model.n_layers" = [1, 2]'), tmp_path / "a", show_progress=False)
    with pytest.raises(
        UnknownNameError, match=r"no search.metric 'validation_los'; did you mean 'validation_loss'"
    ):
        tune(write(search='metric = "validation_los"'), tmp_path / "b", show_progress=False)
    with pytest.raises(FerrolmError, match=r"are never evaluated: name data.validation"):
        tune(write(), tmp_path / "c", show_progress=False, overrides=["data.validation="])


def test_a_search_without_a_result_fails(
    write: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write('"model.n_head" = [3, 5]')
    assert main(["search", str(config), "-o", str(tmp_path / "search"), "--trials", "1"]) == 1
    assert "none of 1 trials was completed; trial 0: InvalidArgumentError" in capsys.readouterr().err
    assert not (tmp_path / "search/best.toml").exists()


def test_settings_of_best_toml_are_ready(write: Any, tmp_path: Path) -> None:
    tune(write('"training.learning_rate" = [0.02]'), tmp_path / "search", show_progress=False)
    content = tomllib.loads((tmp_path / "search/best.toml").read_text())
    assert "search" not in content
    assert content["training"]["learning_rate"] == 0.02
