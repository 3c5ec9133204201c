"""Labels that a language model finds likely, against sums of its log-probabilities."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tiny_language_model import TINY, tiny_language_model

import ferrolm
from ferrolm.errors import InvalidArgumentError

LABELS = ["war", "peace", "a"]
TEXTS = ["the sea", "x", "abc abc abc abc abc abc abc abc abc abc"]


def logprob(model: Any, context: str, ending: str) -> float:
    """Of the ending after the context, token by token."""
    ids = model.tokenizer.encode(context).ids[-(49 - len(ending)) :] + model.tokenizer.encode(ending).ids
    with torch.no_grad():
        scores = model.model(torch.tensor([ids[:-1]])).logits[0].float().log_softmax(-1)
    return sum(float(scores[place - 1, ids[place]]) for place in range(len(ids) - len(ending), len(ids)))


@pytest.mark.parametrize("normalization", ["none", "length", "prior"])
@pytest.mark.parametrize("kind", ["gpt2", "recurrent"])
def test_scores_are_log_probabilities_of_hypotheses(kind: str, normalization: str) -> None:
    model = TINY[kind]()
    pipe = ferrolm.pipeline("zero-shot-classification", model, normalization=normalization)
    found = pipe(TEXTS, LABELS, hypothesis_template="It is {}.", batch_size=4)
    for each, text in zip(found, TEXTS, strict=True):
        scores = {}
        for label in LABELS:
            hypothesis = f"It is {label}."
            scores[label] = logprob(model, text + "\n", hypothesis)
            if normalization == "prior":
                scores[label] -= logprob(model, "\n", hypothesis)
            if normalization == "length":
                scores[label] /= len(hypothesis)
        total = sum(math.exp(score) for score in scores.values())
        expected = {label: math.exp(score) / total for label, score in scores.items()}
        assert each["sequence"] == text
        assert each["labels"] == sorted(LABELS, key=lambda label: -expected[label])
        assert each["scores"] == pytest.approx([expected[label] for label in each["labels"]], abs=1e-4)


def test_labels_by_themselves() -> None:
    pipe = ferrolm.pipeline("zero-shot-classification", tiny_language_model())
    both = pipe("the sea", LABELS, multi_label=True)
    for label, score in zip(both["labels"], both["scores"], strict=True):
        assert pipe("the sea", [label]) == {
            "sequence": "the sea",
            "labels": [label],
            "scores": [pytest.approx(score, abs=1e-5)],
        }
    with pytest.raises(InvalidArgumentError, match="normalization is 'length' with multi_label=True"):
        pipe("the sea", LABELS, multi_label=True, normalization="length")


def test_hypotheses_that_do_not_fit() -> None:
    pipe = ferrolm.pipeline("zero-shot-classification", tiny_language_model())
    with pytest.raises(
        InvalidArgumentError, match=r"a hypothesis has .* tokens, expected less than the model's 48"
    ):
        pipe("a", ["long " * 20])
    with pytest.raises(InvalidArgumentError, match=r"normalization is 'pior', .*did you mean 'prior'"):
        pipe("a", LABELS, normalization="pior")
