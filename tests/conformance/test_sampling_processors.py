"""Filtered distributions equal those of transformers' logits processors, applied in the documented order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ferrolm.sampling import SamplingParams, filtered_probabilities

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers.generation.logits_process import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

CHAINS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.3},
    {"temperature": 7.0},
    {"top_k": 1},
    {"top_k": 50},
    {"top_k": 5000},
    {"top_p": 0.9},
    {"top_p": 0.1},
    {"top_p": 0.0},
    {"min_p": 0.02},
    {"min_p": 0.9},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.7, "top_k": 20},
    {"top_k": 30, "top_p": 0.7},
    {"temperature": 0.8, "top_k": 100, "top_p": 0.95, "min_p": 0.01, "repetition_penalty": 1.1},
    {"logit_bias": {0: 3.0, 4: -5.0}, "repetition_penalty": 1.2, "top_p": 0.8},
]


def reference(logits: Any, ids: Any, params: SamplingParams) -> Any:
    scores = logits
    if params.logit_bias:
        scores = SequenceBiasLogitsProcessor({(token,): bias for token, bias in params.logit_bias.items()})(
            ids, scores
        )
    if params.repetition_penalty != 1.0:
        scores = RepetitionPenaltyLogitsProcessor(params.repetition_penalty)(ids, scores)
    if params.temperature != 1.0:
        scores = TemperatureLogitsWarper(params.temperature)(ids, scores)
    if params.top_k:
        scores = TopKLogitsWarper(params.top_k)(ids, scores)
    if params.top_p < 1.0:
        scores = TopPLogitsWarper(params.top_p)(ids, scores)
    if params.min_p:
        scores = MinPLogitsWarper(params.min_p)(ids, scores)
    return scores.softmax(-1).numpy()


def compare(logits: Any, params: SamplingParams) -> None:
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, logits.shape[1], (logits.shape[0], 30)))
    expected = reference(logits, ids, params)
    found = filtered_probabilities(logits, params, prompt=ids[:, :10], history=ids[:, 10:]).numpy()
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
    # Which of several equal logits survive a top-p cut is chance in an unstable sort; how many is not.
    np.testing.assert_array_equal((found > 0).sum(-1), (expected > 0).sum(-1))
    np.testing.assert_allclose(np.sort(found), np.sort(expected), rtol=1e-4, atol=1e-9)
    if all(len(np.unique(row)) == len(row) for row in logits.numpy()):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("chain", CHAINS, ids=str)
@pytest.mark.parametrize("vocab", [5, 1000, 20_000])
def test_random_logits(chain: dict[str, Any], vocab: int) -> None:
    rng = np.random.default_rng(vocab)
    compare(
        torch.from_numpy((rng.standard_normal((3, vocab)) * 2.5).astype(np.float32)), SamplingParams(**chain)
    )


@pytest.mark.parametrize("chain", [chain for chain in CHAINS if "repetition_penalty" not in chain], ids=str)
@pytest.mark.parametrize("kind", ["ties", "equal", "one finite", "far apart", "masked"])
def test_extreme_logits(chain: dict[str, Any], kind: str) -> None:
    rng = np.random.default_rng(5)
    logits = {
        "ties": rng.integers(-3, 4, (2, 901)).astype(np.float32),
        "equal": np.zeros((2, 901), np.float32),
        "one finite": np.where(np.arange(901) == [[3], [900]], 1.5, -np.inf).astype(np.float32),
        "far apart": (rng.standard_normal((2, 901)) * 1e4).astype(np.float32),
        "masked": np.where(rng.random((2, 901)) < 0.9, -np.inf, rng.standard_normal((2, 901))).astype(
            np.float32
        ),
    }[kind]
    if kind == "equal" and "top_p" in chain:
        # 1 - p and cumulative sums of equal probabilities meet to the bit, in float32 here and float64 there.
        chain = {**chain, "top_p": chain["top_p"] + 3e-4}
    compare(torch.from_numpy(logits), SamplingParams(**chain))
