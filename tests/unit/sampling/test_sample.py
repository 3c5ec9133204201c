"""What a user sees of `sample` and `filtered_probabilities` on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sampling_twin import probabilities

import ferrolm
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.sampling import SamplingParams, filtered_probabilities, sample, top_logprobs

CHAINS = {
    "greedy": {"temperature": 0.0},
    "plain": {},
    "temperature": {"temperature": 0.6},
    "top_k": {"top_k": 20},
    "large top_k": {"top_k": 300},
    "top_p": {"top_p": 0.9},
    "min_p": {"min_p": 0.1},
    "all": {"temperature": 1.3, "top_k": 40, "top_p": 0.8, "min_p": 0.05, "repetition_penalty": 1.2},
    "top_p and min_p": {"top_p": 0.95, "min_p": 0.02},
    "top_n_sigma": {"top_n_sigma": 1.5},
    "top_h": {"top_h": 0.6},
    "typical_p": {"typical_p": 0.7},
    "epsilon_cutoff": {"epsilon_cutoff": 0.004},
    "eta_cutoff": {"eta_cutoff": 0.01, "temperature": 1.5},
    "xtc": {"xtc_probability": 0.6, "xtc_threshold": 0.02, "temperature": 1.4},
    "mirostat 1": {"mirostat": 1, "mirostat_tau": 2.5},
    "mirostat 2": {"mirostat": 2, "mirostat_tau": 3.0, "temperature": 1.2},
    "dynamic temperature": {"temperature": 1.0, "dynatemp_range": 0.7, "dynatemp_exponent": 1.3},
    "all steps": {
        "temperature": 1.4,
        "dynatemp_range": 0.2,
        "top_n_sigma": 2.5,
        "top_h": 0.95,
        "top_k": 60,
        "top_p": 0.95,
        "min_p": 0.01,
        "typical_p": 0.9,
        "epsilon_cutoff": 0.003,
        "eta_cutoff": 0.005,
        "xtc_probability": 1.0,
        "xtc_threshold": 0.08,
    },
    "llama.cpp": {
        "order": ("top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "xtc", "temperature"),
        "top_k": 40,
        "top_p": 0.95,
        "min_p": 0.05,
        "temperature": 0.8,
        "typical_p": 0.95,
    },
    "cutoff first": {
        "order": ("epsilon_cutoff", "top_h", "temperature", "top_p"),
        "epsilon_cutoff": 0.002,
        "top_h": 0.9,
        "temperature": 2.0,
        "top_p": 0.9,
    },
    "rules": {
        "no_repeat_ngram_size": 2,
        "bad_words_ids": [[3], [5, 6], [299, 0]],
        "sequence_bias": {(1, 2): 5.0, (4,): -3.0, (7, 8, 9): 1.0},
        "min_tokens": 20,
        "stop_token_ids": [10, 11],
        "suppress_tokens": [12, 290],
        "begin_suppress_tokens": [13],
        "top_p": 0.9,
    },
    "repetitions": {
        "dry_multiplier": 0.8,
        "dry_allowed_length": 1,
        "dry_sequence_breakers": [0, 1],
        "repetition_penalty": 1.1,
    },
    "allowed tokens": {"allowed_token_ids": range(5, 200, 3), "top_k": 30},
    "penalties": {
        "presence_penalty": 0.4,
        "frequency_penalty": 0.3,
        "logit_bias": {0: 2.0, 7: -np.inf, 299: 1.0},
    },
}
EVERY = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())


@pytest.fixture
def threads() -> Iterator[None]:
    before = ferrolm.num_threads()
    yield
    ferrolm.set_num_threads(before)


def random_logits(rng: np.random.Generator, batch: int, vocab: int) -> Any:
    return (rng.standard_normal((batch, vocab)) * 3).astype(np.float32)


def past(rng: np.random.Generator, batch: int, vocab: int) -> dict[str, Any]:
    """Tokens of prompts and histories of different lengths."""
    # Of few tokens, so that they repeat themselves.
    rows = lambda: [rng.integers(0, min(vocab, 60), rng.integers(0, 50)) for _ in range(batch)]  # noqa: E731
    return {"prompt": rows(), "history": rows()}


@EVERY
@pytest.mark.parametrize("vocab", [300, 777, 5000])
def test_distributions_are_those_of_the_plain_twin(chain: dict[str, Any], vocab: int) -> None:
    rng = np.random.default_rng(vocab)
    logits, tokens, params = random_logits(rng, 5, vocab), past(rng, 5, vocab), SamplingParams(**chain)
    expected = [probabilities(x, params, p, h) for x, p, h in zip(logits, *tokens.values(), strict=True)]
    found = filtered_probabilities(logits, params, **tokens)
    np.testing.assert_array_equal(found > 0, np.array(expected) > 0)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-9)


@EVERY
def test_draws_follow_the_distribution(chain: dict[str, Any]) -> None:
    """Chi-square over 100,000 draws, and no draw of a token that was filtered out."""
    from scipy.stats import chisquare

    rng, draws = np.random.default_rng(1), 100_000
    row = random_logits(rng, 1, 700)
    params = SamplingParams(**chain)
    expected = filtered_probabilities(row, params)[0].astype(np.float64)
    ids = sample(np.broadcast_to(row, (draws, 700)), params, seeds=np.arange(draws))
    counts = np.bincount(ids, minlength=700)
    assert not counts[expected == 0].any()
    often = expected * draws >= 5
    observed = np.append(counts[often], counts[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum()) * draws / expected.sum()
    if (wanted > 0).sum() > 1:
        assert chisquare(observed[wanted > 0], wanted[wanted > 0]).pvalue > 1e-4


def test_steps_of_one_seed_are_as_independent_as_seeds() -> None:
    from scipy.stats import chisquare

    ids = sample(np.zeros((160_000, 16), np.float32), SamplingParams(seed=9), step=np.arange(160_000))
    assert chisquare(np.bincount(ids[:-1].astype(np.int64) * 16 + ids[1:], minlength=256)).pvalue > 1e-4


@EVERY
def test_a_row_depends_on_itself_alone(chain: dict[str, Any]) -> None:
    """The same ids in another order, one by one, and beside rows with other params."""
    rng = np.random.default_rng(2)
    logits, tokens = random_logits(rng, 12, 3000), past(rng, 12, 3000)
    params = [SamplingParams(**chain, seed=row) for row in range(12)]
    ids = sample(logits, params, step=4, **tokens)
    order = rng.permutation(12)
    shuffled = {name: [rows[row] for row in order] for name, rows in tokens.items()}
    np.testing.assert_array_equal(
        sample(logits[order], [params[row] for row in order], step=4, **shuffled), ids[order]
    )
    for row in range(12):
        alone = {name: [rows[row]] for name, rows in tokens.items()}
        assert sample(logits[row : row + 1], params[row], step=4, **alone)[0] == ids[row]


@EVERY
@pytest.mark.usefixtures("threads")
def test_the_number_of_threads_changes_nothing(chain: dict[str, Any]) -> None:
    rng = np.random.default_rng(3)
    logits = random_logits(rng, 16, 40_000)  # large enough to be shared out
    found = []
    for count in (1, 2, 3):
        ferrolm.set_num_threads(count)
        found.append(sample(logits, SamplingParams(**chain), seeds=np.arange(16)))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


SCRIPT = """
import numpy as np, sys, ferrolm
from ferrolm.sampling import SamplingParams, sample
rng = np.random.default_rng(0)
for chain in eval(sys.argv[1]):
    logits = (rng.standard_normal((40, 1000)) * 3).astype(np.float32)
    print(*sample(logits, SamplingParams(**chain), seeds=np.arange(40)), *sample(logits.astype(np.float16), seeds=np.arange(40)))
