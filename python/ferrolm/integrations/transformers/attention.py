"""`register_attention`: our attention as ``attn_implementation="ferrolm"`` of every model of transformers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from ferrolm.attention import scaled_dot_product_attention
from ferrolm.attention.operator import pays_with_gradients
from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["register_attention"]

_OURS = (torch.float32, torch.float16, torch.bfloat16)


def register_attention(name: str = "ferrolm") -> None:
    """Make ``attn_implementation=name`` known to transformers; once per process, again does nothing.

    Then ``from_pretrained(..., attn_implementation="ferrolm")``, ``from_config`` and
    ``model.set_attn_implementation("ferrolm")`` compute attention on the CPU with ours: padded and windowed batches skip
    what their masks hide, grouped queries share one reading of their keys and values, and soft-capped scores (Gemma 2),
    which transformers otherwise writes out whole, are not stored. Logits are those of ``"eager"`` but for rounding; padding
    attends to nothing and gets zeros. No attention weights are returned, as with ``"sdpa"``.

    What ours does not do, or not faster, goes to transformers' ``"sdpa"``: tensors on other devices, float64, in training
    dropout, 16-bit tensors and sequences too short to gain, and relative positions that are being learned (T5). Attention
    sinks (gpt-oss) and soft-capping in those cases, and sinks that are being learned, which ``"sdpa"`` cannot do, are written
    out in torch.

    >>> from transformers import GPT2Config, GPT2LMHeadModel
    >>> register_attention()
    >>> config = GPT2Config(vocab_size=99, n_layer=1, n_embd=8, n_head=2, attn_implementation="ferrolm")
    >>> GPT2LMHeadModel(config)(torch.tensor([[1, 2, 3]])).logits.shape
    torch.Size([1, 3, 99])
    """
    AttentionInterface.register(name, _attend)
    # Without its own entry here no mask is made for a new name at all, and padding is attended to. These are boolean,
    # [batch, 1, queries, keys], and left out where causal order alone says it.
    AttentionMaskInterface.register(name, sdpa_mask)


def _attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    position_bias: Tensor | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Query [batch, heads, queries, head_dim], key and value [batch, kv_heads, keys, head_dim], as transformers calls it.

    Returns [batch, queries, heads, head_dim].
    """
    causal = is_causal if is_causal is not None else getattr(module, "is_causal", True)
    bias = attention_mask if position_bias is None else position_bias
    if not dropout and _ours(query, key, bias, softcap, s_aux) and kwargs.get("cache") is None:
        # Without a mask one query is the last, and several are the first, as in an empty static cache.
        causal = query.shape[2] > 1 and attention_mask is None and causal
        if position_bias is not None:
            attention_mask = _biased(position_bias, attention_mask)
        out = scaled_dot_product_attention(
            query,
            key,
            value,
            attention_mask,
            is_causal=causal,
            scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
            softcap=softcap,
            sinks=s_aux,
        )
        return out.transpose(1, 2).contiguous(), None
    if s_aux is None and softcap is None:
        if position_bias is not None:  # an argument that not every version has
            kwargs["position_bias"] = position_bias
        context: Tensor
        context, _ = sdpa_attention_forward(
            module,
            query,
            key,
            value,
            attention_mask,
            dropout=dropout,
            scaling=scaling,
            is_causal=is_causal,
            **kwargs,
        )
        return context, None
    if kwargs.get("cache") is not None:
        raise InvalidArgumentError(
            "continuous batching of a model with attention sinks or soft-capping needs attn_implementation='paged|eager'"
        )
    causal = query.shape[2] > 1 and attention_mask is None and causal
    if position_bias is not None:
        attention_mask = _biased(position_bias, attention_mask)
    return _written_out(query, key, value, attention_mask, causal, dropout, scaling, softcap, s_aux), None


def _ours(
    query: Tensor, key: Tensor, bias: Tensor | None, softcap: float | None, sinks: Tensor | None
) -> bool:
    if query.device.type != "cpu" or query.dtype not in _OURS or query.shape[0] != key.shape[0]:
        return False
    if not torch.is_grad_enabled():
        return True
    # Learned biases and sinks need gradients, which we do not compute.
    if any(learned is not None and learned.requires_grad for learned in (bias, sinks)):
        return False
    if not query.requires_grad or softcap is not None or sinks is not None:
        return True
    return query.dtype is torch.float32 and pays_with_gradients(query, key)


def _biased(bias: Tensor, mask: Tensor | None) -> Tensor:
    """The bias where ``mask`` shows it; causal order is left to the kernel."""
    if mask is None:
        return bias
    return bias.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else bias + mask


def _written_out(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    causal: bool,
    dropout: float,
    scaling: float | None,
    softcap: float | None,
    sinks: Tensor | None,
) -> Tensor:
    """The definition, with all scores in memory."""
    groups = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    scores = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    # The least number instead of infinity: a softmax over nothing but that is no NaN.
    least = torch.finfo(scores.dtype).min
    if causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~seen, least)
    if mask is not None:
        scores = scores.masked_fill(~mask, least) if mask.dtype == torch.bool else scores + mask
    if sinks is not None:
        # A sink takes part in the softmax of its head, and has no value.
        column = sinks.reshape(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, column.to(scores.dtype)], dim=-1)
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)[..., : key.shape[2]]
    weights = torch.nn.functional.dropout(weights, dropout)
    return (weights @ value).transpose(1, 2).contiguous()
