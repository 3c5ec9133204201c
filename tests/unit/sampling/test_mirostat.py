"""Mirostat: the limit is learned while a text is made, as the algorithm of the paper says."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sampling_twin import softmax, zipf_count

from ferrolm.errors import InvalidArgumentError
from ferrolm.sampling import Sampler, SamplingParams

VOCAB = 2000


def steps_of_a_text(seed: int) -> Any:
    """Logits [steps, vocab] that are now peaked, now broad."""
    rng = np.random.default_rng(seed)
    slopes = rng.uniform(0.6, 1.6, 60)
    rows = [rng.permutation(-slope * np.log(np.arange(1, VOCAB + 1))) for slope in slopes]
    return np.array(rows, np.float32)


@pytest.mark.parametrize("version", [1, 2])
def test_the_limit_moves_as_in_the_paper(version: int) -> None:
    tau, eta = 4.0, 0.3
    params = SamplingParams(mirostat=version, mirostat_tau=tau, mirostat_eta=eta, seed=3)
    sampler, mu = Sampler(params, 1), 2 * tau
    for row in steps_of_a_text(0):
        p = softmax(row.astype(np.float64))
        order = np.argsort(-p, kind="stable")
        kept = max((p >= 2.0**-mu).sum(), 1) if version == 2 else zipf_count(p[order], mu)
        probabilities = p[order[:kept]] / p[order[:kept]].sum()
        ids, logs = sampler.sample(row[None], logprobs="processed")
        place = int(np.flatnonzero(order == ids[0])[0])
        assert place < kept
        assert logs[0] == pytest.approx(np.log(probabilities[place]), abs=1e-4)
        sampler.accept(ids)
        mu -= eta * (-np.log2(probabilities[place]) - tau)


@pytest.mark.parametrize("version", [1, 2])
def test_texts_carry_the_wanted_information(version: int) -> None:
    tau, rows = 3.0, 200
    params = SamplingParams(mirostat=version, mirostat_tau=tau, mirostat_eta=0.2, seed=1).split(rows)
    sampler, surprise = Sampler(params), []
    for row in np.concatenate([steps_of_a_text(seed) for seed in range(3)]):
        logits = np.broadcast_to(row, (rows, VOCAB))
        ids, logs = sampler.sample(logits, logprobs="processed")
        sampler.accept(ids)
        surprise.append(-logs / np.log(2))
    assert np.mean(surprise[60:]) == pytest.approx(tau, abs=0.15)


def test_only_the_token_that_was_drawn_moves_the_limit_and_it_is_saved() -> None:
    params = SamplingParams(mirostat=2, mirostat_tau=1.0, mirostat_eta=2.0, seed=5)
    logits = steps_of_a_text(1)[:1]

    def later(sampler: Sampler) -> list[int]:
        ids = []
        for _ in range(20):
            ids.append(int(sampler.sample(logits)[0]))
            sampler.accept([ids[-1]])
        return ids

    drawn, forced = Sampler(params, 1), Sampler(params, 1)
    for sampler in (drawn, forced):
        ids = sampler.sample(logits)
        again = sampler.sample(logits)
        assert (ids == again).all()
    copy = pickle.loads(pickle.dumps(drawn))
    drawn.accept(ids)
    copy.accept(ids)
    forced.accept((ids + 1) % VOCAB)
    expected = later(drawn)
    assert later(copy) == expected
    assert later(forced) != expected


def test_fields_are_checked() -> None:
    with pytest.raises(InvalidArgumentError, match=r"mirostat must be in \[0, 2\], found 3"):
        SamplingParams(mirostat=3)
    with pytest.raises(
        InvalidArgumentError, match=r"mirostat_tau must be finite and at least 0, found -1\.0"
    ):
        SamplingParams(mirostat=2, mirostat_tau=-1)
