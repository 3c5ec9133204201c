"""Selectors: order, ties, leaks, budgets, errors."""

from __future__ import annotations

import numpy as np
import pytest

from ferrolm.demonstrations import METHODS, BM25Index, select, selector, within_budget
from ferrolm.errors import InvalidArgumentError, ShapeError, UnknownNameError

POOL = ["red apple", "green apple", "red car", "blue sky", "blue blue sky", "green grass"]
COLOURS = ["red", "green", "blue", "apple", "car", "sky", "grass"]


def embed(texts):
    return np.array([[text.split().count(colour) for colour in COLOURS] for text in texts], dtype=float)


def settings(method):
    return {"embed": embed} if method in {"nearest", "mmr", "dpp", "k-means"} else {}


@pytest.mark.parametrize("method", METHODS)
def test_each_method_gives_k_distinct_positions_and_the_same_ones_again(method):
    chooser = selector(POOL, method, **settings(method))
    first = chooser.select("a red apple", 4)
    assert first.dtype == np.int64
    assert len(set(first.tolist())) == 4
    assert first.tolist() == chooser.select("a red apple", 4).tolist()
    assert len(chooser.select("a red apple", 100)) == len(POOL)
    assert len(chooser.select("a red apple", 0)) == 0


@pytest.mark.parametrize("method", ["bm25", "coverage", "nearest", "mmr", "dpp", "k-means"])
def test_the_best_example_comes_first(method):
    assert POOL[select(POOL, "one red apple please", 1, method, **settings(method))[0]] == "red apple"


@pytest.mark.parametrize("method", METHODS)
def test_the_query_itself_is_never_chosen(method):
    pool = [*POOL, "red apple"]
    chosen = select(pool, "red apple", 10, method, **settings(method))
    assert sorted(pool[position] for position in chosen) == sorted(set(POOL) - {"red apple"})


def test_random_examples_differ_between_queries_and_seeds():
    pool = [str(number) for number in range(1000)]
    chosen = {tuple(select(pool, query, 5, "random", seed=seed)) for query in ("a", "b") for seed in (0, 1)}
    assert len(chosen) == 4


def test_among_equals_the_order_of_the_pool_does_not_decide():
    pool = [f"word{number}" for number in range(100)]
    chosen = select(pool, "nothing in common", 50)
    assert chosen.tolist() != sorted(chosen)
    assert 20 < np.mean(chosen) < 80
    assert chosen.tolist() != select(pool, "nothing in common", 50, seed=1).tolist()


def test_mmr_prefers_examples_that_differ():
    pool = ["red red apple", "red apple apple", "apple red", "green apple car", "sky"]
    nearest = select(pool, "red apple", 2, "nearest", embed=embed)
    diverse = select(pool, "red apple", 2, "mmr", embed=embed, relevance=0.3)
    assert set(nearest) < {0, 1, 2}
    assert diverse[0] == nearest[0]
    assert diverse[1] not in {0, 1, 2}


def test_mmr_with_full_relevance_is_nearest():
    expected = select(POOL, "blue apple", 5, "nearest", embed=embed)
    assert select(POOL, "blue apple", 5, "mmr", embed=embed, relevance=1).tolist() == expected.tolist()


def test_embeddings_of_the_pool_can_be_given():
    assert select(POOL, "sky", 1, "nearest", embed=embed, embeddings=embed(POOL)).tolist() == [3]


def test_bm25_discounts_frequent_words_and_long_texts():
    index = BM25Index(["common rare", "common", "common common filler filler filler", "common"])
    rare, common = index.scores("rare"), index.scores("common")
    assert rare[0] > common[0] > 0
    assert common[1] > common[0]
    assert index.scores("unknown").tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("pool", [[], [""], ["", "..."]])
def test_pools_of_nothing(pool):
    assert len(select(pool, "x", 3)) == len(pool)


def test_a_budget_passes_over_what_does_not_fit():
    pool = ["a b c d", "e f", "g", "h i"]
    counts = lambda texts: [len(text.split()) for text in texts]  # noqa: E731
    assert within_budget([0, 1, 2, 3], pool, counts, 3).tolist() == [1, 2]
    assert within_budget([], pool, counts, 3).tolist() == []
    with pytest.raises(InvalidArgumentError, match="budget is -1"):
        within_budget([0], pool, counts, -1)


def test_errors_name_what_is_wrong():
    with pytest.raises(UnknownNameError, match=r"method 'bm26' is not one of .*did you mean 'bm25'"):
        select(POOL, "x", 1, "bm26")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match=r"method 'nearest': .*embed"):
        select(POOL, "x", 1, "nearest")
    with pytest.raises(InvalidArgumentError, match="k is -1"):
        select(POOL, "x", -1)
    with pytest.raises(ShapeError, match=r"embeddings have shape \(2, 7\), expected \(6, dimensions\)"):
        selector(POOL, "nearest", embed=embed, embeddings=embed(POOL[:2]))
    with pytest.raises(InvalidArgumentError, match="relevance is 2"):
        selector(POOL, "mmr", embed=embed, relevance=2)
