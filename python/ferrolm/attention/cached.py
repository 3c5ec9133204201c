"""`attention_with_cache`: the newest queries of some sequences against all that their caches hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from ferrolm import _rust
from ferrolm.attention.arguments import check_inputs, integers, like_query, per_head
from ferrolm.errors import ShapeError

if TYPE_CHECKING:
    import torch

__all__ = ["attention_with_cache"]

Array = TypeVar("Array", "np.ndarray[Any, Any]", "torch.Tensor")


def attention_with_cache(
    query: Array,
    key_cache: Array,
    value_cache: Array,
    lengths: Any,
    *,
    block_table: Any | None = None,
    scale: float | None = None,
    window: int | None = None,
    softcap: float | None = None,
    alibi_slopes: Array | None = None,
    sinks: Array | None = None,
    key_scales: Array | None = None,
    value_scales: Array | None = None,
) -> Array:
    """Causal attention of each sequence's last queries to the keys and values that a cache holds of it.

    The keys and values of the queries themselves are in the cache already: the last ``q_len`` of the
    ``lengths[b]`` keys of sequence ``b`` are at the positions of its queries, one token or a whole prompt. What
    lies behind a sequence's length is never read, so sequences of different lengths need no mask.

    Args:
        query: (batch, heads, q_len, d), float32, or float16 (and, for tensors, bfloat16) computed in float32. Any
            strides. The result has its type.
        key_cache: (batch, kv_heads, capacity, d), or in pages (num_blocks, kv_heads, block_size, d); float32,
            float16, bfloat16 or int8, whatever the query's type. Its last axis is contiguous, the others have any
            strides (a cache (num_blocks, block_size, kv_heads, d) is passed as ``cache.transpose(0, 2, 1, 3)``).
            ``heads`` is a multiple of ``kv_heads``.
        value_cache: the same with a last axis of dv, of the keys' type.
        lengths: (batch,), integers: the keys of each sequence, those of the queries included. Where they are fewer
            than ``q_len``, as with left padding, the first queries see nothing.
        block_table: (batch, max_blocks), integers: keys ``i * block_size ..`` of sequence ``b`` are in page
            ``block_table[b, i]`` of the caches (vLLM's PagedAttention). Entries behind a sequence's length, or before
            all of its windows, are not looked at.
        scale: 1/√d by default.
        window: queries see only the last ``window`` keys up to their own.
        softcap: scores become ``softcap * tanh(score / softcap)`` (Gemma 2).
        alibi_slopes: (heads,), as for ``scaled_dot_product_attention``.
        sinks: (heads,), as for ``scaled_dot_product_attention``.
        key_scales: for an int8 cache, float32 of its shape without the last axis: a key is its integers times its
            scale (see ``quantize_kv``). Up to eight queries of a key head are rounded to 16 bits then, an error
            of a hundredth of what 8 bits cost, and multiplied as integers; d is at most 2048.
        value_scales: the same for the values.

    Returns:
        (batch, heads, q_len, dv), new and contiguous. Queries that see no key get zeros.

    Raises:
        ShapeError: shapes or dtypes do not fit; the message names them.
        InvalidArgumentError: a length beyond the capacity, a page that does not exist, an option out of its range,
            tensors on several devices, or one on the CPU that would need a gradient: our kernel is for inference here.
        InvalidTypeError: neither arrays nor tensors.

    Tensors on a GPU are computed by torch, with pages gathered first.

    >>> key_cache, value_cache = np.zeros((2, 1, 8, 4), np.float32), np.zeros((2, 1, 8, 1), np.float32)
    >>> value_cache[..., 0] = np.arange(8)
    >>> query = np.zeros((2, 1, 1, 4), np.float32)
    >>> attention_with_cache(query, key_cache, value_cache, np.array([3, 6]))[:, 0, 0, 0]
    array([1. , 2.5], dtype=float32)
    """
    tensors = {"key_cache": key_cache, "value_cache": value_cache}
    scales = {"key_scales": key_scales, "value_scales": value_scales}
    on_cpu = check_inputs("attention_with_cache", 4, query, **tensors, **scales)
    for axes, arrays in ((4, tensors), (3, scales)):
        for name, array in arrays.items():
            if array is not None and array.ndim != axes:
                raise ShapeError(f"{name} has shape {tuple(array.shape)}: expected {axes} axes")
    lengths = integers("lengths", lengths, ("batch",))
    if block_table is not None:
        block_table = integers("block_table", block_table, ("batch", "max_blocks"))
    if not on_cpu:
        from ferrolm.attention import composed

        options = composed.Options(True, scale, True, True, window, softcap, alibi_slopes, sinks)
        q: Any = query
        caches: Any = (key_cache, value_cache)
        all_scales: Any = (key_scales, value_scales)
        out: Any = composed.attend_cached(q, caches, lengths, block_table, all_scales, options)
        return cast(Array, out)
    result = _rust.attention_with_cache(
        query,
        key_cache,
        value_cache,
        lengths,
        block_table,
        key_scales,
        value_scales,
        scale,
        window,
        softcap,
        per_head("alibi_slopes", alibi_slopes),
        per_head("sinks", sinks),
    )
    return cast(Array, like_query(query, result))
