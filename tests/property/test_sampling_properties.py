"""Properties of filtered distributions for any logits and parameters."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sampling_twin import ORDER, probabilities

from ferrolm.sampling import Sampler, SamplingParams, filtered_probabilities, sample

FINITE = st.floats(-60, 60, width=32)
LOGITS = st.integers(1, 700).flatmap(
    lambda vocab: arrays.arrays(np.float32, (2, vocab), elements=FINITE, fill=st.just(-4.0) | FINITE)
)
PARAMS = st.builds(
    SamplingParams,
    temperature=st.just(0.0) | st.floats(0.05, 20),
    top_k=st.integers(0, 800),
    top_p=st.floats(0, 1),
    min_p=st.floats(0, 1),
    dynatemp_range=st.just(0.0) | st.floats(0, 2),
    dynatemp_exponent=st.floats(0, 3),
    top_n_sigma=st.just(0.0) | st.floats(0, 5),
    top_h=st.none() | st.floats(0.01, 1),
    typical_p=st.just(1.0) | st.floats(0, 1),
    epsilon_cutoff=st.just(0.0) | st.floats(0, 1),
    eta_cutoff=st.just(0.0) | st.floats(0, 1),
    xtc_probability=st.just(0.0) | st.floats(0, 1),
    xtc_threshold=st.floats(0, 1),
    mirostat=st.sampled_from((0, 0, 1, 2)),
    mirostat_tau=st.floats(0, 20),
    draw=st.sampled_from(("multinomial", "gumbel")),
    order=st.none() | st.permutations(ORDER),
    repetition_penalty=st.floats(0.1, 5),
    presence_penalty=st.floats(-2, 2),
    frequency_penalty=st.floats(-2, 2),
    seed=st.integers(0, 2**64 - 1),
)


@settings(max_examples=150, deadline=None)
@given(LOGITS, PARAMS, st.data())
def test_support_and_mass(logits: Any, params: SamplingParams, data: st.DataObject) -> None:
    vocab = logits.shape[1]
    past = data.draw(st.lists(st.integers(0, vocab - 1), max_size=20))
    found = filtered_probabilities(logits, params, prompt=[past[:5]] * 2, history=[past[5:]] * 2)
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
    ids, logs = sample(logits, params, prompt=[past[:5]] * 2, history=[past[5:]] * 2, logprobs="processed")
    chosen = found[np.arange(2), ids]
    assert (chosen > 0).all()
    if params.xtc_probability in (0.0, 1.0):  # else `found` is a mixture, and the draw is from a part of it
        np.testing.assert_allclose(np.exp(logs), chosen, rtol=1e-3)


@settings(max_examples=150, deadline=None)
@given(LOGITS, st.floats(0.1, 5), st.integers(0, 800), st.floats(0.001, 1), st.floats(0, 1))
@example(np.array([[1.0, -1.1518217e-36, 0.0, -1.1518217e-36]], np.float32), 1.0, 0, 0.5, 0.0)
@example(np.full((1, 12), -4, np.float32), 1.0, 0, 0.5, 0.0)
def test_equal_to_the_twin_but_for_rounding_at_a_threshold(
    logits: Any, temperature: float, top_k: int, top_p: float, min_p: float
) -> None:
    params = SamplingParams(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    for row, found in zip(logits, filtered_probabilities(logits, params), strict=True):
        expected = probabilities(row, params)
        differing = (found > 0) != (expected > 0)
        if not differing.any():
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)
            continue
        # Then the twin itself changes its mind when a threshold moves by a few float32 roundings.
        moved = [
            probabilities(
                row,
                params.replace(
                    top_p=np.clip(top_p * (1 + shift), 0, 1), min_p=np.clip(min_p * (1 + shift), 0, 1)
                ),
            )
            for shift in (-2e-5, 2e-5)
        ]
        # Tokens that float32 does not tell apart beside the largest are equals: others of them may stay.
        if len(np.unique((row - row.max())[differing])) == 1:
            of_equals = [np.sort(each) for each in (expected, *moved)]
            assert any(np.allclose(np.sort(found), each, rtol=1e-4, atol=1e-9) for each in of_equals)
            continue
        assert ((moved[0] > 0) != (moved[1] > 0))[differing & (found + expected > 1e-20)].all()


@settings(max_examples=50, deadline=None)
@given(LOGITS, PARAMS, st.integers(0, 2**64 - 1))
def test_a_draw_is_a_function_of_its_arguments(logits: Any, params: SamplingParams, step: int) -> None:
    ids = sample(logits, params, step=step)
    np.testing.assert_array_equal(ids, sample(logits, params, step=step))
    np.testing.assert_array_equal(ids[::-1], sample(logits[::-1].copy(), params, step=step))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=40), PARAMS)
def test_a_sampler_counts_as_sample_does(tokens: list[int], params: SamplingParams) -> None:
    logits = np.linspace(-3, 3, 31, dtype=np.float32)[None]
    sampler = Sampler([params])
    for token in tokens:
        sampler.accept([token])
    np.testing.assert_array_equal(
        sampler.sample(logits), sample(logits, params, history=[tokens], step=len(tokens))
    )
