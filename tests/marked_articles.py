"""127 pages of scrapinghub/article-extraction-benchmark with the articles that people marked, and its score.

The pages at even places in the order of their names were read while the rules of the extractor were written, those at odd places
were not.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable

from shared_data import shared


def marked_articles() -> list[tuple[bytes, str]]:
    """(page, article) in the order of the names of the pages."""
    folder = shared("tasks/html/article-extraction")
    truths = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
    return [
        (gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes()), truths[name]["articleBody"])
        for name in sorted(truths)
    ]


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """All runs of four words, as the benchmark's evaluate.py counts them; shorter texts are one run."""
    tokens = re.findall(r"\w+", text)
    return Counter(tuple(tokens[i : i + 4]) for i in range(max(1, len(tokens) - 3)))


def f1(truths_and_texts: Iterable[tuple[str, str]]) -> float:
    """Of the means of precision and recall over the pages."""
    scores = []
    for truth, text in truths_and_texts:
        expected, found = shingles(truth), shingles(text)
        common = (expected & found).total()
        scores.append((common / found.total(), common / expected.total()))
    precision, recall = (sum(values) / len(scores) for values in zip(*scores, strict=True))
    return 2 * precision * recall / (precision + recall)
