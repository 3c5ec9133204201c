"""The training loop: it learns, it resumes to the bit, and it says what goes wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import ferrolm
from ferrolm.data import TokenFile, TokenFileWriter
from ferrolm.errors import InvalidArgumentError, UnknownNameError
from ferrolm.models import GPT2LMHeadModel, load_causal_lm
from ferrolm.training import DivergedError, RunConfig, Trainer, TrainingResult, evaluate, pretrain
from ferrolm.training.checkpoint import latest_checkpoint
from ferrolm.training.trainer import Trainer as TrainerModule

PATTERN = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    return str(token_file(tmp_path / "train.tokens", np.tile(PATTERN, 60)).path)


def token_file(path: Path, ids: np.ndarray) -> TokenFile:
    with TokenFileWriter(path, vocab_size=16) as writer:
        writer.add(ids, text_bytes=2 * len(ids))
    return TokenFile(path)


def run_config(tokens: str, **training: Any) -> RunConfig:
    dropout = dict.fromkeys(("embd_pdrop", "resid_pdrop", "attn_pdrop"), 0.0)
    model = {"vocab_size": 16, "n_embd": 16, "n_layer": 1, "n_head": 2, **dropout}
    settings = {
        "steps": 12, "batch_size": 4, "warmup_steps": 2, "learning_rate": 0.01, "precision": "float32",
        "evaluation_interval": 0, "checkpoint_interval": 4, "log_interval": 1, "threads": 1, "device": "cpu", "plot": "off",
    }  # fmt: skip
    data = {"train": tokens, "validation": tokens, "block_size": 16}
    return RunConfig.from_dict({"model": model, "data": data, "training": {**settings, **training}})


def run(config: RunConfig, folder: Path, resume: bool = False) -> TrainingResult:
    return pretrain(config, folder, resume=resume, show_progress=False)


def losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_a_pattern_is_learnt(tokens: str, tmp_path: Path) -> None:
    result = run(run_config(tokens, steps=150), tmp_path / "run")
    assert result.finished
    # Only the first tokens of a window, whose context is short, stay uncertain.
    assert result.metrics["validation_loss"] < 0.3
    assert result.metrics["bits_per_byte"] == pytest.approx(
        result.metrics["validation_loss"] * 719 / 720 / np.log(2) / 2
    ), "the first token has bytes and no prediction"
    model = GPT2LMHeadModel.from_pretrained(tmp_path / "run/final")
    predicted = model(torch.tensor([PATTERN])).logits.argmax(-1)[0, 1:-1].tolist()
    assert predicted == PATTERN[2:]


def test_threads_are_those_of_torch_and_of_the_core(tokens: str, tmp_path: Path) -> None:
    of_torch, ours = torch.get_num_threads(), ferrolm.num_threads()
    try:
        for threads in (2, 1):
            run(run_config(tokens, threads=threads, steps=1), tmp_path / str(threads))
            assert torch.get_num_threads() == ferrolm.num_threads() == threads
    finally:
        torch.set_num_threads(of_torch)
        ferrolm.set_num_threads(ours)


@pytest.mark.parametrize(
    "settings",
    [{"type": "llama"}, {"type": "mistral", "sliding_window": 6}, {"type": "qwen3", "head_dim": 8}],
    ids=lambda settings: settings["type"],
)
def test_a_pattern_is_learnt_by_a_llama(tokens: str, tmp_path: Path, settings: dict[str, Any]) -> None:
    shape = {"vocab_size": 16, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    config = dataclasses.replace(run_config(tokens, steps=150), model={**settings, **shape, **heads})
    result = run(config, tmp_path / "run")
    assert result.metrics
    assert result.metrics["validation_loss"] < 0.3
    model = load_causal_lm(tmp_path / "run/final")
    assert model.config.model_type == settings["type"]
    predicted = model(torch.tensor([PATTERN])).logits.argmax(-1)[0, 1:-1].tolist()
    assert predicted == PATTERN[2:]


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_stopped_and_resumed_run_is_the_unbroken_run(tokens: str, tmp_path: Path, dropout: float) -> None:
    config = run_config(tokens, accumulation=2)
    config = dataclasses.replace(config, model={**config.model, "resid_pdrop": dropout})
    run(config, tmp_path / "whole")
    assert stop_after(config, tmp_path / "broken", steps=5).signal == signal.SIGTERM
    assert not (tmp_path / "broken/final").exists()
    assert latest_checkpoint(tmp_path / "broken/checkpoints").name == "step-000005"
    torch.manual_seed(99)  # what happens in between does not matter
    assert stop_after(config, tmp_path / "broken", steps=9).step == 9
    run(config, tmp_path / "broken", resume=True)
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")
    one, other = (tmp_path / name / "final/model.safetensors" for name in ("whole", "broken"))
    assert one.read_bytes() == other.read_bytes()


def stop_after(config: RunConfig, folder: Path, steps: int) -> TrainingResult:
    """Train until ``steps``, then have the process send itself SIGTERM, as a cluster would."""
    step = TrainerModule._step

    def stopping(self: Trainer, number: int) -> Any:
        outcome = step(self, number)
        if number + 1 == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return outcome

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainerModule, "_step", stopping)
        return run(config, folder, resume=True)


def test_accumulated_micro_batches_make_the_big_batch(tokens: str, tmp_path: Path) -> None:
    run(run_config(tokens, batch_size=8), tmp_path / "big")
    run(run_config(tokens, batch_size=2, accumulation=4), tmp_path / "small")
    np.testing.assert_allclose(losses(tmp_path / "small"), losses(tmp_path / "big"), rtol=1e-5)


def test_metrics_after_the_checkpoint_are_written_once(tokens: str, tmp_path: Path) -> None:
    config = run_config(tokens)
    stop_after(config, tmp_path / "run", steps=6)
    metrics = tmp_path / "run/metrics.jsonl"
    metrics.write_text(metrics.read_text() + '{"step": 7, "loss": 0}\n{"step": 8, "lo')  # as after a crash
    run(config, tmp_path / "run", resume=True)
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 13))
    assert {"learning_rate", "gradient_norm", "epoch", "tokens_per_second"} < lines[0].keys()


def test_a_used_folder_is_resumed_on_purpose_and_with_the_same_data(tokens: str, tmp_path: Path) -> None:
    run(run_config(tokens, steps=4), tmp_path / "run")
    with pytest.raises(InvalidArgumentError, match=r"has checkpoints .up to step-000004.: resume it"):
        run(run_config(tokens, steps=8), tmp_path / "run")
    with pytest.raises(InvalidArgumentError, match="made with other data, or another seed"):
        run(run_config(tokens, steps=8, batch_size=3), tmp_path / "run", resume=True)
    assert run(run_config(tokens, steps=8), tmp_path / "run", resume=True).step == 8, "a run can be prolonged"


def test_old_checkpoints_go_and_the_best_one_stays(tokens: str, tmp_path: Path) -> None:
    config = run_config(
        tokens,
        steps=60,
        checkpoint_interval=10,
        evaluation_interval=10,
        keep_checkpoints=1,
        learning_rate=0.02,
    )
    result = run(config, tmp_path / "run")
    kept = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert result.metrics
    progress = json.loads((tmp_path / "run/checkpoints" / kept[-1] / "progress.json").read_text())
    assert set(kept) == {"step-000060", f"step-{progress['best_step']:06d}"}


def test_a_loss_that_is_no_number_ends_the_run(tokens: str, tmp_path: Path) -> None:
    config = run_config(tokens, steps=50, learning_rate=1e30, warmup_steps=0, gradient_clip=0.0)
    with pytest.raises(
        DivergedError, match=r"the loss is (nan|inf) at step \d+: lower training.learning_rate"
    ):
        run(config, tmp_path / "run")


def test_settings_that_do_not_fit_the_data(tokens: str, tmp_path: Path) -> None:
    config = run_config(tokens)
    with pytest.raises(InvalidArgumentError, match=r"vocab_size is 9, but .* has token id 9"):
        run(dataclasses.replace(config, model={**config.model, "vocab_size": 9}), tmp_path / "run")
    with pytest.raises(InvalidArgumentError, match=r"block_size 16 is more than model.n_positions 8"):
        run(dataclasses.replace(config, model={**config.model, "n_positions": 8}), tmp_path / "run")
    with pytest.raises(UnknownNameError, match=r"unknown setting model.n_embed; did you mean 'n_embd'"):
        run(dataclasses.replace(config, model={"n_embed": 8}), tmp_path / "run")
    llama = {"type": "llama", "vocab_size": 16, "max_position_embeddings": 8}
    with pytest.raises(InvalidArgumentError, match=r"is more than model.max_position_embeddings 8"):
        run(dataclasses.replace(config, model=llama), tmp_path / "run")
    with pytest.raises(UnknownNameError, match=r"unknown setting model.n_embd"):
        run(dataclasses.replace(config, model={"type": "llama", "n_embd": 8}), tmp_path / "run")
    with pytest.raises(UnknownNameError, match=r"unknown model.type 'gpt3'; did you mean 'gpt2'"):
        run(dataclasses.replace(config, model={"type": "gpt3"}), tmp_path / "run")


@pytest.mark.parametrize("stride", [16, 5, 1])
@pytest.mark.parametrize("count", [2, 16, 17, 18, 33, 100])
def test_evaluation_predicts_every_token_once(tmp_path: Path, count: int, stride: int) -> None:
    ids = np.random.default_rng(count).integers(0, 16, count)
    file = token_file(tmp_path / "a.tokens", ids)
    torch.manual_seed(0)
    config = run_config(str(file.path))
    model = GPT2LMHeadModel(_shape(config)).eval()
    result = evaluate(model, file, block_size=16, stride=stride, batch_size=3)
    assert result.tokens == count - 1
    # The slow way: token by token, each with the context that its window leaves it.
    total = 0.0
    for target in range(1, count):
        end = 16 if target <= 16 else min(16 + -(-(target - 16) // stride) * stride, count - 1)
        context = torch.from_numpy(ids[max(0, end - 16) : target].astype(np.int64))[None]
        total -= float(model(context).logits[0, -1].log_softmax(-1)[ids[target]].detach())
    assert result.loss == pytest.approx(total / (count - 1), rel=1e-5)


def _shape(config: RunConfig) -> Any:
    from ferrolm.models import GPT2Config

    return GPT2Config(n_positions=16, **config.model)


def test_the_command_saves_when_it_is_stopped(tokens: str, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(run_config(tokens, steps=100_000, checkpoint_interval=0).to_toml())
    command = [
        sys.executable,
        "-m",
        "ferrolm",
        "pretrain",
        str(config),
        "-o",
        str(tmp_path / "run"),
        "--quiet",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "run/metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "go on with --resume" in errors
    assert latest_checkpoint(tmp_path / "run/checkpoints") is not None
