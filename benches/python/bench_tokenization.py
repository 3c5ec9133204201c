"""Text to ids with every family of vocabularies, beside the other libraries; documents of 1.5 kB.

- load: a tokenizer.json, and the ids of one word. cold: the first text of a new tokenizer.
- steady: text not seen before, after a warm-up. What encoding a corpus costs.
- warm: text seen before. Python lists: the same, as lists of ids. one document: the same text in one piece of 500 kB.
- one string: 100 bytes, as a list.
`extra_info` has the bytes of one round and the share of tricky lines that the library gets wrong.
"""

from __future__ import annotations

from typing import Any

import pytest
from tokenization_families import FAMILIES, tokenizer_json
from tokenization_measure import (
    SLOW,
    attempt,
    available,
    describe,
    fresh,
    full,
    inexact,
    peer,
    portions,
)
from tokenization_peers import PEERS, THREADS
from tokenization_texts import SHORT, TEXTS, size

QUICK = ("GPT-2", "Llama 2", "T5", "BERT")
every_library = pytest.mark.parametrize("library", PEERS)
every_family = pytest.mark.parametrize(
    "family", [pytest.param(family, marks=[] if family in QUICK else full) for family in FAMILIES]
)
# Other texts than the mixture where they say something: all for two byte-level families, two for the others.
OTHER_TEXTS = [
    (family, text)
    for family in FAMILIES
    for text in TEXTS[1:]
    if family in ("GPT-2", "o200k") or text in ("english", "multilingual")
]
every_other_text = pytest.mark.parametrize(
    ("family", "text"),
    [pytest.param(*pair, marks=[] if pair[0] == "GPT-2" else full) for pair in OTHER_TEXTS],
)
one_thread_only = pytest.mark.skipif(THREADS > 1, reason="does not depend on threads")


@one_thread_only
@every_library
@every_family
def test_load(benchmark: Any, family: str, library: str) -> None:
    available(library, family)
    tokenizer_json(family).read_bytes()  # a disk is not what is measured
    describe(benchmark, f"{family}, load tokenizer.json and encode a word", library, family)
    benchmark.pedantic(lambda: fresh(library, family).one("word"), rounds=1)


@every_library
@every_family
def test_cold(benchmark: Any, family: str, library: str) -> None:
    """Follows `test_load`, whose instance has seen one word."""
    seen = portions(library, "mixture")[0][:300]
    describe(benchmark, f"{family}, cold, mixture", library, family, bytes=size(seen))
    benchmark.pedantic(peer(library, family).arrays, args=(seen,), rounds=1)


def steady(benchmark: Any, family: str, text: str, library: str) -> None:
    arrays = peer(library, family).arrays
    seen, unseen = portions(library, text)
    describe(benchmark, f"{family}, steady, {text}", library, family, bytes=size(unseen[0]))
    attempt(library, lambda: arrays(seen))
    portion = iter(unseen)
    benchmark.pedantic(arrays, setup=lambda: ((next(portion),), {}), rounds=len(unseen))
    benchmark.extra_info["inexact"] = inexact(library, family)


def warm(benchmark: Any, family: str, text: str, library: str) -> None:
    arrays = peer(library, family).arrays
    portion = portions(library, text)[1][0]
    describe(benchmark, f"{family}, warm, {text}", library, family, bytes=size(portion))
    benchmark.pedantic(arrays, args=(portion,), rounds=3 if library in SLOW else 7, warmup_rounds=1)


@every_library
@every_family
def test_steady(benchmark: Any, family: str, library: str) -> None:
    steady(benchmark, family, "mixture", library)


@every_library
@every_family
def test_warm(benchmark: Any, family: str, library: str) -> None:
    warm(benchmark, family, "mixture", library)


@every_library
@every_family
def test_lists(benchmark: Any, family: str, library: str) -> None:
    lists = peer(library, family).lists
    portion = portions(library, "mixture")[1][0]
    describe(benchmark, f"{family}, warm, mixture, Python lists", library, family, bytes=size(portion))
    benchmark.pedantic(lists, args=(portion,), rounds=3 if library in SLOW else 7, warmup_rounds=1)


@every_library
@every_family
def test_one_document(benchmark: Any, family: str, library: str) -> None:
    arrays = peer(library, family).arrays
    document = ["".join(portions(library, "mixture")[1][0])]
    describe(benchmark, f"{family}, warm, mixture, one document", library, family, bytes=size(document))
    benchmark.pedantic(arrays, args=(document,), rounds=3 if library in SLOW else 7, warmup_rounds=1)


@one_thread_only
@every_library
@every_family
def test_one_string(benchmark: Any, family: str, library: str) -> None:
    one = peer(library, family).one
    describe(benchmark, f"{family}, one string of 100 bytes, Python list", library, family)
    benchmark.pedantic(one, args=(SHORT,), rounds=10, iterations=100 if library in SLOW else 1000)


@every_library
@every_other_text
def test_steady_other_texts(benchmark: Any, family: str, text: str, library: str) -> None:
    steady(benchmark, family, text, library)


@every_library
@every_other_text
def test_warm_other_texts(benchmark: Any, family: str, text: str, library: str) -> None:
    warm(benchmark, family, text, library)
