"""Scaled dot-product attention: ours on the CPU, torch's on the GPU.

The scores of a call are never stored: keys are visited in blocks with a running softmax (Dao et al. 2022,
"FlashAttention"), blocks that are masked whole are skipped, and grouped queries share one reading of their keys.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np

from ferrolm import _rust
from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

if TYPE_CHECKING:
    import torch

__all__ = ["scaled_dot_product_attention"]

Array = TypeVar("Array", "np.ndarray[Any, Any]", "torch.Tensor")
_Array = Any  # an ndarray or a tensor: the branches below tell them apart

_FLOAT32 = np.dtype(np.float32)
_FLOAT16 = np.dtype(np.float16)
_UINT16 = np.dtype(np.uint16)


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

    Returns:
        (..., heads, q_len, dv), new and contiguous. Queries that see no key get zeros, as in torch 2.5 and later.

    Raises:
        ShapeError: shapes or dtypes do not fit; the message names them.
        InvalidArgumentError: ``scale``, ``window``, ``softcap`` or ``causal_alignment`` is out of range, or
            a tensor would need a gradient: this is for inference.
        InvalidTypeError: neither arrays nor tensors.

    Tensors on a GPU go to torch's own kernel, where ``window`` becomes a mask and ``softcap`` is refused.

    >>> query = np.zeros((1, 1, 2, 4), np.float32)
    >>> value = np.arange(2, dtype=np.float32).reshape(1, 1, 2, 1)
    >>> scaled_dot_product_attention(query, query, value, is_causal=True)[0, 0, :, 0]
    array([0. , 0.5], dtype=float32)
    """
    if causal_alignment not in ("upper_left", "lower_right"):
        raise InvalidArgumentError(
            f"causal_alignment is {causal_alignment!r}: expected 'upper_left' or 'lower_right'"
        )
    lower_right = causal_alignment == "lower_right"
    options = (is_causal, lower_right, scale, enable_gqa, window, softcap)
    result: Any
    if isinstance(query, np.ndarray):
        result = _arrays(query, key, value, attn_mask, False, *options)
        return cast(Array, result)
    torch = require("torch", extra="torch", purpose="attention on tensors")
    if not isinstance(query, torch.Tensor):
        raise InvalidTypeError(f"query is a {type(query).__name__}: expected a numpy array or a torch tensor")
    result = _tensors(torch, query, key, value, attn_mask, *options)
    return cast(Array, result)


def _arrays(
    query: _Array,
    key: _Array,
    value: _Array,
    mask: _Array,
    bfloat16: bool,
    is_causal: bool,
    lower_right: bool,
    scale: float | None,
    enable_gqa: bool,
    window: int | None,
    softcap: float | None,
) -> Any:
    """Attention of numpy arrays; ``bfloat16`` says that arrays of uint16 are the bits of that type."""
    if not (isinstance(key, np.ndarray) and isinstance(value, np.ndarray)):
        raise InvalidTypeError(
            f"key is a {type(key).__name__} and value a {type(value).__name__}: expected numpy arrays like query"
        )
    dtype = query.dtype
    if not (dtype == key.dtype == value.dtype and (dtype is _FLOAT32 or _is_supported(dtype, bfloat16))):
        raise ShapeError(
            f"query has dtype {dtype}, key {key.dtype}, value {value.dtype}: expected float32 or float16 for all"
        )
    shape = query.shape
    if len(shape) != 4 or len(key.shape) != 4 or len(value.shape) != 4 or mask is not None:
        query, key, value, mask = _four_axes(query, key, value, mask)
    if not enable_gqa and query.ndim > 2 and query.shape[-3] != key.shape[-3]:
        raise ShapeError(
            f"query has {query.shape[-3]} heads and key {key.shape[-3]} (shapes {shape} and {key.shape}): "
            "expected as many, or enable_gqa=True and a multiple"
        )
    name = "float32" if dtype == _FLOAT32 else "bfloat16" if bfloat16 else "float16"
    if name == "float16":
        query, key, value = query.view(_UINT16), key.view(_UINT16), value.view(_UINT16)
    result = _rust.scaled_dot_product_attention(
        query,
        key,
        value,
        mask,
        dtype=name,
        causal=is_causal,
        lower_right=lower_right,
        scale=scale,
        window=window,
        softcap=softcap,
    )
    if name == "float16":
        result = result.view(_FLOAT16)
    return result if len(shape) == result.ndim else result.reshape(*shape[:-1], value.shape[-1])


def _is_supported(dtype: np.dtype[Any], bfloat16: bool) -> bool:
    return dtype == _FLOAT32 or dtype == (_UINT16 if bfloat16 else _FLOAT16)


