"""Prompts, and answers of models that are shown examples."""

from __future__ import annotations

import numpy as np
import pytest

from ferrolm.demonstrations import (
    BM25Selector,
    Example,
    InContextClassifier,
    InContextGenerator,
    LikelihoodScorer,
    RandomSelector,
    Template,
    calibrated,
    compare_strategies,
    majority_label,
)
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError, UnknownNameError
from ferrolm.integrations.langchain import ExampleSelector

POOL = ["a good film", "a bad film", "what a good good show", "so bad a show"]
LABELS = ["pos", "neg", "pos", "neg"]
TEMPLATE = Template("Review: {text}\nIt was {label}", verbalizer={"pos": "great", "neg": "poor"})


def test_a_prompt_ends_where_the_answer_begins():
    assert TEMPLATE.continuation("pos") == " great"
    prompt = TEMPLATE.prompt([Example("a {film}", "neg")], "a show")
    assert prompt == "Review: a {film}\nIt was poor\n\nReview: a show\nIt was"
    assert Template(instruction="Label films.").prompt([], "x").startswith("Label films.\n\nx")
    with pytest.raises(InvalidArgumentError, match="at its end"):
        Template("{label}: {text}")
    with pytest.raises(InvalidArgumentError, match=r"expected \{text\}"):
        Template("{text} {other} {label}")
    with pytest.raises(UnknownNameError, match=r"'post' has no word.*pos"):
        TEMPLATE.word("post")


def copies_the_last(prompts, words):
    """A model that says what the example next to the query says."""
    said = [
        prompt.rsplit("It was ", 1)[1].split("\n")[0] if "It was " in prompt else "" for prompt in prompts
    ]
    return np.array([[0.0 if word.strip() == each else -4.0 for word in words] for each in said])


@pytest.mark.parametrize(
    ("order", "expected"), [("best-last", ["neg", "pos"]), ("best-first", ["pos", "neg"])]
)
def test_the_order_decides_which_example_is_last(order, expected):
    pool, labels = POOL[:2], LABELS[:2]
    found = InContextClassifier(
        copies_the_last, BM25Selector(pool), labels, k=2, template=TEMPLATE, order=order
    )
    assert found.predict(["so bad", "so good"]) == expected
    table = found.probabilities(["so bad"])
    assert table.shape == (1, 2)
    assert table.sum() == pytest.approx(1)
    assert found.probabilities([]).shape == (0, 2)


def test_calibration_takes_the_preference_of_the_prompt_away():
    def prefers_great(prompts, words):
        return [
            [
                2.0 * ("great" in word) + 1.0 * ("bad" in prompt.rsplit("Review: ", 1)[1] and "poor" in word)
                for word in words
            ]
            for prompt in prompts
        ]

    plain = InContextClassifier(prefers_great, RandomSelector(POOL), LABELS, k=2, template=TEMPLATE)
    other = InContextClassifier(
        prefers_great, RandomSelector(POOL), LABELS, k=2, template=TEMPLATE, calibrate=True
    )
    assert plain.predict(["bad"]) == ["pos"]
    assert other.predict(["bad"]) == ["neg"]
    asked: list[str] = []
    inner = RandomSelector(POOL)
    inner.select_batch = lambda queries, k: asked.extend(queries) or [np.arange(k) for _ in queries]  # type: ignore[method-assign]
    InContextClassifier(prefers_great, inner, LABELS, k=2, template=TEMPLATE, calibrate=True).predict(
        ["bad", "x"]
    )
    assert asked == ["bad", "x"]  # examples are chosen once, for the query and for those without content
    np.testing.assert_allclose(calibrated([[0.6, 0.4]], [0.6, 0.4]), [[0.5, 0.5]])


def test_only_examples_that_fit_the_budget_are_shown():
    seen = []

    def model(prompts, words):
        seen.extend(prompts)
        return np.zeros((len(prompts), len(words)))

    count = lambda texts: [len(text.split()) for text in texts]  # noqa: E731
    chooser = InContextClassifier(
        model, BM25Selector(POOL), LABELS, k=4, template=TEMPLATE, budget=15, count_tokens=count
    )
    chooser.predict(["good film"])
    shown = seen[0].split("\n\n")[:-1]
    assert 1 <= len(shown) < 4
    assert sum(count(shown)) <= 15
    with pytest.raises(InvalidArgumentError, match="count_tokens"):
        InContextClassifier(model, BM25Selector(POOL), LABELS, budget=15)


def test_a_language_model_scores_what_follows():
    torch = pytest.importorskip("torch")
    from tiny_language_model import tiny_language_model

    model = tiny_language_model(n_positions=128)
    scorer = LikelihoodScorer(model, batch_size=3)
    prompts, words = ["the cat", "a much longer prompt about the dog"], [" sat", " ran off"]
    found = scorer(prompts, words)
    encode = lambda text: model.tokenizer.encode_list(text, False)  # noqa: E731
    for row, prompt in zip(found, prompts, strict=True):
        for value, word in zip(row, words, strict=True):
            ids, count = encode(prompt) + encode(word), len(encode(word))
            logits = model.model(torch.tensor([ids])).logits[0].detach().log_softmax(-1)
            expected = sum(
                float(logits[place - 1, ids[place]]) for place in range(len(ids) - count, len(ids))
            )
            assert value == pytest.approx(expected, abs=1e-3)
    mean = LikelihoodScorer(model, per_token=True)(prompts, words)
    np.testing.assert_allclose(mean, found / [4, 8], atol=1e-4)
    # Of one token each: every prompt is read once, with the same result.
    single = scorer([*prompts, "x" * 300], ["a", "b", "q"])
    pairs = np.array([[scorer([prompt], [word, "zz"])[0, 0] for word in "abq"] for prompt in prompts])
    np.testing.assert_allclose(single[:2], pairs, atol=1e-4)
    assert np.isfinite(single).all()
    classifier = InContextClassifier(model, BM25Selector(POOL), LABELS, k=1, template=TEMPLATE)
    assert set(classifier.predict(["good", "bad"])) <= {"pos", "neg"}


