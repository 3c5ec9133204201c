"""`accuracy`, `f1`, `bleu`, `rouge`, `bootstrap`: results, intervals and errors."""

from __future__ import annotations

import numpy as np
import pytest

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.evaluation import Result, accuracy, bleu, bootstrap, chrf, f1, rouge


def test_a_result_prints_its_interval():
    assert str(Result("accuracy", 0.8, 0.75, 0.85, count=100)) == "accuracy 0.8 [0.75, 0.85] n=100"
    assert str(Result("BLEU", 31.25, count=7)) == "BLEU 31.25 n=7"


def test_accuracy_of_words_and_numbers():
    result = accuracy(list("abca"), list("abcb"))
    assert (result.value, result.count) == (0.75, 4)
    assert result.low <= 0.75 <= result.high
    assert accuracy(np.arange(5), np.arange(5)).low == 1.0


def test_f1_counts_a_class_that_is_never_predicted_as_zero():
    result = f1(["a", "a", "a"], ["a", "a", "b"], resamples=0)
    assert result.details == {"a": 0.8, "b": 0.0}
    assert result.value == pytest.approx(0.4)
    assert f1(["a", "a", "a"], ["a", "a", "b"], average="micro").value == pytest.approx(2 / 3)


def test_equal_seeds_give_equal_intervals():
    values = np.random.default_rng(0).random(200)
    assert bootstrap(values, seed=3) == bootstrap(values, seed=3) != bootstrap(values, seed=4)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = [
        low < 0.5 < high for low, high in (bootstrap(generator.random(80), seed=i) for i in range(300))
    ]
    assert 0.90 < np.mean(covered) < 0.98


def test_several_references():
    pytest.importorskip("sacrebleu")
    one = bleu(["the cat sat on the mat"], ["a cat sat on the mat"]).value
    two = bleu(["the cat sat on the mat"], [["a cat sat on the mat", "the cat sat on a mat"]]).value
    assert two > one > 0
    assert chrf(["the cat"], [["the cat", "x"]]).value == 100


def test_intervals_of_corpus_scores():
    pytest.importorskip("sacrebleu")
    texts = [f"the cat number {i} sat on the mat {i % 3}" for i in range(30)]
    others = [text.replace("the mat", "a mat") if i % 2 else text for i, text in enumerate(texts)]
    result = bleu(others, texts, resamples=100)
    assert result.low < result.value < result.high


def test_rouge_is_the_mean_over_examples():
    pytest.importorskip("rouge_score")
    results = rouge(["a b c d", "x"], ["a b c d", "y"])
    assert results["rouge1"].value == 0.5
    assert (results["rouge1"].low, results["rouge1"].high) == (0.0, 1.0)


@pytest.mark.parametrize("metric", [accuracy, f1, bleu, chrf, rouge])
@pytest.mark.parametrize(("predictions", "references"), [(["a"], ["a", "b"]), ([], [])])
def test_counts_that_differ_are_an_error(metric, predictions, references):
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    with pytest.raises(ShapeError):
        metric(predictions, references)


def test_unknown_settings_are_named():
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    with pytest.raises(InvalidArgumentError, match="tokenize is 'words', expected one of"):
        bleu(["a"], ["a"], tokenize="words")
    with pytest.raises(InvalidArgumentError, match="rouge-x"):
        rouge(["a"], ["a"], types=["rouge-x"])
    with pytest.raises(InvalidArgumentError, match="average is 'mean'"):
        f1([1], [1], average="mean")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="confidence is 95"):
        bootstrap([1, 2], confidence=95)
    with pytest.raises(ShapeError, match="example 1 has no references"):
        bleu(["a", "b"], [["a"], []])


def test_examples_may_have_different_numbers_of_references():
    sacrebleu = pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    texts = ["the cat sat on the mat", "a dog ran home quickly"]
    references = [["the cat is on the mat"], ["a dog went home fast", "a dog ran home quickly today"]]
    streams = [[row[0] for row in references], [None, references[1][1]]]
    assert bleu(texts, references).value == pytest.approx(sacrebleu.corpus_bleu(texts, streams).score)
    assert bleu(texts, references).value > bleu(texts, streams[0]).value
    nearest = rouge(texts[1:], references[1:], resamples=0)["rouge1"].value
    assert nearest == rouge(texts[1:], [references[1][1]], resamples=0)["rouge1"].value
    assert nearest > rouge(texts[1:], [references[1][0]], resamples=0)["rouge1"].value
