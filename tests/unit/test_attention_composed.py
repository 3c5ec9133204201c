"""What tensors on a GPU, and bias that is learned, get: torch's operations, held to our kernel on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attention_twin import qkv
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from ferrolm.attention import (
    attention_varlen,
    attention_with_cache,
    composed,
    quantize_kv,
    scaled_dot_product_attention,
)
from ferrolm.errors import InvalidArgumentError, ShapeError

SLOPES, SINKS = torch.tensor([0.5, 0.25, 0.06, 0.01]), torch.tensor([0.5, -2.0, 6.0, 0.0])
shared = {
    "scale": st.none() | st.floats(-1, 1),
    "window": st.none() | st.integers(1, 40),
    "softcap": st.none() | st.floats(0.5, 50),
    "alibi_slopes": st.sampled_from([None, SLOPES]),
    "sinks": st.sampled_from([None, SINKS]),
}


def options_of(given: dict[str, Any], **others: Any) -> composed.Options:
    values = {"is_causal": False, "enable_gqa": True, "lower_right": False, **given, **others}
    return composed.Options(**values)


def tensors(*shape: int, **more: Any) -> list[Any]:
    return [torch.from_numpy(x) for x in qkv(*shape, **more)]


def close(ours: Any, theirs: Any, tolerance: float = 2e-5) -> None:
    torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=tolerance)


@given(
    st.fixed_dictionaries(shared | {"is_causal": st.booleans()}),
    st.booleans(),
    st.sampled_from(["none", "boolean", "additive"]),
    st.integers(1, 30),
    st.integers(1, 40),
)
@settings(max_examples=80, deadline=None)
def test_any_call_is_that_of_the_kernel(
    options: dict[str, Any], lower_right: bool, mask: str, q_len: int, k_len: int
) -> None:
    query, key, value = tensors(2, 4, q_len, 8, k_len=k_len, kv_heads=2, width=5)
    bias = torch.randn(2, 1, q_len, k_len, generator=torch.Generator().manual_seed(0))
    attn_mask = {"none": None, "boolean": bias > 0, "additive": bias}[mask]
    alignment = "lower_right" if lower_right else "upper_left"
    expected = scaled_dot_product_attention(
        query, key, value, attn_mask, enable_gqa=True, causal_alignment=alignment, **options
    )
    ours = composed.attend(query, key, value, attn_mask, options_of(options, lower_right=lower_right))
    close(ours, expected)


@given(
    st.fixed_dictionaries(shared | {"is_causal": st.booleans()}),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_packed_sequences(options: dict[str, Any], lower_right: bool, lengths: list[tuple[int, int]]) -> None:
    offsets = [np.cumsum([0, *(pair[i] for pair in lengths)]) for i in range(2)]
    query = torch.randn(int(offsets[0][-1]), 4, 8)
    key, value = (torch.randn(int(offsets[1][-1]), 2, width) for width in (8, 5))
    alignment = "lower_right" if lower_right else "upper_left"
    expected = attention_varlen(
        query, key, value, *offsets, enable_gqa=True, causal_alignment=alignment, **options
    )
    all_options = options_of(options, lower_right=lower_right)
    close(composed.attend_varlen(query, key, value, *offsets, all_options), expected)


@given(
    st.fixed_dictionaries(shared),
    st.sampled_from(["float32", "bfloat16", "int8"]),
    st.sampled_from([0, 3, 8]),
    st.lists(st.integers(0, 24), min_size=1, max_size=3),
    st.integers(1, 12),
)
@settings(max_examples=80, deadline=None)
def test_caches(options: dict[str, Any], dtype: str, page: int, lengths: list[int], q_len: int) -> None:
    generator = torch.Generator().manual_seed(page)
    batch, per_sequence = len(lengths), 24 // max(page, 1)
    query = torch.randn(batch, 4, q_len, 8, generator=generator)
    shape = (batch, 2, 24, 8) if page == 0 else (batch * per_sequence + 1, 2, page, 8)
    caches = [torch.randn(shape, generator=generator) for _ in range(2)]
    for cache in caches:
        cache[0, :, -1] = float("nan")  # behind the length of the first, or in a page that is nobody's
    lengths[0] = min(lengths[0], 23)
    table = None
    if page:
        table = (np.arange(batch * per_sequence)[::-1] + 1).reshape(batch, per_sequence)
        table = np.where(np.arange(per_sequence) * page < np.array(lengths)[:, None], table, -1)
    scales: tuple[Any, Any] = (None, None)
    if dtype == "int8":
        caches = [cache.nan_to_num() for cache in caches]
        (key, k_scales), (value, v_scales) = (quantize_kv(cache) for cache in caches)
        caches, scales = [key, value], (k_scales, v_scales)
    else:
        caches = [cache.to(getattr(torch, dtype)) for cache in caches]
    expected = attention_with_cache(
        query,
        *caches,
        lengths,
        block_table=table,
        key_scales=scales[0],
        value_scales=scales[1],
        **options,
    )
    all_options = options_of(options, is_causal=True, lower_right=True)
    ours = composed.attend_cached(query, tuple(caches), np.array(lengths), table, scales, all_options)
    close(ours, expected, 2e-4 if dtype == "int8" else 2e-5)


def test_other_devices_come_here() -> None:
    query, key = (torch.empty(shape, device="meta") for shape in ((2, 4, 7, 8), (2, 2, 9, 8)))
    out = scaled_dot_product_attention(query, key, key, enable_gqa=True, sinks=SINKS, softcap=3.0)
    assert (out.shape, out.device.type) == ((2, 4, 7, 8), "meta")
    out = attention_with_cache(query, key, key, [9, 8], window=4)
    assert (out.shape, out.device.type) == ((2, 4, 7, 8), "meta")
    packed = torch.empty(11, 4, 8, device="meta")
    out = attention_varlen(packed, packed, packed, [0, 5, 11], is_causal=True)
    assert (out.shape, out.device.type) == ((11, 4, 8), "meta")
    with pytest.raises(InvalidArgumentError, match="key_cache is on meta: expected cpu, as query"):
        attention_with_cache(torch.zeros(2, 4, 7, 8), key, key, [9, 8])
    wrong = torch.empty(2, 3, 9, 8, device="meta")
    with pytest.raises(ShapeError, match=r"\(2, 3, 9, 8\).*a multiple of the key's heads"):
        scaled_dot_product_attention(query, wrong, wrong, enable_gqa=True)
    for options, message in (
        ({"window": 0}, "window is 0: expected at least 1 key"),
        ({"softcap": -1.0}, r"softcap is -1(\.0)?: expected"),
        # Its reciprocal is infinite in float32, and infinity times a score of 0 is no number.
        ({"softcap": 1e-40}, r"softcap is .*: expected a finite number of at least 2\^-126"),
    ):
        for array in (query, torch.zeros(query.shape)):
            with pytest.raises(InvalidArgumentError, match=message):
                scaled_dot_product_attention(array, array, array, **options)
    table = np.array([[0, 1], [1, 2]])
    with pytest.raises(InvalidArgumentError, match=r"block_table\[1, 1\] is 2: expected a page from 0 to 1"):
        attention_with_cache(query, key, key, [9, 10], block_table=table)
    with pytest.raises(InvalidArgumentError, match=r"lengths are \[9, 10\]: expected 0 to 9, the capacity"):
        attention_with_cache(query, key, key, [9, 10])
    with pytest.raises(InvalidArgumentError, match=r"cu_seqlens_q is \[0, 5, 10\]: expected .* 0 to 11"):
        attention_varlen(packed, packed, packed, [0, 5, 10])


@pytest.mark.parametrize("options", [{}, {"softcap": 2.0}, {"is_causal": True, "window": 3}], ids=str)
@pytest.mark.parametrize("learned", ["attn_mask", "alibi_slopes", "sinks"])
def test_bias_has_gradients_when_it_is_learned(learned: str, options: dict[str, Any]) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = {"attn_mask": (1, 4, 6, 7), "alibi_slopes": (4,), "sinks": (4,)}
    given = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    query, key, value = tensors(2, 4, 6, 8, k_len=7)

    def loss(bias: Any) -> Any:
        return (
            scaled_dot_product_attention(query, key, value, **options, **{**given, learned: bias})
            .square()
            .sum()
        )

    bias = given[learned].clone().requires_grad_()
    loss(bias).backward()
    # Our kernel, which computes everything where nothing is learned, is the witness.
    direction = torch.randn(bias.shape, generator=generator)
    step = 3e-3
    with torch.no_grad():
        change = loss(bias + step * direction).double() - loss(bias - step * direction).double()
    slope = float(change / (2 * step))
    assert float((bias.grad * direction).sum()) == pytest.approx(slope, rel=1e-2, abs=1e-2)


def test_what_is_learned_has_the_gradients_of_the_rest_too() -> None:
    query, key, value = (x.requires_grad_() for x in tensors(1, 4, 5, 8))
    mask = torch.zeros(5, 5)
    gradients = []
    for needs_gradient in (False, True):
        out = scaled_dot_product_attention(query, key, value, mask.clone().requires_grad_(needs_gradient))
        gradients.append(torch.autograd.grad(out.square().sum(), (query, key, value)))
    close(gradients[0], gradients[1])
