"""Recommend what comes next: items of a user's history as the tokens of a causal language model (GPT-2 of `ferrolm.models`).

As Kang & McAuley 2018, "Self-Attentive Sequential Recommendation": the model predicts each item of a history from those
before it, and recommends the likeliest that the user does not have. Histories are made here, or read from a file with a
history a line, item ids with spaces between: users like two genres, take up series, and popular items more than others.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.data import Batch, ExampleBatches
from ferrolm.models import GPT2Config, GPT2LMHeadModel
from ferrolm.training import RunConfig, Trainer

GENRES, ITEMS_OF_GENRE, SERIES, LONGEST = 20, 15, 3, 20
START = 0  # before the first item, whose id is 1


def history(random: np.random.Generator) -> list[int]:
    """Items of one user: mostly the next part of a series that was begun, else something of a genre that the user likes."""
    liked = random.choice(GENRES, size=2, replace=False)
    popularity = 1 / np.arange(1, ITEMS_OF_GENRE + 1)
    items: list[int] = []
    for _ in range(random.integers(6, LONGEST + 1)):
        after = items[-1] + 1 if items else 0
        # Three items in a row are a series.
        if items and items[-1] % SERIES and after not in items and random.random() < 0.7:
            items.append(after)
            continue
        item = 1 + int(random.choice(liked)) * ITEMS_OF_GENRE
        item += int(random.choice(ITEMS_OF_GENRE, p=popularity / popularity.sum()))
        if item not in items:
            items.append(item)
    return items


def collate(rows: list[list[int]], random: np.random.Generator) -> Batch:
    """The start and the items, padded on the right; padding is not scored, and causal attention does not see it."""
    items = [torch.tensor([START, *row]) for row in rows]
    ids = torch.nn.utils.rnn.pad_sequence(items, batch_first=True, padding_value=-100)
    return {"input_ids": ids.clamp(min=START), "labels": ids}


@torch.no_grad()
def scores(model: GPT2LMHeadModel, histories: Sequence[list[int]]) -> NDArray[np.float32]:
    """How likely each item is to come next, [histories, items]."""
    ids = collate(list(histories), np.random.default_rng())["input_ids"]
    last = torch.tensor([len(row) for row in histories])
    return model(ids).logits[torch.arange(len(ids)), last].numpy()


def hit_rate(
    scores_: NDArray[np.float32], histories: Sequence[list[int]], nexts: Sequence[int], at: int
) -> float:
    """How often the next item is among the ``at`` that score best and that the user does not have."""
    hits = 0
    for row, known, item in zip(scores_.copy(), histories, nexts, strict=True):
        row[[START, *known]] = -np.inf
        hits += int((row > row[item]).sum()) < at
    return hits / len(nexts)


def read(path: Path) -> list[list[int]]:
    """Histories of a file, of two items at least; ids are integers from 1."""
    rows = [[int(each) for each in line.split()] for line in path.read_text().splitlines()]
    return [row[-LONGEST:] for row in rows if len(row) > 1]


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Train on all but the last item of most users, and print the hit rate of the last item of the others."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "histories", type=Path, nargs="?", help="file with a history a line (default: made ones)"
    )
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument(
        "--users", type=int, default=4000, help="of made histories; a tenth of all is the test"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.steps, options.users = min(options.steps, 80), 1200
    started, random = time.process_time(), np.random.default_rng(options.seed)
    if options.histories is None:
        users = [history(random) for _ in range(options.users)]
    else:
        users = read(options.histories)
        random.shuffle(users)
    test, train = users[: len(users) // 10], users[len(users) // 10 :]
    torch.manual_seed(options.seed)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=1 + max(max(row) for row in users),
            n_positions=LONGEST + 1,
            n_embd=64,
            n_layer=2,
            n_head=2,
            bos_token_id=START,
            eos_token_id=None,
        )
    )
    settings = {
        "steps": options.steps, "warmup_steps": min(50, options.steps), "learning_rate": 3e-3, "log_interval": 20,
        "seed": options.seed, "threads": 1, "device": "cpu", "precision": "float32", "plot": "off",
    }  # fmt: skip
    batches = ExampleBatches(train, collate, batch_size=64, seed=options.seed)
    with tempfile.TemporaryDirectory() as folder:
        config = RunConfig.from_dict({"training": settings})
        Trainer(model, config, Path(folder), batches, show_progress=not options.quick).train()
    model.eval()
    known, nexts = [row[:-1] for row in test], [row[-1] for row in test]
    counts = np.bincount(np.concatenate(train), minlength=model.config.vocab_size).astype(np.float32)
    popular = np.broadcast_to(counts, (len(test), len(counts)))
    rates = {
        "model": hit_rate(scores(model, known), known, nexts, 10),
        "popularity": hit_rate(popular, known, nexts, 10),
    }
    for name, rate in rates.items():
        print(f"hit rate at 10, {name}: {rate:.1%} of {len(test)} users")
    print(f"({time.process_time() - started:.0f} s of CPU time)")
    return rates


if __name__ == "__main__":
    main()
