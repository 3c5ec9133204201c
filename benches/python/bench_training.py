"""One training step of nanoGPT's CPU shape: 4 layers, 4 heads, 128 wide, blocks of 64, batches of 12, vocabulary 65.

"ferrolm" is our loop and model; "plain loop" is our model in a bare torch loop, so that the ratio of the two is
what the loop costs; "transformers" is its GPT2LMHeadModel in the same bare loop. float32, one thread, ten steps a
round, in CPU time. `tokens` in extra_info gives the rate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ferrolm.data import TokenFile, TokenFileWriter  # noqa: E402
from ferrolm.models import GPT2Config, GPT2LMHeadModel  # noqa: E402
from ferrolm.training import RunConfig, Trainer  # noqa: E402

SHAPE: dict[str, Any] = {"vocab_size": 65, "n_positions": 64, "n_embd": 128, "n_layer": 4, "n_head": 4}
NO_DROPOUT = dict.fromkeys(("embd_pdrop", "resid_pdrop", "attn_pdrop"), 0.0)
BLOCK, BATCH, STEPS = 64, 12, 10


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    with TokenFileWriter(tmp_path / "a.tokens", 65) as writer:
        writer.add(np.random.default_rng(0).integers(0, 65, 100_000))
    return TokenFile(tmp_path / "a.tokens")


def ferrolm(tokens: TokenFile, folder: Path) -> Callable[[], object]:
    settings = {"batch_size": BATCH, "precision": "float32", "threads": 1, "device": "cpu", "steps": 10**6}
    config = RunConfig.from_dict({"data": {"block_size": BLOCK}, "training": settings})
    trainer = Trainer(GPT2LMHeadModel(GPT2Config(**SHAPE, **NO_DROPOUT)), config, folder, tokens)
    return lambda: [float(trainer._step(step)[0]) for step in range(STEPS)]


def plain_loop(tokens: TokenFile, folder: Path) -> Callable[[], object]:
    return bare(GPT2LMHeadModel(GPT2Config(**SHAPE, **NO_DROPOUT)), tokens)


def transformers(tokens: TokenFile, folder: Path) -> Callable[[], object]:
    library = pytest.importorskip("transformers")
    return bare(library.GPT2LMHeadModel(library.GPT2Config(**SHAPE, **NO_DROPOUT)), tokens)


def bare(model: Any, tokens: TokenFile) -> Callable[[], object]:
    """The loop of a tutorial, as nanoGPT has it."""
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True
    )
    stream = torch.from_numpy(tokens.tokens.astype(np.int64))

    def step() -> float:
        starts = torch.randint(len(stream) - BLOCK - 1, (BATCH,))
        rows = torch.stack([stream[start : start + BLOCK + 1] for start in starts])
        logits = model(rows[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    return lambda: [step() for _ in range(STEPS)]


@pytest.mark.benchmark(group="training step, nanoGPT's CPU shape", timer=time.process_time)
@pytest.mark.parametrize("loop", [ferrolm, plain_loop, transformers], ids=lambda loop: loop.__name__)
def test_ten_steps(benchmark: Any, tokens: TokenFile, tmp_path: Path, loop: Callable[..., Any]) -> None:
    torch.set_num_threads(1)
    benchmark.extra_info["tokens"] = STEPS * BATCH * BLOCK
    benchmark.pedantic(loop(tokens, tmp_path / "run"), rounds=5, warmup_rounds=1)
