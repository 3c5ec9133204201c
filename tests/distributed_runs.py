"""The runs of test_distributed.py, as functions of a folder: what each of two processes started by torchrun does.

``torchrun --nproc-per-node 2 tests/distributed_runs.py FOLDER`` makes them all, in one go, because starting is the most of it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ferrolm.data import ExampleBatches
from ferrolm.models import GPT2Config, GPT2LMHeadModel
from ferrolm.training import RunConfig, Trainer, TrainingResult, finetune, pretrain
from ferrolm.training.distributed import join_world
from ferrolm.training.finetuning.settings import FinetuningConfig

STOP = 5


def config(folder: Path, *, dropout: float = 0.0, **training: Any) -> RunConfig:
    """Some steps of a tiny model, which read more than one epoch."""
    tokens = str(folder / "train.tokens")
    rates = dict.fromkeys(("embd_pdrop", "resid_pdrop", "attn_pdrop"), dropout)
    settings = {
        "steps": 8, "warmup_steps": 2, "learning_rate": 0.01, "precision": "float32", "evaluation_interval": 4,
        "checkpoint_interval": 0, "log_interval": 1, "threads": 1, "device": "cpu", "plot": "off",
    }  # fmt: skip
    return RunConfig.from_dict(
        {
            "model": {"vocab_size": 16, "n_embd": 16, "n_layer": 2, "n_head": 2, **rates},
            "data": {"train": tokens, "validation": tokens, "block_size": 16},
            "training": {**settings, **training},
        }
    )


def run(
    settings: RunConfig,
    folder: Path,
    *,
    resume: bool = False,
    on_evaluation: Callable[..., bool] | None = None,
) -> TrainingResult:
    return pretrain(settings, folder, resume=resume, show_progress=False, on_evaluation=on_evaluation)


def stop_and_resume(settings: RunConfig, folder: Path, rank: int) -> None:
    """Process 1 alone gets SIGTERM in step `STOP`; both must have noticed."""
    take_step = Trainer._step

    def stopping(self: Trainer, step: int) -> Any:
        outcome = take_step(self, step)
        if rank == 1 and step + 1 == STOP:
            os.kill(os.getpid(), signal.SIGTERM)
        return outcome

    Trainer._step = stopping  # type: ignore[method-assign]
    try:
        result = run(settings, folder)
    finally:
        Trainer._step = take_step  # type: ignore[method-assign]
    assert (result.step, result.signal) == (STOP, signal.SIGTERM)
    assert not (folder / "final").exists()
    torch.manual_seed(99)  # what happens in between does not matter
    assert run(settings, folder, resume=True).finished


def uneven(folder: Path, parallel: str, batch_size: int) -> None:
    """Rows have different numbers of targets, some none, so that micro-batches of some processes have none."""
    world = join_world(parallel, "cpu")
    random = np.random.default_rng(0)
    rows = [(random.integers(0, 16, 9), int(random.integers(0, 9))) for _ in range(8)]
    rows += [(row, 0) for row, _ in rows[:4]]
    torch.manual_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=16, n_embd=16, n_layer=1, n_head=2, n_positions=16, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
    )  # fmt: skip

    def collate(chosen: list[Any], random: np.random.Generator) -> dict[str, torch.Tensor]:
        ids = torch.tensor(np.array([row for row, _ in chosen]))
        labels = ids.clone()
        for index, (_, count) in enumerate(chosen):
            labels[index, count:] = -100
        return {"blocks": ids, "labels": labels}

    class Masked:
        def targets(self, batch: Any) -> int:
            return int((batch["labels"] != -100).sum())

        def loss(self, model: Any, batch: Any) -> torch.Tensor:
            logits = model(batch["blocks"]).logits
            return torch.nn.functional.cross_entropy(logits.transpose(1, 2), batch["labels"])

    batches = ExampleBatches(rows, collate, batch_size, seed=1, rank=world.rank, world_size=world.size)
    settings = config(folder, parallel=parallel, steps=6, accumulation=2)
    Trainer(
        model, settings, folder / f"uneven-{parallel}", batches, objective=Masked(), show_progress=False
    ).train()


def finetuning(folder: Path, parallel: str, batch_size: int) -> FinetuningConfig:
    """Three epochs of a tiny classifier."""
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    rates = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), 0.0)
    return FinetuningConfig.from_dict(
        {
            "model": {"type": "bert", **shape, **rates},
            "data": {
                "train": str(folder / "texts.csv"), "test": str(folder / "texts.csv"), "validation_fraction": 0.25,
                "tokenizer": str(folder / "tokenizer.json"),
            },
            "training": {
                "parallel": parallel, "batch_size": batch_size, "learning_rate": 0.01, "log_interval": 1, "device": "cpu",
                "precision": "float32", "plot": "off", "threads": 1,
            },
        }
    )  # fmt: skip


def main(folder: Path) -> None:
    rank = int(os.environ["RANK"])
    for kind in ("ddp", "fsdp"):
        run(config(folder, parallel=kind, batch_size=2), folder / kind)
        again = {"parallel": kind, "batch_size": 1, "accumulation": 2, "activation_checkpointing": True}
        run(config(folder, **again), folder / f"{kind}-accumulated")
        settings = config(folder, parallel=kind, batch_size=1, accumulation=2, dropout=0.2, ema=0.5)
        run(settings, folder / f"{kind}-whole")
        stop_and_resume(settings, folder / f"{kind}-broken", rank)
        uneven(folder, kind, 1)
        finetune(finetuning(folder, kind, 2), folder / f"{kind}-finetuned", show_progress=False)
    run(config(folder, parallel="fsdp", batch_size=2, precision="bfloat16"), folder / "fsdp-bfloat16")
    for optimizer in ("sgd", "muon"):
        run(
            config(folder, parallel="fsdp", batch_size=2, steps=3, optimizer=optimizer),
            folder / f"fsdp-{optimizer}",
        )
    # Begun on one process, sharded and not.
    for name in ("one-fsdp", "one-none"):
        run(config(folder, parallel="fsdp", batch_size=2), folder / name, resume=True)
    # Left off for one process to go on with.
    for kind in ("ddp", "fsdp"):
        run(
            config(folder, parallel=kind, batch_size=2, ema=0.5), folder / f"two-{kind}",
            on_evaluation=lambda step, figures: step == 4,
        )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
