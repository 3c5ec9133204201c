"""The same calls on torch tensors, ours and torch's."""

from __future__ import annotations

from typing import Any

import pytest

from ferrolm.attention import attention_varlen, attention_with_cache, scaled_dot_product_attention

torch = pytest.importorskip("torch")
theirs = torch.nn.functional.scaled_dot_product_attention


def qkv(*shape: int, k_len: int | None = None, kv_heads: int | None = None, dtype: Any = None) -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    batch, heads, q_len, depth = shape
    key = (batch, kv_heads or heads, k_len or q_len, depth)
    return [torch.randn(size, generator=generator).to(dtype) for size in (shape, key, key)]


@pytest.mark.parametrize("q_len", [1, 4, 64, 200])
@pytest.mark.parametrize("is_causal", [False, True])
def test_plain_and_causal(q_len: int, is_causal: bool) -> None:
    tensors = qkv(2, 3, q_len, 64, k_len=200)
    ours = scaled_dot_product_attention(*tensors, is_causal=is_causal)
    torch.testing.assert_close(ours, theirs(*tensors, is_causal=is_causal), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("q_len", [1, 64])
def test_grouped_queries(q_len: int) -> None:
    tensors = qkv(1, 8, q_len, 128, kv_heads=2, k_len=100)
    ours = scaled_dot_product_attention(*tensors, enable_gqa=True)
    torch.testing.assert_close(ours, theirs(*tensors, enable_gqa=True), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("q_len", [1, 64])
def test_masks_as_models_make_them(q_len: int) -> None:
    tensors = qkv(2, 4, q_len, 32, k_len=64)
    padding = torch.ones(2, 1, 1, 64, dtype=torch.bool)
    padding[0, ..., :30] = False
    expected = theirs(*tensors, attn_mask=padding)
    torch.testing.assert_close(scaled_dot_product_attention(*tensors, attn_mask=padding), expected)
    expanded = padding.expand(2, 4, q_len, 64)
    torch.testing.assert_close(scaled_dot_product_attention(*tensors, attn_mask=expanded), expected)
    additive = torch.zeros(2, 1, q_len, 64).masked_fill(~padding, torch.finfo(torch.float32).min)
    torch.testing.assert_close(scaled_dot_product_attention(*tensors, attn_mask=additive), expected)


def test_rows_masked_whole() -> None:
    for q_len in (2, 40):
        tensors = qkv(1, 2, q_len, 32, k_len=50)
        mask = torch.ones(q_len, 50, dtype=torch.bool)
        mask[1] = False
        ours = scaled_dot_product_attention(*tensors, attn_mask=mask)
        torch.testing.assert_close(ours, theirs(*tensors, attn_mask=mask), atol=1e-5, rtol=1e-5)
        assert not ours[:, :, 1].any()


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 8e-3), ("float16", 1e-3)])
@pytest.mark.parametrize("q_len", [1, 96])
def test_sixteen_bit_tensors(dtype: str, tolerance: float, q_len: int) -> None:
    tensors = qkv(1, 4, q_len, 64, k_len=300, dtype=getattr(torch, dtype))
    ours = scaled_dot_product_attention(*tensors)
    assert ours.dtype == tensors[0].dtype
    exact = theirs(*[tensor.double() for tensor in tensors])
    torch.testing.assert_close(ours.double(), exact, atol=tolerance, rtol=tolerance)
    assert (ours - exact).abs().mean() <= (theirs(*tensors) - exact).abs().mean() * 1.05


def test_transposed_views_are_read_in_place() -> None:
    tensors = [tensor.transpose(1, 2) for tensor in qkv(2, 50, 4, 32)]
    torch.testing.assert_close(scaled_dot_product_attention(*tensors), theirs(*tensors), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("q_len", [1, 5, 64, 200])
def test_gradients(q_len: int, is_causal: bool) -> None:
    tensors = [tensor.requires_grad_() for tensor in qkv(2, 4, q_len, 64, k_len=200, kv_heads=2)]
    ours, expected = (
        attention(*tensors, is_causal=is_causal, enable_gqa=True)
        for attention in (scaled_dot_product_attention, theirs)
    )
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)
    gradient = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1))
    for own, other in zip(
        torch.autograd.grad(ours, tensors, gradient),
        torch.autograd.grad(expected, tensors, gradient),
        strict=True,
    ):
        torch.testing.assert_close(own, other, atol=2e-5, rtol=2e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_tensors_on_a_gpu_stay_there() -> None:
    tensors = qkv(2, 4, 40, 64, k_len=60)
    device = [tensor.cuda() for tensor in tensors]
    mask = torch.rand(2, 1, 40, 60) < 0.8
    for options in (
        {},
        {"is_causal": True},
        {"is_causal": True, "causal_alignment": "lower_right", "window": 9},
        {"attn_mask": mask, "is_causal": True},
        {"softcap": 5.0, "sinks": torch.tensor([0.5, -1.0, 3.0, 0.0])},
    ):
        moved = {name: option.cuda() if name == "attn_mask" else option for name, option in options.items()}
        ours = scaled_dot_product_attention(*device, **moved)
        assert ours.is_cuda
        torch.testing.assert_close(
            ours.cpu(), scaled_dot_product_attention(*tensors, **options), atol=2e-3, rtol=2e-3
        )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_caches_and_packed_sequences_on_a_gpu_stay_there() -> None:
    query, key, value = qkv(2, 4, 7, 64, k_len=60)
    for options in ({}, {"window": 9, "softcap": 5.0}):
        ours = attention_with_cache(query.cuda(), key.cuda(), value.cuda(), [60, 33], **options)
        assert ours.is_cuda
        expected = attention_with_cache(query, key, value, [60, 33], **options)
        torch.testing.assert_close(ours.cpu(), expected, atol=2e-3, rtol=2e-3)
    packed = [x.transpose(1, 2).flatten(0, 1) for x in qkv(2, 4, 30, 64)]
    ours = attention_varlen(*(x.cuda() for x in packed), [0, 20, 60], is_causal=True)
    assert ours.is_cuda
    expected = attention_varlen(*packed, [0, 20, 60], is_causal=True)
    torch.testing.assert_close(ours.cpu(), expected, atol=2e-3, rtol=2e-3)
