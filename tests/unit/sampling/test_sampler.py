"""The stateful sampler: history, steps, rows that come and go, saved state."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest

from ferrolm.errors import InvalidArgumentError, InvalidFileError, InvalidTypeError, ShapeError
from ferrolm.sampling import Sampler, SamplingParams, sample

PARAMS = SamplingParams(
    temperature=0.9, top_p=0.95, repetition_penalty=1.3, presence_penalty=0.5, frequency_penalty=0.7
)


def steps(count: int, batch: int, vocab: int) -> Any:
    return (np.random.default_rng(0).standard_normal((count, batch, vocab)) * 2).astype(np.float32)


def test_it_draws_what_sample_draws_from_the_same_past() -> None:
    logits = steps(30, 3, 40)
    params = [PARAMS.replace(seed=seed) for seed in (1, 2, 3)]
    prompt = [[1, 2, 3], [], [4] * 9]
    sampler, past = Sampler(params, prompt=prompt), [[], [], []]  # type: ignore[var-annotated]
    for step, now in enumerate(logits):
        ids = sampler.sample(now)
        np.testing.assert_array_equal(ids, sample(now, params, prompt=prompt, history=past, step=step))
        sampler.accept(ids)
        past = [[*row, token] for row, token in zip(past, ids.tolist(), strict=True)]
    assert sampler.steps == [30, 30, 30]


def test_sampling_again_without_accepting_gives_the_same_ids() -> None:
    sampler = Sampler(SamplingParams(), batch=4)
    logits = steps(1, 4, 5000)[0]
    np.testing.assert_array_equal(sampler.sample(logits), sampler.sample(logits))
    sampler.accept(sampler.sample(logits))
    assert sampler.steps == [1] * 4


def test_rows_can_be_sampled_and_accepted_on_their_own() -> None:
    logits, params = steps(1, 4, 100)[0], [PARAMS.replace(seed=seed) for seed in range(4)]
    together, apart = Sampler(params), Sampler(params)
    ids = together.sample(logits)
    np.testing.assert_array_equal(apart.sample(logits[[3, 1]], rows=[3, 1]), ids[[3, 1]])
    apart.accept(ids[[3, 1]], rows=[3, 1])
    assert apart.steps == [0, 1, 0, 1]


def test_a_reset_row_is_like_a_new_one() -> None:
    logits = steps(5, 2, 50)
    sampler = Sampler(PARAMS.replace(seed=1), batch=2)
    for now in logits:
        sampler.accept(sampler.sample(now))
    sampler.reset(1, PARAMS.replace(seed=8), prompt=[1, 2])
    assert (sampler.steps, sampler.params[1].seed) == ([5, 0], 8)
    expected = sample(logits[0, 1:], PARAMS.replace(seed=8), prompt=[[1, 2]])
    assert sampler.sample(logits[0])[1] == expected[0]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda sampler: pickle.loads(pickle.dumps(sampler))])
def test_a_saved_sampler_goes_on_where_it_was(duplicate: Any) -> None:
    logits = steps(20, 3, 60)
    sampler = Sampler(
        [PARAMS, PARAMS.replace(seed=4), SamplingParams(logit_bias={3: -np.inf})], prompt=[[5], [], [6]]
    )
    for now in logits[:10]:
        sampler.accept(sampler.sample(now))
    again = duplicate(sampler)
    assert (again.params, again.seeds, again.steps) == (sampler.params, sampler.seeds, sampler.steps)
    for now in logits[10:]:
        ids = sampler.sample(now)
        np.testing.assert_array_equal(again.sample(now), ids)
        sampler.accept(ids)
        again.accept(ids)


def test_damaged_state_is_refused() -> None:
    state = Sampler(PARAMS, batch=2).__getstate__()
    for damaged in (b"", state["core"][:-1], state["core"][:-1] + b"?", b"\0" + state["core"][1:]):
        with pytest.raises(InvalidFileError, match="saved sampler state"):
            Sampler(PARAMS, batch=2).__setstate__({**state, "core": damaged})


def test_torch_ids_are_accepted() -> None:
    torch = pytest.importorskip("torch")
    sampler = Sampler(SamplingParams(temperature=0, frequency_penalty=1.0), batch=1)
    logits = torch.tensor([[1.0, 0.5]])
    found = []
    for _ in range(3):
        ids = sampler.sample(logits)
        sampler.accept(ids)
        found.append(int(ids))
    assert found == [0, 1, 0]


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    sampler = Sampler(PARAMS.replace(seed=1), batch=2)
    with pytest.raises(ShapeError, match="the sampler has 2 entries for a batch of 3 rows"):
        sampler.sample(np.zeros((3, 5), np.float32))
    with pytest.raises(ShapeError, match="tokens has 1 entries for a batch of 2 rows"):
        sampler.accept([1])
    with pytest.raises(InvalidArgumentError, match="row 2 does not exist: the sampler has 2 rows"):
        sampler.accept([1], rows=[2])
    with pytest.raises(InvalidArgumentError, match=r"ids must hold token ids in .*, found -1 to 3"):
        sampler.accept([3, -1])
    with pytest.raises(InvalidTypeError, match="ids must hold integers, found float64"):
        sampler.accept([0.5, 1.0])
    with pytest.raises(InvalidArgumentError, match="row -1 does not exist"):
        sampler.reset(-1)
    with pytest.raises(InvalidArgumentError, match="batch must be given"):
        Sampler(PARAMS)
    assert sampler.steps == [0, 0]
    sampler.accept([7, 3])
    with pytest.raises(
        InvalidArgumentError, match="history of row 0 names token 7, but the vocabulary has 5 tokens"
    ):
        sampler.sample(np.zeros((2, 5), np.float32))


def test_threads_may_share_a_sampler() -> None:
    sampler = Sampler(SamplingParams(seed=1), batch=8)
    logits = steps(1, 8, 40_000)[0]
    expected, found = sampler.sample(logits), []
    workers = [threading.Thread(target=lambda: found.append(sampler.sample(logits))) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 8
    for ids in found:
        np.testing.assert_array_equal(ids, expected)
