"""GloVe: counts, steps, what the vectors know, files, and what goes wrong."""

from __future__ import annotations

import os
import signal
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm import _rust
from ferrolm.embeddings import GloVe, KeyedVectors
from ferrolm.errors import (
    InvalidArgumentError,
    InvalidFileError,
    InvalidTypeError,
    MissingFileError,
)

Counts = dict[tuple[str, str], float]


def counted_slowly(sentences: list[list[str]], window: int, symmetric: bool) -> Counts:
    counts: Counts = defaultdict(float)
    for sentence in sentences:
        for at, word in enumerate(sentence):
            for other in range(max(0, at - window), at):
                counts[word, sentence[other]] += 1 / (at - other)
                if symmetric:
                    counts[sentence[other], word] += 1 / (at - other)
    return counts


def counted(
    sentences: list[list[str]], memory: int, *, window: int = 10, symmetric: bool = True, workers: int = 1
) -> tuple[Counts, bool]:
    corpus = _rust.WordCorpus(sentences, 1)
    pairs = _rust.WordPairs(
        corpus,
        vocabulary=None,
        window=window,
        symmetric=symmetric,
        memory_limit=memory,
        directory=None,
        workers=workers,
        seed=1,
    )
    words = corpus.words
    rows, columns, counts = (array.tolist() for array in pairs.arrays())
    found = {
        (words[row], words[column]): count for row, column, count in zip(rows, columns, counts, strict=True)
    }
    assert len(found) == len(counts) == len(pairs)
    return found, pairs.on_disk


@settings(max_examples=40, deadline=None)
@given(
    sentences=st.lists(
        st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12), min_size=1, max_size=12
    ),
    window=st.integers(1, 20),
    symmetric=st.booleans(),
    workers=st.integers(1, 3),
)
def test_counts_are_those_of_the_definition(
    sentences: list[list[str]], window: int, symmetric: bool, workers: int
) -> None:
    found, _ = counted(sentences, 1 << 20, window=window, symmetric=symmetric, workers=workers)
    expected = counted_slowly(sentences, window, symmetric)
    assert found.keys() == expected.keys()
    for pair, count in expected.items():
        assert found[pair] == pytest.approx(count, rel=2e-7)


def test_counts_do_not_depend_on_the_memory() -> None:
    rng = np.random.default_rng(0)
    sentences = [[str(word) for word in rng.zipf(1.4, 40) % 3000] for _ in range(120)]
    ample, spilled = counted(sentences, 1 << 26)
    assert not spilled
    least, spilled = counted(sentences, 1 << 16)
    assert spilled
    assert least == ample
    expected = counted_slowly(sentences, 10, True)
    assert ample.keys() == expected.keys()
    assert all(ample[pair] == pytest.approx(count, rel=2e-7) for pair, count in expected.items())


