"""Training with one worker against a plain twin, update by update."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from word2vec_twin import Twin

from ferrolm.embeddings import FastText, Word2Vec


def sentences(seed: int) -> list[list[str]]:
    """Few words, so that they come twice in a window and among the wrong ones."""
    choose = random.Random(seed)
    words = ["a", "be", "see", "ß", "東京都", "fünf", "gg", "hhhh", "iou"]
    return [[choose.choice(words) for _ in range(choose.randrange(1, 12))] for _ in range(12)]


BASE: dict[str, Any] = {
    "vector_size": 12, "window": 3, "sg": 1, "hs": 0, "negative": 3, "cbow_mean": 1, "sample": 0.05,
    "alpha": 0.1, "min_alpha": 0.05, "epochs": 2, "seed": 5, "ns_exponent": 0.75, "shrink_windows": True,
}  # fmt: skip

WAYS: dict[str, dict[str, Any]] = {
    "negative": {},
    "tree": {"hs": 1, "negative": 0},
    "both": {"hs": 1},
    "many-negatives": {"negative": 20, "window": 1},
    "whole-windows": {"shrink_windows": False, "sample": 0, "ns_exponent": -0.5, "vector_size": 1},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("architecture", ["skip-gram", "cbow", "cbow-sum"])
@pytest.mark.parametrize("subwords", [False, True], ids=["words", "subwords"])
def test_vectors_are_the_twins(way: str, architecture: str, subwords: bool) -> None:
    options = {**BASE, **WAYS[way]}
    options |= {"sg": int(architecture == "skip-gram"), "cbow_mean": int(architecture != "cbow-sum")}
    parts = {"min_n": 2, "max_n": 4, "bucket": 40} if subwords else {}
    corpus = sentences(len(way))
    twin = Twin(corpus, **options, **parts)
    kind: Any = FastText if subwords else Word2Vec
    model = kind(corpus, min_count=0, compute_loss=True, **options, **parts)
    assert model.wv.index_to_key == twin.words
    np.testing.assert_allclose(model.wv.vectors, twin.vectors(), atol=1e-5)
    assert model.get_latest_training_loss() == pytest.approx(twin.loss, rel=1e-4)
    if options["negative"]:
        np.testing.assert_allclose(model._model.output_vectors(), twin.outputs, atol=1e-5)