def _four_axes(
    query: _Array, key: _Array, value: _Array, mask: _Array
) -> tuple[_Array, _Array, _Array, _Array]:
    """Check the numbers of axes, and flatten batch axes beyond one."""
    axes = query.ndim
    if axes < 2 or key.ndim != axes or value.ndim != axes:
        raise ShapeError(
            f"query, key and value have shapes {query.shape}, {key.shape} and {value.shape}: "
            "expected as many axes each, at least (length, d)"
        )
    batch = query.shape[:-3]
    if mask is not None:
        mask = _mask(mask, query, key)
    if axes > 4:
        if key.shape[:-3] != batch or value.shape[:-3] != batch:
            raise ShapeError(
                f"query, key and value have shapes {query.shape}, {key.shape} and {value.shape}: "
                "expected the same batch axes"
            )
        query, key, value = (
            array.reshape(math.prod(batch), *array.shape[-3:]) for array in (query, key, value)
        )
        if mask is not None and mask.ndim > 4:
            mask = np.broadcast_to(mask, (*batch, *mask.shape[-3:]))
            mask = mask.reshape(math.prod(batch), *mask.shape[-3:])
    return query, key, value, mask


def _mask(mask: _Array, query: _Array, key: _Array) -> _Array:
    if not isinstance(mask, np.ndarray):
        raise InvalidTypeError(f"attn_mask is a {type(mask).__name__}: expected a numpy array like query")
    expected = (*query.shape[:-1], key.shape[-2])
    if mask.ndim > len(expected) or mask.ndim == 0:
        raise ShapeError(f"attn_mask has shape {mask.shape}: expected one that broadcasts to {expected}")
    if mask.dtype == np.bool_ or mask.dtype == _FLOAT32:
        return mask
    if mask.dtype == _FLOAT16:
        return mask.astype(_FLOAT32)
    raise ShapeError(f"attn_mask has dtype {mask.dtype}: expected bool, float32 or the query's {query.dtype}")


def _tensors(
    torch: Any,
    query: _Array,
    key: _Array,
    value: _Array,
    mask: _Array,
    is_causal: bool,
    lower_right: bool,
    scale: float | None,
    enable_gqa: bool,
    window: int | None,
    softcap: float | None,
) -> Any:
    """Attention of torch tensors: through their memory on the CPU, by torch elsewhere."""
    tensors = {"query": query, "key": key, "value": value}
    if mask is not None:
        tensors["attn_mask"] = mask
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise InvalidTypeError(f"{name} is a {type(tensor).__name__}: expected a torch tensor like query")
        if tensor.device != query.device:
            raise InvalidArgumentError(
                f"{name} is on {tensor.device} and query on {query.device}: expected one"
            )
    if not query.is_cpu:
        options = (is_causal, lower_right, scale, enable_gqa, window, softcap)
        return _on_device(torch, query, key, value, mask, *options)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors.values()):
        raise InvalidArgumentError(
            "an argument requires a gradient, which this function does not compute: call it under torch.no_grad(), "
            "or use torch.nn.functional.scaled_dot_product_attention for training"
        )
    if not query.dtype == key.dtype == value.dtype:
        raise ShapeError(
            f"query has dtype {query.dtype}, key {key.dtype}, value {value.dtype}: expected the same for all"
        )
    if query.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise ShapeError(f"query has dtype {query.dtype}: expected float32, float16 or bfloat16")
    bfloat16 = query.dtype == torch.bfloat16
    if bfloat16:
        query, key, value = query.view(torch.uint16), key.view(torch.uint16), value.view(torch.uint16)
    if mask is not None:
        if mask.dtype == torch.bfloat16:
            mask = mask.float()
        mask = mask.detach().numpy()
    arrays = (query.detach().numpy(), key.detach().numpy(), value.detach().numpy(), mask)
    options = (is_causal, lower_right, scale, enable_gqa, window, softcap)
    result = torch.from_numpy(_arrays(*arrays, bfloat16, *options))
    return result.view(torch.bfloat16) if bfloat16 else result


def _on_device(
    torch: Any,
    query: _Array,
    key: _Array,
    value: _Array,
    mask: _Array,
    is_causal: bool,
    lower_right: bool,
    scale: float | None,
    enable_gqa: bool,
    window: int | None,
    softcap: float | None,
) -> Any:
    """Torch's kernel, given a mask for what its arguments cannot say."""
    if softcap is not None:
        raise InvalidArgumentError(f"softcap is {softcap}: expected None for tensors on {query.device}")
    q_len, k_len = query.shape[-2], key.shape[-2]
    plain = window is None and not (is_causal and (mask is not None or (lower_right and q_len != k_len)))
    if not plain:
        shift = k_len - q_len if lower_right else 0
        position = torch.arange(q_len, device=query.device)[:, None] + shift
        distance = position - torch.arange(k_len, device=query.device)
        seen = distance >= 0 if is_causal else torch.ones_like(distance, dtype=torch.bool)
        if window is not None:
            seen = seen & (distance.abs() < window)
        if mask is None:
            mask = seen
        else:
            mask = mask & seen if mask.dtype == torch.bool else mask.masked_fill(~seen, -math.inf)
    return torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=is_causal and plain, scale=scale, enable_gqa=enable_gqa
    )
