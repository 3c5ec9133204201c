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


WORKS: dict[str, tuple[str, int, Callable[[list[int]], Any]]] = {
    "decode": ("decode lists", DOCUMENTS, list),
    "decode_array": ("decode arrays", DOCUMENTS, lambda ids: np.array(ids, dtype=np.uint32)),
    "decode_batch": ("decode_batch", DOCUMENTS, list),
    "stream": ("DecodeStream", STREAMED, list),
}
"""By what a `Peer` offers: the name of the row, how many documents, and what each is given as."""


@every_library
@every_family
@pytest.mark.parametrize("work", WORKS)
def test_decode(benchmark: Any, family: str, work: str, library: str) -> None:
    decode = offered(library, family, work)
    name, count, convert = WORKS[work]
    ids = [convert(document) for document in ids_of(family, count)]
    if work == "stream":
        amount = {"tokens": sum(map(len, ids))}
    else:
        amount = {"bytes": size(documents("mixture")[:count])}
    describe(benchmark, f"{family}, {name}", library, family, **amount)
    if work == "decode_batch":
        call: Callable[[], Any] = lambda: decode(ids)  # noqa: E731
    else:
        call = lambda: [decode(document) for document in ids]  # noqa: E731
    attempt(library, call)
    benchmark.pedantic(call, rounds=3)
