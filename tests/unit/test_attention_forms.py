"""ALiBi, sinks, packed sequences and caches against the definition, written out in float64."""

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
from ferrolm.attention import (
    attention_varlen,
    attention_with_cache,
    quantize_kv,
    scaled_dot_product_attention,
)
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

LOWER_RIGHT: dict[str, Any] = {"is_causal": True, "causal_alignment": "lower_right"}
SLOPES = np.float32([0.5, 0.25, 0.06, 0.01])
SINKS = np.float32([0.5, -2.0, 6.0, 0.0])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"is_causal": True},
        LOWER_RIGHT,
        {**LOWER_RIGHT, "window": 17},
        {"window": 5, "softcap": 2.0},
        {"is_causal": True, "scale": -0.3},
    ],
    ids=str,
)
@pytest.mark.parametrize(("q_len", "k_len"), [(1, 300), (2, 77), (50, 50), (131, 200), (200, 131)])
def test_slopes_and_sinks(q_len: int, k_len: int, options: dict[str, Any]) -> None:
    arrays = qkv(2, 4, q_len, 40, k_len=k_len, kv_heads=2)
    for more in ({"alibi_slopes": SLOPES}, {"sinks": SINKS}, {"alibi_slopes": SLOPES, "sinks": SINKS}):
        ours = scaled_dot_product_attention(*arrays, enable_gqa=True, **options, **more)
        np.testing.assert_allclose(ours, reference(*arrays, **options, **more), atol=1e-5, rtol=0)


@pytest.mark.parametrize("q_len", [1, 60])
def test_slopes_say_what_a_mask_of_distances_would(q_len: int) -> None:
    query, key, value = qkv(1, 4, q_len, 32, k_len=200)
    distance = np.arange(200 - q_len, 200)[:, None] - np.arange(200)
    bias = -SLOPES[:, None, None] * abs(distance).astype(np.float32)
    expected = scaled_dot_product_attention(query, key, value, bias, **LOWER_RIGHT)
    ours = scaled_dot_product_attention(query, key, value, alibi_slopes=SLOPES, **LOWER_RIGHT)
    np.testing.assert_allclose(ours, expected, atol=2e-6)


def test_a_sink_leaves_queries_that_see_nothing_at_zero() -> None:
    for q_len in (2, 40):
        query, key, value = qkv(1, 4, q_len, 16, k_len=0)
        assert not scaled_dot_product_attention(query, key, value, sinks=SINKS).any()


def test_values_of_heads_that_do_not_fit_are_named() -> None:
    query, key, value = qkv(1, 4, 3, 8)
    with pytest.raises(InvalidArgumentError, match="alibi_slopes has 3 values: expected 4"):
        scaled_dot_product_attention(query, key, value, alibi_slopes=SLOPES[:3])
    with pytest.raises(InvalidArgumentError, match="sinks is NaN for head 1"):
        scaled_dot_product_attention(query, key, value, sinks=np.float32([0, math.nan, 0, 0]))
    with pytest.raises(ShapeError, match=r"sinks has shape \(2, 2\)"):
        scaled_dot_product_attention(query, key, value, sinks=SINKS.reshape(2, 2))
    with pytest.raises(InvalidTypeError, match="alibi_slopes is a list"):
        scaled_dot_product_attention(query, key, value, alibi_slopes=[1.0] * 4)  # type: ignore[type-var]


