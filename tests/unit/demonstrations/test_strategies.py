"""Diverse, balanced, learned and model-based choices against plain definitions of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.demonstrations import (
    BalancedSelector,
    BM25Selector,
    CoverageSelector,
    DPPSelector,
    InfluenceSelector,
    KMeansSelector,
    LearnedSelector,
    MDLSelector,
    NearestSelector,
    RandomSelector,
    RestrictedSelector,
    by_entropy,
    by_similarity,
    candidate_orders,
    influences,
    label_entropy,
    leaking,
    preferences,
    vote_k,
)
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.normal(size=(40, 6))
POOL = [f"text {number}" for number in range(40)]
TABLE = dict(zip(POOL, ROWS, strict=True))


def embed(texts):
    return np.array([TABLE.get(text, np.ones(6)) for text in texts])


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_determinantal_choice_enlarges_the_determinant_most():
    chooser = DPPSelector(POOL, embed, relevance=3.0, candidates=40)
    rows, query = unit(ROWS), unit(np.ones((1, 6)))[0]
    kernel = np.exp(1.5 * (rows @ query)[:, None]) * (rows @ rows.T) * np.exp(1.5 * (rows @ query))
    expected: list[int] = []
    for _ in range(5):
        rest = [place for place in range(40) if place not in expected]
        values = [np.linalg.det(kernel[np.ix_([*expected, place], [*expected, place])]) for place in rest]
        expected.append(rest[int(np.argmax(values))])
    assert chooser.select("query", 5).tolist() == expected


def test_duplicates_are_taken_last():
    rows = np.array([[1.0, 0, 0], [1.0, 0, 0], [0.9, 0.3, 0], [0.2, 0.5, 1]])
    texts = ["a", "b", "c", "d"]
    table = dict(zip(texts, rows, strict=True))
    near = lambda names: np.array([table.get(name, rows[0]) for name in names])  # noqa: E731
    for kind in (DPPSelector, KMeansSelector):
        chosen = kind(texts, near).select("query", 3).tolist()
        assert len({0, 1} & set(chosen)) == 1, kind
        assert sorted(kind(texts, near).select("query", 4).tolist()) == [0, 1, 2, 3]


def test_each_cluster_gives_its_nearest():
    centres = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    rows = np.concatenate([centre + GENERATOR.normal(0, 0.03, (10, 3)) for centre in centres])
    texts = [str(number) for number in range(30)]
    table = dict(zip(texts, rows, strict=True))
    chooser = KMeansSelector(
        texts, lambda names: np.array([table.get(name, np.array([1, 0.6, 0.3])) for name in names])
    )
    chosen = chooser.select("query", 3)
    scores = chooser.scores("query")
    assert [int(place) // 10 for place in chosen] == [0, 1, 2]
    for place in chosen:
        cluster = slice(place // 10 * 10, place // 10 * 10 + 10)
        assert scores[place] == scores[cluster].max()


def test_examples_together_cover_the_query():
    pool = ["red apple pie", "red apple tart", "green pear", "the sky at noon over all the hills"]
    assert sorted(BM25Selector(pool).select("red apple sky", 2).tolist()) == [0, 1]
    assert 3 in CoverageSelector(pool).select("red apple sky", 2)
    assert sorted(CoverageSelector(pool).select("red apple", 2).tolist()) == [0, 1]
    assert sorted(CoverageSelector(pool).select("nothing known", 4).tolist()) == [0, 1, 2, 3]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.integers(0, 12), st.integers(0, 9))
def test_balanced_choices_have_as_many_of_each_label_as_can_be(labels, k, seed):
    pool = [f"t{number}" for number in range(len(labels))]
    chosen = BalancedSelector(RandomSelector(pool, seed=seed), labels).select("q", k)
    assert len(set(chosen.tolist())) == len(chosen) == min(k, len(labels))
    counts = {name: [labels[place] for place in chosen].count(name) for name in set(labels)}
    for name, count in counts.items():
        # One label has fewer than another only if it has no more examples, or by one.
        assert count == labels.count(name) or count >= max(counts.values()) - 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=4, max_size=30), st.integers(1, 8), st.floats(0, 1.5))
def test_the_entropy_of_labels_reaches_what_is_asked_or_what_is_possible(labels, k, entropy):
    pool = [f"t{number}" for number in range(len(labels))]
    inner = RandomSelector(pool)
    chosen = BalancedSelector(inner, labels, entropy=entropy).select("q", k).tolist()
    own, found = inner.select("q", k).tolist(), label_entropy([labels[place] for place in chosen])
    assert len(set(chosen)) == min(k, len(labels))
    if label_entropy([labels[place] for place in own]) >= entropy:
        assert chosen == own
    else:
        best = BalancedSelector(inner, labels).select("q", k).tolist()
        assert found >= min(entropy, label_entropy([labels[place] for place in best])) - 1e-9


@pytest.mark.parametrize("entropy", [None, 1.2])
def test_balance_among_many_is_that_of_the_whole_order(entropy):
    generator = np.random.default_rng(2)
    pool = [f"t{number}" for number in range(3000)]
    for shares in ((0.998, 0.001, 0.001), (0.4, 0.3, 0.3), (0.9995, 0.0005, 0.0)):
        labels = generator.choice(list("abc"), 3000, p=shares).tolist()
        inner = RandomSelector(pool)
        chooser = BalancedSelector(inner, labels, entropy=entropy)
        for k in (0, 1, 2, 5, 40):
            ranked = inner.select("q", 3000).tolist()
            first = inner.select("q", k).tolist()
            expected = (
                chooser._in_turn(ranked, k, whole=True)
                if entropy is None
                else chooser._mixed(ranked, first, entropy, whole=True)
            )
            assert sorted(chooser.select("q", k).tolist()) == sorted(expected)


def test_votes_go_to_what_stands_for_many():
    rows = unit(ROWS)
    similarities = rows @ rows.T
    np.fill_diagonal(similarities, -np.inf)
    votes = [set(np.argsort(-row)[:7].tolist()) for row in similarities]
    chosen: list[int] = []
    for _ in range(6):
        scores = [
            -1.0
            if place in chosen
            else sum(10.0 ** -len(votes[voter] & set(chosen)) for voter in range(40) if place in votes[voter])
            for place in range(40)
        ]
        chosen.append(int(np.argmax(scores)))
    assert vote_k(ROWS, 6, neighbours=7).tolist() == chosen
    assert sorted(vote_k(ROWS, 99, neighbours=99).tolist()) == list(range(40))


def test_a_restricted_selector_knows_no_other_examples():
    chooser = RestrictedSelector(POOL, [3, 5, 8], NearestSelector, embed=embed)
    assert sorted(chooser.select("q", 10).tolist()) == [3, 5, 8]
    with pytest.raises(InvalidArgumentError, match="positions reach from 40"):
        RestrictedSelector(POOL, [40], BM25Selector)


def test_a_batch_of_queries_has_each_ones_choice():
    queries = [f"q{number}" for number in range(70)]
    table = dict(zip(queries, GENERATOR.normal(size=(70, 6)), strict=True))
    both = lambda texts: np.array([TABLE[t] if t in TABLE else table[t] for t in texts])  # noqa: E731
    for kind in (NearestSelector, DPPSelector):
        chooser = kind(POOL, both)
        for query, chosen in zip(queries, chooser.select_batch(queries, 4), strict=True):
            assert chosen.tolist() == chooser.select(query, 4).tolist()


# A model that is sure of its answer when the examples of its prompt have "good" in them.
def sure_of_good(prompts, continuations):
    return [
        [3.0 * prompt.count("good") * (place == 0) for place in range(len(continuations))]
        for prompt in prompts
    ]


def test_the_set_that_makes_the_model_surest_is_taken():
    pool = ["good 1", "good 2", "x 3", "x 4", "x 5", "x 6"]
    inner = RandomSelector(pool)
    chooser = MDLSelector(inner, ["a", "b"] * 3, sure_of_good, trials=40)
    chosen = chooser.select("query", 2)
    assert sorted(chosen.tolist()) == [0, 1]
    assert chosen.tolist() == chooser.select("query", 2).tolist()


def test_preferences_are_what_makes_the_true_answer_likeliest():
    pool = [f"{'helps' if number % 2 else 'hinders'} {number}" for number in range(20)]
    model = lambda prompts, words: [[float("helps" in prompt.split("\n\n")[0])] for prompt in prompts]  # noqa: E731
    found = preferences(RandomSelector(pool), ["a"] * 20, model, queries=6, candidates=12, keep=3)
    assert found.positives.shape == found.negatives.shape == (6, 3)
    assert (found.positives % 2 == 1).all()
    assert (found.negatives % 2 == 0).all()


def test_a_learned_selector_finds_what_helps_where_similarity_does_not():
    pytest.importorskip("torch")
    rows = np.random.default_rng(1).normal(size=(120, 12))
    texts = [f"w{number} shared" for number in range(120)]
    places = {text: number for number, text in enumerate(texts)}
    side = rows[:, 0] > 0  # all that matters, one of twelve dimensions

    def model(prompts, words):
        example, query = ([part.split("\n")[0] for part in prompt.split("\n\n")] for prompt in prompts), None
        del query
        return [[float(side[places[one]] == side[places[two]])] for one, two in example]

    def vectors(names):
        return np.array([rows[places[name]] for name in names])

    plain = NearestSelector(texts, vectors)
    learned = LearnedSelector.train(
        texts, ["a"] * 120, vectors, model, queries=80, candidates=30, epochs=60, learning_rate=1e-2
    )
    right = [
        np.mean([np.mean(side[chooser.select(text, 5)] == side[places[text]]) for text in texts[80:]])
        for chooser in (plain, learned)
    ]
    assert right[1] > right[0] + 0.1
    with pytest.raises(ShapeError, match="the maps have shapes"):
        LearnedSelector(texts, vectors, np.eye(12), np.eye(11))


def test_influences_are_those_of_a_sum():
    worth = np.random.default_rng(2).normal(size=12)
    found = influences(12, lambda chosen: float(worth[chosen].sum()), size=4, subsets=3000)
    # Of a set of fixed size, an example takes the place of a mean other one.
    expected = (worth - worth.mean()) * 12 / 11
    np.testing.assert_allclose(found, expected, atol=0.15)
    best = InfluenceSelector([str(n) for n in range(12)], found).select("q", 3).tolist()
    assert best == np.argsort(-found)[:3].tolist()
    helpful = InfluenceSelector(
        [str(n) for n in range(12)], found, inner=RandomSelector([str(n) for n in range(12)])
    )
    assert set(helpful.select("q", 6).tolist()) == set(np.argsort(-found)[:6].tolist())


def test_orders():
    assert by_similarity([5, 6], [0.9, 0.1], ascending=False).tolist() == [5, 6]
    assert len(candidate_orders(4)) == 24
    assert len(set(candidate_orders(6, 24))) == 24
    said = {(0, 1): [[0.6, 0.4]] * 4, (1, 0): [[0.9, 0.1], [0.1, 0.9]] * 2}
    assert by_entropy([*said], lambda order: said[tuple(order)])[0] == (1, 0)
    assert by_entropy([*said], lambda order: said[tuple(order)], "local")[0] == (0, 1)


def test_what_the_test_set_holds_is_found():
    pool = ["one two three four five six", "seven eight nine ten eleven", "a b c d", "short one"]
    assert leaking(pool, ["zero ONE two, three four five!", "a b c d e", "short one"], n=5).tolist() == [0, 2]
    assert leaking(pool, ["nothing"], n=5).size == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: RestrictedSelector(POOL, [1, 2, 1], RandomSelector), InvalidArgumentError, "a position twice"),
        (lambda: preferences(BM25Selector(POOL), ["a"], None), ShapeError, "1 labels for 40 texts"),
        (lambda: RandomSelector("a text"), InvalidTypeError, "pool is one text, 'a text'"),
        (lambda: RandomSelector(["a", 3]), InvalidTypeError, r"pool\[1\] is 3 \(int\)"),
        (lambda: DPPSelector(POOL, embed, relevance=-1), InvalidArgumentError, "relevance is -1"),
        (lambda: KMeansSelector(POOL, embed, candidates=0), InvalidArgumentError, "candidates is 0"),
        (lambda: CoverageSelector(POOL).select("q", -1), InvalidArgumentError, "k is -1"),
        (lambda: BalancedSelector(RandomSelector(POOL), ["a"]), ShapeError, "1 labels for 40 texts"),
        (lambda: vote_k(ROWS, 3, discount=0.5), InvalidArgumentError, "discount 0.5"),
        (lambda: influences(3, lambda _: 0.0, size=3), InvalidArgumentError, "size 3"),
        (lambda: InfluenceSelector(POOL, [1.0]), ShapeError, r"expected \(40,\)"),
        (lambda: MDLSelector(RandomSelector(POOL), ["a"] * 40, embed, trials=0), InvalidArgumentError, "trials 0"),
        (lambda: preferences(RandomSelector(POOL[:4]), ["a"] * 4, sure_of_good), InvalidArgumentError, "3 candidates"),
        (lambda: by_entropy([], lambda _: [], "both"), InvalidArgumentError, "global, local"),
    ],
    ids=["twice", "labels", "one-text", "no-text", "dpp", "k-means", "coverage", "balance", "vote-k", "influences", "influence", "mdl", "preferences", "entropy"],
)  # fmt: skip
def test_wrong_settings_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
