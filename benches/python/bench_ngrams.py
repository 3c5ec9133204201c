"""N-grams: counting, estimating and querying, beside Counter, scikit-learn and the kenlm module; one thread.

Text: the books of the shared data, lower-cased, a sentence a line; 2 MB for the slow peers, 50 MB for ours alone.
`extra_info` has bytes, words or queries of one round, so that rates can be made.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_data import read_text, shared

import ferrolm
from ferrolm.ngram import (
    CountVectorizer,
    HashingVectorizer,
    NgramLM,
    _inputs,
    contamination,
    cooccurrences,
    count,
    interpolate,
    skip_grams,
)

WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]+|[^\sa-z0-9]")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    ferrolm.set_num_threads(1)


@pytest.fixture(scope="session")
def books() -> str:
    text = read_text(shared("text/books/novels.jsonl.gz")) + read_text(shared("text/books/children.jsonl.gz"))
    lines = (" ".join(WORD.findall(line)) for line in re.split(r"(?<=[.!?])\s+|\n\n+", text.lower()))
    return "\n".join(line for line in lines if line)


@pytest.fixture(scope="session")
def part(books: str) -> str:
    return books[: books.index("\n", 2_000_000)]


def bench(benchmark: Any, call: Callable[[], Any], rounds: int = 3, **info: int) -> Any:
    """CPU seconds of single calls: other work on the machine then counts less."""
    benchmark._timer = time.process_time
    benchmark.extra_info.update(info)
    return benchmark.pedantic(call, rounds=rounds, warmup_rounds=1)


def counted_by_counter(text: str, orders: tuple[int, ...]) -> list[Counter]:
    lines = [line.split() for line in text.split("\n")]
    grams = lambda k: (gram for words in lines for gram in zip(*(words[i:] for i in range(k)), strict=False))  # noqa: E731
    return [Counter(grams(k)) for k in orders]


@pytest.mark.benchmark(group="count orders 1-3, 2 MB")
@pytest.mark.parametrize("library", ["ferrolm", "Counter", "scikit-learn"])
def test_count(benchmark: Any, part: str, library: str) -> None:
    lines = part.split("\n")
    if library == "ferrolm":
        counts = bench(benchmark, lambda: count(lines, (1, 2, 3)), bytes=len(part))
        sizes = [len(counts.values(k)) for k in (1, 2, 3)]
    elif library == "Counter":
        counters = bench(benchmark, lambda: counted_by_counter(part, (1, 2, 3)), bytes=len(part))
        sizes = [len(counter) for counter in counters]
    else:
        text = pytest.importorskip("sklearn.feature_extraction.text")
        vectorizer = text.CountVectorizer(ngram_range=(1, 3), token_pattern=None, tokenizer=str.split)
        matrix = bench(benchmark, lambda: vectorizer.fit_transform(lines), rounds=1, bytes=len(part))
        sizes = [matrix.shape[1]]
    assert sum(sizes) == len(count(lines, (1, 2, 3)))


@pytest.mark.benchmark(group="count orders 1-5, 50 MB")
def test_count_books(benchmark: Any, books: str) -> None:
    bench(benchmark, lambda: count(books), rounds=2, bytes=len(books))


@pytest.mark.benchmark(group="text to a model that answers, order 5, 50 MB")
def test_train_books(benchmark: Any, books: str) -> None:
    bench(
        benchmark, lambda: NgramLM.train(books).score("it was the best of times"), rounds=2, bytes=len(books)
    )


@pytest.mark.benchmark(group="text to a model by smoothing, order 5, 2 MB")
@pytest.mark.parametrize("smoothing", ["kneser-ney", "witten-bell", "absolute", "add-k", "stupid-backoff"])
def test_train_smoothing(benchmark: Any, part: str, smoothing: Any) -> None:
    bench(benchmark, lambda: NgramLM.train(part, smoothing=smoothing), bytes=len(part))


@pytest.mark.benchmark(group="interpolate two 5-gram models of 2 MB")
@pytest.mark.parametrize("kind", ["linear", "log-linear"])
def test_interpolate(benchmark: Any, books: str, part: str, kind: Any) -> None:
    middle = books.index("\n", 20_000_000) + 1
    parts = [NgramLM.train(text) for text in (part, books[middle : books.index("\n", middle + 2_000_000)])]
    ngrams = sum(interpolate(parts, kind=kind).num_ngrams)
    bench(benchmark, lambda: interpolate(parts, kind=kind), ngrams=ngrams)


@pytest.fixture(scope="session")
def models(part: str, books: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A 5-gram model of 10 MB in both libraries, and held-out lines."""
    ours = NgramLM.train(books[: books.index("\n", 10_000_000)])
    path = tmp_path_factory.mktemp("models") / "books.arpa"
    ours.save(path)
    lines = books[-1_500_000:].split("\n")[1:]
    words = sum(len(line.split()) + 1 for line in lines)
    return {"ours": ours, "hashed": ours.hashed(), "path": path, "lines": lines, "words": words}


