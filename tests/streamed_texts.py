"""Small files of texts and streams of them, for tests of streaming."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np

from ferrolm import Tokenizer
from ferrolm.data import StreamingBlocks
from ferrolm.tokenizers import models

END = 256


def byte_tokenizer() -> Tokenizer:
    """One token for each ASCII letter, which is its code, and the end of a text."""
    vocabulary = {chr(code): code for code in range(256)} | {"<|endoftext|>": END}
    return Tokenizer(models.BPE(vocabulary, []))


def documents(number: int, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    return [
        "".join(chr(97 + c) for c in random.integers(0, 26, random.integers(0, 40))) for _ in range(number)
    ]


def write_json_lines(path: Path, texts: list[str]) -> Path:
    content = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def blocks_of(paths: list[Path] | Path, **options) -> StreamingBlocks:
    return StreamingBlocks(
        paths, byte_tokenizer(), **{"block_size": 16, "batch_size": 4, "num_threads": 1, **options}
    )