"""


def test_every_instruction_set_gives_the_same_ids() -> None:
    chains = repr(
        [{key: value for key, value in chain.items() if key != "logit_bias"} for chain in CHAINS.values()]
    )

    def ids(level: str) -> bytes:
        environment = {**os.environ, "FERROLM_SIMD": level}
        return subprocess.run(
            [sys.executable, "-c", SCRIPT, chains], env=environment, capture_output=True, check=True
        ).stdout

    assert ids("portable") == ids("avx2") == ids("avx512") != b""


def test_formats_of_sixteen_bits_are_exact() -> None:
    """float16 and bfloat16 give what their values in float32 give."""
    torch = pytest.importorskip("torch")
    logits = torch.from_numpy(random_logits(np.random.default_rng(4), 6, 5000))
    for params in (
        SamplingParams(top_p=0.9, seed=1),
        SamplingParams(seed=2),
        SamplingParams(top_k=9, seed=3),
    ):
        for narrow in (logits.half(), logits.bfloat16()):
            assert torch.equal(sample(narrow, params), sample(narrow.float(), params))
        np.testing.assert_array_equal(
            sample(logits.half().numpy(), params), sample(logits.half().float().numpy(), params)
        )


def test_torch_in_torch_out_with_gradients_and_strides() -> None:
    torch = pytest.importorskip("torch")
    wide = torch.randn(4, 10, 600, requires_grad=True)
    last = wide[:, -1]  # rows that lie apart, as a model's last position does
    params = SamplingParams(top_k=10, seed=5)
    ids, logs = sample(last, params, logprobs="processed")
    assert ids.dtype == torch.int64
    assert logs.dtype == torch.float32
    np.testing.assert_array_equal(ids.numpy(), sample(last.detach().contiguous().numpy(), params))


@pytest.mark.parametrize("vocab", [1, 2, 16, 255, 256, 257, 4097])
def test_vocabularies_around_the_block_size(vocab: int) -> None:
    logits = random_logits(np.random.default_rng(vocab), 3, vocab)
    np.testing.assert_array_equal(sample(logits, SamplingParams(temperature=0)), logits.argmax(-1))
    for chain in ({}, {"top_k": 50}, {"top_p": 0.7}, {"min_p": 0.3}):
        expected = [probabilities(row, SamplingParams(**chain)) for row in logits]
        np.testing.assert_allclose(
            filtered_probabilities(logits, SamplingParams(**chain)), expected, rtol=1e-5, atol=1e-9
        )


def test_greedy_takes_the_first_of_equals() -> None:
    logits = np.zeros((2, 1000), np.float32)
    logits[1, [300, 299, 999]] = 1
    assert sample(logits, SamplingParams(temperature=0)).tolist() == [0, 299]
    assert sample(logits, SamplingParams(temperature=9e-6)).tolist() == [0, 299]
    assert sample(logits, SamplingParams(top_p=0.0)).tolist() == [0, 299]


def test_log_probabilities_of_both_kinds() -> None:
    logits = random_logits(np.random.default_rng(6), 8, 900)
    params = SamplingParams(temperature=0.7, top_k=30, logit_bias={3: 5.0})
    ids, processed = sample(logits, params, seeds=range(8), logprobs="processed")
    again, raw = sample(logits, params, seeds=range(8), logprobs="raw")
    np.testing.assert_array_equal(ids, again)
    rows = np.arange(8)
    np.testing.assert_allclose(
        processed, np.log(filtered_probabilities(logits, params)[rows, ids]), atol=1e-5
    )
    np.testing.assert_allclose(raw, np.log(probabilities_of_all(logits)[rows, ids]), atol=1e-5)
    assert sample(logits, SamplingParams(temperature=0), logprobs="processed")[1].tolist() == [0.0] * 8


def probabilities_of_all(logits: Any) -> Any:
    return np.array([probabilities(row, SamplingParams()) for row in logits])


def test_rows_without_a_seed_differ_from_each_other_and_from_call_to_call() -> None:
    logits = np.zeros((50, 10_000), np.float32)
    first, second = sample(logits), sample(logits)
    assert len(set(first.tolist())) > 40
    assert (first != second).any()


def test_rows_of_one_seed_draw_alike_and_split_rows_do_not() -> None:
    logits = np.zeros((20, 10_000), np.float32)
    assert len(set(sample(logits, SamplingParams(seed=1)).tolist())) == 1
    assert len(set(sample(logits, SamplingParams(seed=1).split(20)).tolist())) > 15


def test_the_input_is_read_in_place_and_left_alone() -> None:
    logits = random_logits(np.random.default_rng(7), 3, 500)
    logits.setflags(write=False)
    before = logits.copy()
    params = SamplingParams(repetition_penalty=2.0, logit_bias={5: 1.0}, seed=1)
    sample(logits, params, prompt=[[1, 2]] * 3, history=[[5]] * 3)
    np.testing.assert_array_equal(logits, before)


def test_an_empty_batch_gives_no_ids() -> None:
    assert sample(np.zeros((0, 10), np.float32)).shape == (0,)
    assert sample(np.zeros((0, 10), np.float32), []).shape == (0,)
    assert filtered_probabilities(np.zeros((0, 10), np.float32)).shape == (0, 10)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e4, 1e30])
@EVERY
def test_extreme_logits_stay_on_the_support(chain: dict[str, Any], scale: float) -> None:
    rng = np.random.default_rng(8)
    logits = random_logits(rng, 4, 600) * np.float32(scale)
    logits[:, rng.integers(0, 600, 400)] = -np.inf
    params = SamplingParams(**{key: value for key, value in chain.items() if key != "logit_bias"})
    found = filtered_probabilities(logits, params)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
    assert not found[np.isneginf(logits)].any()
    ids = sample(logits, params, seeds=range(4))
    assert (found[np.arange(4), ids] > 0).all()


def test_deviations_of_large_logits_are_deviations() -> None:
    logits = random_logits(np.random.default_rng(3), 3, 900)
    params = SamplingParams(top_n_sigma=1.2)
    kept = filtered_probabilities(logits, params) > 0
    assert 3 < kept.sum() < 800
    large = filtered_probabilities(logits * np.float32(2.0**100), params.replace(temperature=1e31)) > 0
    np.testing.assert_array_equal(large, kept)


@EVERY
def test_a_single_finite_logit_is_always_taken(chain: dict[str, Any]) -> None:
    logits = np.full((5, 700), -np.inf, np.float32)
    logits[np.arange(5), [0, 300, 5, 256, 699]] = -1e30
    chain = {name: value for name, value in chain.items() if name != "allowed_token_ids"}
    assert sample(logits, SamplingParams(**chain)).tolist() == [0, 300, 5, 256, 699]


@pytest.mark.parametrize("form", ["bool", "int32", "uint32", "torch"])
def test_a_mask_leaves_what_it_allows(form: str) -> None:
    rng = np.random.default_rng(9)
    logits = random_logits(rng, 6, 1003)
    allowed = rng.random((6, 1003)) < [[0.0], [0.01], [0.5], [0.99], [1.0], [0.5]]
    allowed[0, 1002] = True
    allowed[5, :512] = False
    bits = np.packbits(np.pad(allowed, [(0, 0), (0, 21)]), axis=-1, bitorder="little").view("<u4")
    mask: Any = {"bool": allowed, "int32": bits.view(np.int32), "uint32": bits}.get(form)
    if form == "torch":
        mask = pytest.importorskip("torch").from_numpy(bits.view(np.int32))
    for params in (SamplingParams(), SamplingParams(top_p=0.8), SamplingParams(top_k=3, logit_bias={1: 2.0})):
        found = filtered_probabilities(logits, params, mask=mask)
        expected = filtered_probabilities(np.where(allowed, logits, -np.inf), params)
        np.testing.assert_array_equal(found, expected)
        ids = sample(logits, params, seeds=range(6), mask=mask)
        np.testing.assert_array_equal(ids, sample(np.where(allowed, logits, -np.inf), params, seeds=range(6)))
    assert sample(logits, SamplingParams(temperature=0), mask=mask)[0] == 1002


@EVERY
def test_the_most_probable_tokens_are_those_of_a_sort(chain: dict[str, Any]) -> None:
    rng = np.random.default_rng(11)
    logits, tokens = np.round(random_logits(rng, 4, 900), 1), past(rng, 4, 900)  # with ties
    params = SamplingParams(**{**chain, "xtc_probability": 0.0})
    expected = filtered_probabilities(logits, params, **tokens)
    for count in (0, 1, 3, 40, 900):
        ids, logs = top_logprobs(logits, count, params, **tokens)
        order = np.argsort(-expected, axis=-1, kind="stable")[:, :count]
        kept = np.take_along_axis(expected, order, -1) > 0
        np.testing.assert_array_equal(np.isfinite(logs), kept)
        np.testing.assert_allclose(np.exp(logs), np.take_along_axis(expected, order, -1), rtol=1e-4)
        # Tokens whose probabilities differ by less than float32 shows may come in another order.
        found = np.take_along_axis(expected, ids.astype(np.int64), -1)
        np.testing.assert_array_equal(np.where(kept, found, 0), np.take_along_axis(expected, order, -1))
        assert all(len(set(row[own])) == own.sum() for row, own in zip(ids, kept, strict=True))
    ids, logs = top_logprobs(logits, 5)
    np.testing.assert_allclose(np.exp(logs), -np.sort(-probabilities_of_all(logits))[:, :5], rtol=1e-4)
    with pytest.raises(InvalidArgumentError, match=r"count must be in \[0, 900\]"):
        top_logprobs(logits, 901)


def test_masks_that_do_not_fit_are_named() -> None:
    logits = np.zeros((2, 40), np.float32)
    with pytest.raises(ShapeError, match=r"mask must have the shape \(2, 40\), found \(2, 39\)"):
        sample(logits, mask=np.ones((2, 39), bool))
    with pytest.raises(ShapeError, match=r"mask of bits must have the shape \(2, 2\), found \(2, 1\)"):
        sample(logits, mask=np.ones((2, 1), np.int32))
    with pytest.raises(InvalidTypeError, match="found float64"):
        sample(logits, mask=np.ones((2, 40)))
    with pytest.raises(InvalidArgumentError, match="logits of row 1 are all -inf"):
        sample(logits, mask=np.array([[1, 0], [0, 0]], np.int32))


def test_tokens_are_forced_at_the_ends() -> None:
    logits = random_logits(np.random.default_rng(1), 3, 50)
    params = SamplingParams(forced_bos_token_id=4, forced_eos_token_id=9, max_tokens=3, seed=1)
    history: Any = [[], [4, 7], [4]]
    ids = sample(logits, params, history=history)
    assert ids[:2].tolist() == [4, 9]
    assert filtered_probabilities(logits, params, history=history)[0].argmax() == 4
    assert ids[2] == sample(logits[2:], SamplingParams(seed=1))[0]


@pytest.mark.parametrize("temperature", [1e30, 1e60, 1e300])
def test_a_temperature_beyond_float32_leaves_all_equal(temperature: float) -> None:
    logits = random_logits(np.random.default_rng(2), 2, 300)
    for chain in ({}, {"min_p": 1.0}, {"epsilon_cutoff": 0.001}, {"typical_p": 0.9, "eta_cutoff": 0.1}):
        found = filtered_probabilities(logits, SamplingParams(temperature=temperature, **chain))
        np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
        assert found.max() == pytest.approx(found[found > 0].min())


def test_philox_gives_the_published_numbers() -> None:
    """Random123's `kat_vectors`, philox4x32-10, counter 0 and key 0: 6627e8d5 e169c58d ..."""
    from ferrolm._rust import uniforms

    zero = np.zeros(1, np.uint64)
    assert uniforms(zero, zero)[0] == ((0xE169C58D << 32 | 0x6627E8D5) >> 11) / 2**53