@pytest.fixture(scope="session")
def kenlm_model(models: dict[str, Any]) -> Any:
    return pytest.importorskip("kenlm").Model(str(models["path"]))


@pytest.mark.benchmark(group="score held-out sentences one by one, 5-gram of 10 MB")
@pytest.mark.parametrize("library", ["ferrolm", "ferrolm hashed", "ferrolm.compat.kenlm", "kenlm"])
def test_score(benchmark: Any, models: dict[str, Any], library: str, request: pytest.FixtureRequest) -> None:
    if library == "ferrolm":
        score = models["ours"].score
    elif library == "ferrolm hashed":
        score = models["hashed"].score
    elif library == "kenlm":
        score = request.getfixturevalue("kenlm_model").score
    else:
        from ferrolm.compat import kenlm

        score = kenlm.Model(str(models["path"])).score
    lines = models["lines"]
    bench(benchmark, lambda: [score(line) for line in lines], rounds=5, queries=models["words"])


@pytest.mark.benchmark(group="full_scores of held-out sentences, 5-gram of 10 MB")
@pytest.mark.parametrize("library", ["ferrolm", "ferrolm hashed", "kenlm"])
def test_full_scores(
    benchmark: Any, models: dict[str, Any], library: str, request: pytest.FixtureRequest
) -> None:
    ours = {"ferrolm": "ours", "ferrolm hashed": "hashed"}.get(library)
    model = models[ours] if ours else request.getfixturevalue("kenlm_model")
    lines = models["lines"]
    bench(
        benchmark,
        lambda: [list(model.full_scores(line)) for line in lines],
        rounds=5,
        queries=models["words"],
    )


@pytest.mark.benchmark(group="score held-out ids in a batch, 5-gram of 10 MB")
@pytest.mark.parametrize(
    "library", ["ferrolm", "ferrolm hashed", "ferrolm compact", "ferrolm compact, 8 bits"]
)
def test_score_ids(benchmark: Any, models: dict[str, Any], library: str) -> None:
    model = models["hashed" if "hashed" in library else "ours"]
    if "compact" in library:
        model = model.compact(8 if "8" in library else None)
    ids = _inputs.ids_only([np.array(model.ids(line), np.uint32) for line in models["lines"]])
    benchmark.extra_info["model bytes"] = model.nbytes
    bench(benchmark, lambda: model.score_ids_batch(ids), rounds=5, queries=models["words"])


@pytest.mark.benchmark(group="distribution of the next word, 5-gram of 10 MB")
def test_next_token_logprobs(benchmark: Any, models: dict[str, Any]) -> None:
    benchmark(lambda: models["ours"].next_token_logprobs("it was the best of"))


@pytest.mark.benchmark(group="load an ARPA file, 5-gram of 10 MB")
@pytest.mark.parametrize("library", ["ferrolm", "kenlm"])
def test_load_arpa(benchmark: Any, models: dict[str, Any], library: str) -> None:
    path: Path = models["path"]
    load = (
        NgramLM.load if library == "ferrolm" else lambda path: pytest.importorskip("kenlm").Model(str(path))
    )
    bench(benchmark, lambda: load(path), rounds=1, bytes=path.stat().st_size)


