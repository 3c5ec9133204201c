"""word2vec beside gensim on 50 MB of books, each training in a process of its own; needs the shared data.

    pytest benches/python/bench_embeddings.py --benchmark-enable

`extra_info` has, of the call that reads the file, chooses the words and trains: thousand words (epochs times corpus) a
CPU second and a second, the process's peak memory, and the quality: analogies (3CosAdd among the 30,000 most frequent
words), WordSim-353 and SimLex-999 (Spearman), all in percent.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ferrolm.embeddings import KeyedVectors

shared_data = pytest.importorskip("shared_data")

OPTIONS = {
    "vector_size": 100,
    "window": 5,
    "negative": 5,
    "sample": 1e-4,
    "min_count": 5,
    "epochs": 2,
    "seed": 1,
}

#: Run with the peer, the corpus, the options as JSON, and where the vectors go; prints what it took.
TRAINING = """
import json, resource, sys, time
import numpy as np
peer, corpus, options, target = sys.argv[1:]
if peer == "ferrolm":
    from ferrolm.embeddings import Word2Vec
else:
    from gensim.models import Word2Vec
cpu, wall = time.process_time(), time.perf_counter()
model = Word2Vec(corpus_file=corpus, **json.loads(options))
vectors = model.wv.vectors
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
np.savez(target, vectors=vectors, words=np.array(model.wv.index_to_key))
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cpu": cpu, "wall": wall, "megabytes": memory, "words": model.corpus_total_words}))
"""


@pytest.fixture(scope="session")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A paragraph on each line, lower-cased words alone."""
    path: Path = tmp_path_factory.mktemp("books") / "books.txt"
    with path.open("w", encoding="utf-8") as file:
        for name in ("children", "novels"):
            with gzip.open(
                shared_data.shared(f"text/books/{name}.jsonl.gz"), "rt", encoding="utf-8"
            ) as lines:
                for line in lines:
                    for paragraph in json.loads(line)["text"].split("\n\n"):
                        text = paragraph.lower().replace("\u2019", "'")
                        if words := re.findall(r"[a-z]+(?:'[a-z]+)?", text):
                            file.write(" ".join(words) + "\n")
    return path


def train(peer: str, corpus: Path, options: dict[str, Any], target: Path) -> dict[str, float]:
    threads = str(options["workers"])
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "FERROLM_NUM_THREADS"), threads)
    arguments = [sys.executable, "-c", TRAINING, peer, str(corpus), json.dumps(options), str(target)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True, env=os.environ | limits)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def analogies(vectors: KeyedVectors, path: Path) -> float:
    """Percent of the questions whose words are all among the first 30,000, by 3CosAdd."""
    words = {word: row for row, word in enumerate(vectors.index_to_key[:30_000])}
    lines = [line.lower().split() for line in path.read_text(encoding="utf-8").splitlines()]
    questions = np.array(
        [
            [words[word] for word in line]
            for line in lines
            if line[0] != ":" and all(word in words for word in line)
        ]
    )
    units = vectors.vectors[: len(words)]
    units = units / np.linalg.norm(units, axis=1, keepdims=True)
    right = 0
    for part in np.array_split(questions, len(questions) // 500 + 1):
        a, b, c, expected = part.T
        scores = (units[b] - units[a] + units[c]) @ units.T
        for asked in (a, b, c):
            scores[np.arange(len(part)), asked] = -np.inf
        right += int((scores.argmax(axis=1) == expected).sum())
    return 100 * right / len(questions)


@pytest.mark.parametrize("library", ["ferrolm", "gensim"])
@pytest.mark.parametrize("workers", [1, 2], ids=["one-thread", "two-threads"])
@pytest.mark.parametrize("sg", [1, 0], ids=["skip-gram", "cbow"])
def test_word2vec(benchmark: Any, books: Path, tmp_path: Path, library: str, workers: int, sg: int) -> None:
    if library == "gensim":
        pytest.importorskip("gensim")
    benchmark.group = f"word2vec: books, {'skip-gram' if sg else 'CBOW'}, {workers} threads"
    target = tmp_path / "vectors.npz"
    options = {**OPTIONS, "sg": sg, "workers": workers}
    result = benchmark.pedantic(train, args=(library, books, options, target), rounds=1)
    with np.load(target) as saved:
        vectors = KeyedVectors([str(word) for word in saved["words"]], saved["vectors"])
    words = OPTIONS["epochs"] * result["words"] / 1000
    similarity = shared_data.shared("tasks/similarity/EN-WS-353-ALL.txt")
    benchmark.extra_info.update(
        thousand_words_per_cpu_second=round(words / result["cpu"]),
        thousand_words_per_second=round(words / result["wall"]),
        peak_megabytes=round(result["megabytes"]),
        analogies=round(analogies(vectors, shared_data.shared("tasks/analogy/questions-words.txt")), 1),
        wordsim=round(100 * vectors.evaluate_word_pairs(similarity).spearman, 1),
        simlex=round(
            100
            * vectors.evaluate_word_pairs(shared_data.shared("tasks/similarity/EN-SIMLEX-999.txt")).spearman,
            1,
        ),
    )