def test_a_generator_stops_at_the_separator():
    pytest.importorskip("torch")
    from tiny_language_model import tiny_language_model

    asked = []
    answers = InContextGenerator(
        lambda prompts: asked.extend(prompts) or ["  yes \n"] * len(prompts), BM25Selector(POOL), LABELS, k=1
    )
    assert answers.generate(["good"]) == ["yes"]
    model = tiny_language_model(n_positions=128)
    found = InContextGenerator(model, BM25Selector(POOL), LABELS, k=1, max_new_tokens=5).generate(
        ["good", "bad film"]
    )
    expected = model.generate(asked[0], max_new_tokens=5, stop=["\n\n"]).text.strip()
    assert found[0] == expected


def test_a_model_must_be_one():
    with pytest.raises(InvalidTypeError, match="model is str"):
        InContextClassifier("gpt", BM25Selector(POOL), LABELS)
    with pytest.raises(ShapeError, match=r"gave shape \(1,\), expected \(1, 2\)"):
        InContextClassifier(lambda prompts, words: [0.0], BM25Selector(POOL), LABELS).predict(["x"])
    with pytest.raises(ShapeError, match="3 labels for the pool's 4 texts"):
        InContextClassifier(copies_the_last, BM25Selector(POOL), LABELS[:3])
    with pytest.raises(InvalidArgumentError, match="two different ones"):
        InContextClassifier(copies_the_last, BM25Selector(POOL), ["pos"] * 4)


def test_strategies_are_compared_in_pairs(tmp_path):
    pool = ["red", "blue"] * 30
    labels = ["R", "B"] * 30
    queries, true = [f"so red {n}" if n % 2 else f"so blue {n}" for n in range(60)], ["B", "R"] * 30
    kinds = {
        "random": lambda seed: RandomSelector(pool, seed=seed),
        "bm25": lambda seed: BM25Selector(pool, seed=seed),
    }
    report = compare_strategies(kinds, majority_label(labels, queries, k=3), true)
    assert report.accuracies["bm25"].value == 1
    assert report.accuracies["random"].high < report.accuracies["bm25"].low
    assert report.against_first["bm25"].p_value < 0.001
    assert "random" in str(report)
    pytest.importorskip("matplotlib")
    assert report.plot(tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ShapeError, match="1 answers to 60 queries"):
        compare_strategies(kinds, lambda selector, seed: ["R"], true)


def test_langchain_finds_its_two_methods():
    examples = [{"input": text, "output": label} for text, label in zip(POOL, LABELS, strict=True)]
    chooser = ExampleSelector(examples, k=2)
    found = chooser.select_examples({"input": "a good good show"})
    assert found[-1]["input"] == "what a good good show"
    assert found == chooser.select_examples({"input": "a good good show"})
    chooser.add_example({"input": "a purple film", "output": "pos"})
    assert chooser.select_examples({"input": "purple"})[-1]["input"] == "a purple film"
    with pytest.raises(InvalidArgumentError, match="expected a key of both"):
        chooser.select_examples({"question": "x"})
    core = pytest.importorskip("langchain_core.example_selectors.base")
    assert isinstance(chooser, core.BaseExampleSelector)


def test_votes_by_similarity_listen_to_what_is_near():
    pool, labels = ["a", "b", "c", "d"], ["x", "y", "y", "x"]
    rows = {"a": [1, 0], "b": [0.3, 1], "c": [0.3, -1], "d": [-1, 0], "query": [1, 0]}
    chooser = RandomSelector(pool)
    embed = lambda texts: [rows[text] for text in texts]  # noqa: E731
    by_similarity = majority_label(labels, ["query"], 4, embed=embed)
    assert by_similarity(chooser, 0) == ["x"]
    assert majority_label(["x", "y", "y", "y"], ["query"], 4)(chooser, 0) == ["y"]
    assert majority_label(["x", "y", "y", "y"], ["query", "a"], 0, embed=embed)(chooser, 0) == ["y", "y"]


def test_strategies_are_paired_with_any_of_them(tmp_path):
    pool, labels = ["a red car", "a blue sky"] * 20, ["car", "sky"] * 20
    queries, true = ["the red one", "so blue"] * 20, ["car", "sky"] * 20
    kinds = {
        "random": lambda seed: RandomSelector(pool, seed=seed),
        "bm25": lambda seed: BM25Selector(pool, seed=seed),
        "again": lambda seed: BM25Selector(pool, seed=seed),
    }
    report = compare_strategies(kinds, majority_label(labels, queries, 3), true)
    found = report.against("bm25")
    assert found.keys() == {"random", "again"}
    assert found["again"].difference == 0
    assert found["random"].difference == -report.against_first["bm25"].difference < 0
    with pytest.raises(
        UnknownNameError, match="'bm26' is not one of random, bm25, again; did you mean 'bm25'"
    ):
        report.against("bm26")


def test_what_a_model_says_is_checked():
    def ask(value):
        model = lambda prompts, words: [[value] * len(words)] * len(prompts)  # noqa: E731
        return InContextClassifier(model, BM25Selector(POOL), LABELS, k=1)

    assert ask(-np.inf).probabilities(["good"]).tolist() == [[0.5, 0.5]]
    with pytest.raises(InvalidArgumentError, match="the scorer gave NaN for prompt 0"):
        ask(np.nan).predict(["good"])
    with pytest.raises(InvalidTypeError, match="queries is one text, 'good'"):
        ask(0.0).predict("good")
