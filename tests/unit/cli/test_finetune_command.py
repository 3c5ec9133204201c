"""``ferrolm finetune``: from a TOML file and a table to a model, by the command alone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from finetuning_runs import word_tokenizer

from ferrolm.cli import main
from ferrolm.models import load

TOML = """
[task]
type = "text-classification"

[model]
type = "ferrolm-lstm"
embedding_size = 8
hidden_size = 8

[data]
train = "train.csv"
test = "train.csv"
tokenizer = "tokenizer.json"
max_length = 16

[training]
epochs = 2
device = "cpu"
threads = 1
plot = "off"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "films.toml").write_text(TOML)
    (tmp_path / "train.csv").write_text("text,label\n" + "good film,yes\nbad film,no\n" * 20)
    word_tokenizer(tmp_path / "tokenizer.json", ["good", "bad", "film"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_configuration_becomes_a_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            ["finetune", "films.toml", "--set", "training.learning_rate=0.05", "--set", "training.epochs=10"]
        )
        == 0
    )
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "runs/films/final: accuracy 1.0000" in printed.err
    assert "test: accuracy 1.0000" in printed.err
    assert "learning_rate = 0.05" in (folder / "runs/films/config.toml").read_text()
    assert json.loads((folder / "runs/films/test.json").read_bytes())["examples"] == 40
    assert load(folder / "runs/films/final").config.id2label == {0: "no", 1: "yes"}


def test_nothing_is_printed_when_quiet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["finetune", "films.toml", "-o", "there", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert (folder / "there/final/tokenizer.json").is_file()


def test_a_folder_with_a_run_is_not_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["finetune", "films.toml", "-o", "there", "--quiet"]) == 0
    assert main(["finetune", "films.toml", "-o", "there", "--quiet"]) == 1
    assert "there has checkpoints" in capsys.readouterr().err
    assert main(["finetune", "films.toml", "-o", "there", "--quiet", "--resume"]) == 0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.typ=x", "films.toml: unknown setting task.typ; did you mean 'type'?"),
        ("data.label=lable", "no column 'lable'"),
        ("data.train=absent.csv", "absent.csv"),
        ("training.epochs", "'training.epochs' is not of the form section.key=value"),
    ],
)
def test_a_mistake_is_one_line_and_a_status(
    folder: Path, capsys: pytest.CaptureFixture[str], override: str, message: str
) -> None:
    assert main(["finetune", "films.toml", "--quiet", "--set", override]) != 0
    printed = capsys.readouterr()
    assert message in printed.err
    assert len(printed.err.strip().splitlines()) == 1


def test_help_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["finetune", "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for setting in (
        "task.type",
        "task.pooling",
        "data.augmentation",
        "data.negative",
        "training.head_learning_rate",
    ):
        assert f"\n{setting} = " in shown


def test_a_signal_ends_it_with_a_checkpoint_and_it_goes_on(folder: Path) -> None:
    command = [
        sys.executable, "-m", "ferrolm", "finetune", "films.toml", "-o", "there", "--quiet",
        "--set", "training.steps=1000000", "--set", "training.epochs=0", "--set", "training.log_interval=1",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    metrics = folder / "there/metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (metrics.exists() and metrics.read_text().count("\n") > 3) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "go on with --resume" in printed
    assert not (folder / "there/final").exists()
    reached = len(metrics.read_text().splitlines())
    limit = ["--set", f"training.steps={reached + 5}", "--set", "training.epochs=0"]
    assert main(["finetune", "films.toml", "-o", "there", "--quiet", "--resume", *limit]) == 0
    assert (folder / "there/final/model.safetensors").is_file()
