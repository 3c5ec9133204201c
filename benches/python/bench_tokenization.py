"""Byte-level BPE (GPT-2) beside tokenizers, tiktoken, gigatoken and fastokens; one thread, CPU seconds.

Documents of some 1.5 kB, shuffled; two thirds warm a new tokenizer up, the last third is measured. Groups:
- mixture: English and code in equal parts and multilingual text, 17 % of the bytes beyond ASCII.
- steady: text not seen before, after the warm-up. What encoding a corpus costs.
- warm: text seen before. cold: a new tokenizer's first text.
- list: the ids of seen text as Python lists. call: one string of 100 bytes, as a list. load: a tokenizer.json.
`extra_info` has the bytes of one round. Peers that are not installed are skipped.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from shared_data import read_text, shared

import ferrolm
from ferrolm.tokenizers import Tokenizer, pre_tokenizers

LIBRARIES = ["ferrolm", "gigatoken", "fastokens", "tiktoken", "tokenizers"]
TEXTS = ["mixture", "english", "code", "multilingual"]
SHORT = "The quick brown fox isn't jumping over 12 lazy dogs; it's asleep, and nobody knows why that is so."
DOCUMENT = 1500

Encode = Callable[[list[str]], Any]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    ferrolm.set_num_threads(1)


@cache
def documents(name: str) -> tuple[list[str], list[str]]:
    """Documents to warm up with, and to measure."""
    if name == "mixture":
        parts = [[*warm, *measured] for warm, measured in map(documents, TEXTS[1:])]
        count = min(map(len, parts))
        chosen = [document for part in parts[:2] for document in part[:count]] + parts[2][: count // 5]
    else:
        text = {"english": english, "code": code, "multilingual": multilingual}[name]()
        chosen = [text[start : start + DOCUMENT] for start in range(0, len(text), DOCUMENT)]
    random.Random(0).shuffle(chosen)
    return chosen[: len(chosen) * 2 // 3], chosen[len(chosen) * 2 // 3 :]


def english() -> str:
    return read_text(shared("text/books/novels.jsonl.gz"))[:3_000_000]


def code() -> str:
    return read_text(shared("text/code/python-stdlib-sample.txt"))


def multilingual() -> str:
    languages = sorted(shared("text/multilingual/udhr").iterdir())
    return "".join(map(read_text, languages)) + read_text(shared("text/books/wagahai-neko-ja.txt"))


def tiktoken_encoding() -> Any:
    """GPT-2 in tiktoken, without its download."""
    tiktoken = pytest.importorskip("tiktoken")
    vocab = json.loads(shared("tokenizers/gpt2/vocab.json").read_text())
    # The alphabet is listed by byte.
    bytes_of = {piece: bytes([byte]) for byte, piece in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    ranks = {
        b"".join(map(bytes_of.__getitem__, token)): rank
        for token, rank in vocab.items()
        if token != "<|endoftext|>"
    }
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    special = {"<|endoftext|>": 50256}
    return tiktoken.Encoding("gpt2", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)


def build(library: str) -> tuple[Encode, Encode, Callable[[str], Any]]:
    """Functions for a batch in the library's own arrays, a batch as lists, and one text as a list."""
    path = str(shared("tokenizers/gpt2/tokenizer.json"))
    if library == "ferrolm":
        ours = Tokenizer.from_file(path)
        return ours.encode_ids_batch, ours.encode_lists, ours.encode_list
    if library == "gigatoken":
        giga = pytest.importorskip("gigatoken").Tokenizer(path)
        return giga.encode_batch, giga.encode_batch_list, lambda text: giga.encode(text).tolist()
    if library == "fastokens":
        fast = pytest.importorskip("fastokens").Tokenizer.from_file(path)
        lists = lambda batch: [encoding.ids for encoding in fast.encode_batch(batch)]  # noqa: E731
        return fast.encode_batch, lists, lambda text: fast.encode(text).ids
    if library == "tiktoken":
        tik = tiktoken_encoding()
        lists = lambda batch: tik.encode_ordinary_batch(batch, num_threads=1)  # noqa: E731
        return lists, lists, tik.encode_ordinary
    theirs = pytest.importorskip("tokenizers").Tokenizer.from_file(path)
    lists = lambda batch: [encoding.ids for encoding in theirs.encode_batch_fast(batch)]  # noqa: E731
    return theirs.encode_batch_fast, lists, lambda text: theirs.encode(text).ids


def size(batch: list[str]) -> int:
    return sum(len(text.encode()) for text in batch)


def bench(benchmark: Any, call: Callable[..., Any], **options: Any) -> Any:
    """CPU seconds of single calls: other work on the machine then counts less."""
    benchmark._timer = time.process_time
    return benchmark.pedantic(call, **options)


def measured(benchmark: Any, library: str, text: str) -> tuple[list[str], list[str]]:
    build(library)  # skips, and imports what the library needs
    seen, unseen = documents(text)
    unseen = unseen[: max(1, 600_000 // DOCUMENT)]
    benchmark.extra_info["bytes"] = size(unseen)
    return seen, unseen


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "text", [pytest.param(name, marks=pytest.mark.benchmark(group=f"steady, {name}")) for name in TEXTS]
)
def test_steady(benchmark: Any, library: str, text: str) -> None:
    seen, unseen = measured(benchmark, library, text)

    def warmed_up() -> tuple[tuple[Encode, list[str]], dict[str, Any]]:
        encode = build(library)[0]
        encode(seen[: len(seen) // 20] if library in ("tiktoken", "tokenizers") else seen)
        return (encode, unseen), {}

    bench(benchmark, lambda encode, batch: encode(batch), setup=warmed_up, rounds=3)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "text", [pytest.param(name, marks=pytest.mark.benchmark(group=f"warm, {name}")) for name in TEXTS[:2]]
)
def test_warm(benchmark: Any, library: str, text: str) -> None:
    _, unseen = measured(benchmark, library, text)
    encode = build(library)[0]
    bench(benchmark, lambda: encode(unseen), rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="cold, mixture")
@pytest.mark.parametrize("library", LIBRARIES)
def test_cold(benchmark: Any, library: str) -> None:
    _, unseen = measured(benchmark, library, "mixture")
    bench(benchmark, lambda encode: encode(unseen), setup=lambda: ((build(library)[0],), {}), rounds=3)


@pytest.mark.benchmark(group="warm, mixture, Python lists")
@pytest.mark.parametrize("library", LIBRARIES)
def test_lists(benchmark: Any, library: str) -> None:
    _, unseen = measured(benchmark, library, "mixture")
    encode = build(library)[1]
    bench(benchmark, lambda: encode(unseen), rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="one string of 100 bytes, Python list")
@pytest.mark.parametrize("library", LIBRARIES)
def test_call(benchmark: Any, library: str) -> None:
    encode = build(library)[2]
    benchmark._timer = time.process_time
    benchmark.pedantic(encode, args=(SHORT,), rounds=20, iterations=1000, warmup_rounds=1)


@pytest.mark.benchmark(group="load tokenizer.json and encode a word")
@pytest.mark.parametrize("library", LIBRARIES)
def test_load(benchmark: Any, library: str) -> None:
    build(library)
    bench(benchmark, lambda: build(library)[2]("word"), rounds=3)
