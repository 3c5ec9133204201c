"""The one place that chooses the attention kernel of the models."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["attend", "causal_mask"]


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    mask: Tensor | None = None,
    is_causal: bool = False,
    dropout: float = 0.0,
    scale: float | None = None,
) -> Tensor:
    """Scaled dot-product attention of [batch, heads, time, head_dim] tensors; ``mask`` is True where attending is allowed."""
    return F.scaled_dot_product_attention(query, key, value, mask, dropout, is_causal, scale=scale)


def causal_mask(queries: int, keys: int, attention_mask: Tensor | None, device: torch.device) -> Tensor:
    """Who may attend to whom: boolean [batch or 1, 1, queries, keys].

    The queries are the last of the keys. ``attention_mask`` [batch, keys] is nonzero for tokens and zero for
    padding; padding attends to itself, because a softmax over nothing would be NaN and spread.
    """
    position = torch.arange(keys - queries, keys, device=device)[:, None]
    allowed = torch.arange(keys, device=device) <= position
    if attention_mask is None:
        return allowed[None, None]
    itself = torch.arange(keys, device=device) == position
    return (allowed & attention_mask[:, None, None, :].bool()) | itself
