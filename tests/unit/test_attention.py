"""Attention against the definition, written out in float64."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attention_twin import qkv, reference

import ferrolm
from ferrolm.attention import scaled_dot_product_attention


def check(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, tolerance: float = 1e-5, **options: Any
) -> np.ndarray:
    ours = scaled_dot_product_attention(query, key, value, **options)
    expected = reference(query, key, value, **options)
    assert ours.shape == expected.shape
    assert ours.dtype == query.dtype
    assert ours.flags.c_contiguous
    np.testing.assert_allclose(ours, expected, atol=tolerance, rtol=0)
    return ours


CAUSAL = [
    {},
    {"is_causal": True},
    {"is_causal": True, "causal_alignment": "lower_right"},
    {"is_causal": True, "causal_alignment": "lower_right", "window": 17},
    {"window": 5},
    {"is_causal": True, "softcap": 2.0, "scale": 0.3},
]


@pytest.mark.parametrize("options", CAUSAL, ids=str)
@pytest.mark.parametrize(
    ("q_len", "k_len"), [(1, 1), (1, 300), (4, 77), (9, 8), (50, 50), (131, 200), (200, 131)]
)
def test_positions(q_len: int, k_len: int, options: dict[str, Any]) -> None:
    check(*qkv(2, 3, q_len, 40, k_len=k_len), **options)


@pytest.mark.parametrize("q_len", [1, 3, 8, 64])
@pytest.mark.parametrize("heads", [(4, 2), (6, 1), (8, 8), (28, 4)])
def test_grouped_queries_share_keys(q_len: int, heads: tuple[int, int]) -> None:
    arrays = qkv(2, heads[0], q_len, 32, k_len=90, kv_heads=heads[1])
    check(*arrays, enable_gqa=True, is_causal=True, causal_alignment="lower_right")


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 90), (2, 1, 1, 90), (1, 3, 70, 90), (2, 3, 70, 90), (70, 90), (1, 90), (3, 1, 90)]
)
@pytest.mark.parametrize("additive", [False, True])
def test_masks_broadcast(shape: tuple[int, ...], additive: bool) -> None:
    rng = np.random.default_rng(1)
    mask = rng.random(shape) < 0.4
    if additive:
        mask = np.where(mask, rng.standard_normal(shape), -np.inf).astype(np.float32)
    for q_len in (70, 2):
        part = mask[..., :q_len, :]
        check(*qkv(2, 3, q_len, 24, k_len=90), attn_mask=part)
        check(*qkv(2, 3, q_len, 24, k_len=90), attn_mask=part, is_causal=True)
    check(*qkv(2, 3, 70, 24, k_len=90), attn_mask=np.asfortranarray(mask))


def test_padding_hides_what_lies_in_it() -> None:
    query, key, value = qkv(2, 2, 300, 64)
    mask = np.ones((2, 1, 1, 300), bool)
    mask[0, ..., :200] = False
    expected = check(query, key, value, attn_mask=mask)
    key[0, :, :200], value[0, :, :200] = 1e30, 1e30
    np.testing.assert_array_equal(scaled_dot_product_attention(query, key, value, attn_mask=mask), expected)


@pytest.mark.parametrize("q_len", [1, 5, 100])
def test_queries_that_see_nothing_are_zero(q_len: int) -> None:
    mask = np.ones((q_len, 60), bool)
    mask[q_len // 2] = False
    out = check(*qkv(1, 2, q_len, 16, k_len=60), attn_mask=mask)
    assert not out[:, :, q_len // 2].any()
    assert not check(*qkv(1, 2, q_len, 16, k_len=0)).any()


@pytest.mark.parametrize("depth", [1, 2, 5, 8, 13, 16, 31, 48, 65, 100, 128, 192, 256])
def test_head_dimensions(depth: int) -> None:
    check(*qkv(1, 2, 3, depth, k_len=140, width=depth + 3))
    check(*qkv(1, 2, 60, depth, k_len=140, width=max(1, depth - 1)))


def test_any_strides() -> None:
    query, key, value = qkv(2, 50, 3, 32)  # (batch, time, heads, d), as a model has it
    views = [array.transpose(0, 2, 1, 3) for array in (query, key, value)]
    check(*views, is_causal=True)
    check(*[view[:, ::2, ::-1] for view in views])
    check(*[array[..., ::2] for array in views])
    check(views[0], np.broadcast_to(key[:, :1, :1], (2, 3, 50, 32)), views[2])
    fused = np.random.default_rng(0).standard_normal((2, 50, 3, 3 * 32)).astype(np.float32)
    check(*[part.transpose(0, 2, 1, 3) for part in np.split(fused, 3, axis=-1)])


def test_two_three_and_five_axes() -> None:
    query, key, value = qkv(2, 2, 3, 20, 16)
    expected = check(query, key, value, is_causal=True)
    for ours in (
        check(query[0, 0], key[0, 0], value[0, 0], is_causal=True),
        check(query[0, 0, 1], key[0, 0, 1], value[0, 0, 1], is_causal=True),
    ):
        np.testing.assert_array_equal(ours, expected[0, 0] if ours.ndim == 3 else expected[0, 0, 1])
    mask = np.random.default_rng(2).random((2, 1, 1, 20, 20)) < 0.7
    check(query, key, value, attn_mask=mask)


def test_extreme_scores() -> None:
    query, key, value = qkv(1, 2, 30, 8, k_len=100)
    check(query * 0 + 1, np.sign(key) * 1e4, value, scale=1 / 8)
    check(query * 0 + 1, np.sign(key) * 1e4, value, scale=-1 / 8)
    check(query, key, value, scale=0.0)


def test_empty_queries_and_batches() -> None:
    assert scaled_dot_product_attention(*qkv(1, 2, 0, 8, k_len=5)).shape == (1, 2, 0, 8)
    assert scaled_dot_product_attention(*qkv(0, 2, 3, 8)).shape == (0, 2, 3, 8)


def test_float16_is_computed_in_float32() -> None:
    for q_len in (1, 80):
        arrays = [array.astype(np.float16) for array in qkv(2, 2, q_len, 40, k_len=200)]
        check(*arrays, tolerance=5e-4)


def test_threads_do_not_change_a_bit() -> None:
    before = ferrolm.num_threads()
    try:
        for q_len in (1, 500):
            results = []
            for threads in (1, 2, 3):
                ferrolm.set_num_threads(threads)
                results.append(
                    scaled_dot_product_attention(*qkv(1, 4, q_len, 64, k_len=4500), is_causal=q_len > 1)
                )
            np.testing.assert_array_equal(results[0], results[1])
            np.testing.assert_array_equal(results[0], results[2])
    finally:
        ferrolm.set_num_threads(before)


@pytest.mark.parametrize("level", ["portable", "avx2", "avx512"])
def test_every_instruction_set(level: str) -> None:
    program = f"import {__name__.rpartition('.')[2]} as t; t.every_kind()"
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "FERROLM_SIMD": level, "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)


def every_kind() -> None:
    """What `test_every_instruction_set` runs in a process of its own."""
    for q_len in (1, 3, 8, 33, 150):
        for options in CAUSAL:
            check(*qkv(1, 2, q_len, 36, k_len=170), **options)
        mask = np.random.default_rng(3).random((q_len, 170)) < 0.5
        check(*qkv(1, 4, q_len, 36, k_len=170, kv_heads=2), attn_mask=mask, enable_gqa=True)
        bias = np.where(mask, np.float32(0.5), np.float32(-math.inf))
        check(*qkv(1, 2, q_len, 36, k_len=170), attn_mask=bias)


@pytest.mark.parametrize("queries", [1, 40])
@pytest.mark.parametrize("scale", [None, 1.0, 30.0])
@pytest.mark.parametrize("is_causal", [False, True])
def test_a_row_of_the_least_number_is_not_masked(queries: int, scale: float | None, is_causal: bool) -> None:
    """Masks of older code have it instead of infinity; torch then averages the values."""
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(1, 2, queries, 16, generator=generator)
    key, value = (torch.randn(1, 2, 50, 16, generator=generator) for _ in range(2))
    mask = torch.zeros(1, 1, queries, 50)
    mask[..., 0, :] = torch.finfo(torch.float32).min
    mask[..., -1, 20:] = torch.finfo(torch.float32).min
    found = scaled_dot_product_attention(query, key, value, mask, is_causal=is_causal, scale=scale)
    if is_causal:
        hidden = torch.ones(queries, 50, dtype=torch.bool).tril().logical_not()
        mask = mask.masked_fill(hidden, -torch.inf)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, mask, scale=scale)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=2e-5)