def test_an_epoch_is_the_step_of_the_paper_pair_by_pair() -> None:
    rng = np.random.default_rng(1)
    sentences = [[str(word) for word in rng.integers(0, 30, 9)] for _ in range(40)]
    corpus = _rust.WordCorpus(sentences, 1)
    pairs = _rust.WordPairs(
        corpus,
        vocabulary=None,
        window=4,
        symmetric=True,
        memory_limit=1 << 20,
        directory=None,
        workers=1,
        seed=1,
    )
    parameters = _rust.GloveParameters(len(corpus.words), 7, 3)
    values, squares, context_values, context_squares = (
        array.astype(np.float64) for array in parameters.arrays()
    )
    losses = []
    for row, column, count in zip(*(array.tolist() for array in pairs.arrays()), strict=True):
        w, c = values[row], context_values[column]
        error = w[:-1] @ c[:-1] + w[-1] + c[-1] - np.log(count)
        weight = min(1.0, (count / 10) ** 0.75)
        losses.append(weight * error**2 / 2)
        step = 0.05 * weight * error
        to_word, to_context = step * np.append(c[:-1], 1), step * np.append(w[:-1], 1)
        w -= to_word / np.sqrt(squares[row])
        c -= to_context / np.sqrt(context_squares[column])
        squares[row] += to_word**2
        context_squares[column] += to_context**2
    loss = parameters.epoch(pairs, x_max=10.0, alpha=0.75, learning_rate=0.05, workers=1, seed=1)
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)
    for ours, theirs in zip(
        parameters.arrays(), (values, squares, context_values, context_squares), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def topics() -> list[str]:
    """Words of one topic mostly meet each other."""
    rng = np.random.default_rng(0)
    sentences = []
    for _ in range(800):
        own = rng.integers(2)
        chosen = np.where(rng.random(8) < 0.1, 1 - own, own)
        sentences.append(
            " ".join(f"{topic}-{word}" for topic, word in zip(chosen, rng.integers(0, 15, 8), strict=True))
        )
    return sentences


@pytest.fixture(scope="module")
def model(topics: list[str]) -> GloVe:
    return GloVe(topics, vector_size=12, epochs=15)


def test_planted_topics_are_found(model: GloVe) -> None:
    right = [
        word[0] == near[0]
        for word in model.wv.index_to_key
        for near, _ in model.wv.most_similar(word, topn=5)
    ]
    assert np.mean(right) > 0.9
    assert len(model.losses) == 15
    assert all(later < earlier for earlier, later in zip(model.losses, model.losses[1:], strict=False))
    assert model.wv.counts is not None
    assert model.wv.counts.tolist() == sorted(model.wv.counts, reverse=True)
    np.testing.assert_array_equal(model.wv.vectors, model.word_vectors + model.context_vectors)
    assert model.biases.shape == model.context_biases.shape == (len(model.wv),)
    assert repr(model) == "GloVe(words=30, vector_size=12, epochs=15)"


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_change_nothing(topics: list[str], model: GloVe, workers: int) -> None:
    same = GloVe(topics, vector_size=12, epochs=15, workers=workers)
    np.testing.assert_array_equal(same.wv.vectors, model.wv.vectors)
    assert same.losses == model.losses


def test_the_seed_counts(topics: list[str]) -> None:
    one, other = (GloVe(topics, vector_size=4, epochs=1, seed=seed) for seed in (1, 2))
    assert not np.array_equal(one.wv.vectors, other.wv.vectors)


def test_saved_models_go_on_as_if_they_had_not_stopped(
    topics: list[str], model: GloVe, tmp_path: Path
) -> None:
    begun = GloVe(topics, vector_size=12, epochs=9)
    begun.save(tmp_path / "model")
    loaded = GloVe.load(tmp_path / "model")
    assert loaded.losses == begun.losses
    assert loaded.wv.index_to_key == begun.wv.index_to_key
    assert loaded.wv.get_vecattr("0-1", "count") == begun.wv.get_vecattr("0-1", "count")
    assert loaded.train(topics, epochs=6) == loaded.losses[9:]
    np.testing.assert_array_equal(loaded.wv.vectors, model.wv.vectors)
    assert loaded.losses == model.losses


def test_continuing_passes_over_unknown_words(model: GloVe, topics: list[str], tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    one, other = (GloVe.load(tmp_path / "model") for _ in range(2))
    one.train(topics[:50], epochs=1)
    other.train([line.replace(" ", " unknown ", 3) for line in topics[:50]], epochs=1)
    np.testing.assert_array_equal(one.wv.vectors, other.wv.vectors)


def test_files_and_lists_are_the_same(topics: list[str], tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(topics))
    options: dict[str, Any] = {"vector_size": 4, "epochs": 1}
    trained = [
        GloVe(topics, **options),
        GloVe([line.split() for line in topics], **options),
        GloVe(corpus_file=path, **options),
        GloVe(topics, memory_limit="64KiB", temporary_directory=tmp_path, **options),
    ]
    for other in trained[1:3]:
        np.testing.assert_array_equal(trained[0].wv.vectors, other.wv.vectors)
    assert trained[3].num_pairs == trained[0].num_pairs
    assert [file.name for file in tmp_path.iterdir()] == ["corpus.txt"]


def test_edges_of_corpora() -> None:
    alone = GloVe(["one"], min_count=1, vector_size=3)
    assert alone.num_pairs == 0
    assert alone.losses == [0.0] * 15
    same = GloVe(["x x x x"], min_count=1, vector_size=3, window=100)
    assert same.num_pairs == 1
    assert np.isfinite(same.wv.vectors).all()
    assert len(GloVe(["a b"], min_count=1, vector_size=1, epochs=0).losses) == 0
    before = GloVe(["a b c"], min_count=1, vector_size=2, symmetric=False, epochs=1)
    assert before.num_pairs == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vector_size": 0}, "vector_size is 0"),
        ({"window": 0}, "window is 0"),
        ({"x_max": 0.0}, "x_max is 0"),
        ({"learning_rate": float("nan")}, "learning_rate is NaN"),
        ({"workers": 0}, "workers is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"epochs": -1}, "epochs is -1"),
        ({"memory_limit": 1000}, r"memory_limit is 1000 bytes: expected at least 65536"),
        ({"memory_limit": "much"}, "memory_limit is 'much'"),
        ({"min_count": 9}, "none of them 9 times"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_settings_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        GloVe(["a b c a b c"], **{"min_count": 1, **options})


def test_bad_sentences_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="sentences is a string"):
        GloVe("a b c")
    with pytest.raises(InvalidArgumentError, match="sentences and corpus_file are both"):
        GloVe()
    with pytest.raises(InvalidArgumentError, match="no word is left"):
        GloVe([])
    with pytest.raises(InvalidTypeError, match="sentence 1"):
        GloVe([["a"], [1]])  # type: ignore[list-item]
    with pytest.raises(MissingFileError):
        GloVe(corpus_file=tmp_path / "none")
    (tmp_path / "latin").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InvalidFileError, match="not UTF-8 at byte 0"):
        GloVe(corpus_file=tmp_path / "latin")


def test_files_of_models_are_checked(model: GloVe, tmp_path: Path) -> None:
    path = tmp_path / "model"
    model.save(path)
    content = path.read_bytes()
    with pytest.raises(InvalidFileError, match="expected vectors by word"):
        KeyedVectors.load(path)
    path.write_bytes(content[:-100])
    with pytest.raises(InvalidFileError, match="truncated"):
        GloVe.load(path)
    path.write_bytes(content[:-200] + bytes(200))
    with pytest.raises(InvalidFileError, match="checksum"):
        GloVe.load(path)


def test_progress_is_told(topics: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[int, float]] = []
    model = GloVe(topics, vector_size=4, epochs=2, progress=lambda epoch, loss: seen.append((epoch, loss)))
    assert seen == list(enumerate(model.losses, start=1))
    model.train(topics, epochs=1, progress=True)
    assert capsys.readouterr().err.startswith("GloVe: epoch 3, loss 0.")


def test_an_interrupted_model_stays_usable(topics: list[str], model: GloVe, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    running = GloVe.load(tmp_path / "model")
    begun = threading.Event()
    threading.Thread(target=lambda: (begun.wait(), os.kill(os.getpid(), signal.SIGINT)), daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        running.train(topics, epochs=1_000_000, progress=lambda *_: begun.set())
    assert np.isfinite(running.wv.vectors).all()
    assert len(running.losses) >= 16
    running.train(topics, epochs=1)
