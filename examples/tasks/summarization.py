"""Summaries of one sentence for abstracts of papers: which of its sentences says most?

    python summarization.py DATA/tasks/summarization/scitldr-a

SciTLDR (Cachola et al. 2020) has one to several summaries of each abstract. A ridge regression learns how many words a sentence
shares with one of them (F1), from its embedding by MiniLM, what it has in common with the mean of all, and its place; it is
compared with simple choices, and with the best sentence there is. ROUGE counts the nearest summary.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.data import TextClassificationCollator, example_lengths
from ferrolm.evaluation import answer_f1, rouge
from ferrolm.models import BertForSentenceEmbedding, locate
from ferrolm.tokenizers import Tokenizer

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
PENALTIES = (1.0, 10.0, 100.0, 1000.0)
# A choice of sentences: scores of all of an abstract, of which the highest is taken.
Scores = list[NDArray[np.float64]]


class Abstract(NamedTuple):
    """Sentences, what each holds of a summary (0 to 1), and the summaries."""

    sentences: list[str]
    overlap: NDArray[np.float64]
    summaries: list[str]


def read(path: Path, limit: int | None = None) -> list[Abstract]:
    """The first abstracts of a file of JSON lines."""
    with path.open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines][:limit]
    return [
        Abstract(each["source"], overlap(each["source"], each["target"]), each["target"]) for each in records
    ]


def overlap(sentences: Sequence[str], summaries: Sequence[str]) -> NDArray[np.float64]:
    """Of each sentence the F1 of the words that it shares with the nearest summary."""
    return np.array([max(answer_f1(sentence, each) for each in summaries) for sentence in sentences])


class Embedder:
    """Embeddings of sentences, float64 [sentences, size], of length 1."""

    def __init__(self, checkpoint: str) -> None:
        folder = locate(checkpoint)
        self.model = BertForSentenceEmbedding.from_pretrained(folder).eval()
        self.collate = TextClassificationCollator(Tokenizer.from_pretrained(str(folder)), max_length=64)

    @torch.no_grad()
    def __call__(self, sentences: Sequence[str]) -> NDArray[np.float64]:
        rows = self.collate.encode(list(sentences))
        order = np.argsort(example_lengths(rows), kind="stable")
        found = np.empty((len(rows), self.model.config.hidden_size))
        for numbers in np.array_split(order, max(1, len(rows) // 32)):
            batch = self.collate([rows[number] for number in numbers])
            found[numbers] = self.model(**batch).embeddings.numpy()
        return found


def features(abstracts: Sequence[Abstract], embed: Embedder) -> list[NDArray[np.float64]]:
    """Of each abstract [sentences, features]; the first is how near a sentence is to the mean of all."""
    rows = embed([sentence for each in abstracts for sentence in each.sentences])
    ends = np.cumsum([len(each.sentences) for each in abstracts])[:-1]
    found = []
    for each, vectors in zip(abstracts, np.split(rows, ends), strict=True):
        middle = vectors.mean(0)
        count = len(vectors)
        place = np.arange(count)
        words = np.array([len(sentence.split()) for sentence in each.sentences])
        simple = [
            vectors @ middle,
            place == 0,
            place == count - 1,
            place / count,
            (place / count) ** 2,
            np.log1p(words),
        ]
        found.append(np.column_stack([*simple, vectors, vectors * middle, np.ones(count)]).astype(float))
    return found


def ridge(
    rows: Sequence[NDArray[np.float64]], wanted: Sequence[NDArray[np.float64]], penalty: float
) -> NDArray[np.float64]:
    """Weights of a linear function from features to what is wanted, the sentences of an abstract beside their mean."""
    x = np.concatenate([each - each.mean(0) for each in rows])
    y = np.concatenate([each - each.mean() for each in wanted])
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)


def figures(abstracts: Sequence[Abstract], scores: Scores) -> dict[str, float]:
    """ROUGE, from 0 to 100, of the sentences with the highest scores."""
    chosen = [each.sentences[int(score.argmax())] for each, score in zip(abstracts, scores, strict=True)]
    found = rouge(chosen, [each.summaries for each in abstracts], resamples=0)
    return {name: 100 * result.value for name, result in found.items()}


def learnt(
    parts: dict[str, list[Abstract]], rows: dict[str, list[NDArray[np.float64]]]
) -> tuple[float, Scores]:
    """The penalty that is best on validation data, and the scores of the test data with it."""
    wanted = [each.overlap for each in parts["train"]]
    weights = {penalty: ridge(rows["train"], wanted, penalty) for penalty in PENALTIES}
    found = {
        penalty: figures(parts["dev"], [each @ weights[penalty] for each in rows["dev"]])["rouge1"]
        for penalty in PENALTIES
    }
    best = max(PENALTIES, key=found.__getitem__)
    return best, [each @ weights[best] for each in rows["test"]]


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--model", default=MINILM, help="encoder of sentences: a folder, or a name of the hub"
    )
    parser.add_argument("--limit", type=int, help="abstracts of each part, to see that it runs")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    parts = {name: read(options.data / f"{name}.jsonl", options.limit) for name in ("train", "dev", "test")}
    embed = Embedder(options.model)
    rows = {name: features(part, embed) for name, part in parts.items()}
    test = parts["test"]
    penalty, scores = learnt(parts, rows)
    random = np.random.default_rng(0)
    choices = {
        "any sentence": [random.random(len(each.sentences)) for each in test],
        "the first": [-np.arange(len(each.sentences), dtype=float) for each in test],
        "the last": [np.arange(len(each.sentences), dtype=float) for each in test],
        "nearest to the mean": [each[:, 0] for each in rows["test"]],
        f"ridge regression ({penalty:g})": scores,
        "the best there is": [each.overlap for each in test],
    }
    table = {name: figures(test, each) for name, each in choices.items()}
    for name, found in table.items():
        print(f"{name:>28}: " + ", ".join(f"{kind} {value:.1f}" for kind, value in found.items()))
    chosen = test[0].sentences[int(scores[0].argmax())]
    print(f"\nsummary of the first: {chosen}\nits author's: {test[0].summaries[0]}")
    return table


if __name__ == "__main__":
    main()
