"""`attention_varlen`: sequences of different lengths, packed without padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np

from ferrolm import _rust
from ferrolm.attention.arguments import check_inputs, integers, like_query, per_head
from ferrolm.errors import InvalidArgumentError, ShapeError

if TYPE_CHECKING:
    import torch

__all__ = ["attention_varlen"]

Array = TypeVar("Array", "np.ndarray[Any, Any]", "torch.Tensor")


def attention_varlen(
    query: Array,
    key: Array,
    value: Array,
    cu_seqlens_q: Any,
    cu_seqlens_k: Any | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    causal_alignment: Literal["upper_left", "lower_right"] = "lower_right",
    window: int | None = None,
    softcap: float | None = None,
    alibi_slopes: Array | None = None,
    sinks: Array | None = None,
) -> Array:
    """Attention within each of some sequences that stand one behind the other, as ``flash_attn_varlen_func``.

    Args:
        query: (total_q, heads, d), float32, or float16 (and, for tensors, bfloat16) computed in float32. Any
            strides; a last axis that is not contiguous costs a copy. The result has the query's type.
        key: (total_k, kv_heads, d), of the same type.
        value: (total_k, kv_heads, dv), of the same type.
        cu_seqlens_q: (batch + 1,), integers: sequence ``b`` has the queries ``cu_seqlens_q[b] : cu_seqlens_q[b + 1]``.
            They start with 0, never decrease, and end with ``total_q``.
        cu_seqlens_k: the same for keys and values; those of the queries by default.
        is_causal: queries see no later keys (see ``causal_alignment``).
        scale: 1/√d by default.
        enable_gqa: let ``heads`` be a multiple of ``kv_heads``; keys and values are not expanded.
        causal_alignment: where a sequence's diagonal lies if it has other numbers of queries and keys:
            ``"lower_right"`` as in FlashAttention 2.1 and later, where the last query sees all keys, or
            ``"upper_left"``, which ``scaled_dot_product_attention`` has by default. Windows and ``ALiBi`` follow it.
        window: queries see only keys less than this many positions away: with ``is_causal`` the last ``window``
            keys up to their own.
        softcap: scores become ``softcap * tanh(score / softcap)`` before masks are applied (Gemma 2).
        alibi_slopes: (heads,), as for ``scaled_dot_product_attention``.
        sinks: (heads,), as for ``scaled_dot_product_attention``.

    Returns:
        (total_q, heads, dv), new and contiguous. Queries that see no key get zeros.

    Raises:
        ShapeError: shapes or dtypes do not fit; the message names them.
        InvalidArgumentError: offsets that do not fit, an option out of its range, tensors on several devices, or one on
            the CPU that would need a gradient: our kernel is for inference here.
        InvalidTypeError: neither arrays nor tensors.

    Tensors on a GPU are computed by torch, one sequence after the other.

    Two sequences of two and three tokens; each token sees the mean of its own sequence:

    >>> query = np.zeros((5, 1, 4), np.float32)
    >>> value = np.arange(5, dtype=np.float32).reshape(5, 1, 1)
    >>> attention_varlen(query, query, value, np.array([0, 2, 5]))[:, 0, 0]
    array([0.5, 0.5, 3. , 3. , 3. ], dtype=float32)
    """
    if causal_alignment != "upper_left" and causal_alignment != "lower_right":
        raise InvalidArgumentError(
            f"causal_alignment is {causal_alignment!r}: expected 'upper_left' or 'lower_right'"
        )
    on_cpu = check_inputs("attention_varlen", 3, query, key=key, value=value)
    for name, array in (("key", key), ("value", value)):
        if array.ndim != 3:
            raise ShapeError(f"{name} has shape {tuple(array.shape)}: expected 3 axes")
    q_offsets = integers("cu_seqlens_q", cu_seqlens_q, ("batch + 1",))
    k_offsets = q_offsets if cu_seqlens_k is None else integers("cu_seqlens_k", cu_seqlens_k, ("batch + 1",))
    lower_right = causal_alignment == "lower_right"
    if not on_cpu:
        from ferrolm.attention import composed

        options = composed.Options(
            is_causal, scale, enable_gqa, lower_right, window, softcap, alibi_slopes, sinks
        )
        q: Any = query
        k: Any = key
        v: Any = value
        out: Any = composed.attend_varlen(q, k, v, q_offsets, k_offsets, options)
        return cast(Array, out)
    result = _rust.attention_varlen(
        query,
        key,
        value,
        q_offsets,
        k_offsets,
        is_causal,
        scale,
        enable_gqa,
        lower_right,
        window,
        softcap,
        per_head("alibi_slopes", alibi_slopes),
        per_head("sinks", sinks),
    )
    return cast(Array, like_query(query, result))
