"""The tokenizers that people use today, on one thread each, beside ours."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ferrolm._rust import num_threads, set_num_threads
from ferrolm.cli import demo_corpus
from ferrolm.cli.terminal import Terminal
from ferrolm.tokenizers import Tokenizer

__all__ = ["best_rate", "compare"]

SAMPLE_BYTES = 800_000
ROUNDS = 3
CLOCK = time.process_time
"""Of the comparison: other programs on the machine do not count, and threads cannot help."""
GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"  # as tiktoken spells it

T = TypeVar("T")
Encode = Callable[[Sequence[str]], NDArray[np.uint32]]


def best_rate(
    work: Callable[[], T], size: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, T]:
    """Megabytes per second of the best of some rounds, and the result."""
    best = 0.0
    for _ in range(ROUNDS):
        start = clock()
        result = work()
        best = max(best, size / 1e6 / max(clock() - start, 1e-9))
    return best, result


def compare(out: Terminal, tokenizer: Tokenizer, folder: Path, documents: Sequence[str]) -> None:
    """One line for each library: its best rate of some rounds on one thread, ours over it, and whether ids are the same."""
    sample = demo_corpus.first(documents, SAMPLE_BYTES)
    size = sum(len(document.encode()) for document in sample)
    threads = num_threads()
    set_num_threads(1)
    try:
        with out.working("tokenizing on one thread"):
            ours, expected = best_rate(lambda: tokenizer.encode_ids_batch(sample).ids, size, CLOCK)
        out.item(
            "ferrolm, 1 thread",
            f"{ours:.1f} MB/s",
            f"of CPU time, best of {ROUNDS} rounds over {size / 1e6:.1f} MB",
        )
        for name, build in _PEERS.items():
            encode = build(folder / "tokenizer.json")
            if encode is None:
                continue
            with out.working(f"tokenizing with {name}"):
                theirs, ids = best_rate(partial(encode, sample), size, CLOCK)
            same = "the same ids" if np.array_equal(ids, expected) else "other ids"
            out.item(
                f"{name}, 1 thread",
                f"{theirs:.1f} MB/s",
                f"ferrolm is {ours / theirs:.1f} times as fast; {same}",
            )
    finally:
        set_num_threads(threads)


def _tokenizers(file: Path) -> Encode | None:
    try:
        import tokenizers
    except ImportError:
        return None
    peer = tokenizers.Tokenizer.from_file(str(file))
    encode_batch = getattr(peer, "encode_batch_fast", peer.encode_batch)

    def encode(documents: Sequence[str]) -> NDArray[np.uint32]:
        rows = encode_batch(list(documents), add_special_tokens=False)
        return np.concatenate([np.array(row.ids, dtype=np.uint32) for row in rows])

    return encode


def _tiktoken(file: Path) -> Encode | None:
    """The same merges in tiktoken, if the vocabulary is byte-level BPE split as GPT-2 does."""
    try:
        import tiktoken
    except ImportError:
        return None
    settings = json.loads(file.read_bytes())
    splitter = settings.get("pre_tokenizer") or {}
    if (
        settings["model"]["type"] != "BPE"
        or splitter.get("type") != "ByteLevel"
        or splitter.get("add_prefix_space")
    ):
        return None
    added = {token["content"] for token in settings["added_tokens"]}
    letters = _byte_letters()
    ranks: dict[bytes, Any] = {
        bytes(letters[letter] for letter in token): number
        for token, number in settings["model"]["vocab"].items()
        if token not in added
    }
    peer = tiktoken.Encoding(file.parent.name, pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={})

    def encode(documents: Sequence[str]) -> NDArray[np.uint32]:
        return np.concatenate(
            [np.array(peer.encode_ordinary(document), dtype=np.uint32) for document in documents]
        )

    return encode


def _byte_letters() -> dict[str, int]:
    """The letter that byte-level vocabularies write for each byte (Radford et al., 2019, encoder.py)."""
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


_PEERS = {"tokenizers": _tokenizers, "tiktoken": _tiktoken}
