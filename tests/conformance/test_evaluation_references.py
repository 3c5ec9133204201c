"""Measures equal those of the libraries that the field takes them from, on random and on real material."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.errors import InvalidArgumentError
from ferrolm.evaluation import (
    accuracy,
    bleu,
    calibration,
    chrf,
    compare,
    compare_corpus,
    confusion,
    distinct,
    entity_f1,
    f1,
    mcc,
    rouge,
    self_bleu,
    squad,
    ter,
)

WORDS = st.lists(
    st.sampled_from(["the", "a", "cat", "sat", "on", "mat.", "Mat,", "don't", "3.5"]), max_size=12
).map(" ".join)
LABELS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B", "I"])
SENTENCES = st.lists(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=8), min_size=1, max_size=5)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("agreement", [0.0, 0.8])
def test_classes_as_in_scikit_learn(classes, agreement):
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(classes)
    true, other = generator.integers(0, classes, (2, 50))
    predicted = np.where(generator.random(50) < agreement, true, other)
    found = mcc(predicted, true)
    assert found.value == pytest.approx(metrics.matthews_corrcoef(true, predicted))
    assert found.low < found.value < found.high
    counts, _ = confusion(predicted, true)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(true, predicted))
    assert accuracy(predicted, true, resamples=0).value == metrics.accuracy_score(true, predicted)
    for average in ("macro", "micro", "weighted"):
        expected = metrics.f1_score(true, predicted, average=average, zero_division=0)
        assert f1(predicted, true, average=average, resamples=0).value == pytest.approx(expected)


def test_one_class_alone_has_no_correlation():
    assert mcc([1, 1], [1, 1]).value == mcc(["a", "a"], ["a", "b"], resamples=0).value == 0


@settings(max_examples=60, deadline=None)
@given(SENTENCES)
def test_entities_as_in_seqeval(sentences):
    metrics = pytest.importorskip("seqeval.metrics")
    predicted = [[one for one, _ in sentence] for sentence in sentences]
    true = [[other for _, other in sentence] for sentence in sentences]
    found = entity_f1(predicted, true, resamples=0)
    assert found.value == pytest.approx(metrics.f1_score(true, predicted, zero_division=0))
    assert found.details["precision"] == pytest.approx(
        metrics.precision_score(true, predicted, zero_division=0)
    )
    assert found.details["recall"] == pytest.approx(metrics.recall_score(true, predicted, zero_division=0))
    report = metrics.classification_report(true, predicted, output_dict=True, zero_division=0)
    for name in report:
        if f"F1 of {name}" in found.details:
            assert found.details[f"F1 of {name}"] == pytest.approx(report[name]["f1-score"])


# Worked out by hand from the rules of SQuAD's script.
@pytest.mark.parametrize(
    ("text", "row", "exact", "score"),
    [
        ("The Eiffel Tower!", ["eiffel tower"], 100, 100),
        ("in 1889, in Paris", ["1889", "Paris in 1889"], 0, 100 * 6 / 7),
        ("a b b c", ["b b"], 0, 100 * 4 / 5),
        ("an", [""], 100, 100),
        ("", [], 100, 100),
        ("nothing", [], 0, 0),
        ("U.S.", ["us", "USA"], 100, 100),
    ],
    ids=["articles", "nearest", "repeated", "empty", "none", "wrong", "stops"],
)
def test_answers_by_the_rules_of_squad(text, row, exact, score):
    found = squad([text], [row], resamples=0)
    assert found["exact_match"].value == exact
    assert found["f1"].value == pytest.approx(score)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS.filter(bool), WORDS.filter(bool)), min_size=1, max_size=4))
def test_overlap_as_in_sacrebleu_and_rouge_score(rows):
    sacrebleu = pytest.importorskip("sacrebleu")
    scorer = pytest.importorskip("rouge_score.rouge_scorer")
    predictions, first, second = map(list, zip(*rows, strict=True))
    streams, references = [first, second], [list(pair) for pair in zip(first, second, strict=True)]
    assert bleu(predictions, references).value == sacrebleu.corpus_bleu(predictions, streams).score
    assert chrf(predictions, references).value == sacrebleu.corpus_chrf(predictions, streams).score
    assert ter(predictions, references).value == sacrebleu.corpus_ter(predictions, streams).score
    each = scorer.RougeScorer(["rougeL"]).score_multi(references[0], predictions[0])["rougeL"]
    assert (
        rouge(predictions[:1], references[:1], types=["rougeL"], resamples=0)["rougeL"].value == each.fmeasure
    )


def test_self_bleu_is_the_mean_over_texts():
    sacrebleu = pytest.importorskip("sacrebleu")
    texts = ["the cat sat on the mat", "a dog sat on the mat", "nothing of the kind here", "the cat sat"]
    each = [
        sacrebleu.sentence_bleu(text, texts[:place] + texts[place + 1 :]).score
        for place, text in enumerate(texts)
    ]
    assert self_bleu(texts).value == pytest.approx(np.mean(each))
    assert self_bleu(texts, sample=2).count == 2
    with pytest.raises(InvalidArgumentError, match="sample is 1"):
        self_bleu(texts, sample=1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from("ab"), max_size=9).map(" ".join), max_size=5), st.integers(1, 3))
def test_distinct_counts_different_ngrams(texts, order):
    grams = [
        tuple(words[start : start + order])
        for words in map(str.split, texts)
        for start in range(len(words) - order + 1)
    ]
    if grams:
        assert distinct(texts, order).value == pytest.approx(len(set(grams)) / len(grams))


@pytest.mark.parametrize("binning", ["width", "count"])
def test_calibration_by_a_loop_over_bins(binning):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(600, 4)) * 2
    table = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    true = generator.integers(0, 4, 600)
    confidence, right = table.max(1), table.argmax(1) == true
    order = np.argsort(confidence, kind="stable")
    expected, worst = 0.0, 0.0
    for part in range(10):
        if binning == "width":
            inside = (confidence > part / 10) & (confidence <= (part + 1) / 10)
        else:
            inside = order[60 * part : 60 * (part + 1)]
        if right[inside].size:
            apart = abs(confidence[inside].mean() - right[inside].mean())
            expected, worst = expected + apart * right[inside].size / 600, max(worst, apart)
    found = calibration(table, true, bins=10, binning=binning)
    assert found.expected_error == pytest.approx(expected)
    assert found.maximum_error == pytest.approx(worst)
    assert found.brier == pytest.approx(
        np.mean([np.sum((row - np.eye(4)[t]) ** 2) for row, t in zip(table, true, strict=True)])
    )


def test_calibration_of_one_probability_as_in_scikit_learn():
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    brier = pytest.importorskip("sklearn.metrics").brier_score_loss
    generator = np.random.default_rng(0)
    probabilities = generator.random(500)
    true = (generator.random(500) < probabilities**2).astype(int)
    found = calibration(probabilities, true, bins=8)
    accuracies, confidences = curve(true, probabilities, n_bins=8)
    np.testing.assert_allclose(found.accuracy, accuracies)
    np.testing.assert_allclose(found.confidence, confidences)
    assert found.brier == pytest.approx(brier(true, probabilities))


def test_a_calibrated_model_has_a_small_error_and_a_bold_one_a_large():
    generator = np.random.default_rng(0)
    probabilities = generator.random(20_000)
    true = (generator.random(20_000) < probabilities).astype(int)
    assert calibration(probabilities, true).expected_error < 0.02
    bold = (probabilities > 0.5).astype(float)
    assert calibration(bold, true).expected_error > 0.2


def test_the_p_value_is_that_of_all_sign_flips():
    one, other = [0.1, 0.5, 0.2, 0.9, 0.4, 0.3, 0.8], [0.4, 0.6, 0.1, 1.0, 0.9, 0.5, 0.9]
    apart = np.subtract(other, one)
    flips = [abs(np.dot(signs, apart)) >= abs(apart.sum()) - 1e-12 for signs in product((-1, 1), repeat=7)]
    assert compare(one, other, resamples=40_000).p_value == pytest.approx(np.mean(flips), abs=0.01)
    corpus = compare_corpus(lambda p, r: np.mean(p), one, other, [0] * 7, resamples=4000)
    assert corpus.p_value == pytest.approx(np.mean(flips), abs=0.03)


def test_equal_systems_differ_by_chance_alone():
    generator = np.random.default_rng(0)
    small = [compare(*generator.random((2, 60)), resamples=300).p_value < 0.05 for _ in range(300)]
    assert 0.02 < np.mean(small) < 0.09


def test_the_interval_of_entities_covers_their_f1():
    generator = np.random.default_rng(0)
    labels = np.array(["O", "B-A", "B-B"])
    true = [labels[generator.integers(0, 3, 6)].tolist() for _ in range(200)]
    predicted = [
        [each if generator.random() < 0.7 else str(generator.choice(labels)) for each in row] for row in true
    ]
    found = entity_f1(predicted, true)
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.2
    assert not math.isnan(found.low)
