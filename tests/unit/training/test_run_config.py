"""Configurations: read, overridden, written, and refused with a hint."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, UnknownNameError
from ferrolm.training import RunConfig, describe


def test_a_file_with_overrides(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        '[model]\nn_embd = 8\n[data]\ntrain = "a.tokens"\n[training]\nsteps = 7\nlearning_rate = 1\n'
    )
    config = RunConfig.from_file(path, ["training.steps=9", "data.validation=b.tokens", "model.n_layer = 2"])
    assert config.model == {"n_embd": 8, "n_layer": 2}
    assert (config.data.train, config.data.validation) == ("a.tokens", "b.tokens")
    assert (config.training.steps, config.training.learning_rate) == (9, 1.0)
    path.write_text(config.to_toml())
    assert RunConfig.from_file(path) == config, "what is written reads back the same"


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("training.step=1", UnknownNameError, "unknown setting training.step; did you mean 'steps'"),
        ("trainig.steps=1", UnknownNameError, r"unknown section \[trainig\]; did you mean 'training'"),
        ("training.steps=many", InvalidArgumentError, "training.steps must be of type int, not 'many'"),
        ("training.steps=true", InvalidArgumentError, "must be of type int, not True"),
        ("training.steps=0", InvalidArgumentError, "steps must be at least 1, not 0"),
        ("training.learning_rate=-1.0", InvalidArgumentError, "learning_rate must not be negative"),
        ("training.precision=fp8", InvalidArgumentError, "auto, float32, bfloat16 or float16, not 'fp8'"),
        ("training.optimizer=adam", InvalidArgumentError, "muon, not 'adam'; did you mean 'adamw'"),
        ("training.schedule=cosin", InvalidArgumentError, "inverse_sqrt, not 'cosin'; did you mean 'cosine'"),
        ("training.beta1=1.0", InvalidArgumentError, r"beta1 must be in \[0, 1\)"),
        ("training.l1=nan", InvalidArgumentError, "l1 must not be negative: nan"),
        ("steps=1", InvalidArgumentError, "not of the form section.key=value"),
        ("training.steps", InvalidArgumentError, "not of the form section.key=value"),
    ],
)
def test_mistakes_are_named(override: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        RunConfig.from_dict({}, [override])


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.toml"):
        RunConfig.from_file(tmp_path / "none.toml")
    path = tmp_path / "run.toml"
    path.write_text("[training\n")
    with pytest.raises(InvalidFileError, match=r"run\.toml: not TOML"):
        RunConfig.from_file(path)
    path.write_text("[training]\nstep = 1\n")
    with pytest.raises(UnknownNameError, match=r"run\.toml: unknown setting training\.step"):
        RunConfig.from_file(path)
    path.write_text("training = 1\n")
    with pytest.raises(InvalidArgumentError, match="training must be a section"):
        RunConfig.from_file(path)


def test_every_setting_is_described() -> None:
    lines = describe().splitlines()
    assert len(lines) > 20
    assert all(len(line.split("    ")[1]) > 10 for line in lines)


def test_settings_of_a_model_that_are_tables_and_lists_are_written() -> None:
    model = {"rope_parameters": {"rope_type": "linear", "factor": 2.0}, "eos_token_id": [1, 2]}
    config = RunConfig.from_dict({"model": model})
    assert RunConfig.from_dict(tomllib.loads(config.to_toml())) == config
