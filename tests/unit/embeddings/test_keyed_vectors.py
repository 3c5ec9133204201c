"""Vectors by word: neighbours, comparison with people, files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

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


@pytest.fixture(scope="module")
def many() -> KeyedVectors:
    rng = np.random.default_rng(0)
    return KeyedVectors([f"w{i}" for i in range(2000)], rng.standard_normal((2000, 30), np.float32))


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
    assert royal.get_index("queen") == 1
    assert royal.get_index("prince", -1) == -1
    np.testing.assert_array_equal(royal[4], royal["apple"])
    assert royal.get_vector("woman", norm=True) @ royal.get_vector("woman", norm=True) == pytest.approx(1)
    with pytest.raises(ValueError, match="read-only"):
        royal["king"][0] = 2
    with pytest.raises(InvalidArgumentError, match="empty"):
        royal.most_similar()
    with pytest.raises(ShapeError, match=r"\(2,\).*\(3,\)"):
        royal.similar_by_vector(np.ones(2))
    assert royal.most_similar("king", topn=0) == []


def test_many_questions_at_once_are_those_one_by_one(many: KeyedVectors) -> None:
    asked = [["w1"], "w2", ["w3", "w4"], many.vectors[5], 6, [("w7", 2.0), "w8"]] * 4
    unlike = [None, "w9", ["w1", "w2"], None, many.vectors[7], []] * 4
    batch = many.most_similar_batch(asked, unlike, topn=7, restrict_vocab=1500)
    for positive, negative, near in zip(asked, unlike, batch, strict=True):
        alone = many.most_similar(positive, negative, topn=7, restrict_vocab=1500)
        assert [word for word, _ in near] == [word for word, _ in alone]
        np.testing.assert_allclose([value for _, value in near], [value for _, value in alone], atol=1e-6)
    rows, cosines = many.nearest(many.vectors[:40], topn=3)
    assert rows[:, 0].tolist() == list(range(40))
    np.testing.assert_allclose(cosines[:, 0], 1, atol=1e-6)
    assert many.most_similar_batch([]) == []
    with pytest.raises(InvalidArgumentError, match="negative has 1 questions: expected 2"):
        many.most_similar_batch(["w1", "w2"], ["w3"])


def test_the_search_is_exact_whatever_is_asked(many: KeyedVectors) -> None:
    cosines = many.most_similar("w3", topn=None)
    assert cosines.shape == (2000,)
    order = [row for row in np.argsort(-cosines).tolist() if row != 3]
    for topn in (1, 10, 1999, 5000):
        assert [word for word, _ in many.most_similar("w3", topn=topn)] == [f"w{row}" for row in order[:topn]]
    clipped = many.most_similar("w3", topn=5, clip_start=100, clip_end=300)
    assert [word for word, _ in clipped] == [f"w{row}" for row in order if 100 <= row < 300][:5]


def test_vectors_of_zeros_and_equal_ones() -> None:
    wv = KeyedVectors(["zero", "a", "b", "c"], np.array([[0, 0], [1, 0], [2, 0], [-1, 0]]))
    assert wv.most_similar("a") == [("b", 1.0), ("zero", 0.0), ("c", -1.0)]
    assert wv.similarity("zero", "a") == 0
    assert wv.get_normed_vectors().tolist() == [[0, 0], [1, 0], [1, 0], [-1, 0]]
    assert [near for near, _ in wv.most_similar("zero")] == ["a", "b", "c"]


def test_adding_sorting_and_choosing() -> None:
    wv = KeyedVectors(["a", "b"], np.eye(2), counts=np.array([1, 5]))
    wv.fill_norms()
    wv.add_vectors(["c", "a", "c"], np.array([[3, 4], [9, 9], [7, 7]]), extras={"count": np.array([3, 9, 8])})
    assert wv.index_to_key == ["a", "b", "c"]
    assert wv["a"].tolist() == [1, 0]
    assert wv.norms.tolist() == [1, 1, 5]
    wv["a"] = np.array([[0, 2]])
    assert wv["a"].tolist() == [0, 2]
    assert wv.similarity("a", "b") == 1
    assert wv.add_vector("d", np.array([5, 5])) == 3
    wv.set_vecattr("d", "count", 4)
    assert wv.get_vecattr("c", "count") == 3
    wv.sort_by_descending_frequency()
    assert wv.index_to_key == ["b", "d", "c", "a"]
    assert wv["c"].tolist() == [3, 4]
    chosen = wv.vectors_for_all(["a", "x", "c", "a"], copy_vecattrs=True)
    assert chosen.index_to_key == ["a", "c"]
    assert chosen.counts is not None
    assert chosen.counts.tolist() == [1, 3]
    assert wv.vectors_for_all(["x"]).vectors.shape == (0, 2)
    with pytest.raises(ShapeError, match="expected"):
        wv.add_vectors(["e"], np.ones((1, 3)))
    with pytest.raises(UnknownNameError, match="did you mean 'count'"):
        wv.get_vecattr("a", "counts")
    with pytest.raises(InvalidArgumentError, match="no counts"):
        KeyedVectors(["a"], np.ones((1, 1))).sort_by_descending_frequency()
    wv.unit_normalize_all()
    np.testing.assert_allclose(np.linalg.norm(wv.vectors, axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("mmap", [None, "r"], ids=["read", "mapped"])
def test_own_files(many: KeyedVectors, tmp_path: Path, mmap: Literal["r"] | None) -> None:
    path = tmp_path / "vectors"
    saved = KeyedVectors(["a b", "ß\n", "", *many.index_to_key[3:]], many.vectors, counts=np.arange(2000))
    saved.save(path)
    loaded = KeyedVectors.load(path, mmap=mmap)
    assert loaded.index_to_key == saved.index_to_key
    np.testing.assert_array_equal(loaded.vectors, saved.vectors)
    np.testing.assert_array_equal(loaded.counts, np.arange(2000))
    assert isinstance(loaded.vectors, np.memmap) == (mmap == "r")
    assert loaded.most_similar("w7") == saved.most_similar("w7")
    loaded["w7"] = many.vectors[8]
    assert loaded.similarity("w7", "w8") == pytest.approx(1)
    assert KeyedVectors.load(path).similarity("w7", "w8") < 1
    empty = KeyedVectors([], np.zeros((0, 5)))
    empty.save(path)
    assert KeyedVectors.load(path, mmap=mmap).vectors.shape == (0, 5)


def test_damaged_own_files(many: KeyedVectors, tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    many.save(path)
    content = path.read_bytes()
    vectors = content.index(many.vectors[:1].tobytes())
    for place, words in [
        (0, "begins with"),
        (8, "version"),
        (14, "head"),
        (30, "checksum of its head"),
        (vectors, "'vectors'"),
    ]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with pytest.raises(InvalidFileError, match=words):
            KeyedVectors.load(path)
    for length in (0, 5, 15, 100, vectors, len(content) - 100):
        path.write_bytes(content[:length])
        for mmap in (None, "r"):
            with pytest.raises(InvalidFileError):
                KeyedVectors.load(path, mmap=mmap)  # type: ignore[arg-type]
    with pytest.raises(MissingFileError):
        KeyedVectors.load(tmp_path / "none")
    with pytest.raises(InvalidArgumentError, match="mmap is 'w'"):
        KeyedVectors.load(path, mmap="w")  # type: ignore[arg-type]
    many.save_word2vec_format(path)
    with pytest.raises(InvalidFileError, match="load_word2vec_format"):
        KeyedVectors.load(path)


def test_forms_of_other_programs(many: KeyedVectors, tmp_path: Path) -> None:
    few = KeyedVectors(many.index_to_key[:50], many.vectors[:50], counts=np.arange(50))
    few.save_word2vec_format(tmp_path / "v.txt.gz", fvocab=tmp_path / "vocab")
    assert (tmp_path / "v.txt.gz").read_bytes()[:2] == b"\x1f\x8b"
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "v.txt.gz", fvocab=tmp_path / "vocab")
    assert loaded.index_to_key == few.index_to_key[::-1]  # by count
    assert loaded.counts is not None
    assert loaded.counts.tolist() == list(range(49, -1, -1))
    for name, header in [("glove.txt", False), ("glove.gz", True)]:
        few.save_word2vec_format(tmp_path / name, write_header=header)
        glove = KeyedVectors.load_glove_format(tmp_path / name)
        np.testing.assert_array_equal(glove.vectors, loaded.vectors)
    half = KeyedVectors.load_word2vec_format(tmp_path / "v.txt.gz", datatype=np.float16)
    np.testing.assert_allclose(half.vectors, loaded.vectors, rtol=1e-3)
    (tmp_path / "cut.txt").write_bytes(b"1 1\na\xe4b 1\n")
    for errors, word in [("ignore", "ab"), ("replace", "a\ufffdb")]:
        cut = KeyedVectors.load_word2vec_format(tmp_path / "cut.txt", unicode_errors=errors)
        assert cut.index_to_key == [word]
    with pytest.raises(InvalidArgumentError, match="unicode_errors"):
        KeyedVectors.load_word2vec_format(tmp_path / "cut.txt", unicode_errors="guess")
    with pytest.raises(InvalidArgumentError, match="encoding"):
        KeyedVectors.load_word2vec_format(tmp_path / "cut.txt", encoding="latin1")
    others = KeyedVectors(["w1", "new"], np.zeros((2, 30)))
    assert others.intersect_word2vec_format(tmp_path / "v.txt.gz") == 1
    np.testing.assert_array_equal(others["w1"], many["w1"])
    with pytest.raises(InvalidArgumentError, match="size 30: expected 2"):
        KeyedVectors(["w1"], np.zeros((1, 2))).intersect_word2vec_format(tmp_path / "v.txt.gz")


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
    pearson, spearman, unknown = result
    assert (pearson, spearman[0], unknown) == (result.pearson, result.spearman, 25.0)
    known = royal.evaluate_word_pairs(path, dummy4unknown=True, restrict_vocab=3)
    assert (known.pairs, known.out_of_vocabulary) == (4, 0.5)
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
