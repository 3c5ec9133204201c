"""Selectors: order, ties, leaks, budgets, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ferrolm.demonstrations import (
    METHODS,
    BalancedSelector,
    BM25Index,
    NearestSelector,
    RandomSelector,
    select,
    selector,
    within_budget,
)
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
@pytest.mark.parametrize("method", METHODS)
def test_pools_of_nothing(pool, method):
    assert len(select(pool, "x", 3, method, **settings(method))) == len(pool)
    assert len(select(pool, "", 3, method, **settings(method))) == len([text for text in pool if text])


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_has_each_ones_choice_to_the_last_one(method):
    generator = np.random.default_rng(0)
    pool = [" ".join(generator.choice(COLOURS, 6)) for _ in range(2000)]
    queries = [" ".join(generator.choice(COLOURS, 4)) for _ in range(30)] + ["", *pool[:5]]
    chooser = selector(pool, method, **settings(method))
    together = chooser.select_batch(queries, 5)
    assert [row.tolist() for row in together] == [chooser.select(query, 5).tolist() for query in queries]
    assert all(row.dtype == np.int64 and len(set(row.tolist())) == 5 for row in together)
    assert not any(
        pool[place] == query for query, row in zip(queries, together, strict=True) for place in row
    )


@examples(max_examples=80, deadline=None)
@given(
    values=st.lists(st.integers(0, 3), min_size=1, max_size=700),
    k=st.integers(0, 12),
    own=st.booleans(),
    seed=st.integers(0, 5),
)
def test_the_best_are_those_of_a_sort(values, k, own, seed):
    pool = [str(number) for number in range(len(values))]
    chooser, scores = RandomSelector(pool, seed=seed), np.array(values, float)
    query = pool[-1] if own else "none of them"
    order = sorted(range(len(pool)), key=lambda place: (-scores[place], chooser._places[place]))
    expected = [place for place in order if pool[place] != query][:k]
    before = scores.copy()
    assert chooser._best(query, scores, k).tolist() == expected
    assert scores.tolist() == before.tolist()


def test_the_nearest_are_those_of_a_full_table():
    generator = np.random.default_rng(1)
    rows = generator.normal(size=(5000, 24))
    rows[1000:1200] = rows[:200]  # equal ones
    texts, queries = [f"text {number}" for number in range(5000)], generator.normal(size=(20, 24))
    table = dict(zip([*texts, *map(str, range(20))], np.concatenate([rows, queries]), strict=True))
    chooser = NearestSelector(texts, lambda asked: np.array([table[text] for text in asked]), seed=3)
    for number in range(20):
        chosen, scores = chooser.select(str(number), 9), chooser.scores(str(number))
        np.testing.assert_allclose(scores[chosen], np.sort(scores)[::-1][:9], atol=1e-6)
        assert scores[chosen[0]] == pytest.approx(scores.max())
    # The equal one of each, as the query itself is never chosen.
    assert [chooser.select(f"text {number}", 1)[0] for number in range(200)] == [*range(1000, 1200)]


def test_embeddings_that_are_no_numbers_are_named():
    broken = embed(POOL)
    broken[3, 2] = np.nan
    with pytest.raises(InvalidArgumentError, match="NaN in row 3"):
        NearestSelector(POOL, embed, embeddings=broken)
    chooser = NearestSelector(POOL, lambda texts: np.full((len(texts), 7), np.inf), embeddings=embed(POOL))
    with pytest.raises(InvalidArgumentError, match="NaN in row 0"):
        chooser.select("x", 1)
    with pytest.raises(ShapeError, match="the query has 3 dimensions, the pool 7"):
        NearestSelector(POOL, lambda texts: np.ones((len(texts), 3)), embeddings=embed(POOL)).select("x", 1)
    with pytest.raises(InvalidArgumentError, match="k is -1"):
        chooser.select("x", -1)


def test_balance_holds_for_more_than_the_pool_has():
    chosen = BalancedSelector(RandomSelector(POOL), list("aabbab")).select("x", 50)
    assert sorted(chosen.tolist()) == [*range(6)]


def test_the_weights_of_words_add_up_to_the_scores():
    index, query = BM25Index(POOL), "blue sky or Red apple, unknown"
    table = index.weights(query, np.arange(6))
    assert table.shape == (6, 6)
    np.testing.assert_allclose(table.sum(axis=0), index.scores(query))
    np.testing.assert_allclose(index.weights(query, np.array([4, 0])), table[:, [4, 0]])
    assert index.weights("", np.arange(6)).shape == (0, 6)


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