@pytest.mark.benchmark(
    group="document matrix of n-grams 1-3, 10 MB, scikit-learn and ours in turn, all together"
)
def test_count_vectorizer(benchmark: Any, books: str) -> None:
    """scikit-learn's and ours, alternating in one run: `extra_info` has CPU seconds and their ratios.

    "with vocabulary" reads `vocabulary_` too, a Python dictionary of all n-grams. "transform" is that of a vectorizer
    that has transformed before.
    """
    text = pytest.importorskip("sklearn.feature_extraction.text")
    lines = books[: books.index("\n", 10_000_000)].split("\n")

    def seconds(work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
        start = time.process_time()
        result = work(*arguments)
        return time.process_time() - start, result

    def alternate() -> dict[str, list[float]]:
        times: dict[str, list[float]] = defaultdict(list)
        for _ in range(2):
            theirs, ours = text.CountVectorizer(ngram_range=(1, 3)), CountVectorizer(ngram_range=(1, 3))
            taken, expected = seconds(theirs.fit_transform, lines)
            times["scikit-learn"].append(taken)
            taken, matrix = seconds(ours.fit_transform, lines)
            times["ferrolm"].append(taken)
            more, vocabulary = seconds(getattr, ours, "vocabulary_")
            times["with vocabulary"].append(taken + more)
            times["scikit-learn, transform"].append(seconds(theirs.transform, lines)[0])
            ours.transform(lines[:1])
            taken, again = seconds(ours.transform, lines)
            times["ferrolm, transform"].append(taken)
            assert vocabulary == theirs.vocabulary_
            assert (matrix != expected).nnz == (again != expected).nnz == 0
        return times

    times = benchmark.pedantic(alternate, rounds=1)
    best = {name: min(taken) for name, taken in times.items()}
    benchmark.extra_info.update(
        best,
        ratio=best["scikit-learn"] / best["ferrolm"],
        ratio_with_vocabulary=best["scikit-learn"] / best["with vocabulary"],
        ratio_of_transform=best["scikit-learn, transform"] / best["ferrolm, transform"],
    )


@pytest.mark.benchmark(group="hashed document matrix of n-grams 1-2, 2 MB")
@pytest.mark.parametrize("library", ["ferrolm", "scikit-learn"])
def test_hashing_vectorizer(benchmark: Any, part: str, library: str) -> None:
    lines = part.split("\n")
    make: Any = HashingVectorizer
    if library == "scikit-learn":
        make = pytest.importorskip("sklearn.feature_extraction.text").HashingVectorizer
    bench(benchmark, lambda: make(ngram_range=(1, 2)).transform(lines), bytes=len(part))


@pytest.mark.benchmark(group="co-occurrences within 10 words, 10 MB")
def test_cooccurrences(benchmark: Any, books: str) -> None:
    text = books[: books.index("\n", 10_000_000)]
    bench(
        benchmark, lambda: cooccurrences(text, window=10, weighting="harmonic", min_count=5), bytes=len(text)
    )


@pytest.mark.benchmark(group="2-skip-trigrams, 2 MB")
@pytest.mark.parametrize("library", ["ferrolm", "nltk"])
def test_skip_grams(benchmark: Any, part: str, library: str) -> None:
    lines = part.split("\n")
    if library == "ferrolm":
        bench(benchmark, lambda: skip_grams(lines, 3, 2), bytes=len(part))
        return
    skipgrams = pytest.importorskip("nltk.util").skipgrams
    bench(
        benchmark,
        lambda: Counter(gram for line in lines for gram in skipgrams(line.split(), 3, 2)),
        rounds=1,
        bytes=len(part),
    )


@pytest.mark.benchmark(group="contamination: 1000 examples in 50 MB")
def test_contamination(benchmark: Any, books: str) -> None:
    lines = books.split("\n")
    documents = ["\n".join(lines[start : start + 100]) for start in range(0, len(lines), 100)]
    tests = [" ".join(document.split()[:60]) for document in documents[::10]][:1000]
    report = bench(benchmark, lambda: contamination(documents, tests), rounds=2, bytes=len(books))
    assert len(report.contaminated) == sum(example.ngrams > 0 for example in report.examples)
