"""Training of word vectors: what is learned, and that it repeats."""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_data import read_text, shared

import ferrolm
from ferrolm import _rust
from ferrolm.embeddings import KeyedVectors, Word2Vec
from ferrolm.errors import (
    InvalidArgumentError,
    InvalidFileError,
    InvalidTypeError,
    MissingFileError,
)


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


def right_neighbours(model: Word2Vec) -> list[int]:
    """Of three words: how many of the eight nearest are of their topic."""
    words = ("a3", "b7", "c0")
    return [sum(key[0] == word[0] for key, _ in model.wv.most_similar(word, topn=8)) for word in words]


@pytest.mark.parametrize("sg", [0, 1])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_words_of_one_topic_become_neighbours(sg: int, workers: int) -> None:
    model = Word2Vec(topics(), vector_size=24, min_count=1, sg=sg, epochs=8, sample=0, workers=workers)
    assert min(right_neighbours(model)) >= 7


@pytest.mark.parametrize(("sg", "negative"), [(1, 0), (0, 5)])
def test_hierarchical_softmax_learns_topics_too(sg: int, negative: int) -> None:
    model = Word2Vec(
        topics(), vector_size=24, min_count=1, sg=sg, hs=1, negative=negative, epochs=8, sample=0
    )
    assert min(right_neighbours(model)) >= 7


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
    assert (model.corpus_count, model.corpus_total_words) == (2, 8)
    assert "d" not in model.wv
    unsorted = Word2Vec(["b b a a a c c d"], min_count=2, vector_size=3, sorted_vocab=0)
    assert unsorted.wv.index_to_key == ["b", "a", "c"]
    smaller = Word2Vec(["b b a a a c c d"], min_count=1, vector_size=3, max_final_vocab=2)
    assert smaller.wv.index_to_key == ["a"]


def test_sentences_may_be_a_generator_and_vectors_are_finite() -> None:
    model = Word2Vec((sentence for sentence in topics(50)), vector_size=7, min_count=1, alpha=0.5)
    assert np.isfinite(model.wv.vectors).all()
    assert repr(model) == "Word2Vec(CBOW, words=40, vector_size=7, alpha=0.5)"


