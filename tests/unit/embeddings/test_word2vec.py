"""Training of word vectors: what is learned, and that it repeats."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from shared_data import read_text, shared

import ferrolm
from ferrolm.embeddings import KeyedVectors, Word2Vec
from ferrolm.errors import InvalidArgumentError, InvalidTypeError


def topics(sentences: int = 2000) -> list[list[str]]:
    """Sentences of one of three topics, whose words meet in no other, and filler words that meet all."""
    choose = random.Random(0)
    text = []
    for _ in range(sentences):
        topic = choose.choice("abc")
        text.append(
            [
                choose.choice([f"{topic}{choose.randrange(12)}", f"filler{choose.randrange(4)}"])
                for _ in range(12)
            ]
        )
    return text


@pytest.mark.parametrize("sg", [0, 1])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_words_of_one_topic_become_neighbours(sg: int, workers: int) -> None:
    model = Word2Vec(topics(), vector_size=24, min_count=1, sg=sg, epochs=8, sample=0, workers=workers)
    for word in ("a3", "b7", "c0"):
        neighbours = [key for key, _ in model.wv.most_similar(word, topn=8)]
        assert sum(key[0] == word[0] for key in neighbours) >= 7, neighbours


def test_one_worker_repeats_itself_whatever_the_pool() -> None:
    def vectors(**options: Any) -> np.ndarray:
        return Word2Vec(topics(300), vector_size=10, epochs=1, **options).wv.vectors

    before = ferrolm.num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            ferrolm.set_num_threads(threads)
            results.append(vectors())
    finally:
        ferrolm.set_num_threads(before)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    assert not np.array_equal(results[0], vectors(seed=2))


def test_vocabulary_is_by_frequency_and_rare_words_are_dropped() -> None:
    model = Word2Vec(["b b a a a c", ["c", "d"]], min_count=2, vector_size=3)
    assert model.wv.index_to_key == ["a", "b", "c"]
    assert model.wv.counts is not None
    assert model.wv.counts.tolist() == [3, 2, 2]
    assert model.corpus_total_words == 7
    assert "d" not in model.wv


def test_sentences_may_be_a_generator_and_vectors_are_finite() -> None:
    model = Word2Vec((sentence for sentence in topics(50)), vector_size=7, min_count=1, alpha=0.5)
    assert np.isfinite(model.wv.vectors).all()
    assert repr(model) == "Word2Vec(CBOW, words=40, vector_size=7, alpha=0.5)"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vector_size": 0}, "vector_size is 0"),
        ({"window": 0}, "window is 0"),
        ({"negative": 0}, "negative is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"epochs": -1}, "epochs is -1"),
        ({"alpha": float("nan")}, "alpha is NaN"),
        ({"sample": -1.0}, "sample is -1"),
        ({"sg": 2}, "sg is 2"),
    ],
)
def test_settings_out_of_range_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        Word2Vec(topics(5), min_count=1, **options)


def test_nothing_to_learn_from() -> None:
    with pytest.raises(InvalidArgumentError, match=r"0 words.*5 times"):
        Word2Vec([])
    with pytest.raises(InvalidArgumentError, match=r"3 words \(2 distinct ones\)"):
        Word2Vec(["a a b"])
    with pytest.raises(InvalidArgumentError, match="sentences is a string"):
        Word2Vec("a a b")
    with pytest.raises(InvalidTypeError, match="sentence 1 has a word of type"):
        Word2Vec([["a"], [3]])  # type: ignore[list-item]


def test_similarities_learned_from_real_text_agree_with_people() -> None:
    pairs = shared("tasks/similarity/EN-WS-353-ALL.txt")
    text = read_text(shared("text/wikitext-2/train.txt"))
    model = Word2Vec(text.lower().splitlines(), vector_size=48, sg=1, epochs=1, alpha=0.05, workers=1)
    result = model.wv.evaluate_word_pairs(pairs)
    assert result.pairs > 250
    assert result.spearman > 0.15
    assert isinstance(model.wv, KeyedVectors)
