"""The Transformer of Vaswani et al. 2017, "Attention Is All You Need", from source to target: one file, top to bottom.

Sinusoidal positions, a norm after each residual sum, one embedding for source, target and head. Options: learned positions,
norms in front (which train without a warm-up), separate embeddings, and an encoder that reads features, such as patches of
an image or frames of sound, in place of ids. `Transformer` starts from random weights; for pre-trained ones see `t5`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError
from ferrolm.models.activations import activation
from ferrolm.models.attention import Visible, attend
from ferrolm.models.seq2seq import EncoderDecoderCache, Seq2SeqLM
from ferrolm.models.transformer_config import TransformerConfig

__all__ = ["Transformer", "sinusoids"]


def sinusoids(position_ids: Tensor, size: int) -> Tensor:
    """Positions [...] as float32 [..., size]: sin and cos, in turn, of the position times 10000^(-2i / size).

    >>> sinusoids(torch.tensor([0, 1]), 4)
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0100, 0.9999]])
    """
    steps = torch.arange(0, size, 2, device=position_ids.device, dtype=torch.float32)
    angles = position_ids[..., None].float() * torch.exp(steps * (-math.log(10000.0) / size))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


class Attention(nn.Module):
    """Several heads of scaled dot-product attention; keys and values are made apart, so that they can be kept."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.head_dim, self.dropout = config.head_dim, config.attention_dropout
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], -1, self.head_dim).transpose(1, 2)  # [batch, heads, time, head_dim]

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._heads(self.key(x)), self._heads(self.value(x))

    def forward(self, x: Tensor, keys_values: tuple[Tensor, Tensor], visible: Visible) -> Tensor:
        query, dropout = self._heads(self.query(x)), self.dropout if self.training else 0.0
        context = attend(query, *keys_values, visible, scale=self.head_dim**-0.5, dropout=dropout)
        return self.output(context.transpose(1, 2).reshape(x.shape))  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    """Two projections around the activation."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)
        self.activation = activation(config.activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.activation(self.up(x)))  # type: ignore[no-any-return]


class Residual(nn.Module):
    """What a sublayer makes is added to what it read; the norm comes after the sum, or before the sublayer."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.norm_first, self.dropout = config.norm_first, config.dropout

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        if self.norm_first:
            return x + F.dropout(sublayer(self.norm(x)), self.dropout, self.training)
        return self.norm(x + F.dropout(sublayer(x), self.dropout, self.training))  # type: ignore[no-any-return]