LENGTHS = [(5, 9), (1, 300), (0, 4), (130, 130), (3, 0), (1, 1), (64, 200)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"is_causal": True},
        {"is_causal": True, "causal_alignment": "upper_left"},
        {"is_causal": True, "window": 20, "alibi_slopes": SLOPES, "sinks": SINKS},
        {"window": 7, "softcap": 3.0, "scale": 0.2},
    ],
    ids=str,
)
@pytest.mark.parametrize("kv_heads", [4, 1])
def test_packed_sequences(kv_heads: int, options: dict[str, Any]) -> None:
    q_ends, k_ends = np.cumsum([(0, 0), *LENGTHS], axis=0).T
    rng = np.random.default_rng(1)
    query = rng.standard_normal((q_ends[-1], 4, 24), np.float32)
    key = rng.standard_normal((kv_heads, k_ends[-1], 24), np.float32).swapaxes(0, 1)
    value = rng.standard_normal((k_ends[-1], kv_heads, 13), np.float32)
    ours = attention_varlen(query, key, value, q_ends, k_ends.astype(np.int32), enable_gqa=True, **options)
    assert ours.shape == (q_ends[-1], 4, 13)
    options = {"causal_alignment": "lower_right", **options}
    for b in range(len(LENGTHS)):
        q, k = slice(*q_ends[b : b + 2]), slice(*k_ends[b : b + 2])
        parts = [array.swapaxes(0, 1) for array in (query[q], key[k], value[k])]
        expected = reference(*parts, **options).swapaxes(0, 1)
        np.testing.assert_allclose(ours[q], expected, atol=1e-5, rtol=0, err_msg=str(LENGTHS[b]))


