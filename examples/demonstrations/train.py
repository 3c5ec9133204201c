"""Teach a small decoder to read its demonstrations: ``python train.py DATA OUT``

Begins with `ferrolm-tiny`, 4.3 million weights that were trained on children's books and come with the package. Each episode
shows examples of one labelled set and asks for the labels of the later ones (MetaICL, Min et al. 2022). Labels are words that say
nothing of the text, dealt anew in every episode: what a word means stands nowhere but in the episode, so that the model
learns to find the examples that are like the query and to say what they say. The examples of an episode are some of the
neighbours (BM25) of its query and some at random. Learns from what may be shown alone; neither validation nor test
queries are read.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from labelled import TASKS, Task
from numpy.typing import NDArray

from ferrolm import Tokenizer, load_model
from ferrolm.demonstrations import BM25Selector, Template
from ferrolm.generation import LanguageModel
from ferrolm.models import CausalLM

SYMBOLS = 80
TOKENS = 20  # of a text; the rest is left out
NEIGHBOURS = 16


TEMPLATE = Template("{text} => {label}", separator="\n")


def symbols(tokenizer: Tokenizer) -> list[str]:
    """The words for labels: the first of the vocabulary that are one token with the blank before them."""
    named = sorted((number, token) for token, number in tokenizer.get_vocab().items())
    words = [
        token[1:] for _, token in named if token[0] == "Ġ" and token[1:].isalpha() and 5 <= len(token) <= 8
    ]
    return [word for word in words if word.islower()][:SYMBOLS]


class Episodes:
    """Sequences of examples of one set, a line each, as the ids of what `TEMPLATE` writes."""

    def __init__(self, task: Task, tokenizer: Tokenizer, limit: int | None = None) -> None:
        texts, labels = (part[:limit] for part in task.pool)
        lines = [tokenizer.encode_ids("\n" + text)[:TOKENS].astype(np.int64) for text in texts]
        asked = tokenizer.encode_ids(" =>").astype(np.int64)
        self.lines = [np.concatenate([line, asked]) for line in lines]
        self.names, numbers = np.unique(labels, return_inverse=True)
        self.labels = numbers.astype(np.int64)
        self.texts, self.chooser = texts, BM25Selector(texts)
        self.symbols = np.array([tokenizer.token_to_id("Ġ" + word) for word in symbols(tokenizer)])

    def draw(self, count: int, generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids, and what is asked: a symbol that was seen before in the episode, -100 elsewhere."""
        query = int(generator.integers(len(self.lines)))
        near = generator.permutation(self.chooser.select(self.texts[query], NEIGHBOURS))[
            : generator.integers(1, count + 1)
        ]
        rest = generator.integers(len(self.lines), size=count - len(near))
        places = [*generator.permutation(np.concatenate([near, rest])).tolist(), query]
        dealt = generator.permutation(self.symbols)
        ids, asked, seen = [], [], set()
        for place in places:
            label = int(self.labels[place])
            answer = np.full(len(self.lines[place]) + 1, -100)
            if label in seen:
                answer[-1] = dealt[label]
            seen.add(label)
            ids += [self.lines[place], dealt[[label]]]
            asked.append(answer)
        # The first line has no line before it that ends.
        return np.concatenate(ids)[1:], np.concatenate(asked)[1:]


def batches(
    sets: list[Episodes], size: int, shown: tuple[int, int], generator: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Ids and what is asked at each, int64 [size, time]; one number of examples a batch."""
    while True:
        chosen = sets[generator.integers(len(sets))]
        count = int(generator.integers(*shown, endpoint=True))
        rows = [chosen.draw(count, generator) for _ in range(size)]
        longest = max(len(ids) for ids, _ in rows)
        ids = np.zeros((size, longest), np.int64)
        asked = np.full((size, longest), -100)
        for place, (one, answers) in enumerate(rows):
            ids[place, : len(one)], asked[place, : len(one)] = one, answers
        yield torch.from_numpy(ids), torch.from_numpy(asked)


def train(
    model: CausalLM,
    source: Iterator[tuple[torch.Tensor, torch.Tensor]],
    words: NDArray[np.int64],
    *,
    steps: int,
    rate: float,
) -> None:
    """AdamW, a short warm-up, then down to nothing; progress to standard error. words: ids of the words for labels, ascending."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / 20, 1 - step / steps)
    )
    model.train()
    ids_of_words = torch.from_numpy(words)
    said: list[tuple[float, float]] = []
    begun = time.process_time()
    for step in range(steps):
        ids, asked = next(source)
        hidden = model(ids[:, :-1], with_head=False).logits
        wanted = asked[:, 1:] >= 0
        # Among the words for labels alone, which is what a classifier asks for.
        logits = hidden[wanted] @ model.token_embedding.weight[ids_of_words].T
        targets = torch.searchsorted(ids_of_words, asked[:, 1:][wanted])
        # A batch may ask for nothing: then it is no step, and not a mean of none.
        if not len(targets):
            continue
        loss = F.cross_entropy(logits, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        said.append((float(loss.detach()), float((logits.argmax(-1) == targets).float().mean())))
        if (step + 1) % 20 == 0 or step + 1 == steps:
            mean, right = np.mean(said[-20:], axis=0)
            print(
                f"step {step + 1}/{steps}  loss {mean:.3f}  right {right:.3f}  {time.process_time() - begun:.0f} CPU s",
                file=sys.stderr,
                flush=True,
            )


def main(arguments: list[str] | None = None) -> LanguageModel:
    """Train, save, and return the model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data", type=Path, help="folder with tasks/sentiment/rt-polarity and tasks/topic/banking77"
    )
    parser.add_argument("out", type=Path, help="folder for the model")
    parser.add_argument("--model", default="ferrolm-tiny", help="folder or name of what to begin with")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--batch-size", type=int, default=12)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument(
        "--shown", type=int, nargs=2, default=(2, 4), metavar=("LEAST", "MOST"), help="examples"
    )
    parser.add_argument("--limit", type=int, help="read so many examples of each set alone")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    torch.manual_seed(given.seed)
    tasks = [read(given.data) for read in TASKS.values()]
    found = load_model(given.model)
    sets = [Episodes(task, found.tokenizer, given.limit) for task in tasks]
    source = batches(sets, given.batch_size, tuple(given.shown), np.random.default_rng(given.seed))
    found.model.float()  # the bundled weights may be in half precision
    train(found.model, source, np.sort(sets[0].symbols), steps=given.steps, rate=given.rate)
    found.model.eval()
    found.save(given.out)
    return found


if __name__ == "__main__":
    main()
