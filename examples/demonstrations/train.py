"""Train a small decoder that reads its demonstrations: ``python train.py DATA OUT``

Each episode shows examples of one labelled set and asks for the labels of the later ones (MetaICL, Min et al. 2022). Labels are
symbols, dealt anew in every episode: what a symbol means stands nowhere but in the episode, so that the model learns to find the
examples that are like the query and to say what they say. The examples of an episode are some of the neighbours (BM25) of its
query and some at random. Learns from what may be shown alone; neither validation nor test queries are read.
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

from ferrolm import Tokenizer
from ferrolm.demonstrations import BM25Selector, Template
from ferrolm.generation import LanguageModel
from ferrolm.models import LlamaConfig, LlamaForCausalLM
from ferrolm.tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, trainers

SYMBOLS = 80
TOKENS = 32  # of a text; the rest is left out


TEMPLATE = Template("{text} => {label}", separator="\n")


def symbol(number: int) -> str:
    """The word for a label."""
    return f"[{number}]"


def learned_tokenizer(texts: list[str], vocab_size: int) -> Tokenizer:
    """Byte-level BPE without case, and the symbols, each of which is one token that takes the blank before it along."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens(
        [AddedToken(symbol(number), lstrip=True, normalized=False) for number in range(SYMBOLS)]
    )
    return tokenizer


class Episodes:
    """Sequences of examples of one set, a line each, as the ids of what `TEMPLATE` writes."""

    def __init__(self, task: Task, tokenizer: Tokenizer, neighbours: int, limit: int | None = None) -> None:
        texts, labels = (part[:limit] for part in task.pool)
        lines = [tokenizer.encode_ids("\n" + text)[:TOKENS].astype(np.int64) for text in texts]
        asked = tokenizer.encode_ids(" =>").astype(np.int64)
        self.lines = [np.concatenate([line, asked]) for line in lines]
        self.names, numbers = np.unique(labels, return_inverse=True)
        self.labels = numbers.astype(np.int64)
        near = BM25Selector(texts).select_batch(texts, neighbours)
        self.near = [row if len(row) else np.zeros(1, np.int64) for row in near]
        self.symbols = np.array([tokenizer.token_to_id(symbol(number)) for number in range(SYMBOLS)])

    def draw(self, count: int, generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids, and what is asked: a symbol that was seen before in the episode, -100 elsewhere."""
        query = int(generator.integers(len(self.lines)))
        near = generator.permutation(self.near[query])[: generator.integers(1, count + 1)]
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
    model: LlamaForCausalLM,
    source: Iterator[tuple[torch.Tensor, torch.Tensor]],
    first: int,
    *,
    steps: int,
    rate: float,
) -> None:
    """AdamW, a short warm-up, then down to nothing; progress to standard error. first: the id of the first symbol."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / 100) * max(0.0, 1 - step / steps)
    )
    model.train()
    said: list[tuple[float, float]] = []
    begun = time.process_time()
    for step in range(steps):
        ids, asked = next(source)
        hidden = model(ids[:, :-1], with_head=False).logits
        wanted = asked[:, 1:] >= 0
        # Among the symbols alone, which is what a classifier asks for: nothing is spent on learning what else may follow.
        logits = hidden[wanted] @ model.token_embedding.weight[first:].T
        targets = asked[:, 1:][wanted] - first
        loss = F.cross_entropy(logits, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        said.append((float(loss.detach()), float((logits.argmax(-1) == targets).float().mean())))
        if (step + 1) % 100 == 0 or step + 1 == steps:
            mean, right = np.mean(said[-100:], axis=0)
            print(
                f"step {step + 1}/{steps}  loss {mean:.3f}  right {right:.3f}  {time.process_time() - begun:.0f} CPU s",
                file=sys.stderr,
                flush=True,
            )


def main(arguments: list[str] | None = None) -> LanguageModel:
    """Learn a tokenizer and a model and save them together."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data", type=Path, help="folder with tasks/sentiment/rt-polarity and tasks/topic/banking77"
    )
    parser.add_argument("out", type=Path, help="folder for the model")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--hidden-size", type=int, default=96)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--vocab-size", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument(
        "--shown", type=int, nargs=2, default=(2, 6), metavar=("LEAST", "MOST"), help="examples"
    )
    parser.add_argument("--limit", type=int, help="read so many examples of each set alone")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    torch.manual_seed(given.seed)
    tasks = [read(given.data) for read in TASKS.values()]
    tokenizer = learned_tokenizer([text for task in tasks for text in task.pool[0]], given.vocab_size)
    sets = [Episodes(task, tokenizer, 16, given.limit) for task in tasks]
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=given.hidden_size, intermediate_size=2 * given.hidden_size,
        num_hidden_layers=given.layers, num_attention_heads=max(1, given.hidden_size // 32), max_position_embeddings=1024,
        tie_word_embeddings=True, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    source = batches(sets, given.batch_size, tuple(given.shown), np.random.default_rng(given.seed))
    train(model, source, int(sets[0].symbols[0]), steps=given.steps, rate=given.rate)
    found = LanguageModel(model.eval(), tokenizer)
    found.save(given.out)
    return found


if __name__ == "__main__":
    main()
