"""GloVe's speed and quality, and questions to word vectors against gensim and numpy; needs the shared data.

    pytest benches/python/bench_vectors.py --benchmark-enable

`extra_info` of GloVe has the pairs, those per CPU second of an epoch, the share of analogies answered (3CosAdd among all
words) and Spearman's correlation with WordSim-353 in percent. Stanford's program is measured too where FERROLM_GLOVE
names the folder of its binaries (vocab_count, cooccur, shuffle, glove).
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ferrolm.embeddings import GloVe, KeyedVectors

shared_data = pytest.importorskip("shared_data")

EPOCHS = 8


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The books, a paragraph a line, words in lower case: some 9 million."""
    path = tmp_path_factory.mktemp("books") / "books.txt"
    with path.open("w", encoding="utf-8") as file:
        for name in ("children", "novels"):
            text = shared_data.read_text(shared_data.shared(f"text/books/{name}.jsonl.gz")).lower()
            for paragraph in re.split(r"\n\s*\n", text):
                words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", paragraph)
                if words:
                    file.write(" ".join(words) + "\n")
    return path


def quality(vectors: KeyedVectors) -> dict[str, float]:
    score, sections = vectors.evaluate_word_analogies(shared_data.shared("tasks/analogy/questions-words.txt"))
    family = next(section for section in sections if section["section"] == "family")
    pairs = vectors.evaluate_word_pairs(shared_data.shared("tasks/similarity/EN-WS-353-ALL.txt"))
    right, wrong = len(family["correct"]), len(family["incorrect"])
    return {
        "analogies": round(100 * score, 1),
        "family": round(100 * right / (right + wrong), 1),
        "wordsim": round(100 * pairs.spearman, 1),
    }


@pytest.mark.parametrize("workers", [1, 2], ids=["one-thread", "two-threads"])
@pytest.mark.benchmark(group=f"GloVe: books, {EPOCHS} epochs, 100 dimensions")
def test_glove(benchmark: Any, corpus: Path, workers: int) -> None:
    ends = []

    def train() -> GloVe:
        options: dict[str, Any] = {"epochs": EPOCHS, "workers": workers}
        return GloVe(corpus_file=corpus, progress=lambda *_: ends.append(time.process_time()), **options)

    model = benchmark.pedantic(train, rounds=1)
    seconds = float(np.median(np.diff(ends)))
    benchmark.extra_info["pairs"] = model.num_pairs
    benchmark.extra_info["million_pairs_per_cpu_second"] = round(model.num_pairs / seconds / 1e6, 2)
    benchmark.extra_info |= quality(model.wv)


@pytest.mark.benchmark(group=f"GloVe: books, {EPOCHS} epochs, 100 dimensions")
def test_glove_of_stanford(benchmark: Any, corpus: Path, tmp_path: Path) -> None:
    if "FERROLM_GLOVE" not in os.environ:
        pytest.skip("needs the folder of Stanford's programs in FERROLM_GLOVE")
    programs = Path(os.environ["FERROLM_GLOVE"])

    def step(name: str, options: str, source: Path | None = None, target: Path | None = None) -> None:
        with (
            (source or Path(os.devnull)).open("rb") as read,
            (target or Path(os.devnull)).open("wb") as write,
        ):
            command = [programs / name, *options.split()]
            subprocess.run(
                command, stdin=read, stdout=write, stderr=subprocess.DEVNULL, cwd=tmp_path, check=True
            )

    def train() -> float:
        step("vocab_count", "-min-count 5", corpus, tmp_path / "vocab.txt")
        step("cooccur", "-memory 1 -window-size 10", corpus, tmp_path / "counts")
        step("shuffle", "-memory 1 -seed 1", tmp_path / "counts", tmp_path / "shuffled")
        before = os.times().children_user
        options = (
            f"-input-file shuffled -x-max 10 -iter {EPOCHS} -vector-size 100 -threads 1 -seed 1 -binary 0"
        )
        step("glove", f"{options} -save-file vectors")
        return os.times().children_user - before

    seconds = benchmark.pedantic(train, rounds=1)
    pairs = (tmp_path / "shuffled").stat().st_size // 16
    benchmark.extra_info["pairs"] = pairs
    benchmark.extra_info["million_pairs_per_cpu_second"] = round(EPOCHS * pairs / seconds / 1e6, 2)
    benchmark.extra_info |= quality(KeyedVectors.load_glove_format(tmp_path / "vectors.txt"))


WORDS, SIZE, QUESTIONS = 100_000, 100, 100


@pytest.fixture(scope="module")
def vectors() -> KeyedVectors:
    rng = np.random.default_rng(0)
    wv = KeyedVectors([f"w{i}" for i in range(WORDS)], rng.standard_normal((WORDS, SIZE), np.float32))
    wv.fill_norms()
    return wv


def ferrolm_batch(wv: KeyedVectors, words: list[str]) -> list[Any]:
    return wv.most_similar_batch(words)


def ferrolm(wv: KeyedVectors, words: list[str]) -> list[Any]:
    return [wv.most_similar(word) for word in words]


def gensim(wv: Any, words: list[str]) -> list[Any]:
    return [wv.most_similar(word) for word in words]


def numpy_batch(wv: KeyedVectors, words: list[str]) -> list[Any]:
    rows = [wv.key_to_index[word] for word in words]
    cosines = (wv.vectors[rows] / wv.norms[rows, None]) @ wv.vectors.T / wv.norms
    cosines[np.arange(len(rows)), rows] = -np.inf
    best = np.argpartition(-cosines, 9, axis=1)[:, :10]
    order = np.argsort(-np.take_along_axis(cosines, best, axis=1), axis=1)
    best = np.take_along_axis(best, order, axis=1)
    found = np.take_along_axis(cosines, best, axis=1)
    return [
        [(wv.index_to_key[row], cosine) for row, cosine in zip(*near, strict=True)]
        for near in zip(best.tolist(), found.tolist(), strict=True)
    ]


def of_gensim(wv: KeyedVectors) -> Any:
    models = pytest.importorskip("gensim.models")
    theirs = models.KeyedVectors(wv.vector_size)
    theirs.add_vectors(wv.index_to_key, wv.vectors)
    theirs.fill_norms()
    return theirs


@pytest.mark.parametrize(
    "ask", [ferrolm_batch, ferrolm, numpy_batch, gensim], ids=lambda ask: ask.__name__.replace("_", "-")
)
@pytest.mark.benchmark(group=f"most_similar: {QUESTIONS} questions, {WORDS} words, {SIZE} dimensions")
def test_most_similar(benchmark: Any, vectors: KeyedVectors, ask: Any) -> None:
    wv = of_gensim(vectors) if ask is gensim else vectors
    words = [f"w{i * 37}" for i in range(QUESTIONS)]
    benchmark.pedantic(ask, args=(wv, words), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("library", ["ferrolm", "gensim"])
@pytest.mark.benchmark(group="analogies: 19,544 questions, 30,000 words, 100 dimensions")
def test_analogies(benchmark: Any, library: str) -> None:
    path = shared_data.shared("tasks/analogy/questions-words.txt")
    lines = [line.split() for line in shared_data.read_text(path).splitlines() if not line.startswith(":")]
    words = list(dict.fromkeys(word.upper() for line in lines for word in line))
    words += [f"w{i}" for i in range(30_000 - len(words))]
    rng = np.random.default_rng(0)
    wv: Any = KeyedVectors(words, rng.standard_normal((len(words), 100), np.float32))
    wv = of_gensim(wv) if library == "gensim" else wv
    benchmark.pedantic(wv.evaluate_word_analogies, args=(str(path),), rounds=1)
