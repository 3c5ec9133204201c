"""Vectors by word: neighbours, comparison with people, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ferrolm.embeddings import KeyedVectors
from ferrolm.errors import (
    InvalidArgumentError,
    InvalidFileError,
    MissingFileError,
    ShapeError,
    UnknownNameError,
)


@pytest.fixture
def royal() -> KeyedVectors:
    """Vectors whose axes are royalty, womanhood and fruitiness."""
    rows = {
        "king": (1, 0, 0),
        "queen": (1, 1, 0),
        "man": (0.3, 0, 0.1),
        "woman": (0.1, 1, 0.1),
        "apple": (0, 0, 1),
    }
    return KeyedVectors(list(rows), np.array(list(rows.values())))


def test_analogies_and_neighbours(royal: KeyedVectors) -> None:
    assert royal.most_similar(positive=["king", "woman"], negative=["man"], topn=1)[0][0] == "queen"
    names, similarities = zip(*royal.most_similar("queen"), strict=True)
    assert set(names) == {"king", "man", "woman", "apple"}
    assert list(similarities) == sorted(similarities, reverse=True)
    for name, similarity in zip(names, similarities, strict=True):
        assert similarity == pytest.approx(royal.similarity("queen", name), abs=1e-6)
    assert royal.similar_by_vector(np.array([0, 0, 3.0]), topn=1) == [("apple", pytest.approx(1))]
    assert [name for name, _ in royal.most_similar("king", restrict_vocab=2)] == ["queen"]


def test_lookup(royal: KeyedVectors) -> None:
    assert royal["king"].tolist() == [1, 0, 0]
    assert royal[["king", "apple"]].shape == (2, 3)
    assert "king" in royal
    assert "prince" not in royal
    assert len(royal) == 5
    with pytest.raises(UnknownNameError, match="'quen' has no vector; did you mean 'queen'"):
        royal["quen"]
    with pytest.raises(KeyError):
        royal.most_similar(positive=["king"], negative=["nothing"])


@pytest.mark.parametrize("binary", [False, True])
def test_files_round_trip(royal: KeyedVectors, tmp_path: Path, binary: bool) -> None:
    path = tmp_path / "vectors"
    rng = np.random.default_rng(0)
    saved = KeyedVectors(["a", "ß", "東京", "New-York"], rng.standard_normal((4, 9)).astype(np.float32))
    saved.save_word2vec_format(path, binary=binary)
    loaded = KeyedVectors.load_word2vec_format(path, binary=binary)
    assert loaded.index_to_key == saved.index_to_key
    np.testing.assert_array_equal(loaded.vectors, saved.vectors)
    assert KeyedVectors.load_word2vec_format(path, binary=binary, limit=2).index_to_key == ["a", "ß"]


def test_the_text_form_is_plain(royal: KeyedVectors, tmp_path: Path) -> None:
    royal.save_word2vec_format(tmp_path / "v.txt")
    lines = (tmp_path / "v.txt").read_text().splitlines()
    assert lines[:2] == ["5 3", "king 1 0 0"]
    (tmp_path / "glove.txt").write_text("\n".join(lines[1:]))
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "glove.txt", no_header=True)
    np.testing.assert_array_equal(loaded.vectors, royal.vectors)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"3 2\na 1 2\n", "vector 2 of 3.*line 3"),
        (b"1 2\na 1 2\nb 1 2\n", "more after the 1"),
        (b"1 2\na 1 two\n", '"two" is no number'),
        (b"999999999 999999999\na 1\n", "does not fit the file"),
        (b"no header\n", "the header is"),
        (b"", "the header is"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "wrong.txt"
    path.write_bytes(content)
    with pytest.raises(InvalidFileError, match=words) as caught:
        KeyedVectors.load_word2vec_format(path)
    assert "wrong.txt" in str(caught.value)
    with pytest.raises(MissingFileError):
        KeyedVectors.load_word2vec_format(tmp_path / "none")


def test_words_that_a_file_cannot_hold(tmp_path: Path) -> None:
    vectors = KeyedVectors(["New York"], np.ones((1, 2)))
    vectors.save_word2vec_format(tmp_path / "v.txt")
    assert "New York" in KeyedVectors.load_word2vec_format(tmp_path / "v.txt")
    with pytest.raises(InvalidArgumentError, match="New York"):
        vectors.save_word2vec_format(tmp_path / "v.bin", binary=True)
    assert not (tmp_path / "v.bin").exists()


def test_agreement_with_people(royal: KeyedVectors, tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("# pairs\nKing\tqueen\t9\nking\tman\t8\nqueen\tapple\t0.5\nking\tprince\t9\n")
    result = royal.evaluate_word_pairs(path)
    assert result.pairs == 3
    assert result.out_of_vocabulary == 0.25
    assert result.spearman == pytest.approx(0.5)  # king is nearer to man than to queen
    assert -1 <= result.pearson <= 1
    with pytest.raises(InvalidArgumentError, match="1 of them known"):
        royal.evaluate_word_pairs([("king", "man", 1.0), ("x", "y", 2.0)])
    path.write_text("king queen 9\n")
    with pytest.raises(InvalidFileError, match="line 1"):
        royal.evaluate_word_pairs(path)


def test_spearman_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    wv = KeyedVectors([str(i) for i in range(40)], rng.standard_normal((40, 5)))
    pairs = [(str(i), str(39 - i), float(rng.integers(4))) for i in range(40)]
    ours = wv.evaluate_word_pairs(pairs)
    similarities = [wv.similarity(first, second) for first, second, _ in pairs]
    scores = [score for *_, score in pairs]
    assert ours.spearman == pytest.approx(stats.spearmanr(similarities, scores)[0])
    assert ours.pearson == pytest.approx(stats.pearsonr(similarities, scores)[0])


def test_keys_and_vectors_must_fit() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(1, size\)"):
        KeyedVectors(["a"], np.zeros((2, 3)))
    with pytest.raises(InvalidArgumentError, match="different"):
        KeyedVectors(["a", "a"], np.zeros((2, 3)))
