"""One training step of nanoGPT's CPU shape: 4 layers, 4 heads, 128 wide, blocks of 64, batches of 12, vocabulary 65.

- ferrolm: our loop (batches from a token file, clipping, fused AdamW, the guard, metrics) and our model
- plain loop: our model in the loop of a tutorial, so that the ratio of the two is what the loop costs
- nanoGPT: its model and its loop, written here
- transformers loop: GPT2LMHeadModel in the loop of a tutorial;  transformers: the same model in its Trainer

float32, without dropout, one thread, CPU time. All of them take steps in turns within one process, because what is to be seen,
a hundredth, is less than what the speed of a machine does from minute to minute:

    python benches/python/bench_training.py [--rounds 40]     medians, and ratios within each round
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from ferrolm import set_num_threads  # noqa: E402
from ferrolm.data import TokenFile, TokenFileWriter  # noqa: E402
from ferrolm.models import GPT2Config, GPT2LMHeadModel, RecurrentConfig, RecurrentLM  # noqa: E402
from ferrolm.training import RunConfig, Trainer  # noqa: E402
from ferrolm.training.metrics import MetricsLog, ProgressBar  # noqa: E402
from ferrolm.training.throughput import Throughput  # noqa: E402

SHAPE: dict[str, Any] = {"vocab_size": 65, "n_positions": 64, "n_embd": 128, "n_layer": 4, "n_head": 4}
NO_DROPOUT = dict.fromkeys(("embd_pdrop", "resid_pdrop", "attn_pdrop"), 0.0)
BLOCK, BATCH, STEPS = 64, 12, 10
MANY = 10**6  # steps: nobody comes to the end

Step = Callable[[], object]


def token_file(folder: Path) -> TokenFile:
    with TokenFileWriter(folder / "a.tokens", 65) as writer:
        writer.add(np.random.default_rng(0).integers(0, 65, 1_000_000))
    return TokenFile(folder / "a.tokens")


def our_gpt2() -> nn.Module:
    return GPT2LMHeadModel(GPT2Config(**SHAPE, **NO_DROPOUT))


def our_lstm() -> nn.Module:
    return RecurrentLM(RecurrentConfig(vocab_size=65, hidden_size=256, num_layers=2))


def our_loop(model: nn.Module, tokens: TokenFile, folder: Path) -> Step:
    """What `Trainer.train` does for a step, all of it: a checkpoint or an evaluation is never due."""
    settings = {
        "batch_size": BATCH, "precision": "float32", "threads": 1, "device": "cpu", "steps": MANY,
        "checkpoint_interval": 0, "checkpoint_minutes": 0.0, "beta2": 0.95,
    }  # fmt: skip
    config = RunConfig.from_dict({"data": {"block_size": BLOCK}, "training": settings})
    trainer = Trainer(model, config, folder, tokens, show_progress=False)
    folder.mkdir()
    log = MetricsLog(folder, 0, config.training, {})
    bar, throughput = ProgressBar(MANY, show=False), Throughput(0, 0)
    return lambda: trainer._advance(log, bar, throughput)


def tutorial_loop(model: Any, tokens: TokenFile, loss_of: Callable[[Any, Any], Any] | None = None) -> Step:
    """The loop of nanoGPT, which looks at the loss every ten steps."""
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True
    )
    stream, done = torch.from_numpy(tokens.tokens.astype(np.int64)), iter(range(MANY))

    def step() -> None:
        starts = torch.randint(len(stream) - BLOCK - 1, (BATCH,))
        inputs = torch.stack([stream[start : start + BLOCK] for start in starts])
        targets = torch.stack([stream[start + 1 : start + BLOCK + 1] for start in starts])
        logits = model(inputs)
        logits = getattr(logits, "logits", logits)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if next(done) % 10 == 0:
            float(loss.detach())

    return step


class PlainBlock(nn.Module):
    """A block of nanoGPT, without biases, as its configuration for a CPU has it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.c_attn = nn.Linear(width, 3 * width, bias=False)
        self.c_proj = nn.Linear(width, width, bias=False)
        self.c_fc = nn.Linear(width, 4 * width, bias=False)
        self.mlp_proj = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Any) -> Any:
        batch, time_, width = x.shape
        query, key, value = (
            part.view(batch, time_, self.heads, -1).transpose(1, 2)
            for part in self.c_attn(self.ln_1(x)).split(width, 2)
        )
        context = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.c_proj(context.transpose(1, 2).reshape(batch, time_, width))
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x))))


class PlainGPT(nn.Module):
    """nanoGPT's model: ids [batch, time] to logits."""

    def __init__(self) -> None:
        super().__init__()
        width = SHAPE["n_embd"]
        self.wte = nn.Embedding(SHAPE["vocab_size"], width)
        self.wpe = nn.Embedding(SHAPE["n_positions"], width)
        self.h = nn.ModuleList(PlainBlock(width, SHAPE["n_head"]) for _ in range(SHAPE["n_layer"]))
        self.ln_f = nn.LayerNorm(width, bias=False)
        self.lm_head = nn.Linear(width, SHAPE["vocab_size"], bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids: Any) -> Any:
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


