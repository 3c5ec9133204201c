"""`skip_grams` and `cooccurrences`."""

from __future__ import annotations

import numpy as np
import pytest

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, LimitError
from ferrolm.ngram import NgramCounts, cooccurrences, skip_grams

SENTENCE = "insurgents killed in ongoing fighting"


def test_the_bigrams_of_the_paper() -> None:
    """Guthrie et al. (2006), section 2: the 2-skip-bigrams of their sentence."""
    counts = skip_grams([SENTENCE], n=2, k=2)
    pairs = [
        "insurgents killed",
        "insurgents in",
        "insurgents ongoing",
        "killed in",
        "killed ongoing",
        "killed fighting",
        "in ongoing",
        "in fighting",
        "ongoing fighting",
    ]
    assert [" ".join(gram) for gram, _ in counts.most_common(99)] == pairs
    assert len(skip_grams([SENTENCE], n=3, k=2)) == 10


def test_skip_grams_are_counts_like_others(tmp_path) -> None:
    counts = skip_grams([[3, 1, 3, 1], [2]], n=2, k=1)
    assert counts.orders == (2,)
    assert counts[3, 1] == 2
    assert counts[3, 3] == counts[1, 1] == 1
    assert counts.keys(2).tolist() == [[1, 1], [1, 3], [3, 1], [3, 3]]
    assert counts.merge(counts)[3, 1] == 4
    counts.save(tmp_path / "counts")
    assert NgramCounts.load(tmp_path / "counts") == counts
    wide = skip_grams([[2**32 - 2] * 9], n=8, k=1)
    assert wide.most_common(1) == [((2**32 - 2,) * 8, 9)]


def test_pairs_of_words_by_frequency() -> None:
    pairs = cooccurrences("the cat saw the dog\nthe end", window=1, min_count=1)
    assert pairs.words == ["the", "cat", "saw", "dog", "end"]
    assert (len(pairs), pairs.size, pairs.values.dtype) == (10, 5, np.uint64)
    matrix = pairs.to_scipy().toarray()
    assert (matrix == matrix.T).all()
    assert matrix[0].tolist() == [0, 1, 1, 1, 1]
    directed = cooccurrences("the cat saw the dog", window=1, symmetric=False).to_scipy().toarray()
    assert directed.tolist() == [[0, 1, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_rare_and_foreign_words_go_before_distances() -> None:
    text = "a x b\na y b"
    assert cooccurrences(text, window=1, min_count=2).words == ["a", "b"]
    assert cooccurrences(text, window=1, min_count=2).to_scipy().toarray().tolist() == [[0, 2], [2, 0]]
    given = cooccurrences(text, window=1, vocabulary=["b", "never", "a"], weighting="harmonic")
    assert (given.words, given.size) == (["b", "never", "a"], 3)
    assert given.rows.tolist() == [0, 2]
    assert given.values.tolist() == [2.0, 2.0]
    ids = cooccurrences([[5, 1, 7]], window=1, vocabulary=[7, 5])
    assert (ids.rows.tolist(), ids.columns.tolist(), ids.size, ids.words) == ([5, 7], [7, 5], 8, None)


def test_any_number_of_threads_gives_the_same_sums() -> None:
    ids = (np.random.default_rng(5).zipf(1.2, 300_000) % 20_000).astype(np.uint32)
    results = []
    for threads in (1, 2, 3):
        ferrolm.set_num_threads(threads)
        pairs = cooccurrences(ids, window=7, weighting="harmonic")
        grams = skip_grams(ids, n=3, k=2)
        results.append((pairs.rows, pairs.columns, pairs.values, grams.keys(3), grams.values(3)))
    for other in results[1:]:
        assert all(np.array_equal(mine, theirs) for mine, theirs in zip(results[0], other, strict=True))
    # Six ways to choose two of the next four, three of three, one of two.
    assert results[0][4].sum() == 6 * (len(ids) - 4) + 3 + 1


@pytest.mark.parametrize("source", ["", [], [[]], "one", [[3]]])
def test_nothing_is_near(source: object) -> None:
    assert len(cooccurrences(source)) == 0
    assert len(skip_grams(source, 2, 3)) == 0


def test_bad_arguments() -> None:
    for arguments, message in [
        ({"window": 0}, "window is 0"),
        ({"window": 65, "weighting": "harmonic"}, "window is 65"),
        ({"weighting": "other"}, "weighting"),
        ({"vocabulary": ["a", "a"]}, "twice"),
    ]:
        with pytest.raises(InvalidArgumentError, match=message):
            cooccurrences("a b", **arguments)  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match="expected words"):
        cooccurrences("a b", vocabulary=[1])
    for n, k in [(0, 1), (9, 0), (2, -1)]:
        with pytest.raises(InvalidArgumentError, match=f"n is {n}"):
            skip_grams("a b", n, k)
    with pytest.raises(LimitError, match="would start"):
        skip_grams("a b", 8, 500)
