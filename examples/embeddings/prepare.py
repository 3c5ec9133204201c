"""Pairs of questions that ask for the same: ``python prepare.py DATA OUTPUT``.

DATA/topic/banking77 (Casanueva et al. 2020): each of the 10,003 questions to train on, with another of its intent, in an order
drawn from seed 0. OUTPUT/banking77/train.tsv is what ``ferrolm finetune intents.toml`` learns from.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

SEED = 0


def read(path: Path) -> list[tuple[str, str]]:
    """Questions and their intents."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            (row["text"].replace("\n", " ").replace("\t", " ").strip(), row["category"])
            for row in csv.DictReader(file)
        ]


def pairs(examples: list[tuple[str, str]], seed: int = SEED) -> list[tuple[str, str]]:
    """Each question with another one of its intent."""
    random = np.random.default_rng(seed)
    by_intent: dict[str, list[str]] = {}
    for text, intent in examples:
        by_intent.setdefault(intent, []).append(text)
    found = []
    for texts in by_intent.values():
        order = random.permutation(len(texts))
        # The next one of a random circle: every question is a source once and a target once.
        found += [
            (texts[here], texts[there])
            for here, there in zip(order, np.roll(order, 1), strict=True)
            if here != there
        ]
    return [found[place] for place in random.permutation(len(found))]


def main(data: Path, output: Path) -> None:
    """Write OUTPUT/banking77/train.tsv."""
    folder = output / "banking77"
    folder.mkdir(parents=True, exist_ok=True)
    found = pairs(read(data / "topic" / "banking77" / "train.csv"))
    with (folder / "train.tsv").open("w", encoding="utf-8") as file:
        file.writelines(f"{source}\t{target}\n" for source, target in found)
    print(f"{folder / 'train.tsv'}: {len(found):,} pairs")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