def test_packed_sequences_that_do_not_fit_are_named() -> None:
    x = np.zeros((7, 2, 8), np.float32)
    for offsets, message in (
        ([1, 7], r"cu_seqlens_q\[0\] is 1: expected 0"),
        ([0, 5, 4, 7], r"cu_seqlens_q\[2\] is 4: expected 5 or more"),
        ([0, 6], r"cu_seqlens_q\[1\] is 6: expected 7"),
        ([], "cu_seqlens_q has 0 values"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            attention_varlen(x, x, x, np.array(offsets, np.int64))
    with pytest.raises(InvalidArgumentError, match="cu_seqlens_k has 3 values: expected 2"):
        attention_varlen(x, x, x, [0, 7], [0, 3, 7])
    with pytest.raises(ShapeError, match=r"cu_seqlens_q .* float64: expected integers \(batch \+ 1,\)"):
        attention_varlen(x, x, x, np.array([0.0, 7.0]))
    with pytest.raises(ShapeError, match=r"\[7, 2, 8\].*enable_gqa"):
        attention_varlen(x, x[:, :1], x[:, :1], [0, 7])
    with pytest.raises(ShapeError, match=r"query has shape \(1, 7, 2, 8\): expected 3 axes"):
        attention_varlen(x[None], x, x, [0, 7])
    with pytest.raises(ShapeError, match="dtypes float32, float16 and float32"):
        attention_varlen(x, x.astype(np.float16), x, [0, 7])


def cache_of(
    pages: int, kv_heads: int, rows: int, depth: int, store: str, seed: int
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """A cache, its scales, and what they stand for."""
    x = np.random.default_rng(seed).standard_normal((pages, kv_heads, rows, depth), np.float32)
    if store == "int8":
        integers, scales = quantize_kv(x)
        return integers, scales, integers * scales[..., None]
    narrow = x.astype(store)
    return narrow, None, narrow.astype(np.float32)


def check_cache(q_len: int, lengths: list[int], store: str, block_size: int | None, **options: Any) -> None:
    query = np.random.default_rng(0).standard_normal((len(lengths), 4, q_len, 24), np.float32)
    capacity, batch = 310, len(lengths)
    per_sequence = 0 if block_size is None else -(-capacity // block_size)
    shape = (batch, 2, capacity) if block_size is None else (batch * per_sequence + 3, 2, block_size)
    key, key_scales, wide_key = cache_of(*shape, 24, store, 1)
    value, value_scales, wide_value = cache_of(*shape, 17, store, 2)
    table = None
    if block_size is not None:
        table = np.random.default_rng(3).permutation(shape[0])[: batch * per_sequence]
        table = table.reshape(batch, per_sequence).astype(np.int32)
        wide_key, wide_value = (
            x[table].swapaxes(1, 2).reshape(batch, 2, -1, x.shape[-1]) for x in (wide_key, wide_value)
        )
        # Pages that nobody reaches do not matter.
        table[np.arange(per_sequence) >= -(-np.array(lengths)[:, None] // block_size)] = -1
    ours = attention_with_cache(
        query,
        key,
        value,
        np.array(lengths),
        block_table=table,
        key_scales=key_scales,
        value_scales=value_scales,
        **options,
    )
    assert ours.shape == (batch, 4, q_len, 17)
    for b, length in enumerate(lengths):
        expected = reference(
            query[b], wide_key[b, :, :length], wide_value[b, :, :length], **LOWER_RIGHT, **options
        )
        # Beside 8 bits queries are rounded to 16: scores are off by 1.5e-4 at most here.
        tolerance = 1e-4 if store == "int8" else 1e-5
        np.testing.assert_allclose(ours[b], expected, atol=tolerance, rtol=0, err_msg=str(length))


@pytest.mark.parametrize("store", ["float32", "float16", "int8"])
@pytest.mark.parametrize("block_size", [None, 1, 16, 24, 128, 500])
@pytest.mark.parametrize("q_len", [1, 3, 100])
def test_caches(q_len: int, block_size: int | None, store: str) -> None:
    check_cache(q_len, [300, 17, 128, 0], store, block_size)
    check_cache(q_len, [290], store, block_size, window=40, sinks=SINKS)
    check_cache(q_len, [200, 310], store, block_size, softcap=5.0, alibi_slopes=SLOPES, scale=0.3)


def test_pages_before_the_window_are_not_looked_at() -> None:
    query = np.zeros((1, 1, 1, 8), np.float32)
    cache = np.ones((4, 1, 16, 8), np.float32)
    table = np.array([[-1, -1, 99, 3, 2]])
    out = attention_with_cache(query, cache, cache, [70], block_table=table, window=20)
    np.testing.assert_array_equal(out, 1)
    with pytest.raises(InvalidArgumentError, match=r"block_table\[0, 2\] is 99: expected a page from 0 to 3"):
        attention_with_cache(query, cache, cache, [70], block_table=table, window=23)


def test_what_lies_behind_the_length_is_not_read() -> None:
    for q_len in (1, 40):
        query, key, value = qkv(2, 2, q_len, 16, k_len=90)
        expected = attention_with_cache(query, key, value, [50, 60])
        key[0, :, 50:], value[0, :, 50:], key[1, :, 60:], value[1, :, 60:] = [math.nan] * 4
        np.testing.assert_array_equal(attention_with_cache(query, key, value, [50, 60]), expected)


@pytest.mark.parametrize("q_len", [0, 1, 40])
def test_empty_caches_give_zeros(q_len: int) -> None:
    query = np.ones((2, 4, q_len, 8), np.float32)
    for shape, table in (
        ((2, 2, 0, 8), None),
        ((3, 2, 0, 8), [[0], [0]]),
        ((0, 2, 4, 8), np.zeros((2, 0), int)),
    ):
        cache = np.zeros(shape, np.float32)
        out = attention_with_cache(query, cache, cache, [0, 0], block_table=table)
        assert out.shape == query.shape
        assert not out.any()
    nobody = np.zeros((0, 2, 4, 8), np.float32)
    assert attention_with_cache(query[:0], nobody, nobody, []).shape == (0, 4, q_len, 8)


def test_caches_of_any_strides() -> None:
    rng = np.random.default_rng(0)
    pool = rng.standard_normal(
        (40, 16, 2, 2, 32), np.float32
    )  # (num_blocks, block_size, key or value, heads, d)
    key, value = pool[:, :, 0].transpose(0, 2, 1, 3), pool[:, :, 1].transpose(0, 2, 1, 3)
    table = rng.permutation(40).reshape(2, 20)
    for q_len in (1, 70):
        query = rng.standard_normal((2, q_len, 4, 32), np.float32).swapaxes(1, 2)
        ours = attention_with_cache(query, key, value, [300, 111], block_table=table)
        copies = [np.ascontiguousarray(x) for x in (query, key, value)]
        expected = attention_with_cache(*copies, [300, 111], block_table=table)
        np.testing.assert_array_equal(ours, expected)
    with pytest.raises(InvalidArgumentError, match="key_cache is an array with 2 elements"):
        attention_with_cache(query[..., ::2], key[..., ::2], value[..., ::2], [300, 111], block_table=table)


def test_caches_that_do_not_fit_are_named() -> None:
    query, cache = np.zeros((2, 4, 3, 8), np.float32), np.zeros((2, 2, 10, 8), np.float32)
    integers, scales = quantize_kv(cache)

    def fails(error: type[Exception], message: str, *arguments: Any, **options: Any) -> None:
        with pytest.raises(error, match=message):
            attention_with_cache(*arguments, **options)

    fails(InvalidArgumentError, r"lengths\[1\] is 11: expected 0 to 10", query, cache, cache, [4, 11])
    fails(InvalidArgumentError, r"lengths\[0\] is -1", query, cache, cache, [-1, 2])
    fails(InvalidArgumentError, "lengths has 3 values: expected 2", query, cache, cache, [1, 2, 3])
    fails(ShapeError, r"lengths .*float64: expected integers \(batch,\)", query, cache, cache, [0.5, 1])
    fails(ShapeError, "block_table", query, cache, cache, [1, 1], block_table=[0, 1])
    fails(InvalidArgumentError, "block_table has 1", query, cache, cache, [1, 1], block_table=[[0]])
    fails(ShapeError, "different batch sizes", query[:1], cache, cache, [4])
    fails(ShapeError, "head dimensions", query[..., :4], cache, cache, [4, 4])
    fails(ShapeError, "not a multiple", query[:, :3], cache, cache, [4, 4])
    fails(ShapeError, "element types", query, cache, integers, [4, 4], value_scales=scales)
    fails(ShapeError, "key_cache is int8 without key_scales", query, integers, integers, [4, 4])
    fails(ShapeError, "key_scales are given for", query, cache, cache, [4, 4], key_scales=scales)
    fails(
        ShapeError,
        r"the scales of value_cache have the shape \[2, 2, 9\]: expected \[2, 2, 10\]",
        query,
        integers,
        integers,
        [4, 4],
        key_scales=scales,
        value_scales=scales[..., :9],
    )
    fails(ShapeError, r"key_cache has shape \(2, 10, 8\): expected 4 axes", query, cache[0], cache, [4, 4])
    fails(InvalidTypeError, "key_cache is a list", query, [1], cache, [4, 4])
    fails(InvalidArgumentError, "window is 0", query, cache, cache, [4, 4], window=0)


def test_integers_of_eight_bits_are_near_and_rows_of_zeros_are_exact() -> None:
    x = np.random.default_rng(0).standard_normal((3, 5, 64)).astype(np.float16)
    x[1, 2] = 0
    integers, scales = quantize_kv(x)
    assert integers.dtype == np.int8
    assert scales.dtype == np.float32
    assert scales.shape == (3, 5)
    error = abs(integers * scales[..., None] - x.astype(np.float32))
    assert (error <= scales[..., None] * 0.5001).all()
    assert abs(integers).max(-1).min(initial=127, where=scales > 0) == 127
    assert not integers[1, 2].any()
    assert quantize_kv(x[..., :0])[1].shape == (3, 5)
    with pytest.raises(InvalidArgumentError, match="not finite"):
        quantize_kv(np.float32([1, math.inf]))
    with pytest.raises(ShapeError, match="int64"):
        quantize_kv(np.arange(4))


def test_int8_caches_lose_little() -> None:
    query, key, value = qkv(1, 8, 1, 128, k_len=2000)
    (k, k_scales), (v, v_scales) = quantize_kv(key), quantize_kv(value)
    ours = attention_with_cache(query, k, v, [2000], key_scales=k_scales, value_scales=v_scales)
    exact = reference(query, key, value)
    assert np.linalg.norm(ours - exact) < 0.02 * np.linalg.norm(exact)


def test_threads_do_not_change_a_bit() -> None:
    rng = np.random.default_rng(0)
    query = rng.standard_normal((700, 4, 32), np.float32)
    offsets = np.array([0, 1, 400, 403, 700])
    cache = rng.standard_normal((3, 2, 5000, 32), np.float32)
    before = ferrolm.num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            ferrolm.set_num_threads(threads)
            packed = attention_varlen(query, query, query, offsets, is_causal=True)
            token = attention_with_cache(query[:3, :, None], cache, cache, [5000, 10, 3000])
            results.append((packed, token))
        for packed, token in results[1:]:
            np.testing.assert_array_equal(packed, results[0][0])
            np.testing.assert_array_equal(token, results[0][1])
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
    for q_len in (1, 2, 33):
        test_slopes_and_sinks(q_len, 150, LOWER_RIGHT)
        for store in ("float32", "float16", "int8"):
            check_cache(q_len, [200, 31], store, 24, alibi_slopes=SLOPES, sinks=SINKS)
    test_packed_sequences(1, {"is_causal": True})


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    query, key, value = (torch.from_numpy(x) for x in qkv(2, 4, 3, 32, k_len=50))
    slopes, sinks = torch.from_numpy(SLOPES), torch.from_numpy(SINKS).bfloat16()
    with torch.no_grad():
        ours = scaled_dot_product_attention(query, key, value, alibi_slopes=slopes, sinks=sinks)
        expected = reference(
            query.numpy(), key.numpy(), value.numpy(), alibi_slopes=SLOPES, sinks=sinks.float().numpy()
        )
        np.testing.assert_allclose(ours.numpy(), expected, atol=1e-5)

        lengths = torch.tensor([50, 20], dtype=torch.int32)
        caches = [x.bfloat16() for x in (key, value)]
        wide = attention_with_cache(query, *(x.float() for x in caches), lengths)
        ours = attention_with_cache(query, *caches, lengths)
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, wide, atol=1e-6, rtol=0)
        ours = attention_with_cache(query.bfloat16(), *caches, lengths)
        assert ours.dtype == torch.bfloat16
        torch.testing.assert_close(ours.float(), wide, atol=0.02, rtol=0.02)
        quantized = [quantize_kv(x) for x in caches]
        (k, k_scales), (v, v_scales) = quantized
        assert k.dtype == torch.int8
        ours = attention_with_cache(query, k, v, lengths, key_scales=k_scales, value_scales=v_scales)
        torch.testing.assert_close(ours, wide, atol=0.03, rtol=0.03)

        packed = torch.randn(30, 4, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
        offsets = torch.tensor([0, 12, 30])
        ours = attention_varlen(packed, packed, packed, offsets, is_causal=True)
        assert ours.dtype == torch.bfloat16
        nested = [packed[:12].transpose(0, 1), packed[12:].transpose(0, 1)]
        attend = torch.nn.functional.scaled_dot_product_attention
        theirs = [attend(x, x, x, is_causal=True).transpose(0, 1) for x in nested]
        torch.testing.assert_close(ours, torch.cat(theirs), atol=0.02, rtol=0.02)
    needy = query.clone().requires_grad_()
    with pytest.raises(InvalidArgumentError, match="query requires a gradient"):
        attention_with_cache(needy, key, value, lengths)
    with pytest.raises(InvalidTypeError, match="key is a ndarray: expected a Tensor"):
        attention_varlen(packed, packed.float().numpy(), packed, offsets)
