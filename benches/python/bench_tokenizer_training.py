"""Learning vocabularies from one file of English books, 6 MB, a line at a time: reading, counting, learning.

- BPE over bytes with GPT-2's pieces, 8,000 and 32,000 tokens. WordPiece with BERT's words, WordLevel with words and
  signs, Unigram with SentencePiece's words.
- `inexact` in extra_info: the share of the vocabulary that `tokenizers` learns and the library does not. Some learn by
  rules of their own on purpose; ours learns the same (tests/conformance/test_trainers_equality.py). Below half a per
  cent it counts as none: so much of a WordPiece vocabulary changes from run to run of `tokenizers`.
"""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from shared_data import read_text, shared

import ferrolm
from ferrolm.tokenizers import pre_tokenizers

THREADS = int(os.environ.get("FERROLM_NUM_THREADS", "1"))
SIZE = 6_000_000
PIECES = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LONGEST_LINE = 100_000

Train = Callable[[Path, int], set[bytes]]
"""From a file and a size to a vocabulary."""


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("training") / "books.txt"
    path.write_bytes(
        read_text(shared("text/books/children.jsonl.gz")).encode()[:SIZE].rsplit(b"\n", 1)[0] + b"\n"
    )
    return path


def lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        yield from file


@cache
def byte_of() -> dict[str, int]:
    """Bytes by the characters that stand for them in a byte-level vocabulary."""
    return {character: byte for byte, character in enumerate(pre_tokenizers.ByteLevel.alphabet())}


def as_bytes(token: str) -> bytes:
    return bytes(map(byte_of().__getitem__, token))


def with_interface(name: str, kind: str, path: Path, vocab_size: int) -> set[bytes]:
    """`tokenizers` or ours."""
    library = importlib.import_module(name)
    trainers = importlib.import_module(f"{name}.trainers")
    unknown = {} if kind in ("BPE", "Unigram") else {"unk_token": "[UNK]"}
    tokenizer = library.Tokenizer(getattr(library.models, kind)(**unknown))
    options: dict[str, Any] = {"vocab_size": vocab_size, "show_progress": False}
    if kind == "BPE":
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    elif kind == "WordPiece":
        tokenizer.normalizer = library.normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    elif kind == "WordLevel":
        tokenizer.pre_tokenizer = library.pre_tokenizers.Whitespace()
    else:
        tokenizer.pre_tokenizer = library.pre_tokenizers.Metaspace()
    trainer = getattr(trainers, {"BPE": "BpeTrainer"}.get(kind, f"{kind}Trainer"))(**options)
    tokenizer.train([str(path)], trainer)
    to_bytes = as_bytes if kind == "BPE" else str.encode
    return set(map(to_bytes, tokenizer.get_vocab(with_added_tokens=False)))


def with_all_bytes(path: Path, vocab_size: int) -> int:
    """The size at which a library that starts from all 256 bytes learns as many tokens as one that starts from those seen."""
    return vocab_size + 256 - len(set(path.read_bytes()))


def gigabpe(path: Path, vocab_size: int) -> set[bytes]:
    from gigabpe import train_bpe

    vocab, _ = train_bpe(
        [str(path)], vocab_size, pretokenizer="bytelevel", special_tokens=[], threads=THREADS
    )
    return set(map(as_bytes, vocab))


def gigatoken(path: Path, vocab_size: int) -> set[bytes]:
    from gigatoken import train_bpe

    vocab, _ = train_bpe(path, with_all_bytes(path, vocab_size), [])
    return set(vocab.values())


def rustbpe(path: Path, vocab_size: int) -> set[bytes]:
    from rustbpe import Tokenizer

    tokenizer = Tokenizer()
    tokenizer.train_from_iterator(lines(path), with_all_bytes(path, vocab_size), pattern=PIECES)
    return {bytes(token) for token, _ in tokenizer.get_mergeable_ranks()}


def bpeasy(path: Path, vocab_size: int) -> set[bytes]:
    from bpeasy import train_bpe

    return set(train_bpe(lines(path), PIECES, 128, with_all_bytes(path, vocab_size)))


def sentencepiece(kind: str, path: Path, vocab_size: int) -> set[bytes]:
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.Train(
        input=str(path),
        model_writer=model,
        model_type=kind,
        vocab_size=vocab_size,
        num_threads=THREADS,
        max_sentence_length=LONGEST_LINE,
        minloglevel=2,
    )
    learnt = SentencePieceProcessor(model_proto=model.getvalue())
    return {learnt.IdToPiece(index).encode() for index in range(learnt.GetPieceSize())}


def both(kind: str) -> dict[str, Train]:
    return {
        "tokenizers": partial(with_interface, "tokenizers", kind),
        "ferrolm": partial(with_interface, "ferrolm.tokenizers", kind),
    }


WORKS: list[tuple[str, int, dict[str, Train]]] = [
    *[
        (
            "BPE",
            vocab_size,
            {
                **both("BPE"),
                "gigabpe": gigabpe,
                "gigatoken": gigatoken,
                "rustbpe": rustbpe,
                "bpeasy": bpeasy,
                "sentencepiece": partial(sentencepiece, "bpe"),
            },
        )
        for vocab_size in (8_000, 32_000)
    ],
    ("WordPiece", 8_000, both("WordPiece")),
    ("WordPiece", 32_000, both("WordPiece")),
    ("WordLevel", 32_000, both("WordLevel")),
    ("Unigram", 8_000, {**both("Unigram"), "sentencepiece": partial(sentencepiece, "unigram")}),
]
_expected: dict[str, set[bytes]] = {}


@pytest.mark.parametrize(
    ("kind", "vocab_size", "train", "library"),
    [
        pytest.param(
            kind,
            vocab_size,
            train,
            library,
            id=f"{kind}-{vocab_size}-{library}",
            marks=pytest.mark.full if vocab_size == 32_000 else [],
        )
        for kind, vocab_size, works in WORKS
        for library, train in works.items()
    ],
)
def test_train(benchmark: Any, text: Path, kind: str, vocab_size: int, train: Train, library: str) -> None:
    pytest.importorskip(library)
    ferrolm.set_num_threads(THREADS)
    work = f"{kind}, {vocab_size:,} tokens"
    benchmark.group = f"train {work}"
    benchmark.extra_info.update(library=library, family=work, bytes=text.stat().st_size)
    vocabulary = benchmark.pedantic(train, args=(text, vocab_size), rounds=1)
    expected = _expected.setdefault(work, vocabulary)  # `tokenizers` comes first
    share = len(expected - vocabulary) / len(expected)
    benchmark.extra_info["inexact"] = share if share >= 0.005 else 0.0
