"""Batches of as many tokens: every example once an epoch, none too large, the same for a seed, shared by processes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.data import ExampleBatches, TokenBudgetBatches
from ferrolm.errors import InvalidArgumentError


def collate(rows: list[int], random: np.random.Generator) -> Any:
    return {"rows": rows, "draw": random.random()}


def cost(lengths: np.ndarray, rows: list[int]) -> int:
    """Of a batch with its padding."""
    return len(rows) * int(lengths.reshape(len(lengths), -1)[rows].max(0).sum())


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=60),
    max_tokens=st.integers(1, 80),
    kinds=st.sampled_from([1, 2]),
)
def test_an_epoch_has_each_example_once_and_no_batch_is_too_large(
    lengths: list[tuple[int, int]], max_tokens: int, kinds: int
) -> None:
    array = np.array(lengths)[:, :kinds].squeeze(1) if kinds == 1 else np.array(lengths)
    batches = TokenBudgetBatches(range(len(array)), collate, max_tokens, array)
    for epoch in range(2):
        rows = [batches.batch(epoch * len(batches) + index)["rows"] for index in range(len(batches))]
        assert sorted(itertools.chain.from_iterable(rows)) == list(range(len(array)))
        assert all(len(row) == 1 or cost(array, row) <= max_tokens for row in rows)
        assert all(rows)
    assert batches.epoch(len(batches)) == 1.0


def test_neighbours_have_both_lengths_alike_and_batches_are_full() -> None:
    random = np.random.default_rng(0)
    targets = random.integers(3, 20, 4000)
    lengths = np.stack([targets, targets + random.integers(0, 6, 4000)], axis=1)
    batches = TokenBudgetBatches(range(4000), collate, 400, lengths)
    rows = [batches.batch(index)["rows"] for index in range(len(batches))]
    filled = np.array([lengths[row].sum() / cost(lengths, row) for row in rows])
    full = np.array([cost(lengths, row) for row in rows])
    assert filled.mean() > 0.95
    assert np.median(full) > 360
    # Rows of as many examples, by both lengths too, waste little; by one of them, much.
    waste = {}
    for name, given_lengths in (("both", lengths), ("one", lengths[:, 0])):
        of_rows = ExampleBatches(range(4000), collate, 20, lengths=given_lengths)
        parts = [of_rows.batch(index)["rows"] for index in range(200)]
        waste[name] = 1 - sum(lengths[part].sum() for part in parts) / sum(
            cost(lengths, part) for part in parts
        )
    assert waste["both"] < 0.7 * waste["one"]


def test_the_order_is_that_of_the_seed_and_changes_with_the_epoch() -> None:
    lengths = np.random.default_rng(1).integers(1, 9, 200)

    def epoch(number: int, **options: int) -> list[tuple[int, ...]]:
        batches = TokenBudgetBatches(range(200), collate, 40, lengths, **options)
        first = number * len(batches)
        return [tuple(batches.batch(first + index)["rows"]) for index in range(len(batches))]

    assert epoch(0) == epoch(0)
    for other in (epoch(1), epoch(0, seed=1)):
        assert set(other) != set(epoch(0)), "other batches, not the same ones in another order"
    batches = TokenBudgetBatches(range(200), collate, 40, lengths)
    late = batches.batch(300)
    assert batches.batch(2)["draw"] != batches.batch(3)["draw"]
    assert TokenBudgetBatches(range(200), collate, 40, lengths).batch(300) == late, "resumed without a state"


def test_processes_share_the_batches_of_an_epoch() -> None:
    lengths = np.random.default_rng(2).integers(1, 9, 100)
    alone = TokenBudgetBatches(range(100), collate, 30, lengths)
    parts = [
        TokenBudgetBatches(range(100), collate, 30, lengths, rank=rank, world_size=3) for rank in range(3)
    ]
    shared = [part.batch(index) for index in range(10) for part in parts]
    assert shared == [alone.batch(index) for index in range(30)]
    assert parts[0].epoch(10) == alone.epoch(30)
    assert parts[0].fingerprint == parts[2].fingerprint != alone.fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_tokens": 0}, "max_tokens must be positive, not 0"),
        ({"lengths": [1]}, r"lengths has shape \[1\], expected \[2\] or \[2, kinds\]"),
        ({"lengths": 3}, r"lengths has shape \[\]"),
        ({"examples": [], "lengths": []}, "no examples"),
        ({"rank": 2, "world_size": 2}, "rank must be in"),
    ],
)
def test_what_does_not_fit_is_named(arguments: dict[str, Any], message: str) -> None:
    given_all = {"examples": [1, 2], "collate": collate, "max_tokens": 8, "lengths": [1, 2], **arguments}
    with pytest.raises(InvalidArgumentError, match=message):
        TokenBudgetBatches(**given_all)