def their_model() -> Any:
    library = pytest.importorskip("transformers")
    return library.GPT2LMHeadModel(library.GPT2Config(**SHAPE, **NO_DROPOUT))


class Blocks(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """The token file as transformers' Trainer wants it: examples of equal length, which it collates."""

    def __init__(self, tokens: TokenFile) -> None:
        count = len(tokens) // BLOCK
        self.rows = torch.from_numpy(tokens.tokens[: count * BLOCK].astype(np.int64)).view(count, BLOCK)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"input_ids": self.rows[index], "labels": self.rows[index]}


def their_trainer(tokens: TokenFile, folder: Path) -> Step:
    """A step of transformers' Trainer. Its loop cannot be left and entered again, so it waits in a thread of its own."""
    library = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    wanted, done = threading.Semaphore(0), threading.Semaphore(0)

    class InTurns(library.TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *arguments: Any, **named: Any) -> None:
            done.release()
            wanted.acquire()

    settings = library.TrainingArguments(
        str(folder), max_steps=MANY, per_device_train_batch_size=BATCH, learning_rate=1e-3, weight_decay=0.1,
        adam_beta2=0.95, optim="adamw_torch_fused", logging_steps=10, save_strategy="no", report_to=[],
        use_cpu=True, disable_tqdm=True, dataloader_num_workers=0, lr_scheduler_type="cosine",
    )  # fmt: skip
    trainer = library.Trainer(their_model(), settings, train_dataset=Blocks(tokens), callbacks=[InTurns()])
    trainer.remove_callback(library.PrinterCallback)

    def work() -> None:
        torch.set_num_threads(1)
        wanted.acquire()
        trainer.train()

    threading.Thread(target=work, daemon=True).start()

    def step() -> None:
        wanted.release()
        done.acquire()

    return step


LOOPS: dict[str, Callable[[TokenFile, Path], Step]] = {
    "ferrolm": lambda tokens, folder: our_loop(our_gpt2(), tokens, folder),
    "plain loop": lambda tokens, _: tutorial_loop(our_gpt2(), tokens),
    "nanoGPT": lambda tokens, _: tutorial_loop(PlainGPT(), tokens),
    "transformers loop": lambda tokens, _: tutorial_loop(their_model(), tokens),
    "transformers": their_trainer,
}
RECURRENT: dict[str, Callable[[TokenFile, Path], Step]] = {
    "ferrolm": lambda tokens, folder: our_loop(our_lstm(), tokens, folder),
    "plain loop": lambda tokens, _: tutorial_loop(our_lstm(), tokens),
}


def in_turns(steps: dict[str, Step], rounds: int, each: int = 1) -> dict[str, list[float]]:
    """CPU seconds of a step, [rounds] by name; the order of the names turns from round to round."""
    names, times = list(steps), {name: [] for name in steps}  # type: ignore[var-annotated]
    for step in steps.values():
        for _ in range(3):
            step()
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = time.process_time()
            for _ in range(each):
                steps[name]()
            times[name].append((time.process_time() - start) / each)
    return times


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def steps(folder: Path) -> dict[str, Step]:
    """The loops, started once; a pass of the benchmark runs all of them in this process."""
    torch.set_num_threads(1)
    set_num_threads(1)
    tokens = token_file(folder)
    return {name: make(tokens, folder / name.replace(" ", "-")) for name, make in LOOPS.items()}


@pytest.mark.benchmark(group="training step, nanoGPT's CPU shape", timer=time.process_time)
@pytest.mark.parametrize("library", LOOPS)
def test_ten_steps(benchmark: Any, steps: dict[str, Step], library: str) -> None:
    benchmark.extra_info["tokens"] = STEPS * BATCH * BLOCK
    step = steps[library]
    benchmark.pedantic(lambda: [step() for _ in range(STEPS)], rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="training step, LSTM of 2 layers of 256", timer=time.process_time)
@pytest.mark.parametrize("library", RECURRENT)
def test_ten_recurrent_steps(benchmark: Any, folder: Path, library: str) -> None:
    torch.set_num_threads(1)
    set_num_threads(1)
    step = RECURRENT[library](token_file(folder), folder / f"lstm-{library}")
    benchmark.extra_info["tokens"] = STEPS * BATCH * BLOCK
    benchmark.pedantic(lambda: [step() for _ in range(STEPS)], rounds=5, warmup_rounds=1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokens = token_file(folder)
        for title, loops in (("GPT-2, 4 layers of 128", LOOPS), ("LSTM, 2 layers of 256", RECURRENT)):
            made = {
                each: make(tokens, folder / f"{title[:4]}-{each}".replace(" ", "-"))
                for each, make in loops.items()
            }
            times = in_turns(made, rounds)
            print(f"{title}: CPU ms a step, and ferrolm's as a part of it, within a round")
            for each, taken in times.items():
                ratio = statistics.median(
                    ours / theirs for ours, theirs in zip(times["ferrolm"], taken, strict=True)
                )
                print(
                    f"  {each:18s} {1000 * statistics.median(taken):7.1f}  best {1000 * min(taken):6.1f}  {ratio:.3f}"
                )


if __name__ == "__main__":
    main()
