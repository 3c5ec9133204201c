"""What claims to have more elements than there is memory for, and what has no end."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import ferrolm
from ferrolm import _rust
from ferrolm.models import bundled


class Lying:
    def __len__(self) -> int:
        return 2**62

    def __getitem__(self, index: int) -> int:
        return [1, 2][index]


@pytest.fixture(scope="module")
def tokenizer() -> ferrolm.Tokenizer:
    return ferrolm.Tokenizer.from_file(bundled("ferrolm-tiny") / "tokenizer.json")


CALLS: dict[str, Callable[[ferrolm.Tokenizer, Any], object]] = {
    "decode": lambda tokenizer, ids: tokenizer.decode(ids),
    "decode_batch": lambda tokenizer, ids: tokenizer.decode_batch([ids]),
    "encode words": lambda tokenizer, words: tokenizer.encode(words, is_pretokenized=True),
    "encode_batch": lambda tokenizer, texts: tokenizer.encode_batch(texts),
    "counts": lambda tokenizer, orders: _rust.NgramCounts.of_text("a b", orders),
}


@pytest.mark.parametrize("claims", [range(2**62), Lying()], ids=["range", "lying"])
@pytest.mark.parametrize("call", CALLS)
def test_a_list_that_is_too_long_is_a_memory_error(tokenizer, call: str, claims: Any) -> None:
    with pytest.raises(MemoryError, match=f"a list of {2**62} elements"):
        CALLS[call](tokenizer, claims)


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_words_without_end_can_be_interrupted(tokenizer) -> None:
    with interrupted_after(0.2), pytest.raises(KeyboardInterrupt):
        tokenizer.encode(itertools.repeat("a"), is_pretokenized=True)
