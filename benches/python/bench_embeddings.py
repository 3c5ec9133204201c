"""word2vec against gensim, one thread each, on WikiText-2; needs the shared data.

    pytest benches/python/bench_embeddings.py --benchmark-enable

`extra_info` has the words of a call (epochs times corpus) and the Spearman correlation with WordSim-353.
"""

from __future__ import annotations

from typing import Any

import pytest

from ferrolm.embeddings import KeyedVectors, Word2Vec

shared_data = pytest.importorskip("shared_data")


def ferrolm(sentences: list[list[str]], **options: Any) -> KeyedVectors:
    return Word2Vec(sentences, **options).wv


def gensim(sentences: list[list[str]], **options: Any) -> KeyedVectors:
    models = pytest.importorskip("gensim.models")
    vectors = models.Word2Vec(sentences, **options).wv
    return KeyedVectors(vectors.index_to_key, vectors.vectors)


@pytest.mark.parametrize("train", [ferrolm, gensim], ids=lambda train: train.__name__)
@pytest.mark.parametrize("sg", [1, 0], ids=["skip-gram", "cbow"])
@pytest.mark.benchmark(group="word2vec: WikiText-2, 2 epochs, 100 dimensions")
def test_word2vec(benchmark: Any, train: Any, sg: int) -> None:
    text = shared_data.read_text(shared_data.shared("text/wikitext-2/train.txt")).lower()
    sentences = [line.split() for line in text.splitlines()]
    options = {"vector_size": 100, "sg": sg, "epochs": 2, "workers": 1}
    vectors = benchmark.pedantic(train, args=(sentences,), kwargs=options, rounds=3)
    pairs = vectors.evaluate_word_pairs(shared_data.shared("tasks/similarity/EN-WS-353-ALL.txt"))
    benchmark.extra_info["words"] = 2 * sum(map(len, sentences))
    benchmark.extra_info["wordsim"] = pairs.spearman
