"""How well do sentence embeddings know intents: ``python intents.py DATA MODEL...``

Each question of Banking77's test split is given the intent of its nearest training question, and of the nearest centre of an intent.
A MODEL is the folder of an encoder, such as one before and one after ``ferrolm finetune intents.toml``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from prepare import read

from ferrolm.embeddings import EncoderEmbeddings, SentenceEmbedder, semantic_search

Examples = list[tuple[str, str]]


def accuracies(embedder: SentenceEmbedder, train: Examples, test: Examples) -> dict[str, float]:
    """Shares of test examples with the right label, by the nearest example and by the nearest centre."""
    known = embedder.encode([text for text, _ in train], normalize=True)
    asked = embedder.encode([text for text, _ in test], normalize=True)
    names, labels = np.unique([label for _, label in train], return_inverse=True)
    centres = np.stack([known[labels == number].mean(0) for number in range(len(names))])
    expected = np.array([label for _, label in test])
    nearest = labels[semantic_search(asked, known, top_k=1).corpus_ids[:, 0]]
    centre = semantic_search(asked, centres, top_k=1).corpus_ids[:, 0]
    return {
        "nearest example": float((names[nearest] == expected).mean()),
        "nearest centre": float((names[centre] == expected).mean()),
    }


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Print and return the accuracies of each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with topic/banking77/train.csv and test.csv")
    parser.add_argument("models", nargs="+", help="folders or hub names of encoders")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth question alone")
    given = parser.parse_args(arguments)
    train, test = (read(given.data / "topic" / "banking77" / f"{name}.csv") for name in ("train", "test"))
    train, test = train[:: given.every], test[:: given.every]
    found = {}
    for model in given.models:
        started = time.process_time()
        found[model] = accuracies(EncoderEmbeddings.load(model), train, test)
        figures = ", ".join(f"{name} {100 * value:.1f} %" for name, value in found[model].items())
        print(f"{model}: {figures} ({time.process_time() - started:.0f} CPU seconds)")
    return found


if __name__ == "__main__":
    main()
