"""Every filter that transformers has too, against its processors on the same logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
process = pytest.importorskip("transformers.generation.logits_process")

from ferrolm.sampling import SamplingParams, filtered_probabilities

VOCAB = 1500

STEPS = {
    "temperature": lambda value: process.TemperatureLogitsWarper(value),
    "top_k": lambda value: process.TopKLogitsWarper(value),
    "top_p": lambda value: process.TopPLogitsWarper(value),
    "min_p": lambda value: process.MinPLogitsWarper(value),
    "typical_p": lambda value: process.TypicalLogitsWarper(value),
    "epsilon_cutoff": lambda value: process.EpsilonLogitsWarper(value),
    "eta_cutoff": lambda value: process.EtaLogitsWarper(value),
    "top_h": lambda value: process.TopHLogitsWarper(value),
}


def all_logits() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((6, VOCAB)).astype(np.float32)
    zipf = -1.1 * np.log(np.arange(1, VOCAB + 1, dtype=np.float32))
    peaked = np.zeros((2, VOCAB), np.float32)
    peaked[:, 7] = 30
    masked = 3 * normal.copy()
    masked[:, rng.integers(0, VOCAB, VOCAB)] = -np.inf
    return {
        "normal": normal * 3,
        "flat": normal * 0.01,
        "zipf": np.stack([rng.permutation(zipf) for _ in range(4)]),
        "peaked": peaked,
        "masked": masked,
        "rounded": np.round(normal * 2) / 2,  # many ties
        "equal": np.zeros((2, VOCAB), np.float32),
    }


@pytest.mark.parametrize("name", all_logits())
@pytest.mark.parametrize(
    ("step", "value"),
    [
        ("temperature", 0.4),
        ("temperature", 3.0),
        ("top_k", 1),
        ("top_k", 50),
        ("top_k", 2 * VOCAB),
        ("min_p", 0.05),
        ("min_p", 1.0),
        ("typical_p", 0.2),
        ("typical_p", 0.95),
        ("epsilon_cutoff", 3e-4),
        ("epsilon_cutoff", 0.9),
        ("eta_cutoff", 2e-3),
        ("eta_cutoff", 0.5),
        ("top_p", 0.5),
        ("top_p", 0.9),
        ("top_h", 0.4),
        ("top_h", 1.0),
    ],
)
def test_a_filter_equals_that_of_transformers(name: str, step: str, value: float) -> None:
    if name == "equal" and step == "typical_p":
        pytest.skip("all distances are rounding errors")
    logits = all_logits()[name]
    # In float64, so that it is not its rounding that is compared.
    scores = STEPS[step](value)(None, torch.from_numpy(logits).double())
    expected = scores.softmax(-1).numpy()
    found = filtered_probabilities(logits, SamplingParams(**{step: value}))
    if step in {"top_p", "top_h"} and name in {"rounded", "equal", "peaked"}:
        # Of equal logits transformers may keep others, as its sorts are not stable: only how many is compared.
        found, expected = np.sort(found), np.sort(expected)
    differing = (found > 0) != (expected > 0)
    # A token at the very threshold may fall on either side of it.
    assert differing.sum(-1).max() <= (1 if step in {"top_p", "typical_p", "top_h"} else 0)
    if not differing.any():
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-9)


def test_a_whole_chain_equals_that_of_transformers() -> None:
    logits = all_logits()["normal"]
    values = {
        "temperature": 1.3,
        "top_h": 0.95,
        "top_k": 80,
        "top_p": 0.95,
        "min_p": 0.005,
        "typical_p": 0.9,
        "epsilon_cutoff": 0.004,
        "eta_cutoff": 0.01,
    }
    scores = torch.from_numpy(logits).double()
    for step, value in values.items():
        scores = STEPS[step](value)(None, scores)
    found = filtered_probabilities(logits, SamplingParams(**values))
    np.testing.assert_allclose(found, scores.softmax(-1).numpy(), rtol=2e-5, atol=1e-9)
