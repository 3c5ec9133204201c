"""Checkpoints of a run: killed at any moment they are whole or absent; damaged they are refused."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from ferrolm.errors import InvalidFileError, MissingFileError
from ferrolm.models import GPT2Config, GPT2LMHeadModel
from ferrolm.training import TrainingConfig, build_optimizer
from ferrolm.training.checkpoint import (
    Progress,
    RunState,
    latest_checkpoint,
    load_checkpoint,
    prune,
    save_checkpoint,
)


def small() -> RunState:
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=8, n_embd=32, n_layer=1, n_head=2))
    optimizer = build_optimizer(model, TrainingConfig())
    ids = torch.arange(8)[None]
    model(ids, labels=ids).loss.backward()
    optimizer.step()
    return RunState(model, optimizer)


def save_until_killed(folder: Path, step: int) -> None:
    """What the child process does: this file run as a script."""
    state = small()
    while True:
        step += 1
        save_checkpoint(folder, state, Progress(step=step))
        prune(folder, 2, 0)
        print(step, flush=True)


def test_a_killed_writer_leaves_whole_checkpoints(tmp_path: Path) -> None:
    generator = random.Random(0)
    step = 0
    for _ in range(int(os.environ.get("FERROLM_KILLS", "3"))):
        # A fresh process, not a fork: torch's own threads do not survive one.
        command = [sys.executable, __file__, str(tmp_path), str(step)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert int(child.stdout.readline()) == step + 1
            time.sleep(generator.uniform(0.0, 0.1))
            child.kill()
        state = small()
        newest = latest_checkpoint(tmp_path)
        assert newest is not None
        progress = load_checkpoint(newest, state)
        assert progress.step > step
        step = progress.step
    prune(tmp_path, 2, 0)
    assert len(list(tmp_path.iterdir())) <= 2, "what the crashes left behind is removed"


@pytest.mark.parametrize("name", ["model.safetensors", "state.pt", "progress.json"])
def test_damaged_and_missing_parts_are_named(tmp_path: Path, name: str) -> None:
    state = small()
    path = save_checkpoint(tmp_path, state, Progress(step=1))
    content = (path / name).read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"\xff" * 100):
        (path / name).write_bytes(damaged)
        with pytest.raises(InvalidFileError, match="step-000001"):
            load_checkpoint(path, state)
    (path / name).unlink()
    with pytest.raises(MissingFileError, match="step-000001"):
        load_checkpoint(path, state)


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    state = small()
    path = save_checkpoint(tmp_path, state, Progress(step=1))
    wider = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=8, n_embd=64, n_layer=1, n_head=2))
    with pytest.raises(InvalidFileError, match=r"has shape \[.*\], expected \[.*\]"):
        load_checkpoint(path, RunState(wider, state.optimizer))
    deeper = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=8, n_embd=32, n_layer=2, n_head=2))
    with pytest.raises(InvalidFileError, match="is of another model"):
        load_checkpoint(path, RunState(deeper, state.optimizer))


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    state = small()
    path = save_checkpoint(tmp_path, state, Progress(step=1))
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (open, (str(marker), "w"))

    torch.save({"optimizer": Evil()}, path / "state.pt")
    with pytest.raises(InvalidFileError, match="cannot be read"):
        load_checkpoint(path, state)
    assert not marker.exists()


if __name__ == "__main__":
    save_until_killed(Path(sys.argv[1]), int(sys.argv[2]))
