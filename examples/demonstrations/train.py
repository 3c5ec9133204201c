"""Teach a small decoder to read its demonstrations: ``python train.py DATA OUT``

A Llama of two layers and its BPE tokenizer, from nothing. Each episode shows examples of one labelled set and asks for
the labels of the later ones (MetaICL, Min et al. 2022). Labels are words that say nothing of the text, dealt anew in every
episode: what a word means stands nowhere but in the episode, so that the model can only learn to read the examples. The
examples of an episode are neighbours (BM25) of one to three texts, mixed. Learns from what may be shown alone; neither
validation nor test queries are read.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from labelled import TASKS, Task
from numpy.typing import NDArray

from ferrolm import Tokenizer
from ferrolm.demonstrations import BM25Selector, Example, Template
from ferrolm.generation import LanguageModel
from ferrolm.models import LlamaConfig, LlamaForCausalLM
from ferrolm.tokenizers import ByteLevelBPETokenizer

SYMBOLS = 80
WORDS = 12  # of a text; the rest is left out
NEIGHBOURS = 8


def brief(text: str) -> str:
    """The beginning of a text."""
    return " ".join(text.split()[:WORDS])


class Brief(Template):
    """A line for each example, with the beginning of its text."""

    def shown(self, example: Example) -> str:
        """One line."""
        return super().shown(replace(example, text=brief(example.text)))

    def prompt(self, examples: list[Example], query: str) -> str:  # type: ignore[override]
        """Lines, the query's without its label."""
        return super().prompt(examples, brief(query))


def template(words: dict[str, str] | None = None) -> Brief:
    """The form of training, with a word for each label."""
    return Brief("{text}: {label}", separator="\n", verbalizer=words or {})


def tokenizer_of(tasks: list[Task], size: int) -> Tokenizer:
    """BPE over bytes, learnt from the texts that may be shown."""
    made = ByteLevelBPETokenizer()
    made.train_from_iterator([text for task in tasks for text in task.pool[0]], size, show_progress=False)
    with tempfile.TemporaryDirectory() as folder:
        made.save(f"{folder}/tokenizer.json")
        return Tokenizer.from_file(f"{folder}/tokenizer.json")


def symbols(tokenizer: Tokenizer) -> list[str]:
    """The words for labels: the first of the vocabulary that are one token with the blank before them."""
    named = sorted((number, token) for token, number in tokenizer.get_vocab().items())
    words = [token[1:] for _, token in named if token[0] == "Ġ" and 4 <= len(token[1:]) <= 7]
    return [word for word in words if word.isalpha() and word.islower()][:SYMBOLS]


class Episodes:
    """Sequences of examples of one set, a line each, as the ids of what `template` writes."""

    def __init__(self, task: Task, tokenizer: Tokenizer) -> None:
        texts, labels = task.pool
        self.lines = [
            tokenizer.encode_ids(f"\n{brief(text)}:", add_special_tokens=False).astype(np.int64)
            for text in texts
        ]
        self.labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        self.texts, self.chooser = texts, BM25Selector(texts)
        self.symbols = np.array([tokenizer.token_to_id("Ġ" + word) for word in symbols(tokenizer)])
        if self.labels.max(initial=0) >= len(self.symbols):
            raise SystemExit(
                f"{task.name}: {self.labels.max() + 1} labels, and {len(self.symbols)} words to name them"
            )
        self._near: dict[int, NDArray[np.int64]] = {}

    def draw(self, count: int, generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids, and what is asked: a symbol that was seen before in the episode, -100 elsewhere."""
        like = generator.integers(len(self.lines), size=generator.integers(1, 4))
        each = -(-count // len(like))
        shown = np.concatenate([generator.permutation(self._neighbours(int(one)))[:each] for one in like])
        places = [*generator.permutation(shown[:count]).tolist(), int(like[0])]
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

    def _neighbours(self, place: int) -> NDArray[np.int64]:
        if place not in self._near:
            self._near[place] = self.chooser.select(self.texts[place], NEIGHBOURS)
        return self._near[place]


def batches(
    sets: list[Episodes], size: int, shown: int, generator: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Ids and what is asked at each, int64 [size, time]; the sets mixed."""
    while True:
        rows = [sets[generator.integers(len(sets))].draw(shown, generator) for _ in range(size)]
        longest = max(len(ids) for ids, _ in rows)
        ids = np.zeros((size, longest), np.int64)
        asked = np.full((size, longest), -100)
        for place, (one, answers) in enumerate(rows):
            ids[place, : len(one)], asked[place, : len(one)] = one, answers
        yield torch.from_numpy(ids), torch.from_numpy(asked)


def train(
    model: LlamaForCausalLM,
    source: Iterator[tuple[torch.Tensor, torch.Tensor]],
    words: NDArray[np.int64],
    *,
    steps: int,
    rate: float,
) -> None:
    """AdamW, a short warm-up, then down to nothing; progress to standard error. words: ids of the words for labels, ascending."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / 30, 2 * (1 - step / steps))
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
        if len(targets):
            loss = F.cross_entropy(logits, targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            said.append((float(loss.detach()), float((logits.argmax(-1) == targets).float().mean())))
        schedule.step()
        if said and ((step + 1) % 50 == 0 or step + 1 == steps):
            mean, right = np.mean(said[-50:], axis=0)
            print(
                f"step {step + 1}/{steps}  loss {mean:.3f}  right {right:.3f}  {time.process_time() - begun:.0f} CPU s",
                file=sys.stderr,
                flush=True,
            )


def parser() -> argparse.ArgumentParser:
    """What may be given."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "data", type=Path, help="folder with tasks/sentiment/rt-polarity and tasks/topic/banking77"
    )
    made.add_argument("out", type=Path, help="folder for the model")
    made.add_argument("--vocabulary", type=int, default=4096)
    made.add_argument("--width", type=int, default=96)
    made.add_argument("--layers", type=int, default=2)
    made.add_argument("--steps", type=int, default=1500)
    made.add_argument("--batch-size", type=int, default=32)
    made.add_argument("--rate", type=float, default=3e-3)
    made.add_argument("--shown", type=int, default=4, help="examples before the query")
    made.add_argument("--seed", type=int, default=0)
    return made


def main(arguments: list[str] | None = None) -> LanguageModel:
    """Train, save, and return the model."""
    given = parser().parse_args(arguments)
    torch.manual_seed(given.seed)
    tasks = [read(given.data) for read in TASKS.values()]
    tokenizer = tokenizer_of(tasks, given.vocabulary)
    sets = [Episodes(task, tokenizer) for task in tasks]
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=given.width, intermediate_size=2 * given.width,
        num_hidden_layers=given.layers, num_attention_heads=4, num_key_value_heads=4, head_dim=given.width // 4,
        max_position_embeddings=512, tie_word_embeddings=True, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    source = batches(sets, given.batch_size, given.shown, np.random.default_rng(given.seed))
    train(model, source, np.sort(sets[0].symbols), steps=given.steps, rate=given.rate)
    found = LanguageModel(model.eval(), tokenizer)
    found.save(given.out)
    return found


if __name__ == "__main__":
    main()
