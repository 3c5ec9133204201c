"""Ids back to text: documents of 1.5 kB one by one, in a batch, from arrays, and token by token as a model makes them.

The ids are the same for all libraries, without special tokens; `bytes` in extra_info are those of the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tokenization_measure import attempt, describe, full, ids_of, offered
from tokenization_peers import PEERS
from tokenization_texts import documents, size

every_library = pytest.mark.parametrize("library", PEERS)
every_family = pytest.mark.parametrize(
    "family", ["GPT-2", pytest.param("o200k", marks=full), "Llama 2", "T5", "BERT"]
)
DOCUMENTS = 100
STREAMED = 10


def decoded_size() -> int:
    return size(documents("mixture")[:DOCUMENTS])


def measure(benchmark: Any, library: str, call: Callable[[], Any]) -> None:
    attempt(library, call)
    benchmark.pedantic(call, rounds=3)


@every_library
@every_family
def test_decode(benchmark: Any, family: str, library: str) -> None:
    decode = offered(library, family, "decode")
    ids = ids_of(family, DOCUMENTS)
    describe(benchmark, f"{family}, decode lists", library, family, bytes=decoded_size())
    measure(benchmark, library, lambda: [decode(document) for document in ids])


@every_library
@every_family
def test_decode_batch(benchmark: Any, family: str, library: str) -> None:
    decode = offered(library, family, "decode_batch")
    ids = ids_of(family, DOCUMENTS)
    describe(benchmark, f"{family}, decode_batch", library, family, bytes=decoded_size())
    measure(benchmark, library, lambda: decode(ids))


@every_library
@every_family
def test_decode_arrays(benchmark: Any, family: str, library: str) -> None:
    decode = offered(library, family, "decode_array")
    ids = [np.array(document, dtype=np.uint32) for document in ids_of(family, DOCUMENTS)]
    describe(benchmark, f"{family}, decode arrays", library, family, bytes=decoded_size())
    measure(benchmark, library, lambda: [decode(document) for document in ids])


@every_library
@every_family
def test_decode_stream(benchmark: Any, family: str, library: str) -> None:
    stream = offered(library, family, "stream")
    ids = ids_of(family, STREAMED)
    describe(benchmark, f"{family}, DecodeStream", library, family, tokens=sum(map(len, ids)))
    measure(benchmark, library, lambda: [stream(document) for document in ids])
