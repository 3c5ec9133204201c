"""Books for the scripts of this folder: paragraphs, as they are or with women and men in each other's place."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ferrolm.text.augmentation import GENDER_PAIRS, CounterfactualSwap, read_word_pairs

VARIANTS = ("plain", "substituted", "doubled")


def paragraphs(paths: list[Path], limit: int | None = None) -> list[str]:
    """Of .jsonl.gz files with the books under "text", or of text files; about ``limit`` characters, evenly from all of them.

    Evenly, because the first few books may be about girls, and the others not.
    """
    lines = [" ".join(part.split()) for path in paths for text in _texts(path) for part in text.split("\n\n")]
    lines = [line for line in lines if line]
    share = 1.0 if limit is None else limit / max(1, sum(map(len, lines)))
    if share >= 1:
        return lines
    found, read, taken = [], 0, 0
    for line in lines:
        if taken <= share * read:  # whatever its own length is
            found.append(line)
            taken += len(line)
        read += len(line)
    return found


def _texts(path: Path) -> Iterator[str]:
    if path.name.endswith(".jsonl.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["text"]
    else:
        yield path.read_text(encoding="utf-8")


def swap_of(pairs: Path | None) -> CounterfactualSwap:
    """The package's pairs of words, and those of a file (names)."""
    more = [] if pairs is None else read_word_pairs(pairs)
    return CounterfactualSwap([*GENDER_PAIRS, *more])


def variant_of(texts: list[str], variant: str, swap: CounterfactualSwap, seed: int = 0) -> list[str]:
    """The texts as they are (plain), half of them changed (substituted), or each with its counterpart (doubled)."""
    if variant == "plain":
        return texts
    if variant == "doubled":
        return [*swap.both(texts)]
    changed = np.random.default_rng(seed).random(len(texts)) < 0.5
    return [swap.swap(text) if change else text for text, change in zip(texts, changed, strict=True)]


def interval(values: list[float]) -> str:
    """Mean and the 95 % interval of a mean of few values (Student's t)."""
    quantiles = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3f}"
    half = quantiles.get(len(values), 1.96) * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return f"{mean:.3f} [{mean - half:.3f}, {mean + half:.3f}]"
