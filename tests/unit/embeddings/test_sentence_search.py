"""Exact search and correlation of embeddings, against plain sorts and scipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.embeddings import (
    AverageEmbeddings,
    KeyedVectors,
    cosine_similarity,
    evaluate_sentence_pairs,
    semantic_search,
)
from ferrolm.embeddings.sentence_evaluation import spearman
from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, ShapeError


@given(
    st.integers(1, 5), st.integers(0, 900), st.integers(1, 12), st.sampled_from([64, 100, 256, 1000]), st.integers(0, 2**32 - 1)
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_search_is_a_sort_of_all_cosines(queries: int, rows: int, top_k: int, chunk: int, seed: int) -> None:
    """Whole numbers, so that many cosines are equal and the order of equals is seen."""
    random = np.random.default_rng(seed)
    corpus = random.integers(-1, 2, (rows, 3)).astype(np.float32)
    asked = random.integers(-1, 2, (queries, 3)).astype(np.float32)
    found = semantic_search(asked, corpus, top_k, query_chunk_size=2, corpus_chunk_size=chunk)
    hits = min(top_k, rows)
    assert found.corpus_ids.shape == found.scores.shape == (queries, hits)
    for query, ids, scores in zip(asked, found.corpus_ids, found.scores, strict=True):
        lengths = np.linalg.norm(corpus, axis=1) * np.linalg.norm(query)
        cosines = (corpus @ query) / np.where(lengths == 0, 1, lengths)
        order = np.lexsort((np.arange(rows), -cosines.round(5)))[:hits]
        np.testing.assert_array_equal(ids, order)
        np.testing.assert_allclose(scores, cosines[order], atol=1e-6)


def test_results_look_like_those_of_sentence_transformers() -> None:
    found = semantic_search([1.0, 0.0], np.array([[0.0, 1.0], [2.0, 0.0]]), top_k=2)
    assert found[0] == [{"corpus_id": 1, "score": 1.0}, {"corpus_id": 0, "score": 0.0}]
    assert len(found) == len(found[:]) == len(list(found)) == 1
    assert repr(found) == "SearchHits(queries=1, hits=2)"


def test_a_corpus_may_be_a_mapped_file(tmp_path: Path) -> None:
    corpus = np.random.default_rng(0).standard_normal((5000, 8)).astype(np.float32)
    np.save(tmp_path / "corpus.npy", corpus)
    mapped = np.load(tmp_path / "corpus.npy", mmap_mode="r")
    found = semantic_search(corpus[:7], mapped, 3, corpus_chunk_size=1000)
    assert found.corpus_ids[:, 0].tolist() == list(range(7))
    np.testing.assert_array_equal(found.corpus_ids, semantic_search(corpus[:7], corpus, 3).corpus_ids)


def test_wrong_embeddings_are_named() -> None:
    good = np.ones((3, 2), np.float32)
    with pytest.raises(ShapeError, match=r"corpus_embeddings has shape \(3, 2\): expected \(corpus, 3\)"):
        semantic_search(np.ones((1, 3)), good)
    wrong = good.copy()
    wrong[1, 0] = np.nan
    with pytest.raises(InvalidArgumentError, match=r"corpus_embeddings\[1\] has a number that is infinite"):
        semantic_search(good, wrong)
    with pytest.raises(InvalidArgumentError, match="query_embeddings has a number that is infinite"):
        semantic_search(wrong, good)
    with pytest.raises(InvalidArgumentError, match="top_k is 0"):
        semantic_search(good, good, 0)
    with pytest.raises(ShapeError, match="first has rows of 2 numbers, second of 3"):
        cosine_similarity(good, np.ones(3))


def test_cosines() -> None:
    random = np.random.default_rng(0)
    first, second = random.standard_normal((4, 5)), random.standard_normal((3, 5))
    expected = first @ second.T / np.linalg.norm(first, axis=1)[:, None] / np.linalg.norm(second, axis=1)
    np.testing.assert_allclose(cosine_similarity(first, second), expected, atol=1e-6)
    assert cosine_similarity([0, 0], [1, 2]).tolist() == [[0.0]]


def test_agreement_with_people(tmp_path: Path) -> None:
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(0)
    wv = KeyedVectors([f"w{number}" for number in range(30)], random.standard_normal((30, 5)))
    embedder = AverageEmbeddings(wv)
    pairs = [
        (f"w{a} w{b}", f"w{c}", float(random.integers(6))) for a, b, c in random.integers(0, 30, (40, 3))
    ]
    cosines = [
        cosine_similarity(embedder.encode(one), embedder.encode(other))[0, 0] for one, other, _ in pairs
    ]
    scores = [score for *_, score in pairs]
    found = evaluate_sentence_pairs(embedder, pairs)
    assert found.pairs == 40
    assert found.spearman == pytest.approx(stats.spearmanr(cosines, scores)[0], abs=1e-6)
    assert found.pearson == pytest.approx(stats.pearsonr(cosines, scores)[0], abs=1e-6)
    path = tmp_path / "pairs.tsv"
    path.write_text(
        "# two sentences and a score\n"
        + "".join(f"{one}\t{other}\t{score}\tmore\r\n" for one, other, score in pairs)
    )
    assert evaluate_sentence_pairs(embedder, path) == found
    assert spearman([1, 2, 2, 5], [3, 1, 1, 0]) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a\tb\n", "line 1 is 'a.tb': expected two sentences and a number"),
        ("\na\tb\tmuch\n", "line 2"),
        ("a\tb\t1\n", "pairs has 1 pairs"),
        ("a\tb\t1\na\tc\t1\n", "all 2 scores are equal"),
        ("a\tb\t1\na\tb\t2\n", "all 2 cosines are equal"),
    ],
    ids=["two fields", "no number", "one pair", "equal scores", "equal cosines"],
)
def test_wrong_pairs(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(content)
    embedder = AverageEmbeddings(KeyedVectors(["a", "b", "c"], np.eye(3)))
    with pytest.raises((InvalidFileError, InvalidArgumentError), match=words):
        evaluate_sentence_pairs(embedder, path)
    with pytest.raises(MissingFileError, match=r"none\.tsv does not exist"):
        evaluate_sentence_pairs(embedder, tmp_path / "none.tsv")