class EncoderLayer(nn.Module):
    """Attention of the source to itself, and the feed-forward layer."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention, self.feed_forward = Attention(config), FeedForward(config)
        self.residuals = nn.ModuleList(Residual(config) for _ in range(2))

    def forward(self, x: Tensor, visible: Visible) -> Tensor:
        attention = self.attention
        x = self.residuals[0](x, lambda x: attention(x, attention.keys_values(x), visible))
        return self.residuals[1](x, self.feed_forward)  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """Attention of the target to what is before, then to the encoder's states, and the feed-forward layer."""

    def __init__(self, config: TransformerConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.attention, self.cross_attention = Attention(config), Attention(config)
        self.feed_forward = FeedForward(config)
        self.residuals = nn.ModuleList(Residual(config) for _ in range(3))

    def forward(
        self, x: Tensor, before: Visible, states: Tensor, source: Visible, cache: EncoderDecoderCache | None
    ) -> Tensor:
        def look_back(x: Tensor) -> Tensor:
            pair = self.attention.keys_values(x)
            return self.attention(  # type: ignore[no-any-return]
                x, pair if cache is None else cache.update(self.layer, *pair), before
            )

        def look_across(x: Tensor) -> Tensor:
            def make() -> tuple[Tensor, Tensor]:
                return self.cross_attention.keys_values(states)

            pair = make() if cache is None else cache.across(self.layer, make)
            return self.cross_attention(x, pair, source)  # type: ignore[no-any-return]

        x = self.residuals[0](x, look_back)
        x = self.residuals[1](x, look_across)
        return self.residuals[2](x, self.feed_forward)  # type: ignore[no-any-return]


class Stack(nn.Module):
    """The layers of the encoder or the decoder, what is added to their input for positions, and the last norm."""

    def __init__(self, config: TransformerConfig, layers: list[EncoderLayer] | list[DecoderLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        if config.positions == "learned":
            self.positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        # After the last layer a post-norm model has just normalized.
        width, eps = config.hidden_size, config.layer_norm_eps
        self.norm = nn.LayerNorm(width, eps) if config.norm_first else nn.Identity()
        self.config = config

    def place(self, x: Tensor, attention_mask: Tensor | None, past: int = 0) -> Tensor:
        """``x`` [batch, time, hidden_size] with its positions, which padding on the left does not count for."""
        time = x.shape[1]
        if past + time > self.config.n_positions:
            raise InvalidArgumentError(
                f"{past + time} tokens or frames, at most {self.config.n_positions} (max_position_embeddings) fit the model"
            )
        if attention_mask is None:
            position_ids = torch.arange(past, past + time, device=x.device)
        else:
            position_ids = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)[:, past:]
        learned = self.config.positions == "learned"
        added = self.positions(position_ids) if learned else sinusoids(position_ids, x.shape[2])
        return F.dropout(x + added.to(x.dtype), self.config.dropout, self.training)

    def forward(self, x: Tensor, *arguments: Any) -> Tensor:
        for layer in self.layers:
            x = layer(x, *arguments)
        return self.norm(x)  # type: ignore[no-any-return]


class Transformer(Seq2SeqLM):
    """The Transformer: logits of the target from a source of ids or features; `forward` is that of `Seq2SeqLM`.

    The matrices start uniform as in Glorot and Bengio 2010 (Xavier), biases at 0, and embeddings normal so that they have
    variance 1 once multiplied by sqrt(hidden_size), as the paper does. The loss is smoothed in training alone, so that in
    evaluation it is nats per token; labels of ``pad_token_id`` are not scored, as those of -100.

    >>> config = TransformerConfig(vocab_size=100, hidden_size=16, intermediate_size=32, num_layers=1, num_heads=2)
    >>> model = Transformer(config).eval()
    >>> output = model(torch.tensor([[5, 17, 42, 2]]), labels=torch.tensor([[17, 2]]))
    >>> output.logits.shape, output.encoder_last_hidden_state.shape, model.num_parameters()
    (torch.Size([1, 2, 100]), torch.Size([1, 4, 16]), 7168)
    """

    config: TransformerConfig
    config_class = TransformerConfig

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        assert config.num_decoder_layers is not None  # TransformerConfig fills them in
        assert config.source_vocab_size is not None
        width = config.hidden_size
        self.embedding = nn.Embedding(config.vocab_size, width)
        self.source_embedding: nn.Module
        if config.feature_size is not None:
            self.source_embedding = nn.Linear(config.feature_size, width)
        elif config.share_embeddings:
            self.source_embedding = self.embedding
        else:
            self.source_embedding = nn.Embedding(config.source_vocab_size, width)
        self.encoder = Stack(config, [EncoderLayer(config) for _ in range(config.num_layers)])
        self.decoder = Stack(
            config, [DecoderLayer(config, layer) for layer in range(config.num_decoder_layers)]
        )
        self.lm_head = nn.Linear(width, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.embedding.weight
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew from torch's generator."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.LayerNorm):
                module.reset_parameters()
        for module in self.modules():  # last, because the head may be one of them
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=self.config.hidden_size**-0.5)

    @property
    def feature_size(self) -> int | None:
        return self.config.feature_size

    @property
    def token_embeddings(self) -> tuple[nn.Module, nn.Module]:
        return self.source_embedding, self.embedding

    def _encode(self, source: Tensor, attention_mask: Tensor | None) -> Tensor:
        x = self.source_embedding(source)
        if self.config.reads_ids:
            x = x * math.sqrt(self.config.hidden_size)
        time = source.shape[1]
        visible = Visible(time, time, attention_mask, causal=False)
        return self.encoder(self.encoder.place(x, attention_mask), visible)  # type: ignore[no-any-return]

    def _decode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        states: Tensor,
        source_mask: Tensor | None,
        cache: EncoderDecoderCache | None,
    ) -> Tensor:
        past, time = 0 if cache is None else cache.length, input_ids.shape[1]
        x = self.embedding(input_ids) * math.sqrt(self.config.hidden_size)
        before = Visible(time, past + time, attention_mask)
        source = Visible(time, states.shape[1], source_mask, causal=False)
        x = self.decoder.place(x, attention_mask, past)
        return self.decoder(x, before, states, source, cache)  # type: ignore[no-any-return]

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        labels = labels.masked_fill(labels == self.config.pad_token_id, -100)
        smoothing = self.config.label_smoothing if self.training else 0.0
        return F.cross_entropy(logits, labels, ignore_index=-100, label_smoothing=smoothing)
