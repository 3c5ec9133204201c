"""The order of the data: seeded, complete, and a function of the step alone."""

from __future__ import annotations

import numpy as np
import pytest

from ferrolm.data import BlockSampler
from ferrolm.errors import InvalidArgumentError

TOKENS = np.arange(1000, dtype=np.uint16)


def test_an_epoch_sees_every_block_once() -> None:
    sampler = BlockSampler(TOKENS, block_size=10, batch_size=14, seed=3)
    assert sampler.blocks_per_epoch == 98
    rows = np.concatenate([sampler.batch(step) for step in range(7)])
    assert (np.diff(rows, axis=1) == 1).all(), "a row is consecutive tokens"
    assert len(set(rows[:, 0].tolist())) == 98
    assert len(set((rows[:, 0] % 10).tolist())) == 1, "one epoch has one shift"
    following = np.concatenate([sampler.batch(step) for step in range(7, 14)])
    assert not np.array_equal(following, rows)


def test_batches_do_not_depend_on_what_was_asked_before() -> None:
    one, other = (BlockSampler(TOKENS, 10, 7, seed=5) for _ in range(2))
    wanted = [one.batch(step) for step in range(60)]
    for step in (59, 0, 14, 15, 13):
        np.testing.assert_array_equal(other.batch(step), wanted[step])
    assert not np.array_equal(BlockSampler(TOKENS, 10, 7, seed=6).batch(0), wanted[0])


def test_ranks_share_the_global_batch() -> None:
    whole = BlockSampler(TOKENS, 10, 6, seed=1)
    parts = [BlockSampler(TOKENS, 10, 3, seed=1, rank=rank, world_size=2) for rank in range(2)]
    for step in (0, 1, 20, 40):
        np.testing.assert_array_equal(np.concatenate([part.batch(step) for part in parts]), whole.batch(step))
        assert parts[0].epoch(step) == whole.epoch(step)


@pytest.mark.parametrize("count", [11, 12, 19, 20, 21, 29])
def test_short_streams_are_used_to_the_end_and_never_beyond(count: int) -> None:
    sampler = BlockSampler(TOKENS[:count], 10, 2, seed=0)
    rows = np.concatenate([sampler.batch(step) for step in range(50)])
    assert set(rows.ravel().tolist()) == set(range(count))
    assert rows.shape == (100, 11)


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="needs at least 11 tokens, found 10"):
        BlockSampler(TOKENS[:10], 10, 2)
    with pytest.raises(InvalidArgumentError, match="must be positive"):
        BlockSampler(TOKENS, 10, 0)
    with pytest.raises(InvalidArgumentError, match="rank must be in"):
        BlockSampler(TOKENS, 10, 1, rank=2, world_size=2)
