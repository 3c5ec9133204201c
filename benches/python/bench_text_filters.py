"""Words, languages, quality filters and deduplication, beside the libraries that people use for them.

Passages of 200 words of novels stand for documents, nearly all of them ASCII; Chinese is the test set of UD Chinese
GSD, Japanese a novel. The peers of the quality filters get words by `str.split`, as ours do, instead of a tokenizer.
"""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ferrolm.text import (
    QualityFilter,
    deduplicate,
    detect_languages,
    mask_personal_data,
    words,
)

ROOT = Path(os.environ.get("FERROLM_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "data"


def present(relative: str) -> Path:
    path = ROOT / relative
    if not path.exists():
        pytest.skip(f"needs {relative} of the shared data, which is not here (set FERROLM_SHARED)")
    return path


def passages(count: int) -> Iterator[str]:
    with gzip.open(present("text/books/novels.jsonl.gz"), "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"].split(" ")
            for start in range(0, len(text) - 200, 200):
                yield " ".join(text[start : start + 200])
                count -= 1
                if not count:
                    return


@pytest.fixture(scope="module")
def documents() -> list[str]:
    """10,000 passages, a fifth of them near copies of the others: one word in 40 is another."""
    generator = random.Random(1)
    texts = list(passages(8000))
    for text in texts[:2000]:
        parts = text.split(" ")
        for _ in range(5):
            parts[generator.randrange(len(parts))] = "changed"
        texts.append(" ".join(parts))
    return texts


def run(benchmark, texts: list[str], work: Callable[[], object]) -> None:
    benchmark.extra_info["bytes"] = sum(len(text.encode()) for text in texts)
    benchmark.extra_info["documents"] = len(texts)
    benchmark.pedantic(work, rounds=3, warmup_rounds=1)


def chinese() -> list[str]:
    lines = present("tasks/pos/ud-chinese-gsd/test.conllu").read_text(encoding="utf-8").splitlines()
    return [line.partition("= ")[2] for line in lines if line.startswith("# text =")]


@pytest.mark.benchmark(group="words of Chinese")
@pytest.mark.parametrize("library", ["ferrolm", "jieba", "rjieba"])
def test_words_of_chinese(benchmark, library):
    texts = chinese()
    if library == "ferrolm":
        split: Callable[[str], object] = lambda text: words(text, language="zh")  # noqa: E731
    else:
        module = pytest.importorskip(library)
        split = module.lcut if library == "jieba" else module.cut
    run(benchmark, texts, lambda: [split(text) for text in texts])


@pytest.mark.benchmark(group="words of Japanese")
@pytest.mark.parametrize("library", ["ferrolm", "fugashi"])
def test_words_of_japanese(benchmark, library):
    text = present("text/books/wagahai-neko-ja.txt").read_text(encoding="utf-8")
    texts = [line for line in text.splitlines() if line.strip()]
    if library == "ferrolm":
        run(benchmark, texts, lambda: [words(line, language="ja") for line in texts])
        return
    tagger = pytest.importorskip("fugashi").Tagger()
    run(benchmark, texts, lambda: [[word.surface for word in tagger(line)] for line in texts])


@pytest.mark.benchmark(group="language of a sentence")
@pytest.mark.parametrize("library", ["ferrolm", "py3langid", "lingua"])
def test_language(benchmark, library):
    folder = present("text/multilingual/udhr")
    lines = [line for path in sorted(folder.glob("*.txt")) for line in path.read_text("utf-8").splitlines()]
    texts = [line.strip() for line in lines if len(line) >= 40][::4]
    if library == "ferrolm":
        run(benchmark, texts, lambda: detect_languages(texts))
        return
    if library == "py3langid":
        classify = pytest.importorskip("py3langid").classify
        run(benchmark, texts, lambda: [classify(text) for text in texts])
        return
    builder = pytest.importorskip("lingua").LanguageDetectorBuilder
    detector = builder.from_all_languages().with_preloaded_language_models().build()
    run(benchmark, texts, lambda: [detector.detect_language_of(text) for text in texts])


@pytest.mark.benchmark(group="rules of Gopher")
@pytest.mark.parametrize("library", ["ferrolm", "datatrove"])
def test_gopher(benchmark, documents, library, monkeypatch):
    if library == "ferrolm":
        keeps = QualityFilter("gopher")
        run(benchmark, documents, lambda: [keeps(text) for text in documents])
        return
    data = pytest.importorskip("datatrove.data")
    from datatrove.pipeline.filters import gopher_quality_filter as quality
    from datatrove.pipeline.filters import gopher_repetition_filter as repetition

    for module in (quality, repetition):
        monkeypatch.setattr(module, "split_into_words", lambda text, language: text.split())
    filters = [quality.GopherQualityFilter(), repetition.GopherRepetitionFilter()]
    some = documents[::10]
    pages = [data.Document(text=text, id="") for text in some]
    run(benchmark, some, lambda: [[keeps.filter(page) for keeps in filters] for page in pages])


@pytest.mark.benchmark(group="rules of C4")
@pytest.mark.parametrize("library", ["ferrolm", "datatrove"])
def test_c4(benchmark, documents, library, monkeypatch):
    if library == "ferrolm":
        keeps = QualityFilter("c4")
        run(benchmark, documents, lambda: [keeps(text) for text in documents])
        return
    data = pytest.importorskip("datatrove.data")
    from datatrove.pipeline.filters import c4_filters

    monkeypatch.setattr(c4_filters, "split_into_sentences", lambda text, language: text.split(". "))
    peer = c4_filters.C4QualityFilter()
    monkeypatch.setattr(peer, "stat_update", lambda *_: None)
    some = documents[::10]
    run(benchmark, some, lambda: [peer.filter(data.Document(text=text, id="")) for text in some])


@pytest.mark.benchmark(group="personal data")
@pytest.mark.parametrize("library", ["ferrolm", "datatrove"])
def test_personal_data(benchmark, documents, library):
    texts = [f"{text} Write to ann@example.org from 8.8.4.4." for text in documents]
    if library == "ferrolm":
        run(benchmark, texts, lambda: [mask_personal_data(text) for text in texts])
        return
    data = pytest.importorskip("datatrove.data")
    peer = pytest.importorskip("datatrove.pipeline.formatters").PIIFormatter()
    run(benchmark, texts, lambda: [peer.format(data.Document(text=text, id="").text) for text in texts])


def near(library: str, texts: list[str]) -> Callable[[], object]:
    """From texts to the texts that stay, by 128 hashes of the words' runs of one, at a similarity of 0.8."""
    if library == "ferrolm":
        return lambda: deduplicate(texts, 0.8, ngram=1)
    if library == "rensa":
        rensa = pytest.importorskip("rensa")

        def by_rensa() -> object:
            kept = rensa.RMinHashDeduplicator(threshold=0.8, num_perm=128, use_lsh=True)
            return kept.add_pairs((str(index), text.lower().split()) for index, text in enumerate(texts))

        return by_rensa
    datasketch = pytest.importorskip("datasketch")

    def by_datasketch() -> object:
        index = datasketch.MinHashLSH(threshold=0.8, num_perm=128)
        for place, text in enumerate(texts):
            sketch = datasketch.MinHash(num_perm=128)
            sketch.update_batch([word.encode() for word in text.lower().split()])
            if not index.query(sketch):
                index.insert(place, sketch)
        return index

    return by_datasketch


@pytest.mark.benchmark(group="near duplicates")
@pytest.mark.parametrize("library", ["ferrolm", "rensa", "datasketch"])
def test_near_duplicates(benchmark, documents, library):
    texts = documents if library != "datasketch" else documents[::10]
    run(benchmark, texts, near(library, texts))
