"""Rows that come and go keep their keys, whatever the others do."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ferrolm.errors import InvalidArgumentError
from ferrolm.models import GPT2Config
from ferrolm.models.cache_rows import KeyValueRows

CONFIG = GPT2Config(n_layer=2, n_positions=32, n_embd=4, n_head=2)


def drawn(rows: int, tokens: int) -> Tensor:
    """Keys or values of a step: [rows, kv_heads, tokens, head_dim]."""
    return torch.randn(rows, 2, tokens, 2)


def one_row(tokens: int) -> KeyValueRows:
    cache = KeyValueRows(CONFIG, rows=1, capacity=tokens)
    for layer in range(CONFIG.n_layer):
        cache.update(layer, drawn(1, tokens), drawn(1, tokens))
    return cache


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_rows_keep_what_is_theirs(seed: int) -> None:
    rng = random.Random(seed)
    torch.manual_seed(seed)
    cache = KeyValueRows(CONFIG, capacity=rng.choice([1, 8, 64]), max_rows=6)
    rows: list[Tensor] = []  # of each, [2 layers, kv_heads, tokens, head_dim]
    for _ in range(rng.randint(1, 40)):
        action = rng.random()
        if action < 0.3 or not rows:
            other = one_row(rng.randint(1, 30))
            cache.join(other)
            rows.append(other.kept(0, 0, other.length).clone())
        elif action < 0.5:
            leaving = rng.randrange(len(rows))
            cache.leave(leaving)
            rows[leaving] = rows[-1]
            rows.pop()
        else:
            mask = cache.mask(1)
            new = [drawn(len(rows), 1) for _ in range(2 * CONFIG.n_layer)]
            for layer in range(CONFIG.n_layer):
                keys, _ = cache.update(layer, new[2 * layer], new[2 * layer + 1])
            rows = [torch.cat([old, torch.stack([part[r] for part in new])], 2) for r, old in enumerate(rows)]
            assert keys.shape[2] == cache.length
            if mask is None:
                assert {row.shape[2] for row in rows} == {cache.length}
            else:
                assert mask.sum(1).tolist() == [row.shape[2] for row in rows]
                # Padding is on the left, and a number.
                assert (mask.long().diff(dim=1) >= 0).all()
                assert torch.isfinite(keys).all()
        assert len(cache) == len(rows)
        assert cache.positions().tolist() == [row.shape[2] for row in rows]
        for row, expected in enumerate(rows):
            assert torch.equal(cache.kept(row, 0, expected.shape[2]), expected)
        longest = max((row.shape[2] for row in rows), default=0)
        assert cache.length <= max(2 * longest + 65, 64)


def test_padding_is_wiped() -> None:
    cache = KeyValueRows(CONFIG)
    spoilt = one_row(6)
    assert spoilt.buffer is not None
    spoilt.buffer.fill_(torch.nan)
    for other in (spoilt, one_row(6)):
        cache.join(other)
    cache.leave(0)
    cache.join(one_row(2))
    for keys, values in cache.room(1, drawn(2, 1)):
        assert torch.isfinite(keys[:, :, :6]).all()
        assert torch.isfinite(values[:, :, :6]).all()


def test_rows_without_tokens_do_not_join() -> None:
    with pytest.raises(InvalidArgumentError, match="other is empty"):
        KeyValueRows(CONFIG).join(KeyValueRows(CONFIG, rows=1))


def test_it_is_a_cache_like_any_other() -> None:
    cache = one_row(5)
    cache.join(one_row(3))
    cache.select(torch.tensor([1, 0, 1]))
    assert cache.starts == [2, 0, 2]
    cache.truncate(4)
    assert (cache.length, cache.positions().tolist()) == (4, [2, 4, 2])
