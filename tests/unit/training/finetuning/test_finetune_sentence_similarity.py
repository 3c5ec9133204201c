"""Sentences that belong together, from a file to an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from finetuning_runs import ENCODER, figures_of, settings, tune, word_tokenizer, write_json_lines

from ferrolm.errors import InvalidArgumentError
from ferrolm.models import BertForSentenceEmbedding
from ferrolm.tokenizers import Tokenizer

# A word of the first language means that of the second.
ONE, OTHER = [f"a{number}" for number in range(12)], [f"b{number}" for number in range(12)]


def pairs(rows: int, seed: int, negatives: int) -> list[dict[str, Any]]:
    """Three words and what they mean; a negative has another word in one place."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(rows):
        words = random.choice(12, 3, replace=False)
        others = []
        for _ in range(negatives):
            wrong = [OTHER[word] for word in words]
            wrong[random.integers(3)] = str(random.choice(OTHER))
            others.append(" ".join(wrong))
        found.append(
            {"source": " ".join(ONE[word] for word in words), "target": " ".join(OTHER[word] for word in words), "other": others}
        )  # fmt: skip
    return found


@pytest.fixture
def tokenizer(tmp_path: Path) -> str:
    return word_tokenizer(tmp_path / "tokenizer.json", [*ONE, *OTHER])


@pytest.mark.parametrize("pooling", ["", "max"])
def test_pairs_are_learnt_from_nothing(tmp_path: Path, tokenizer: str, pooling: str) -> None:
    data = {
        "train": write_json_lines(tmp_path / "train.jsonl", pairs(300, 0, 2)), "negative": "other",
        "test": write_json_lines(tmp_path / "test.jsonl", pairs(30, 1, 2)), "tokenizer": tokenizer,
    }  # fmt: skip
    config = settings({"type": "sentence-similarity", "pooling": pooling}, ENCODER, data, learning_rate=0.003)
    assert tune(config, tmp_path / "run").metrics["mrr"] > 0.9
    assert figures_of(tmp_path / "run")["accuracy"] > 0.8
    model = BertForSentenceEmbedding.from_pretrained(tmp_path / "run/final")
    assert model.pooling == (pooling or "mean")
    tokens = Tokenizer.from_pretrained(str(tmp_path / "run/final"))
    texts = ["a1 a5 a7", "b1 b5 b7", "b2 b3 b11"]
    one, same, different = (model(torch.tensor([tokens.encode(text).ids])).embeddings[0] for text in texts)
    assert one @ same > one @ different + 0.3


def test_negatives_are_part_of_the_loss(tmp_path: Path, tokenizer: str) -> None:
    """The same run, with as many wrong candidates more."""
    losses = []
    for name, negative in (("without", ""), ("with", "2")):
        lines = ["\t".join([pair["source"], pair["target"], pair["other"][0]]) for pair in pairs(16, 0, 1)]
        (tmp_path / "train.tsv").write_text("\n".join(lines) + "\n")
        data = {
            "train": str(tmp_path / "train.tsv"),
            "negative": negative,
            "tokenizer": tokenizer,
            "validation_fraction": 0.0,
        }
        tune(settings({"type": "sentence-similarity"}, ENCODER, data, epochs=0, steps=1), tmp_path / name)
        losses.append(
            float((tmp_path / name / "metrics.jsonl").read_text().split('"loss": ')[1].split(",")[0])
        )
    assert losses[1] > losses[0] + 0.3, "an untrained model chooses among 16 instead of 8: log 2 more"


def test_every_anchor_has_as_many_negatives(tmp_path: Path, tokenizer: str) -> None:
    records = pairs(10, 0, 2)
    records[3]["other"] = ["b1"]
    data = {
        "train": write_json_lines(tmp_path / "train.jsonl", records),
        "negative": "other",
        "tokenizer": tokenizer,
    }
    with pytest.raises(InvalidArgumentError, match=r"negatives: found rows of \[1, 2\] texts"):
        tune(settings({"type": "sentence-similarity"}, ENCODER, data), tmp_path / "run")
