"""Perplexity of the answers in dialogues, before and after fine-tuning, and a conversation.

python talk.py data/dialogue-test.jsonl ferrolm-tiny runs/dialogue/final
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import torch

import ferrolm
from ferrolm import LanguageModel
from ferrolm.data import CompletionCollator, Dialogue, read_dialogues

END = "<|endoftext|>"
SAID = ("Hi! How are you today?", "What do you like to do in your free time?", "Do you have any pets?")


@torch.no_grad()
def answer_perplexity(model: LanguageModel, dialogues: Sequence[Dialogue]) -> float:
    """Of a token of what the assistant says, given all that was said before."""
    tokenizer = model.tokenizer
    tokenizer.pad_token = END
    collate = CompletionCollator(tokenizer, end_token=END, max_length=model.model.config.n_positions)
    rows = sorted(collate.encode_dialogues(dialogues), key=lambda row: len(row["input_ids"]))
    nats, tokens = 0.0, 0
    for start in range(0, len(rows), 16):
        batch = collate(rows[start : start + 16])
        scored = int((batch["labels"][:, 1:] != -100).sum())
        if scored:
            nats += float(model.model(**batch).loss) * scored
            tokens += scored
    return math.exp(nats / max(1, tokens))


def converse(model: LanguageModel, said: Sequence[str], seed: int) -> list[tuple[str, str]]:
    """What was said, and the answers to it, each given all that came before."""
    text, turns = "", []
    for number, message in enumerate(said):
        text += f"user: {message}{END}\nassistant:"
        answer = model.generate(
            text, max_new_tokens=40, do_sample=True, top_p=0.8, temperature=0.7, seed=seed + number
        )
        turns.append((message, answer.text.strip()))
        text += f"{answer.text}{END}\n"
    return turns


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    dialogues = list(read_dialogues(options.dialogues))
    figures = {}
    for name in options.models:
        model = ferrolm.load_model(name)
        figures[name] = answer_perplexity(model, dialogues)
        print(f"{name}: perplexity of the answers {figures[name]:.2f}")
    for message, answer in converse(model, SAID, options.seed):
        print(f"> {message}\n{answer}")
    return figures


if __name__ == "__main__":
    main()
