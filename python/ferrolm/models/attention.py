"""The one place that chooses the attention kernel of the models: ours on the CPU, but for small steps of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from ferrolm.attention import scaled_dot_product_attention
from ferrolm.attention.operator import pays_with_gradients

__all__ = ["Visible", "attend", "watched_by"]

_OURS = (torch.float32, torch.float16, torch.bfloat16)


class Visible:
    """The keys that each query sees: those up to its own position, or the last of them, which are no padding.

    The queries are the last of the keys. ``attention_mask`` [batch, keys] is nonzero for tokens, zero for padding.
    causal: False where queries see all tokens, as in an encoder and from a decoder to it. bias: added to the scores,
    [1, heads, queries, keys], as for relative positions. documents: [batch, keys], numbers of texts that share a row:
    tokens see those of their own alone.
    """

    def __init__(
        self,
        queries: int,
        keys: int,
        attention_mask: Tensor | None,
        causal: bool = True,
        bias: Tensor | None = None,
        documents: Tensor | None = None,
    ) -> None:
        self.queries, self.keys, self.causal, self.bias = queries, keys, causal, bias
        self.tokens = (
            None if attention_mask is None else attention_mask[:, None, None, :].bool()
        )  # [batch, 1, 1 or queries, keys]
        if documents is not None:
            same = documents[:, None, keys - queries :, None] == documents[:, None, None, :]
            self.tokens = same if self.tokens is None else same & self.tokens
        self._masks: dict[int, Tensor] = {}  # by window
        # What is left to say for a kernel that takes a mask beside ``is_causal``; made once for all layers.
        self.beside_causal = self._with_bias(self.tokens)

    def _with_bias(self, seen: Tensor | None) -> Tensor | None:
        """What is added to the scores where there is a bias; else the boolean mask itself."""
        if self.bias is None:
            return seen
        if seen is None:
            return self.bias
        # Not -inf: a softmax over nothing but padding can be NaN. Half of the least number leaves room for the score.
        return self.bias.masked_fill(~seen, torch.finfo(self.bias.dtype).min / 2)

    def mask(self, device: torch.device, window: int | None = None) -> Tensor | None:
        """[batch or 1, 1 or heads, queries, keys], made once for all layers; None where torch's ``is_causal`` says it.

        Boolean, or floating-point where there is a bias.
        window: how many keys up to its own a query sees. Padding attends to itself here, because a softmax over nothing
        can be NaN, and would spread.
        """
        if not self.causal:
            return self.beside_causal
        window = self.keys if window is None else min(window, self.keys)
        if (
            self.bias is None
            and self.tokens is None
            and self.queries in (1, self.keys)
            and window == self.keys
        ):
            return None
        if window not in self._masks:
            key = torch.arange(self.keys, device=device)
            position = key[self.keys - self.queries :, None]
            seen = (key <= position) & (key > position - window)
            seen = seen[None, None] if self.tokens is None else (seen & self.tokens) | (key == position)
            mask = self._with_bias(seen)
            assert mask is not None
            self._masks[window] = mask
        return self._masks[window]


# What attends in the place of the kernels: (query, key, value, visible, scale, window) -> context.
Attend: TypeAlias = Callable[[Tensor, Tensor, Tensor, Visible, float, int | None], Tensor]
_WATCHER: ContextVar[Attend | None] = ContextVar("watcher", default=None)


@contextmanager
def watched_by(watcher: Attend) -> Iterator[None]:
    """Let ``watcher`` attend in this thread, which wants the weights that the kernels do not show."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    visible: Visible,
    *,
    scale: float,
    window: int | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Attention of a query [batch, heads, queries, head_dim] to keys and values [batch, kv_heads, keys, head_dim].

    heads is a multiple of kv_heads. window: how many keys up to its own a query of causal attention sees; None for all.
    """
    if not torch.compiler.is_compiling() and (watcher := _WATCHER.get()) is not None:
        return watcher(query, key, value, visible, scale, window)
    causal = visible.causal and visible.queries > 1
    group = query.shape[1] // key.shape[1]
    # Only torch's kernel has the gradient of a bias.
    learns_bias = visible.bias is not None and visible.bias.requires_grad
    if not learns_bias and _ours(query, key, value, dropout):
        return scaled_dot_product_attention(
            query,
            key,
            value,
            visible.beside_causal,
            is_causal=causal,
            scale=scale,
            enable_gqa=group > 1,
            causal_alignment="lower_right",
            window=window,
        )
    mask = visible.mask(query.device, window)
    if mask is not None and group > 1:
        # With a mask, torch has no fast kernel for groups on CUDA, only one that stores all scores.
        key, value = (each.repeat_interleave(group, dim=1) for each in (key, value))
        group = 1
    return F.scaled_dot_product_attention(
        query, key, value, mask, dropout, causal and mask is None, scale=scale, enable_gqa=group > 1
    )


def _ours(query: Tensor, key: Tensor, value: Tensor, dropout: float) -> bool:
    if query.device.type != "cpu" or query.dtype not in _OURS or dropout or torch.compiler.is_compiling():
        return False
    learns = query.requires_grad or key.requires_grad or value.requires_grad
    # Sixteen bits would be trained in float32, which torch's kernel does not take the time for.
    return not learns or (query.dtype is torch.float32 and pays_with_gradients(query, key))
