"""BLEU, chrF and ROUGE against values stored from sacrebleu and rouge-score, and F1 against scikit-learn."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from shared_data import shared

from ferrolm.evaluation import accuracy, bleu, chrf, f1, rouge


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads(shared("conformance/rouge-t5/golden_rouge_bleu.json").read_text(encoding="utf-8"))


def lines(name: str) -> list[str]:
    return shared(f"conformance/rouge-t5/{name}_large.txt").read_text(encoding="utf-8").split("\n")[:1000]


@pytest.mark.parametrize("tokenize", ["13a", "intl", "char", "none", "zh"])
def test_bleu(golden, tokenize):
    pytest.importorskip("sacrebleu")
    expected = golden["bleu"][tokenize]
    result = bleu(lines("prediction"), lines("target"), tokenize=tokenize)
    assert result.value == pytest.approx(expected["score"], abs=1e-9)
    assert result.details["brevity penalty"] == pytest.approx(expected["bp"])
    assert [result.details[f"precision {n}"] for n in (1, 2, 3, 4)] == pytest.approx(expected["precisions"])
    assert (result.details["length"], result.details["reference length"]) == (
        expected["sys_len"],
        expected["ref_len"],
    )
    assert str(result.details["signature"]).rpartition("|")[0] == expected["sig"].rpartition("|")[0]


def test_chrf(golden):
    pytest.importorskip("sacrebleu")
    assert chrf(lines("prediction"), lines("target")).value == pytest.approx(golden["chrf"], abs=1e-9)
    assert chrf(lines("prediction"), lines("target"), word_order=2).value == pytest.approx(
        golden["chrf++"], abs=1e-9
    )


@pytest.mark.parametrize("stem", [False, True])
def test_rouge(golden, stem):
    pytest.importorskip("rouge_score")
    expected = golden[f"rouge_stem{int(stem)}_mean"]
    results = rouge(lines("prediction"), lines("target"), types=list(expected), stem=stem, resamples=0)
    for kind, result in results.items():
        values = [result.details["precision"], result.details["recall"], result.value]
        assert values == pytest.approx(expected[kind], abs=1e-9)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize("classes", [2, 5, 40])
def test_f1(average, classes):
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(classes)
    true, predicted = generator.integers(classes, size=(2, 60))
    expected = metrics.f1_score(true, predicted, average=average, zero_division=0)
    result = f1(predicted, true, average=average)
    assert result.value == pytest.approx(expected)
    assert result.low < result.value < result.high
    assert accuracy(predicted, true).value == pytest.approx(metrics.accuracy_score(true, predicted))


def test_the_interval_of_f1_is_that_of_drawing_examples_anew():
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    true = generator.integers(3, size=300)
    predicted = np.where(generator.random(300) < 0.7, true, generator.integers(3, size=300))
    drawn = [generator.integers(300, size=300) for _ in range(400)]
    scores = [metrics.f1_score(true[rows], predicted[rows], average="macro") for rows in drawn]
    result = f1(predicted, true)
    assert [result.low, result.high] == pytest.approx(np.quantile(scores, [0.025, 0.975]), abs=0.015)
