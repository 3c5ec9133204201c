"""Averages, SIF and an encoder on the same tasks: ``python sentences.py DATA VECTORS --encoder MODEL``

Trained on, and tested on, sentences that none of them was made with: sentiment of film reviews (rt-polarity, nine tenths to learn
from), intents of questions (Banking77, its own splits), both by the nearest centre and by logistic regression on top; and whether
cosines follow entailment, neutral, contradiction (SNLI test, Spearman).
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np

from ferrolm.embeddings import (
    AverageEmbeddings,
    EncoderEmbeddings,
    KeyedVectors,
    SentenceEmbedder,
    SIFEmbeddings,
    evaluate_sentence_pairs,
    semantic_search,
)

Examples = list[tuple[str, str]]


def reviews(data: Path) -> tuple[Examples, Examples]:
    """Sentences with "pos" or "neg": every tenth to test with."""
    folder = data / "sentiment" / "rt-polarity"
    found = [
        (line.strip(), label)
        for label in ("pos", "neg")
        for line in (folder / f"rt-polarity.{label}.txt").read_text(encoding="utf-8").splitlines()
    ]
    return [each for place, each in enumerate(found) if place % 10], found[::10]


def intents(data: Path) -> tuple[Examples, Examples]:
    """Questions and their intents."""

    def read(name: str) -> Examples:
        with (data / "topic" / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return [(row["text"], row["category"]) for row in csv.DictReader(file)]

    return read("train"), read("test")


def inference(data: Path) -> list[tuple[str, str, float]]:
    """Pairs of sentences: 2 where the first entails the second, 0 where it contradicts it."""
    lines = (data / "pair" / "snli" / "test.txt").read_text(encoding="utf-8").splitlines()
    return [
        (first, second, 2.0 - float(label)) for first, second, label in (line.split("\t") for line in lines)
    ]


def classified(embedder: SentenceEmbedder, train: Examples, test: Examples) -> dict[str, float]:
    """Accuracies of two simple classifiers on top."""
    known, asked = (embedder.encode([text for text, _ in part]) for part in (train, test))
    names, labels = np.unique([label for _, label in train], return_inverse=True)
    expected = np.array([label for _, label in test])
    centres = np.stack([known[labels == number].mean(0) for number in range(len(names))])
    found = {"centre": names[semantic_search(asked, centres, top_k=1).corpus_ids[:, 0]]}
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        print("(no logistic regression: it needs scikit-learn)")
    else:
        scale = known.std() + 1e-9
        found["regression"] = (
            LogisticRegression(C=1.0, max_iter=300).fit(known / scale, names[labels]).predict(asked / scale)
        )
    return {name: float((predicted == expected).mean()) for name, predicted in found.items()}


def measured(
    embedder: SentenceEmbedder, tasks: dict[str, Any], pairs: list[tuple[str, str, float]]
) -> dict[str, float]:
    """All figures of one embedder."""
    found = {}
    for name, (train, test) in tasks.items():
        found |= {f"{name}, {how}": value for how, value in classified(embedder, train, test).items()}
    found["SNLI, Spearman"] = evaluate_sentence_pairs(embedder, pairs).spearman
    return found


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Print and return the figures of each way to embed sentences."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the tasks")
    parser.add_argument(
        "vectors", help="word vectors in word2vec's binary form (ferrolm embed train ... -o vectors.bin)"
    )
    parser.add_argument("--encoder", help="folder or hub name of an encoder")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth example alone")
    given = parser.parse_args(arguments)
    tasks = {
        name: tuple(part[:: given.every] for part in read(given.data))
        for name, read in (("reviews", reviews), ("intents", intents))
    }
    pairs = inference(given.data)[:: given.every]
    wv = KeyedVectors.load_word2vec_format(given.vectors, binary=True)
    texts = [text for train, _ in tasks.values() for text, _ in train]
    ways: dict[str, SentenceEmbedder] = {
        "average": AverageEmbeddings(wv),
        "SIF": SIFEmbeddings(wv).fit(texts),
    }
    if given.encoder:
        ways["encoder"] = EncoderEmbeddings.load(given.encoder)
    found = {}
    for name, embedder in ways.items():
        started = time.process_time()
        found[name] = measured(embedder, tasks, pairs)
        print(
            name,
            *(f"{what} {100 * value:.1f}" for what, value in found[name].items()),
            f"({time.process_time() - started:.0f} CPU seconds)",
            sep=" | ",
        )
    return found


if __name__ == "__main__":
    main()
