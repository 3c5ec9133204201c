"""What the benchmarks of tokenization share: loaded libraries, portions of text, and whose ids are right.

A library is loaded once for a family and then goes through the kinds of work in the order in which they are written:
load, cold, steady, warm. `conftest.py` keeps the tests of a family together; its instances are dropped at its end.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from tokenization_families import FAMILIES, tokenizer_json
from tokenization_peers import PEERS, READS, Peer
from tokenization_texts import DOCUMENT, documents
from tokenizer_files import golden_lines, random_texts

from ferrolm.tokenizers import Tokenizer

MODULES = {"iree": "iree.tokenizer"}
SLOW = ("tokenizers", "tiktoken", "sentencepiece", "blingfire", "kitoken", "iree")
"""Below 20 MB/s; they get less of the same text, or a pass would take an hour."""
full = pytest.mark.full
_loaded: dict[tuple[str, str], Peer] = {}


def available(library: str, family: str) -> None:
    """Skip when the library is not installed or does not read the family.

    Imports it, and drops the families before, so that no measurement does.
    """
    for key in [key for key in _loaded if key[1] != family]:
        del _loaded[key]
    if family not in READS.get(library, FAMILIES):
        pytest.skip(f"{library} does not read {family}")
    pytest.importorskip(MODULES.get(library, library))
    if library == "tokenizers":
        importlib.import_module("tokenizers.decoders")


def fresh(library: str, family: str) -> Peer:
    """Load ``family`` anew."""
    _loaded[library, family] = PEERS[library](family)
    return _loaded[library, family]


def peer(library: str, family: str) -> Peer:
    """The instance that earlier tests have used, or a new one."""
    available(library, family)
    return _loaded.get((library, family)) or fresh(library, family)


def offered(library: str, family: str, work: str) -> Callable[..., Any]:
    """A function of the library; skips when it has no such."""
    function: Callable[..., Any] | None = getattr(peer(library, family), work)
    if function is None:
        pytest.skip(f"{library} has no {work}")
    return function


def attempt(library: str, call: Callable[[], Any]) -> None:
    """The round that warms up. A peer that fails in it is left out of the row."""
    try:
        call()
    except Exception as error:  # each has its own classes
        if library == "ferrolm":
            raise
        pytest.skip(f"{library} fails: {error!r:.80}")


def describe(benchmark: Any, group: str, library: str, family: str, **amount: int) -> None:
    """Name the row, and give what a rate is made of (``bytes``, ``tokens``)."""
    benchmark.group = group
    benchmark.extra_info.update(library=library, family=family, **amount)


def portions(library: str, text: str, rounds: int = 3) -> tuple[list[str], list[list[str]]]:
    """Documents to warm up with, and ``rounds`` portions of documents that come up nowhere else."""
    everything = documents(text)
    seen = everything[: 200 if library in SLOW else len(everything) // 2]
    count = min((100_000 if library in SLOW else 500_000) // DOCUMENT, len(everything) // 7)
    unseen = everything[len(everything) - rounds * count :]
    return seen, [unseen[start : start + count] for start in range(0, len(unseen), count)]


@cache
def _reference(family: str) -> tuple[list[str], list[list[list[int]]]]:
    """Tricky lines, and their ids by `tokenizers` with what it adds to a text and without."""
    theirs = pytest.importorskip("tokenizers").Tokenizer.from_file(str(tokenizer_json(family)))
    special = [token.content for token in theirs.get_added_tokens_decoder().values()]
    lines = [*golden_lines(), *random_texts(0, 1000)]
    # Libraries differ in whether they look for special tokens in a text at all: not a matter of exactness.
    lines = [line for line in lines if not any(token in line for token in special)]
    return lines, [
        [encoding.ids for encoding in theirs.encode_batch(lines, add_special_tokens=add)]
        for add in (True, False)
    ]


@cache
def inexact(library: str, family: str) -> float:
    """The share of tricky lines that get other ids than from `tokenizers`."""
    lines, references = _reference(family)
    lists = peer(library, family).lists(lines)
    wrong = [sum(map(list.__ne__, lists, reference)) for reference in references]
    return min(wrong) / len(lines)


@cache
def ids_of(family: str, count: int) -> list[list[int]]:
    """Ids of the first documents of the mixture, nothing added: what is decoded."""
    ours = Tokenizer.from_file(tokenizer_json(family))
    return ours.encode_ids_batch(documents("mixture")[:count], add_special_tokens=False).tolist()
