"""BPE training gives the vocabulary and the merges of ``tokenizers``."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from shared_data import read_text, shared

import ferrolm.tokenizers
from ferrolm import num_threads, set_num_threads

tokenizers = pytest.importorskip("tokenizers")

TEXTS = ["text/books/sherlock-holmes.txt", "text/books/wagahai-neko-ja.txt"]


def learnt(
    library: Any,
    texts: list[str] | None,
    files: list[str] | None = None,
    prefix: bool = False,
    **options: Any,
) -> Any:
    """The content of the tokenizer.json that ``library`` learns."""
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(show_progress=False, **options)
    if files is None:
        tokenizer.train_from_iterator(texts, trainer)
    else:
        tokenizer.train(files, trainer)
    return json.loads(tokenizer.to_str())


def assert_same(texts: list[str] | None, **options: Any) -> None:
    ours, theirs = (learnt(library, texts, **options) for library in (ferrolm.tokenizers, tokenizers))
    assert ours["model"] == theirs["model"]
    assert ours == theirs


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("vocab_size", [300, 8000])
def test_real_text(name: str, vocab_size: int) -> None:
    texts = read_text(shared(name))[:300_000].split("\n\n")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    assert_same(texts, vocab_size=vocab_size, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)


@pytest.mark.parametrize(
    "options",
    [
        {"min_frequency": 3},
        {"min_frequency": 10, "vocab_size": 1000},
        {"vocab_size": 10},
        {"max_token_length": 2},
        {"max_token_length": 5},
        {"max_token_length": 9, "vocab_size": 2000},
        {"special_tokens": ["e", "the", " the"], "vocab_size": 800},
        {"initial_alphabet": ["Z", "ß", "xyz"], "vocab_size": 300},
        {"limit_alphabet": 20, "vocab_size": 500},
    ],
)
def test_options(options: dict[str, Any]) -> None:
    assert_same([read_text(shared(TEXTS[0]))[:100_000]], **options)


def test_random_texts_of_few_letters() -> None:
    generator = random.Random(0)
    for _ in range(100):
        texts = ["".join(generator.choices("aaabc ", k=150)) for _ in range(3)]
        assert_same(texts, vocab_size=300, max_token_length=generator.choice([None, 2, 3, 4, 6]))


@pytest.mark.parametrize("prefix", [False, True])
def test_files_and_prefix_space(tmp_path: Path, prefix: bool) -> None:
    text = read_text(shared(TEXTS[0]))[:50_000]
    path = tmp_path / "a.txt"
    path.write_text(text + "no end of line", encoding="utf-8")
    assert_same(None, files=[str(path)] * 2, prefix=prefix, vocab_size=1000)
    assert_same(text.splitlines(), prefix=prefix, vocab_size=1000)


def test_any_number_of_threads_learns_the_same() -> None:
    texts = [read_text(shared(TEXTS[0]))] * 4
    before = num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            set_num_threads(threads)
            found.append(learnt(ferrolm.tokenizers, texts, vocab_size=2000))
    finally:
        set_num_threads(before)
    assert found[0] == found[1] == found[2]
