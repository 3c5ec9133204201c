"""Attention as operations of torch: on any device, and differentiable in masks, slopes and sinks too.

What our kernel does not take, tensors on a GPU and bias that is learned, comes here. Where torch's own
`scaled_dot_product_attention` can be told what is asked for, by a mask at most, it is; soft-capping and sinks have the
scores written out, so that memory is quadratic in the length.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

__all__ = ["Options", "attend", "attend_cached", "attend_varlen"]


class Options(NamedTuple):
    """What `scaled_dot_product_attention` takes beside arrays, and the values that each head has."""

    is_causal: bool
    scale: float | None
    enable_gqa: bool
    lower_right: bool
    window: int | None
    softcap: float | None
    alibi_slopes: Any | None = None
    sinks: Any | None = None

    def checked(self, query: Tensor) -> Options:
        """With slopes and sinks where (..., heads, length, d) is."""
        for name, value, fits, expected in (
            ("scale", self.scale, math.isfinite, "a finite number"),
            ("window", self.window, lambda window: window >= 1, "at least 1 key"),
            (
                "softcap",
                self.softcap,
                lambda cap: 2**-126 <= cap < math.inf,
                "a finite number of at least 2^-126",
            ),
        ):
            if value is not None and not fits(value):
                raise InvalidArgumentError(f"{name} is {value}: expected {expected}")
        slopes = _per_head("alibi_slopes", self.alibi_slopes, query)
        return self._replace(alibi_slopes=slopes, sinks=_per_head("sinks", self.sinks, query))


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, options: Options) -> Tensor:
    """`scaled_dot_product_attention` of (..., heads, length, d)."""
    if query.ndim == 2:
        return attend(query[None], key[None], value[None], mask, options)[0]
    _check_shapes(query, key, value, options.enable_gqa)
    options = options.checked(query)
    q_len, k_len = query.shape[-2], key.shape[-2]
    diagonal_is_torchs = not options.lower_right or q_len == k_len
    says_it_all = options.window is options.softcap is options.alibi_slopes is options.sinks is None
    if says_it_all and (not options.is_causal or (mask is None and diagonal_is_torchs)):
        return torch.nn.functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=_as_torch_takes_it(mask, query),
            is_causal=options.is_causal,
            scale=options.scale,
            enable_gqa=options.enable_gqa,
        )
    position = torch.arange(q_len, device=query.device) + (k_len - q_len if options.lower_right else 0)
    return _attend(query, key, value, mask, position, options)


def attend_varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    q_offsets: np.ndarray[Any, Any],
    k_offsets: np.ndarray[Any, Any],
    options: Options,
) -> Tensor:
    """`attention_varlen` of (length, heads, d), one sequence after the other."""
    for name, offsets, total in (("q", q_offsets, len(query)), ("k", k_offsets, len(key))):
        ends = offsets.tolist()
        if not ends or ends[0] != 0 or ends[-1] != total or sorted(ends) != ends:
            raise InvalidArgumentError(
                f"cu_seqlens_{name} is {ends}: expected numbers from 0 to {total} that never decrease"
            )
    if len(q_offsets) != len(k_offsets):
        raise InvalidArgumentError(
            f"cu_seqlens_k has {len(k_offsets)} values: expected {len(q_offsets)}, as cu_seqlens_q"
        )
    out = query.new_empty(*query.shape[:-1], value.shape[-1])
    # Of these shapes alone, so that errors do not depend on the sequences.
    options = options.checked(query.transpose(0, 1))
    for q, k in zip(pairwise(q_offsets.tolist()), pairwise(k_offsets.tolist()), strict=True):
        rows = (query[slice(*q)], key[slice(*k)], value[slice(*k)])
        if rows[0].numel():
            heads = [x.transpose(0, 1) for x in rows]
            out[slice(*q)] = attend(heads[0], heads[1], heads[2], None, options).transpose(0, 1)
    return out


def attend_cached(
    query: Tensor,
    caches: tuple[Tensor, Tensor],
    lengths: np.ndarray[Any, Any],
    block_table: np.ndarray[Any, Any] | None,
    scales: tuple[Tensor | None, Tensor | None],
    options: Options,
) -> Tensor:
    """`attention_with_cache`; pages are gathered first."""
    options = options.checked(query)
    size = caches[0].shape[2]
    capacity = size if block_table is None else size * block_table.shape[1]
    if lengths.size and not 0 <= lengths.min() <= lengths.max() <= capacity:
        raise InvalidArgumentError(f"lengths are {lengths.tolist()}: expected 0 to {capacity}, the capacity")
    if block_table is not None:
        _check_pages(block_table, lengths, size, len(caches[0]), query.shape[-2], options.window)
    pages = None if block_table is None else torch.from_numpy(block_table).to(query.device)
    rows = [_rows(cache, scale, pages) for cache, scale in zip(caches, scales, strict=True)]
    for name, cache in zip(("key_cache", "value_cache"), rows, strict=True):
        if len(cache) != len(query) or len(query) != len(lengths) or cache.shape[1:3] != rows[0].shape[1:3]:
            raise ShapeError(
                f"{name} has shape {tuple(cache.shape)} for {len(lengths)} lengths and a query {tuple(query.shape)}: "
                "expected one batch, and keys and values of one shape but for d"
            )
    last = torch.from_numpy(lengths).to(query.device)
    position = last[:, None, None] + torch.arange(-query.shape[-2], 0, device=query.device)
    kind = torch.promote_types(query.dtype, rows[0].dtype)
    # What lies behind a length may be anything, and zero times infinity is not zero.
    unused = torch.arange(capacity, device=query.device) >= last[:, None, None]
    key, value = (x.to(kind).masked_fill(unused[..., None], 0) for x in rows)
    return _attend(query.to(kind), key, value, None, position, options).to(query.dtype)


def _check_pages(
    table: np.ndarray[Any, Any],
    lengths: np.ndarray[Any, Any],
    size: int,
    pages: int,
    q_len: int,
    window: int | None,
) -> None:
    """Entries that a query sees something of are pages."""
    first = np.arange(table.shape[1]) * size
    used = first < lengths[:, None]
    if window is not None:
        used &= first + size > (lengths - q_len - window + 1)[:, None]
    wrong = np.argwhere(used & ((table < 0) | (table >= pages))).tolist()
    if wrong:
        row, column = wrong[0]
        raise InvalidArgumentError(
            f"block_table[{row}, {column}] is {table[row, column]}: expected a page from 0 to {pages - 1}"
        )


def _rows(cache: Tensor, scales: Tensor | None, pages: Tensor | None) -> Tensor:
    """Keys or values as (batch, kv_heads, capacity, d)."""
    if scales is not None:
        cache = cache * scales[..., None]
    if pages is None:
        return cache
    # Entries that no sequence reaches are often -1.
    return cache[pages.clamp(0, len(cache) - 1)].transpose(1, 2).flatten(2, 3)


def _attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, position: Tensor, options: Options
) -> Tensor:
    """With queries at the given positions among the keys: (q_len,), or (batch, 1, q_len)."""
    distance = position[..., None] - torch.arange(key.shape[-2], device=query.device)
    seen = distance >= 0 if options.is_causal else torch.ones_like(distance, dtype=torch.bool)
    if options.window is not None:
        seen = seen & (distance.abs() < options.window)
    bias = None
    if options.alibi_slopes is not None:
        bias = -options.alibi_slopes[:, None, None] * distance.abs()
    if mask is not None and mask.dtype == torch.bool:
        seen = seen & mask
    elif mask is not None:
        bias = mask if bias is None else bias + mask
    if options.softcap is None and options.sinks is None:
        mask = seen if bias is None else bias.masked_fill(~seen, -math.inf)
        out = torch.nn.functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=_as_torch_takes_it(mask, query),
            scale=options.scale,
            enable_gqa=options.enable_gqa,
        )
    else:
        out = _written_out(query, key, value, seen, bias, options)
    # Kernels differ in what they make of queries that see nothing.
    return out.masked_fill(~seen.any(-1, keepdim=True), 0)


def _written_out(
    query: Tensor, key: Tensor, value: Tensor, seen: Tensor, bias: Tensor | None, options: Options
) -> Tensor:
    group = query.shape[-3] // max(key.shape[-3], 1)
    if options.enable_gqa:
        key, value = (x.repeat_interleave(group, -3) for x in (key, value))
    scale = query.shape[-1] ** -0.5 if options.scale is None else options.scale
    kind = torch.promote_types(query.dtype, torch.float32)
    scores = (query.to(kind) @ key.to(kind).mT) * scale
    if options.softcap is not None:
        scores = options.softcap * torch.tanh(scores / options.softcap)
    if bias is not None:
        scores = scores + bias
    scores = scores.masked_fill(~seen, -math.inf)
    if options.sinks is not None:
        sinks = options.sinks[:, None, None].expand(*scores.shape[:-1], 1)
        scores = torch.cat([scores, sinks], -1)
    # Rows without a score are left at 0 here, and their gradients at 0 too.
    scores = scores.masked_fill((scores == -math.inf).all(-1, keepdim=True), 0)
    weights = scores.softmax(-1)[..., : key.shape[-2]]
    return (weights @ value.to(kind)).to(query.dtype)


def _check_shapes(query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> None:
    heads, kv_heads = query.shape[-3], key.shape[-3]
    grouped = enable_gqa and kv_heads > 0 and heads % kv_heads == 0
    fit = key.shape[:-1] == value.shape[:-1] and query.shape[-1] == key.shape[-1]
    if not fit or query.shape[:-3] != key.shape[:-3] or not (heads == kv_heads or grouped):
        shapes = "{}, {} and {}".format(*(tuple(x.shape) for x in (query, key, value)))
        wanted = "a multiple of the key's heads" if enable_gqa else "as many heads, or enable_gqa=True"
        raise ShapeError(
            f"query, key and value have shapes {shapes}: expected one batch, one d of query and key, one length of key "
            f"and value, and {wanted}"
        )


def _as_torch_takes_it(mask: Tensor | None, query: Tensor) -> Tensor | None:
    return mask if mask is None or mask.dtype == torch.bool else mask.to(query.dtype)


def _per_head(name: str, values: Any, query: Tensor) -> Tensor | None:
    if values is None:
        return None
    if not isinstance(values, (np.ndarray, Tensor)):
        kind = type(values).__name__
        raise InvalidTypeError(f"{name} is a {kind}: expected a numpy array or a torch tensor")
    tensor = torch.as_tensor(values)
    if tensor.shape != query.shape[-3:-2] or not tensor.is_floating_point():
        raise ShapeError(
            f"{name} has shape {tuple(tensor.shape)} and dtype {tensor.dtype}: expected floats ({query.shape[-3]},)"
        )
    return tensor.to(query.device, torch.promote_types(query.dtype, torch.float32))
