"""Passes over the same bytes that do no tokenization: no tokenizer that reads its text once is faster than these.

The row of ours is text seen before; a ratio of 0.1 says that it has reached a tenth of that pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tokenization_measure import describe, peer, portions
from tokenization_texts import TEXTS, size

CAPITALS = bytes(range(256)).upper()
PASSES: dict[str, Callable[[bytes], Any]] = {
    "copy": bytearray,
    "UTF-8 check": lambda data: data.decode(),  # one pass, and the string that comes out
    "table look-up": lambda data: data.translate(CAPITALS),  # one load per byte, as a classifier does
}


@pytest.mark.parametrize("library", ["ferrolm", *PASSES])
@pytest.mark.parametrize("text", TEXTS)
def test_floor(benchmark: Any, text: str, library: str) -> None:
    portion = portions("ferrolm", text)[1][0]
    describe(benchmark, f"floors: GPT-2, warm, {text}", library, "", bytes=size(portion))
    if library == "ferrolm":
        call = lambda: arrays(portion)  # noqa: E731
        arrays = peer("ferrolm", "GPT-2").arrays
    else:
        data, work = [document.encode() for document in portion], PASSES[library]
        call = lambda: [work(document) for document in data]  # noqa: E731
    benchmark.pedantic(call, rounds=7, warmup_rounds=1)
