"""Learning a byte-level BPE vocabulary of 32,000 tokens from English books, 6 MB: words counted, merges learnt.

The vocabularies are the same (tests/conformance/test_bpe_training.py). `bytes` in extra_info gives the rate.
"""

from __future__ import annotations

import gzip
import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("FERROLM_SHARED", Path(__file__).resolve().parents[3] / "shared"))
BOOKS = SHARED / "data/text/books/children.jsonl.gz"
SIZE = 6_000_000


@pytest.fixture(scope="module")
def texts() -> list[str]:
    if not BOOKS.exists():
        pytest.skip("needs the shared books, which are not here (set FERROLM_SHARED)")
    texts, size = [], 0
    with gzip.open(BOOKS, "rt", encoding="utf-8") as lines:
        for line in lines:
            texts.append(json.loads(line)["text"])
            size += len(texts[-1])
            if size >= SIZE:
                break
    return texts


@pytest.mark.parametrize("vocab_size", [4096, 32000])
@pytest.mark.parametrize("library", ["ferrolm.tokenizers", "tokenizers"])
def test_train_bpe(benchmark: Any, texts: list[str], library: str, vocab_size: int) -> None:
    module = pytest.importorskip(library)
    trainers = importlib.import_module(f"{library}.trainers")
    benchmark.group = f"train BPE, {vocab_size} tokens"
    benchmark.extra_info["bytes"] = sum(len(text.encode()) for text in texts)

    def train() -> None:
        tokenizer = module.Tokenizer(module.models.BPE())
        tokenizer.pre_tokenizer = module.pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False)
        tokenizer.train_from_iterator(texts, trainer)

    benchmark.pedantic(train, rounds=1, warmup_rounds=0)
