"""The torch path against the Rust path: the same ids from the same logits. It runs on any device, so also on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ferrolm._rust import uniforms as rust_uniforms
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.sampling import (
    Sampler,
    SamplingParams,
    Watermark,
    device,
    filtered_probabilities,
    sample,
    top_logprobs,
)
from ferrolm.sampling.arrays import ragged

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
BATCH, VOCAB = 64, 3000


def mixed_params() -> list[SamplingParams]:
    """Every chain in one batch, so that rows with and without each filter meet."""
    bias = {1: 4.0, 2: -np.inf, VOCAB - 1: 1.0}
    chains: list[dict[str, Any]] = [
        {"temperature": 0.0},
        {},
        {"temperature": 0.5, "top_k": 7},
        {"top_k": VOCAB * 2},
        {"top_p": 0.8, "logit_bias": bias},
        {"top_p": 0.0},
        {"min_p": 0.05, "frequency_penalty": 0.5, "presence_penalty": -0.5},
        {
            "temperature": 1.2,
            "top_k": 50,
            "top_p": 0.9,
            "min_p": 0.01,
            "repetition_penalty": 1.5,
            "logit_bias": bias,
        },
        {
            "no_repeat_ngram_size": 2,
            "bad_words_ids": [[1], [2, 3]],
            "sequence_bias": {(5,): 4.0, (1, 2): 3.0},
        },
        {"dry_multiplier": 1.0, "dry_allowed_length": 1, "min_tokens": 9, "stop_token_ids": [0, 1]},
        {"allowed_token_ids": range(0, VOCAB, 7), "suppress_tokens": [7, 14]},
        {"forced_bos_token_id": 3, "forced_eos_token_id": 5, "max_tokens": 2},
        {"top_n_sigma": 1.0, "typical_p": 0.8},
        {"top_h": 0.7, "temperature": 1.5},
        {"epsilon_cutoff": 0.003, "xtc_probability": 0.5, "xtc_threshold": 0.03},
        {"eta_cutoff": 0.02, "dynatemp_range": 0.5},
        {"mirostat": 1, "mirostat_tau": 2.5, "temperature": 1.3},
        {"mirostat": 2, "mirostat_tau": 3.0},
        {"draw": "gumbel", "top_k": 500},
        {"draw": "gumbel", "temperature": 0.7},
        {
            "order": ("top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "xtc", "temperature"),
            "top_k": 40,
            "typical_p": 0.95,
            "min_p": 0.05,
            "xtc_probability": 0.9,
            "temperature": 0.8,
        },
    ]
    return [SamplingParams(**chains[row % len(chains)]) for row in range(BATCH)]


def inputs(where: str) -> tuple[Any, list[SamplingParams], dict[str, Any]]:
    rng = np.random.default_rng(0)
    logits = torch.from_numpy((rng.standard_normal((BATCH, VOCAB)) * 3).astype(np.float32)).to(where)
    tokens = [[rng.integers(0, 30, rng.integers(0, 40)) for _ in range(BATCH)] for _ in range(2)]
    return logits, mixed_params(), {"prompt": tokens[0], "history": tokens[1]}


@pytest.mark.parametrize("where", DEVICES)
def test_ids_and_log_probabilities_equal_those_of_the_core(where: str) -> None:
    logits, params, past = inputs(where)
    seeds, steps = np.arange(BATCH, dtype=np.uint64) * 2**58 + 1, np.arange(BATCH, dtype=np.uint64)
    given = {name: ragged(rows, name, BATCH) for name, rows in past.items()}
    for kind in ("raw", "processed"):
        ids, logs = sample(logits.cpu(), params, seeds=seeds, step=steps, logprobs=kind, **past)  # type: ignore[arg-type]
        found, found_logs = device.sample(logits, params, seeds=seeds, steps=steps, logprobs=kind, **given)
        assert found.device.type == where
        assert torch.equal(found.cpu(), ids)
        torch.testing.assert_close(found_logs.cpu(), logs, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("where", DEVICES)
def test_distributions_equal_those_of_the_core(where: str) -> None:
    logits, params, past = inputs(where)
    given = {name: ragged(rows, name, BATCH) for name, rows in past.items()}
    found = device.filtered_probabilities(logits, params, **given).cpu()
    torch.testing.assert_close(
        found, filtered_probabilities(logits.cpu(), params, **past), rtol=2e-5, atol=1e-9
    )


@pytest.mark.parametrize("where", DEVICES)
def test_the_most_probable_tokens_are_those_of_the_core(where: str) -> None:
    logits, params, past = inputs(where)
    given = {name: ragged(rows, name, BATCH) for name, rows in past.items()}
    ids, logs = top_logprobs(logits.cpu(), 20, params, **past)
    found_ids, found_logs = device.top_logprobs(logits, 20, params, **given)
    assert torch.equal(found_ids.cpu(), ids)
    torch.testing.assert_close(found_logs.cpu(), logs, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("where", DEVICES)
def test_masks_do_what_they_do_in_the_core(where: str) -> None:
    logits, params, past = inputs(where)
    given = {name: ragged(rows, name, BATCH) for name, rows in past.items()}
    allowed = torch.rand(BATCH, VOCAB) < 0.3
    allowed[:, :15] = True
    bits = np.packbits(np.pad(allowed.numpy(), [(0, 0), (0, 8)]), axis=-1, bitorder="little").view("<i4")
    expected = filtered_probabilities(logits.cpu(), params, **past, mask=allowed)
    for mask in (allowed, bits, torch.from_numpy(bits).to(where)):
        found = device.filtered_probabilities(logits, params, **given, mask=mask).cpu()
        torch.testing.assert_close(found, expected, rtol=2e-5, atol=1e-9)


def test_uniforms_are_the_same_to_the_bit() -> None:
    seeds = np.random.default_rng(1).integers(0, 2**64, 1000, np.uint64)
    steps = np.random.default_rng(2).integers(0, 2**64, 1000, np.uint64)
    found = device.uniforms(torch.from_numpy(seeds.view(np.int64)), torch.from_numpy(steps.view(np.int64)))
    np.testing.assert_array_equal(found.numpy(), rust_uniforms(seeds, steps))


def test_a_sampler_keeps_the_same_counts_for_both_paths() -> None:
    logits, params, past = inputs("cpu")
    sampler = Sampler([row.replace(seed=at) for at, row in enumerate(params)], prompt=past["prompt"])
    for _ in range(5):
        ids = sampler.sample(logits)
        assert torch.equal(sampler._sample_on_device(logits, None, None, None, None), ids)
        rows = [9, 3, 7]
        assert torch.equal(sampler._sample_on_device(logits[rows], rows, None, None, None), ids[rows])
        sampler.accept(ids)


def test_mirostat_learns_on_both_paths_alike() -> None:
    logits = torch.randn(2, VOCAB, generator=torch.Generator().manual_seed(0)) * 3
    params = [
        SamplingParams(mirostat=version, mirostat_tau=2.0, mirostat_eta=0.7, seed=5) for version in (1, 2)
    ]
    core, other = Sampler(params), Sampler(params)
    for step in range(25):
        logprobs = (None, "raw", "processed")[step % 3]
        expected = core.sample(logits, logprobs=logprobs)  # type: ignore[arg-type]
        found = other._sample_on_device(logits, None, logprobs, None, None)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-5)
        ids = expected if logprobs is None else expected[0]
        core.accept(ids)
        other.accept(ids)


def test_noise_decides_on_both_paths_alike() -> None:
    logits, params, past = inputs("cpu")
    given = {name: ragged(rows, name, BATCH) for name, rows in past.items()}
    noise = torch.empty(BATCH, VOCAB).exponential_(generator=torch.Generator().manual_seed(1))
    clocks = {"seeds": np.arange(BATCH, dtype=np.uint64), "steps": np.zeros(BATCH, np.uint64)}
    found = device.sample(logits, params, **clocks, logprobs=None, noise=noise, **given)
    assert torch.equal(found, sample(logits, params, seeds=np.arange(BATCH), noise=noise, **past))
    with pytest.raises(ShapeError, match=r"noise must be float32 of the shape \[64, 3000\]"):
        device.sample(logits, params, **clocks, logprobs=None, noise=noise[:3], **given)


def test_a_watermark_is_refused() -> None:
    params = [SamplingParams(), SamplingParams(watermark=Watermark())]
    with pytest.raises(InvalidArgumentError, match="watermark of row 1 is for logits on the CPU, found"):
        device.filtered_probabilities(torch.zeros(2, 9), params, prompt=None, history=None)


def test_faults_are_those_of_the_core() -> None:
    plain, zero = [SamplingParams()], np.zeros(1, np.uint64)

    def message(logits: Any, **past: Any) -> str:
        with pytest.raises(InvalidArgumentError) as caught:
            device.sample(
                logits,
                plain,
                seeds=zero,
                steps=zero,
                logprobs=None,
                **{"prompt": None, "history": None, **past},
            )
        return str(caught.value)

    row = torch.zeros(1, 5)
    assert message(row.index_fill(1, torch.tensor([3]), torch.nan)) == "logits of row 0 are NaN at token 3"
    assert "of row 0 are +inf at token 2" in message(row.index_fill(1, torch.tensor([2]), torch.inf))
    assert message(row - torch.inf) == "logits of row 0 are all -inf: no token is left to choose"
    assert "names token 9, but the vocabulary has 5" in message(row, history=ragged([[9]], "history", 1))
    with pytest.raises(ShapeError, match="vocabulary of size 0"):
        device.sample(
            torch.zeros(1, 0), plain, seeds=zero, steps=zero, logprobs=None, prompt=None, history=None
        )


def test_a_forced_token_comes_whatever_the_logits_hold() -> None:
    rows = [SamplingParams(forced_bos_token_id=2), SamplingParams(forced_bos_token_id=1, temperature=0.0)]
    logits = torch.tensor([[-torch.inf] * 3, [torch.nan] * 3])
    zero = np.zeros(2, np.uint64)
    nothing: dict[str, Any] = {"logprobs": None, "prompt": None, "history": None}
    assert device.sample(logits, rows, seeds=zero, steps=zero, **nothing).tolist() == [2, 1]
    assert sample(logits, rows).tolist() == [2, 1]
