"""BPE training gives the vocabulary and the merges of ``tokenizers``."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from shared_data import read_text, shared

from ferrolm import num_threads, set_num_threads
from ferrolm.tokenizers.trainers import (
    BpeTrainer,
    TrainedBpe,
    byte_level_bpe_json,
    train_bpe,
    train_bpe_from_files,
)

tokenizers = pytest.importorskip("tokenizers")

TEXTS = [
    "text/books/sherlock-holmes.txt",
    "text/books/wagahai-neko-ja.txt",
]


def theirs(
    texts: list[str], files: list[str] | None = None, add_prefix_space: bool = False, **options: Any
) -> Any:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(show_progress=False, **options)
    if files is None:
        tokenizer.train_from_iterator(texts, trainer)
    else:
        tokenizer.train(files, trainer)
    return tokenizer


def learnt(tokenizer: Any) -> TrainedBpe:
    model = json.loads(tokenizer.to_str())["model"]
    return TrainedBpe(model["vocab"], [tuple(merge) for merge in model["merges"]])


def ours(texts: list[str], **options: Any) -> TrainedBpe:
    return train_bpe(texts, BpeTrainer(show_progress=False, **options))


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("vocab_size", [300, 8000])
def test_real_text(name: str, vocab_size: int) -> None:
    texts = read_text(shared(name))[:300_000].split("\n\n")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    options = {"vocab_size": vocab_size, "special_tokens": ["<|endoftext|>"], "initial_alphabet": alphabet}
    assert ours(texts, **options) == learnt(theirs(texts, **options))


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
    text = read_text(shared(TEXTS[0]))[:100_000]
    assert ours([text], **options) == learnt(theirs([text], **options))


def test_random_texts_of_few_letters() -> None:
    generator = random.Random(0)
    for _ in range(150):
        texts = ["".join(generator.choices("aaabc ", k=150)) for _ in range(3)]
        options = {"vocab_size": 300, "max_token_length": generator.choice([None, 2, 3, 4, 6])}
        assert ours(texts, **options) == learnt(theirs(texts, **options)), (texts, options)


def test_files_and_prefix_space(tmp_path: Path) -> None:
    text = read_text(shared(TEXTS[0]))[:50_000]
    path = tmp_path / "a.txt"
    path.write_text(text + "no end of line", encoding="utf-8")
    trainer = BpeTrainer(vocab_size=1000, show_progress=False)
    for prefix in (False, True):
        found = train_bpe_from_files([path, path], trainer, add_prefix_space=prefix)
        assert found == learnt(theirs([], [str(path)] * 2, add_prefix_space=prefix, vocab_size=1000))
    found = train_bpe(text.splitlines(), trainer, add_prefix_space=True)
    assert found == learnt(theirs(text.splitlines(), add_prefix_space=True, vocab_size=1000))


def test_the_file_written_is_theirs() -> None:
    texts = [read_text(shared(TEXTS[0]))[:50_000]]
    options = {"vocab_size": 600, "special_tokens": ["<|endoftext|>", "<|pad|>"]}
    text = byte_level_bpe_json(ours(texts, **options), options["special_tokens"])
    expected = theirs(texts, **options)
    assert json.loads(text) == json.loads(expected.to_str())
    sample = "It was a <|pad|> dark é night.\n"
    assert tokenizers.Tokenizer.from_str(text).encode(sample).ids == expected.encode(sample).ids


def test_any_number_of_threads_learns_the_same() -> None:
    texts = [read_text(shared(TEXTS[0]))] * 4
    before = num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            set_num_threads(threads)
            found.append(ours(texts, vocab_size=2000))
    finally:
        set_num_threads(before)
    assert found[0] == found[1] == found[2]
