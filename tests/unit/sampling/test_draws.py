"""How tokens are drawn: a million draws of each sampler against its distribution, and torch's own draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sampling_twin import probabilities

import ferrolm
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.sampling import Sampler, SamplingParams, sample

DRAWS, VOCAB = 1_000_000, 40
SAMPLERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "temperature": {"temperature": 1.7},
    "dynamic temperature": {"dynatemp_range": 0.5},
    "top_k": {"top_k": 12},
    "top_p": {"top_p": 0.8},
    "min_p": {"min_p": 0.05},
    "typical_p": {"typical_p": 0.7},
    "epsilon_cutoff": {"epsilon_cutoff": 0.01},
    "eta_cutoff": {"eta_cutoff": 0.05},
    "top_n_sigma": {"top_n_sigma": 1.5},
    "top_h": {"top_h": 0.7},
    "xtc": {"xtc_probability": 0.4, "xtc_threshold": 0.08},
    "mirostat 1": {"mirostat": 1, "mirostat_tau": 4.0},
    "mirostat 2": {"mirostat": 2, "mirostat_tau": 2.0},
    "penalties": {"repetition_penalty": 1.4, "presence_penalty": 0.3, "frequency_penalty": 0.2},
    "rules": {"suppress_tokens": [1, 2], "sequence_bias": {(5, 6): 2.0}, "logit_bias": {8: 1.0}},
    "gumbel": {"draw": "gumbel", "temperature": 1.3},
    "gumbel top_k": {"draw": "gumbel", "top_k": 9},
}


@pytest.mark.parametrize("settings", SAMPLERS.values(), ids=SAMPLERS.keys())
def test_a_million_draws_have_the_distribution(settings: dict[str, Any]) -> None:
    from scipy.stats import chisquare

    row = np.random.default_rng(0).standard_normal(VOCAB).astype(np.float32) * 2
    past = [5, 9, 5]
    params = SamplingParams(**settings, seed=7)
    expected = probabilities(row, params, history=past)
    own = {"history": np.tile(past, (DRAWS, 1))} if params.uses_history else {}
    # One row seen a million times, and a step for each.
    ids = sample(np.broadcast_to(row, (DRAWS, VOCAB)), params, step=np.arange(DRAWS), **own)
    counts = np.bincount(ids, minlength=VOCAB)
    assert not counts[expected == 0].any()
    left = expected > 0
    assert chisquare(counts[left], expected[left] * DRAWS).pvalue > 1e-4


def test_noise_draws_what_torch_draws() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    logits = torch.randn(64, 5003) * 3
    for chain in ({"temperature": 0.7}, {"top_k": 40}, {"top_p": 0.9}):
        params = SamplingParams(**chain)
        kept = ferrolm.sampling.filtered_probabilities(logits, params)
        torch.manual_seed(1)
        expected = torch.multinomial(kept, 1)[:, 0]
        torch.manual_seed(1)
        noise = torch.empty(64, 5003).exponential_()
        assert torch.equal(sample(logits, params, noise=noise), expected)
        assert torch.equal(Sampler(params, 64).sample(logits, noise=noise), expected)


def test_the_noise_of_a_token_does_not_depend_on_the_logits() -> None:
    rng = np.random.default_rng(3)
    logits = rng.standard_normal((2000, 100)).astype(np.float32)
    moved = logits + 0.01 * rng.standard_normal(logits.shape).astype(np.float32)
    seeds = np.arange(2000)

    def changed(draw: str) -> int:
        params = SamplingParams(draw=draw)
        return int((sample(logits, params, seeds=seeds) != sample(moved, params, seeds=seeds)).sum())

    assert changed("gumbel") < 60 < changed("multinomial")
    alone = sample(logits[7:8], SamplingParams(draw="gumbel"), seeds=7)
    assert alone[0] == sample(logits, SamplingParams(draw="gumbel"), seeds=seeds)[7]


def test_bad_noise_is_named() -> None:
    logits = np.zeros((2, 3), np.float32)
    with pytest.raises(ShapeError, match=r"noise must have the shape \[2, 3\], found \[2, 4\]"):
        sample(logits, noise=np.ones((2, 4), np.float32))
    with pytest.raises(ShapeError, match="noise must be float32"):
        sample(logits, noise=np.ones((2, 3), int))
    for wrong in (0.0, -1.0, np.nan):
        noise = np.ones((2, 3), np.float32)
        noise[1, 2] = wrong
        with pytest.raises(InvalidArgumentError, match=r"noise of row 1 must be above 0 .* for token 2"):
            sample(logits, noise=noise)
    with pytest.raises(InvalidArgumentError, match="draw must be 'multinomial' or 'gumbel', found 'beam'"):
        SamplingParams(draw="beam")
