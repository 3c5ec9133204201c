"""``ferrolm::scaled_dot_product_attention``: ours as an operator of torch, with gradients.

An operator is what `torch.compile` and `torch.export` keep in a graph without looking inside, and what autograd can
differentiate. Calling one costs some 100 µs; inference without either goes past it, see `ferrolm.attention.dense`. This
module is imported where a tensor needs it, because it imports torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ferrolm import _rust
from ferrolm.attention import composed, dense
from ferrolm.errors import ShapeError

__all__ = ["attend", "pays_with_gradients"]

# Below this many products of elements the two calls of the operator cost more than its arithmetic saves.
_LEAST_WORK = 2**24


def pays_with_gradients(query: Tensor, key: Tensor) -> bool:
    """Whether forward and backward of [batch, heads, queries, head_dim] are faster than torch's on a CPU, as measured."""
    return query.numel() * key.shape[-2] >= _LEAST_WORK


_Options = tuple[bool, float | None, bool, bool, int | None, float | None]


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    alibi_slopes: Tensor | None,
    sinks: Tensor | None,
    options: _Options,
) -> Tensor:
    """CPU tensors of any number of axes through the operator; gradients of 16-bit ones are computed in float32."""
    dense._check_types(Tensor, key=key, value=value, attn_mask=mask)
    dense._check_axes(query, key, value)
    if mask is not None:
        mask = dense._checked_mask(torch, mask, (*query.shape[:-1], key.shape[-2]))
    learning = torch.is_grad_enabled()
    learned = (x for x in (mask, alibi_slopes, sinks) if isinstance(x, Tensor))
    if learning and any(x.requires_grad for x in learned):
        return composed.attend(query, key, value, mask, composed.Options(*options, alibi_slopes, sinks))
    kind, shape = query.dtype, (*query.shape[:-1], value.shape[-1])
    if learning and kind is not torch.float32 and any(x.requires_grad for x in (query, key, value)):
        query, key, value = query.float(), key.float(), value.float()
    axes = query.ndim
    if axes < 4:
        new = (None,) * (4 - axes)
        query, key, value = query[new], key[new], value[new]
    elif axes > 4:
        query, key, value, mask = dense._with_one_batch_axis(torch, query, key, value, mask)
    values = (_per_head("alibi_slopes", alibi_slopes), _per_head("sinks", sinks))
    out: Tensor = _forward(query, key, value, mask, *options, *values)[0]
    return out.reshape(shape).to(kind)


def _per_head(name: str, values: Any) -> Tensor | None:
    """As `arguments.per_head`, for tensors that may not have values yet."""
    if values is None:
        return None
    tensor = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
    if not isinstance(tensor, Tensor) or tensor.ndim != 1 or not tensor.is_floating_point():
        raise ShapeError(f"{name}: expected floats (heads,)")
    return tensor.detach().cpu().float().contiguous()


def _numpy(values: Tensor | None) -> Any:
    return None if values is None else values.numpy()


@torch.library.custom_op("ferrolm::scaled_dot_product_attention", mutates_args=(), device_types="cpu")
def _forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None,
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
    lower_right: bool,
    window: int | None,
    softcap: float | None,
    alibi_slopes: Tensor | None,
    sinks: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The context, and what the backward pass needs to know of each query (nothing for 16-bit tensors)."""
    options = (is_causal, scale, enable_gqa, lower_right, window, softcap)
    arguments = (query, key, value, attn_mask, *options, _numpy(alibi_slopes), _numpy(sinks))
    if query.dtype is torch.float32:
        out, log_sums = _rust.attention_forward(*arguments)
        return torch.from_numpy(out), torch.from_numpy(log_sums)
    bits = torch.from_numpy(_rust.scaled_dot_product_attention(*arguments))
    return bits.view(query.dtype), query.new_empty(0, dtype=torch.float32)


@_forward.register_fake
def _(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None,
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
    lower_right: bool,
    window: int | None,
    softcap: float | None,
    alibi_slopes: Tensor | None,
    sinks: Tensor | None,
) -> tuple[Tensor, Tensor]:
    batch, heads, q_len, _ = query.shape
    rows = batch * heads * q_len if query.dtype is torch.float32 else 0
    return query.new_empty(batch, heads, q_len, value.shape[-1]), query.new_empty(rows, dtype=torch.float32)


@torch.library.custom_op(
    "ferrolm::scaled_dot_product_attention_backward", mutates_args=(), device_types="cpu"
)
def _backward(
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None,
    out: Tensor,
    log_sums: Tensor,
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
    lower_right: bool,
    window: int | None,
    softcap: float | None,
    alibi_slopes: Tensor | None,
    sinks: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    options = (is_causal, scale, enable_gqa, lower_right, window, softcap)
    gradients = _rust.attention_backward(
        gradient,
        query,
        key,
        value,
        attn_mask,
        out,
        log_sums.numpy(),
        *options,
        _numpy(alibi_slopes),
        _numpy(sinks),
    )
    d_query, d_key, d_value = map(torch.from_numpy, gradients)
    return d_query, d_key, d_value


@_backward.register_fake
def _(
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None,
    out: Tensor,
    log_sums: Tensor,
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
    lower_right: bool,
    window: int | None,
    softcap: float | None,
    alibi_slopes: Tensor | None,
    sinks: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    d_query, d_key, d_value = (array.new_empty(array.shape) for array in (query, key, value))
    return d_query, d_key, d_value


def _keep(
    ctx: torch.autograd.function.FunctionCtx, inputs: tuple[object, ...], output: tuple[Tensor, Tensor]
) -> None:
    query, key, value, mask, *options = inputs
    out, log_sums = output
    ctx.mark_non_differentiable(log_sums)
    ctx.save_for_backward(query, key, value, mask, out, log_sums)  # type: ignore[arg-type]
    ctx.options = options  # type: ignore[attr-defined]


def _differentiate(
    ctx: torch.autograd.function.FunctionCtx, gradient: Tensor, _: object
) -> tuple[Tensor | None, ...]:
    query, key, value, mask, out, log_sums = ctx.saved_tensors  # type: ignore[attr-defined]
    options = ctx.options  # type: ignore[attr-defined]
    gradients = _backward(gradient, query, key, value, mask, out, log_sums, *options)
    return (*gradients, None, *[None] * len(options))


_forward.register_autograd(_differentiate, setup_context=_keep)
