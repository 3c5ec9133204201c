"""Choosing examples among 100,000 for one query at a time, against bm25s, faiss and numpy; needs the shared data.

    pytest benches/python/bench_demonstrations.py --benchmark-enable

The pool is sentences of the books. Embeddings have 384 dimensions and are made at random, twice: "clustered", with the falling
spectrum and the near neighbours that sentence encoders give, and "unstructured", where all rows are almost equally far and
least can be told in advance. Each round asks one of 64 queries, without embedding it. Times are CPU time of one thread, and as
`wall` on two. `extra_info` has the milliseconds of making the index, and the floor: the bytes that must be read over the speed
with which numpy sums an array of 154 MB.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ferrolm.demonstrations import BM25Selector, selector
from ferrolm.embeddings import EmbeddingIndex
from ferrolm.text import words

shared_data = pytest.importorskip("shared_data")

ROWS, SIZE, QUERIES, K = int(os.environ.get("FERROLM_BENCH_ROWS", 100_000)), 384, 64, 8
Kind = str


@cache
def sentences() -> tuple[list[str], list[str]]:
    """The pool and the queries, different ones."""
    found: dict[str, None] = {}
    for name in ("novels", "children"):
        text = shared_data.read_text(shared_data.shared(f"text/books/{name}.jsonl.gz"))
        found |= dict.fromkeys(
            " ".join(each.split()) for each in re.findall(r"[A-Z][^.!?]{20,200}[.!?]", text)
        )
        if len(found) >= ROWS + QUERIES:
            break
    texts = [*found]
    order = np.random.default_rng(0).permutation(len(texts))[: ROWS + QUERIES]
    return [texts[place] for place in order[QUERIES:]], [texts[place] for place in order[:QUERIES]]


@cache
def embeddings(kind: Kind) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of the pool and of the queries, of length 1."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(ROWS + QUERIES, SIZE)).astype(np.float32)
    if kind == "clustered":
        spectrum = (1 + np.arange(SIZE, dtype=np.float32)) ** -0.5
        centres = generator.normal(size=(ROWS // 20 + 1, SIZE)).astype(np.float32)
        rows = (centres[generator.integers(len(centres), size=len(rows))] + 0.7 * rows) * spectrum
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[QUERIES:], rows[:QUERIES]


@cache
def bandwidth() -> float:
    """Bytes a second with which one thread reads an array."""
    array = embeddings("unstructured")[0]
    taken = []
    for _ in range(5):
        begun = time.process_time()
        array.view(np.int32).max()
        taken.append(time.process_time() - begun)
    return array.nbytes / min(taken)


def measure(benchmark: Any, make: Callable[[], Callable[[int], Any]], floor: float | None = None) -> None:
    begun = time.process_time()
    ask = make()
    benchmark.extra_info["index_ms"] = round(1000 * (time.process_time() - begun))
    if floor is not None:
        benchmark.extra_info["floor_ms"] = round(1000 * floor / bandwidth(), 2)
    numbers = itertools.cycle(range(QUERIES))
    benchmark._timer = time.process_time
    benchmark.pedantic(lambda: ask(next(numbers)), rounds=QUERIES, warmup_rounds=4)


def numpy_scan(rows: NDArray[np.float32], queries: NDArray[np.float32]) -> Callable[[int], Any]:
    def ask(number: int) -> NDArray[np.int64]:
        scores = rows @ queries[number]
        best = np.argpartition(-scores, K)[:K]
        return best[np.argsort(-scores[best])]

    return ask


def faiss_scan(rows: NDArray[np.float32], queries: NDArray[np.float32]) -> Callable[[int], Any]:
    faiss = pytest.importorskip("faiss")
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(SIZE)
    index.add(rows)
    return lambda number: index.search(queries[number : number + 1], K)[1][0]


def ferrolm_index(rows: NDArray[np.float32], queries: NDArray[np.float32]) -> Callable[[int], Any]:
    index = EmbeddingIndex(rows)
    return lambda number: index.search(queries[number], K).corpus_ids[0]


SCANS = {"ferrolm": ferrolm_index, "faiss": faiss_scan, "numpy": numpy_scan}


@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize("kind", ["clustered", "unstructured"])
def test_nearest(benchmark: Any, kind: Kind, name: str) -> None:
    benchmark.group = f"nearest {K} of {ROWS} embeddings, {kind}"
    bytes_read = ROWS * SIZE * (0.5 if name == "ferrolm" else 4)  # four bits of each value
    measure(benchmark, lambda: SCANS[name](*embeddings(kind)), floor=bytes_read)
    if name != "numpy":
        ours, exact = SCANS[name](*embeddings(kind)), numpy_scan(*embeddings(kind))
        assert all(set(ours(number)) == set(exact(number)) for number in range(8))


@pytest.mark.parametrize("method", ["nearest", "mmr", "dpp", "k-means", "bm25", "coverage", "random"])
@pytest.mark.benchmark(group=f"selectors: {K} of {ROWS} examples")
def test_selector(benchmark: Any, method: str) -> None:
    pool, asked = sentences()
    rows, queries = embeddings("clustered")

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        return queries[[asked.index(text) for text in texts]]

    settings = {"embed": embed, "embeddings": rows} if method in ("nearest", "mmr", "dpp", "k-means") else {}

    def make() -> Callable[[int], Any]:
        chooser = selector(pool, method, **settings)  # type: ignore[arg-type]
        return lambda number: chooser.select(asked[number], K)

    measure(benchmark, make)


@pytest.mark.parametrize("name", ["ferrolm", "bm25s"])
def test_bm25(benchmark: Any, name: str) -> None:
    benchmark.group = f"BM25: {K} of {ROWS} sentences"
    pool, asked = sentences()
    tokens = [words(text, lowercase=True) for text in asked]

    def ours() -> Callable[[int], Any]:
        chooser = BM25Selector(pool)
        return lambda number: chooser.select(asked[number], K)

    def peer() -> Callable[[int], Any]:
        bm25s = pytest.importorskip("bm25s")
        index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        index.index([words(text, lowercase=True) for text in pool], show_progress=False)
        return lambda number: index.retrieve([tokens[number]], k=K, show_progress=False)

    measure(benchmark, ours if name == "ferrolm" else peer)