def test_a_file_is_the_same_as_its_sentences(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    text = topics(200)
    path.write_text("\n\n".join(" ".join(sentence) for sentence in text), encoding="utf-8")
    options: dict[str, Any] = {"vector_size": 6, "min_count": 2, "epochs": 2}
    from_file = Word2Vec(corpus_file=path, **options)
    from_list = Word2Vec(text, **options)
    np.testing.assert_array_equal(from_file.wv.vectors, from_list.wv.vectors)
    assert from_file.corpus_count == from_list.corpus_count == 200
    again = Word2Vec(**options)
    again.build_vocab(corpus_file=path)
    again.train(corpus_file=path, total_examples=again.corpus_count, epochs=2)
    np.testing.assert_array_equal(again.wv.vectors, from_list.wv.vectors)


def test_ids_that_do_not_fit_memory_go_to_a_file() -> None:
    def vectors(ids_in_memory: int | None) -> tuple[np.ndarray, bool]:
        corpus = _rust.WordCorpus(topics(100), 1, ids_in_memory=ids_in_memory)
        model = _rust.WordModel(
            corpus, skip_gram=True, vector_size=4, window=2, shrink_windows=True, negative=2, ns_exponent=0.75,
            hierarchical=False, cbow_mean=True, sample=0, seed=1,
        )  # fmt: skip
        model.train(corpus, epoch=0, epochs=1, alpha=0.1, min_alpha=0.1, workers=1, compute_loss=False)
        return model.vectors(), corpus.is_spooled

    in_memory, spooled = vectors(None), vectors(100)
    assert (in_memory[1], spooled[1]) == (False, True)
    np.testing.assert_array_equal(in_memory[0], spooled[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vector_size": 0}, "vector_size is 0"),
        ({"window": 0}, "window is 0"),
        ({"negative": 0}, "negative is 0.*hs=1"),
        ({"workers": 0}, "workers is 0"),
        ({"epochs": -1}, "epochs is -1"),
        ({"alpha": float("nan")}, "alpha is NaN"),
        ({"sample": -1.0}, "sample is -1"),
        ({"sg": 2}, "sg is 2"),
        ({"hs": "yes"}, "hs is 'yes'"),
    ],
)
def test_settings_out_of_range_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        Word2Vec(topics(5), min_count=1, **options)


def test_unknown_keywords_are_errors_with_the_nearest_name() -> None:
    with pytest.raises(InvalidTypeError, match="unknown keyword 'vectors_size'; did you mean 'vector_size'"):
        Word2Vec(topics(5), vectors_size=3)


def test_nothing_to_learn_from() -> None:
    with pytest.raises(InvalidArgumentError, match=r"0 words.*5 times"):
        Word2Vec([])
    with pytest.raises(InvalidArgumentError, match=r"3 words \(2 distinct ones\)"):
        Word2Vec(["a a b"])
    with pytest.raises(InvalidArgumentError, match="sentences is a string"):
        Word2Vec("a a b")
    with pytest.raises(InvalidTypeError, match="sentence 1 has a word of type"):
        Word2Vec([["a"], [3]])  # type: ignore[list-item]
    with pytest.raises(InvalidArgumentError, match="both given"):
        Word2Vec(["a"], corpus_file="a.txt")
    with pytest.raises(InvalidArgumentError, match="build_vocab first"):
        Word2Vec().train(["a"])


def test_files_that_are_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere"):
        Word2Vec(corpus_file=tmp_path / "nowhere")
    (tmp_path / "latin").write_bytes("gut schön".encode("latin-1"))
    with pytest.raises(InvalidFileError, match="not UTF-8 at byte 7"):
        Word2Vec(corpus_file=tmp_path / "latin")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(InvalidArgumentError, match="no word is left"):
        Word2Vec(corpus_file=tmp_path / "empty")


@pytest.mark.parametrize("options", [{}, {"sg": 1}, {"hs": 1, "negative": 0}], ids=["cbow", "sg", "hs"])
def test_corpora_of_odd_shapes(options: dict[str, Any]) -> None:
    one_word = Word2Vec(["word"] * 9, vector_size=1, **options)
    assert np.isfinite(one_word.wv.vectors).all()
    repeated = Word2Vec([["word"] * 500], vector_size=1000, **options)
    assert repeated.wv.vectors.shape == (1, 1000)
    assert np.isfinite(repeated.wv.vectors).all()
    long_window = Word2Vec(topics(3), vector_size=2, min_count=1, window=2**32 - 1, **options)
    assert np.isfinite(long_window.wv.vectors).all()


def test_a_sentence_of_a_million_words() -> None:
    words = [f"w{number % 50}" for number in range(1_000_000)]
    model = Word2Vec([words], vector_size=2, window=1, negative=1, epochs=1)
    assert (model.corpus_count, model.corpus_total_words) == (1, 1_000_000)
    assert np.isfinite(model.wv.vectors).all()


def test_training_goes_on_and_words_can_join() -> None:
    model = Word2Vec(topics(300), vector_size=8, min_count=1, epochs=1, sample=0)
    before = model.wv
    assert model.train(["a1 a2 never", "filler0"], total_examples=2, epochs=3) == (9, 12)
    assert model.wv is not before
    assert not np.array_equal(model.wv["a1"], before["a1"])
    model.build_vocab(["never seen a1"], update=True)
    assert model.wv.index_to_key == [*before.index_to_key, "never", "seen"]
    assert model.wv.counts is not None
    assert before.counts is not None
    row = before.key_to_index["a1"]
    assert model.wv.counts[row] == before.counts[row] + 1
    start = model.wv["never"]
    model.train([["never", "a1"]] * 5, epochs=2)
    assert not np.array_equal(model.wv["never"], start)


def test_the_loss_falls_and_callbacks_see_it() -> None:
    class Watch:
        def __init__(self) -> None:
            self.events: list[str] = []
            self.losses: list[float] = []

        def on_train_begin(self, model: Word2Vec) -> None:
            self.events.append("begin")

        def on_epoch_end(self, model: Word2Vec) -> None:
            self.events.append("epoch")
            self.losses.append(model.get_latest_training_loss())
            assert len(model.wv) == 40

        def on_train_end(self, model: Word2Vec) -> None:
            self.events.append("end")

    watch = Watch()
    model = Word2Vec(
        topics(300), vector_size=8, min_count=1, epochs=4, sample=0, compute_loss=True, callbacks=[watch]
    )
    assert watch.events == ["begin", "epoch", "epoch", "epoch", "epoch", "end"]
    losses = np.diff([0, *watch.losses])
    assert losses[-1] < losses[0]
    assert model.get_latest_training_loss() == watch.losses[-1]
    assert Word2Vec(topics(9), min_count=1).get_latest_training_loss() == 0


def test_a_saved_model_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    path = tmp_path / "model"
    choices: list[dict[str, Any]] = [{}, {"hs": 1, "sg": 1}]
    for options in choices:
        model = Word2Vec(topics(100), vector_size=5, min_count=1, epochs=1, alpha=0.04, **options)
        model.save(path)
        loaded = Word2Vec.load(path)
        assert repr(loaded) == repr(model)
        assert (loaded.epochs, loaded.corpus_count, loaded.hs) == (1, 100, model.hs)
        for one in (model, loaded):
            one.train(topics(50), epochs=2)
        np.testing.assert_array_equal(model.wv.vectors, loaded.wv.vectors)
        assert model.predict_output_word(["a1"]) == loaded.predict_output_word(["a1"])
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    with pytest.raises(InvalidFileError, match="checksum"):
        Word2Vec.load(path)
    path.write_bytes(b"something else")
    with pytest.raises(InvalidFileError, match="no model of word vectors"):
        Word2Vec.load(path)


def test_words_between_others_are_predicted() -> None:
    model = Word2Vec(topics(500), vector_size=16, min_count=1, sample=0, epochs=10)
    found = model.predict_output_word(["a1", "a2", "a3", "unknown"], topn=100)
    assert found is not None
    assert len(found) == 40
    assert sum(probability for _, probability in found) == pytest.approx(1)
    assert all(word[0] in "af" for word, _ in found[:10])
    assert model.predict_output_word(["unknown"]) is None
    with pytest.raises(InvalidArgumentError, match="negative is 0"):
        Word2Vec(topics(5), min_count=1, hs=1, negative=0).predict_output_word(["a1"])


def test_an_interrupted_model_stays_usable() -> None:
    model = Word2Vec(topics(50), vector_size=300, window=12, negative=20, min_count=1, epochs=1)
    text = topics(2000)
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        model.train(text, epochs=10_000)
    assert time.monotonic() - start < 20
    assert np.isfinite(model.wv.vectors).all()
    model.train(text[:5], epochs=1)


def test_similarities_learned_from_real_text_agree_with_people() -> None:
    pairs = shared("tasks/similarity/EN-WS-353-ALL.txt")
    text = read_text(shared("text/wikitext-2/train.txt"))
    model = Word2Vec(text.lower().splitlines(), vector_size=48, sg=1, epochs=1, alpha=0.05, workers=1)
    result = model.wv.evaluate_word_pairs(pairs)
    assert result.pairs > 250
    assert result.spearman > 0.15
    assert isinstance(model.wv, KeyedVectors)
