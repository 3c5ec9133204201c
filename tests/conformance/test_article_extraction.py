"""Main content against the articles that people marked on 127 real pages (scrapinghub/article-extraction-benchmark)."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter

import pytest
from shared_data import shared

from ferrolm.text import clean_html


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """All runs of four words, as the benchmark's evaluate.py counts them; shorter texts are one run."""
    tokens = re.findall(r"\w+", text)
    return Counter(tuple(tokens[i : i + 4]) for i in range(max(1, len(tokens) - 3)))


def precision_and_recall(truth: str, found: str) -> tuple[float, float]:
    expected, got = shingles(truth), shingles(found)
    common = (expected & got).total()
    return common / got.total(), common / expected.total()


@pytest.mark.parametrize(("main_content", "least_f1"), [(True, 0.955), (False, 0.66)])
def test_f1_on_marked_articles(main_content, least_f1):
    if main_content:
        pytest.importorskip("trafilatura")
    folder = shared("tasks/html/article-extraction")
    truths = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
    pairs = []
    for name, truth in truths.items():
        page = gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes())
        pairs.append(precision_and_recall(truth["articleBody"], clean_html(page, main_content=main_content)))
    precision, recall = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    assert 2 * precision * recall / (precision + recall) >= least_f1
