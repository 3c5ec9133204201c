"""What attention costs in a model, as its configuration describes it: operations, and what generation keeps.

A query takes 4 operations for each key that it sees and each number of a head: 2 for the score and 2 for the sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from ferrolm.models.bert import BertPretrainedModel
from ferrolm.models.causal_lm import CausalLM
from ferrolm.models.recurrent import RecurrentLM
from ferrolm.models.seq2seq import Seq2SeqModel

__all__ = ["AttentionCosts"]


@dataclass(frozen=True)
class _Layer:
    """Attention of a layer: numbers of all heads; whether a token sees only those before it, and how many of them."""

    numbers: int
    is_causal: bool
    window: int | None = None


@dataclass(frozen=True)
class AttentionCosts:
    """The attention of all layers; kept: numbers of keys and values that generation keeps for a token."""

    layers: tuple[_Layer, ...]
    kept: int = 0

    @classmethod
    def of(cls, model: nn.Module) -> AttentionCosts | None:
        """None for a model whose attention is not known here; without layers for one that has none."""
        config: Any = getattr(model, "config", None)
        if isinstance(model, RecurrentLM):
            return cls(())
        if isinstance(model, CausalLM) and hasattr(config, "num_heads"):
            heads: int = getattr(config, "num_key_value_heads", None) or config.num_heads
            window = getattr(config, "window", lambda _: None)
            numbers = config.num_heads * config.head_dim
            layers = tuple(_Layer(numbers, True, window(layer)) for layer in range(config.num_layers))
            return cls(layers, 2 * heads * config.head_dim * len(layers))
        if isinstance(model, BertPretrainedModel):
            return cls((_Layer(config.num_heads * config.head_dim, False),) * config.num_layers)
        if isinstance(model, Seq2SeqModel):
            numbers, decoder = config.num_heads * config.head_dim, config.num_decoder_layers
            full, causal = _Layer(numbers, False), _Layer(numbers, True)
            # The encoder; the decoder to itself, and to the encoder. Of both of the latter, keys and values are kept.
            return cls((full,) * (config.num_layers + decoder) + (causal,) * decoder, 4 * numbers * decoder)
        return None

    def flops(self, context: int) -> tuple[int, int]:
        """Of the last token of a full context, and of the mean token."""
        last = mean = 0.0
        for layer in self.layers:
            width = min(layer.window or context, context)
            # A token sees the tokens up to itself until the window is full.
            seen = width * (width + 1) // 2 + (context - width) * width if layer.is_causal else context**2
            last += 4 * layer.numbers * width
            mean += 4 * layer.numbers * seen / context
        return round(last), round(mean)
