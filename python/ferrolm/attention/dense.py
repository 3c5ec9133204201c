"""`scaled_dot_product_attention` of whole arrays, as torch has it."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np

from ferrolm import _rust
from ferrolm.attention.arguments import per_head
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

if TYPE_CHECKING:
    import torch

__all__ = ["scaled_dot_product_attention"]

Array = TypeVar("Array", "np.ndarray[Any, Any]", "torch.Tensor")
_Array = Any  # an ndarray or a tensor, in functions that treat both alike
_PlainOptions = tuple[bool, float | None, bool, bool, int | None, float | None]
_Options = tuple[bool, float | None, bool, bool, int | None, float | None, _Array | None, _Array | None]


def scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    causal_alignment: Literal["upper_left", "lower_right"] = "upper_left",
    window: int | None = None,
    softcap: float | None = None,
    alibi_slopes: Array | None = None,
    sinks: Array | None = None,
) -> Array:
    """``softmax(scale * query @ key.T + mask) @ value``, as ``torch.nn.functional.scaled_dot_product_attention``.

    Args:
        query: (..., heads, q_len, d), float32, or float16 (and, for tensors, bfloat16) computed in float32.
            Any strides; a last axis that is not contiguous costs a copy. The result has the query's type.
        key: (..., kv_heads, k_len, d), of the same type.
        value: (..., kv_heads, k_len, dv), of the same type.
        attn_mask: broadcasts to (..., heads, q_len, k_len). Boolean (True = attend), or added to the scores
            (float32 or the query's type). May be given along with ``is_causal``, which torch forbids.
        is_causal: query ``i`` sees keys ``0..=i`` (see ``causal_alignment``).
        scale: 1/√d by default.
        enable_gqa: let ``heads`` be a multiple of ``kv_heads``; keys and values are not expanded.
        causal_alignment: where the diagonal lies if ``q_len`` is not ``k_len``: ``"upper_left"`` as in torch, or
            ``"lower_right"``, where the last query sees all keys, as with a key/value cache. Windows follow it.
        window: queries see only keys less than this many positions away: with ``is_causal`` the last ``window``
            keys up to their own (``sliding_window`` of transformers).
        softcap: scores become ``softcap * tanh(score / softcap)`` before masks are applied (Gemma 2).
        alibi_slopes: (heads,): lowers scores by ``slope * |position of query - position of key|``, positions as
            ``causal_alignment`` has them, without a mask in memory (Press et al. 2022, "Train Short, Test Long").
        sinks: (heads,): one more score of each query, without a value: the softmax is over scores and sink, and
            the sink's weight is dropped (gpt-oss).

    Returns:
        (..., heads, q_len, dv), new and contiguous. Queries that see no key get zeros, as in torch 2.5 and later.

    Raises:
        ShapeError: shapes or dtypes do not fit; the message names them.
        InvalidArgumentError: ``scale``, ``window``, ``softcap``, ``alibi_slopes``, ``sinks`` or
            ``causal_alignment`` is out of range.
        InvalidTypeError: neither arrays nor tensors.

    CPU tensors have gradients, with memory linear in the length; those of 16-bit tensors are computed in float32. Under
    ``torch.compile`` and ``torch.export`` the call is the operator ``torch.ops.ferrolm.scaled_dot_product_attention``.

    Tensors on a GPU go to torch's own kernel, where ``window`` and ``alibi_slopes`` become a mask; with ``softcap`` or
    ``sinks`` scores are written out, in memory that is quadratic in the length. So do calls on the CPU where
    ``attn_mask`` (as T5's bias), ``alibi_slopes`` or ``sinks`` requires a gradient.

    >>> query = np.zeros((1, 1, 2, 4), np.float32)
    >>> value = np.arange(2, dtype=np.float32).reshape(1, 1, 2, 1)
    >>> scaled_dot_product_attention(query, query, value, is_causal=True)[0, 0, :, 0]
    array([0. , 0.5], dtype=float32)
    """
    if causal_alignment != "upper_left" and causal_alignment != "lower_right":
        raise InvalidArgumentError(
            f"causal_alignment is {causal_alignment!r}: expected 'upper_left' or 'lower_right'"
        )
    lower_right = causal_alignment == "lower_right"
    # A tensor cannot be at hand where torch has not been imported.
    torch = sys.modules.get("torch")
    result: Any
    # The usual call of a model, straight: for one token of a small one, what follows takes as long as its attention.
    if (
        torch is not None
        and type(query) is type(key) is type(value) is torch.Tensor
        and attn_mask is alibi_slopes is sinks is None
        and query.ndim == key.ndim == value.ndim == 4
        and query.is_cpu  # type: ignore[attr-defined]
        and not torch.compiler.is_compiling()
        and not (torch.is_grad_enabled() and _need_gradients(query, key, value))
    ):
        result = torch.from_numpy(
            _rust.scaled_dot_product_attention(
                query,
                key,
                value,
                None,
                is_causal,
                scale,
                enable_gqa,
                lower_right,
                window,
                softcap,
                None,
                None,
            )
        )
        result = result if query.dtype is torch.float32 else result.view(query.dtype)
        return result  # type: ignore[no-any-return]
    options: _PlainOptions = (is_causal, scale, enable_gqa, lower_right, window, softcap)
    if isinstance(query, np.ndarray):
        values: tuple[Any, Any] = per_head("alibi_slopes", alibi_slopes), per_head("sinks", sinks)
        result = _on_cpu(np, query, key, value, attn_mask, (*options, *values))
        result = result if query.dtype == np.float32 else result.view(np.float16)
    elif torch is None or not isinstance(query, torch.Tensor):
        raise InvalidTypeError(f"query is a {type(query).__name__}: expected a numpy array or a torch tensor")
    elif query.is_cpu:
        if (
            type(query) is not torch.Tensor
            or torch.compiler.is_compiling()
            or (
                torch.is_grad_enabled() and _need_gradients(query, key, value, attn_mask, alibi_slopes, sinks)
            )
        ):
            from ferrolm.attention import operator

            result = operator.attend(query, key, value, attn_mask, alibi_slopes, sinks, options)
        else:
            values = per_head("alibi_slopes", alibi_slopes), per_head("sinks", sinks)
            result = torch.from_numpy(_on_cpu(torch, query, key, value, attn_mask, (*options, *values)))
            result = result if query.dtype is torch.float32 else result.view(query.dtype)
    else:
        from ferrolm.attention import composed

        _check_types(torch.Tensor, key=key, value=value, attn_mask=attn_mask)
        _check_axes(query, key, value)
        all_options = composed.Options(*options, alibi_slopes, sinks)
        result = composed.attend(query, key, value, cast(Any, attn_mask), all_options)
    return cast(Array, result)


def _on_cpu(
    library: Any, query: _Array, key: _Array, value: _Array, mask: _Array | None, options: _Options
) -> _Array:
    """Attention of arrays or tensors of ``library`` as an array; 16-bit results come as their bits."""
    kind = type(query)
    if type(key) is not kind or type(value) is not kind or mask is not None:
        _check_types(np.ndarray if library is np else library.Tensor, key=key, value=value, attn_mask=mask)
    axes = _check_axes(query, key, value)
    if mask is not None:
        mask = _checked_mask(library, mask, (*query.shape[:-1], key.shape[-2]))
    if axes == 4:
        return _rust.scaled_dot_product_attention(query, key, value, mask, *options)
    shape = (*query.shape[:-1], value.shape[-1])
    if axes > 4:
        query, key, value, mask = _with_one_batch_axis(library, query, key, value, mask)
    return _rust.scaled_dot_product_attention(query, key, value, mask, *options).reshape(shape)


def _check_types(kind: type, **arrays: object) -> None:
    for name, array in arrays.items():
        if array is not None and not isinstance(array, kind):
            raise InvalidTypeError(
                f"{name} is a {type(array).__name__}: expected a {kind.__name__} like query"
            )


def _check_axes(query: _Array, key: _Array, value: _Array) -> int:
    axes: int = query.ndim
    if axes < 2 or key.ndim != axes or value.ndim != axes:
        raise ShapeError(f"{_shapes(query, key, value)}: expected as many axes each, at least (length, d)")
    return axes


def _shapes(query: _Array, key: _Array, value: _Array) -> str:
    shapes = (tuple(array.shape) for array in (query, key, value))
    return "query, key and value have shapes {}, {} and {}".format(*shapes)


def _checked_mask(library: Any, mask: _Array, expected: tuple[int, ...]) -> _Array:
    if not 0 < mask.ndim <= len(expected):
        raise ShapeError(
            f"attn_mask has shape {tuple(mask.shape)}: expected one that broadcasts to {expected}"
        )
    if library is np:
        return mask.astype(np.float32) if mask.dtype == np.float16 else mask
    return mask.float() if mask.dtype in (library.float16, library.bfloat16) else mask


def _with_one_batch_axis(
    library: Any, query: _Array, key: _Array, value: _Array, mask: _Array | None
) -> tuple[_Array, _Array, _Array, _Array | None]:
    batch = query.shape[:-3]
    if key.shape[:-3] != batch or value.shape[:-3] != batch:
        raise ShapeError(f"{_shapes(query, key, value)}: expected the same batch axes")
    size = math.prod(batch)
    if mask is not None and mask.ndim > 3:
        mask = library.broadcast_to(mask, (*batch, *mask.shape[-3:])).reshape(size, *mask.shape[-3:])
    query, key, value = (array.reshape(size, *array.shape[-3:]) for array in (query, key, value))
    return query, key, value, mask


def _need_gradients(*tensors: Any) -> bool:
    return any(getattr(tensor, "requires_grad", False) for tensor in tensors)
