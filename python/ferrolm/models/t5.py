"""T5 in torch, v1.0 and v1.1 (Flan-T5), numerically equal to transformers' ``T5ForConditionalGeneration``.

Raffel et al. 2020. Pre-norm blocks with RMSNorm and no biases. What is unusual: scores are not scaled (the initial weights
are), and positions are a bias on them, learned for buckets of distances and shared by the layers of a stack. `state_dict`
is the content of model.safetensors.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.models import checkpoint
from ferrolm.models.activations import activation
from ferrolm.models.attention import Visible, attend
from ferrolm.models.seq2seq import EncoderDecoderCache, Seq2SeqLM, Seq2SeqModel
from ferrolm.models.t5_config import T5Config

__all__ = ["T5ForConditionalGeneration", "T5Model", "relative_bucket"]


def relative_bucket(distance: Tensor, bidirectional: bool, num_buckets: int, max_distance: int) -> Tensor:
    """The bucket, from 0 to ``num_buckets`` - 1, of each ``distance`` (position of the key less that of the query), int64.

    Half of the buckets are for distances one by one, the other half for ranges that widen logarithmically up to
    ``max_distance``, beyond which all share the last. bidirectional: half of all are for keys after the query, as an
    encoder has them; a decoder has none.

    >>> relative_bucket(torch.tensor([1, 0, -1, -7, -15, -40, -500]), False, num_buckets=32, max_distance=128).tolist()
    [0, 0, 1, 7, 15, 23, 31]
    """
    first = torch.zeros_like(distance)
    if bidirectional:
        num_buckets //= 2
        first = (distance > 0).long() * num_buckets
        distance = distance.abs()
    else:
        distance = (-distance).clamp(min=0)
    exact = num_buckets // 2
    # In float32 and in this order, because a range ends where the rounding puts it.
    share = torch.log(distance.clamp(min=1).float() / exact) / math.log(max_distance / exact)
    wide = (exact + (share * (num_buckets - exact)).long()).clamp(max=num_buckets - 1)
    return first + torch.where(distance < exact, distance, wide)


class Attention(nn.Module):
    """Attention of a stack to itself, or of the decoder to the encoder's states."""

    def __init__(self, config: T5Config, layer: int, has_bias: bool = False) -> None:
        super().__init__()
        self.config, self.layer = config, layer
        width = config.num_heads * config.d_kv
        self.q = nn.Linear(config.d_model, width, bias=False)
        self.k = nn.Linear(config.d_model, width, bias=False)
        self.v = nn.Linear(config.d_model, width, bias=False)
        self.o = nn.Linear(width, config.d_model, bias=False)
        if has_bias:
            self.relative_attention_bias = nn.Embedding(
                config.relative_attention_num_buckets, config.num_heads
            )

    def bias(self, queries: int, keys: int, bidirectional: bool) -> Tensor:
        """What positions add to the scores of the last ``queries`` of ``keys``, [1, heads, queries, keys]."""
        key = torch.arange(keys, device=self.q.weight.device)
        distance = key - key[keys - queries :, None]
        buckets = relative_bucket(
            distance,
            bidirectional,
            self.config.relative_attention_num_buckets,
            self.config.relative_attention_max_distance,
        )
        return self.relative_attention_bias(buckets).permute(2, 0, 1)[None].contiguous()  # type: ignore[no-any-return]

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], -1, self.config.d_kv).transpose(1, 2)  # [batch, heads, time, d_kv]

    def _keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._heads(self.k(x)), self._heads(self.v(x))

    def forward(
        self, x: Tensor, visible: Visible, states: Tensor | None, cache: EncoderDecoderCache | None
    ) -> Tensor:
        if states is None:
            key, value = self._keys_values(x)
            if cache is not None:
                key, value = cache.update(self.layer, key, value)
        elif cache is None:
            key, value = self._keys_values(states)
        else:
            key, value = cache.across(self.layer, lambda: self._keys_values(states))
        dropout = self.config.dropout_rate if self.training else 0.0
        context = attend(self._heads(self.q(x)), key, value, visible, scale=1.0, dropout=dropout)
        return self.o(context.transpose(1, 2).reshape(*x.shape[:2], -1))  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    """Two projections around the activation, or in v1.1 three: one gates another."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.activation, self.is_gated = activation(config.activation), config.is_gated
        if config.is_gated:
            self.wi_0 = nn.Linear(config.d_model, config.d_ff, bias=False)
            self.wi_1 = nn.Linear(config.d_model, config.d_ff, bias=False)
        else:
            self.wi = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.wo = nn.Linear(config.d_ff, config.d_model, bias=False)
        self.dropout = config.dropout_rate

    def forward(self, x: Tensor) -> Tensor:
        inner = self.activation(self.wi_0(x) if self.is_gated else self.wi(x))
        if self.is_gated:
            inner = inner * self.wi_1(x)
        return self.wo(F.dropout(inner, self.dropout, self.training))  # type: ignore[no-any-return]


class Sublayer(nn.Module):
    """A function behind a norm, added to the residual stream; ``name`` is what checkpoints call the function."""

    def __init__(self, config: T5Config, name: str, function: nn.Module) -> None:
        super().__init__()
        self.add_module(name, function)
        self.name, self.dropout = name, config.dropout_rate
        self.layer_norm = nn.RMSNorm(config.d_model, config.layer_norm_epsilon)

    def forward(self, x: Tensor, *arguments: Any) -> Tensor:
        added = getattr(self, self.name)(self.layer_norm(x), *arguments)
        x = x + F.dropout(added, self.dropout, self.training)
        # The published checkpoints were trained in bfloat16, whose range float16 does not have.
        return x.clamp(-65504, 65504) if x.dtype is torch.float16 else x


class Block(nn.Module):
    """Attention to the stack itself, in the decoder also to the encoder, and the feed-forward layer."""

    def __init__(self, config: T5Config, layer: int, is_decoder: bool) -> None:
        super().__init__()
        self.layer = nn.ModuleList([Sublayer(config, "SelfAttention", Attention(config, layer, layer == 0))])
        if is_decoder:
            self.layer.append(Sublayer(config, "EncDecAttention", Attention(config, layer)))
        self.layer.append(Sublayer(config, "DenseReluDense", FeedForward(config)))


class Stack(nn.Module):
    """The encoder or the decoder: token ids [batch, time] to hidden states [batch, time, d_model]."""

    def __init__(self, config: T5Config, embedding: nn.Embedding, is_decoder: bool) -> None:
        super().__init__()
        self.is_decoder, self.dropout = is_decoder, config.dropout_rate
        self.embed_tokens = embedding
        layers = config.num_decoder_layers if is_decoder else config.num_layers
        assert layers is not None  # T5Config fills it in
        self.block = nn.ModuleList(Block(config, layer, is_decoder) for layer in range(layers))
        self.final_layer_norm = nn.RMSNorm(config.d_model, config.layer_norm_epsilon)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        states: Tensor | None = None,
        source_mask: Tensor | None = None,
        cache: EncoderDecoderCache | None = None,
    ) -> Tensor:
        queries = input_ids.shape[1]
        keys = queries + (0 if cache is None else cache.length)
        bias = self.block[0].layer[0].SelfAttention.bias(queries, keys, not self.is_decoder)  # type: ignore[union-attr, index]
        visible = Visible(queries, keys, attention_mask, causal=self.is_decoder, bias=bias)
        x = F.dropout(self.embed_tokens(input_ids), self.dropout, self.training)
        if states is not None:
            across = Visible(queries, states.shape[1], source_mask, causal=False)
        for block in self.block:
            itself, *others, feed_forward = block.layer  # type: ignore[misc]
            x = itself(x, visible, None, cache)
            for attention in others:
                x = attention(x, across, states, cache)
            x = feed_forward(x)
        return F.dropout(self.final_layer_norm(x), self.dropout, self.training)


class T5Model(Seq2SeqModel):
    """The T5 without its head: source and target ids to the hidden states of both, `Seq2SeqModelOutput`.

    The weights start as in T5: normal, with standard deviations that stand in for the scale of the scores.
    """

    config: T5Config
    config_class = T5Config

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = Stack(config, self.shared, is_decoder=False)
        self.decoder = Stack(config, self.shared, is_decoder=True)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew from torch's generator."""
        config, width = self.config, self.config.num_heads * self.config.d_kv
        deviations = {
            "shared": 1.0,
            "q": (config.d_model * config.d_kv) ** -0.5,
            "o": width**-0.5,
            "wo": config.d_ff**-0.5,
        }
        for name, parameter in self.named_parameters():
            if parameter.dim() == 1:
                nn.init.constant_(parameter, config.initializer_factor)
            else:
                deviation = deviations.get(name.split(".")[-2], config.d_model**-0.5)
                nn.init.normal_(parameter, std=config.initializer_factor * deviation)

    @classmethod
    def _reconcile(cls, config: T5Config, source: checkpoint.Tensors) -> None:
        source.by_name.pop("lm_head.weight", None)

    @property
    def token_embeddings(self) -> tuple[nn.Module, nn.Module]:
        return self.shared, self.shared

    def _encode(self, source: Tensor, attention_mask: Tensor | None) -> Tensor:
        return self.encoder(source, attention_mask)  # type: ignore[no-any-return]

    def _decode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        states: Tensor,
        source_mask: Tensor | None,
        cache: EncoderDecoderCache | None,
    ) -> Tensor:
        return self.decoder(input_ids, attention_mask, states, source_mask, cache)  # type: ignore[no-any-return]


class T5ForConditionalGeneration(Seq2SeqLM, T5Model):
    """T5 with a language-model head, which is the token embedding (v1.0) or its own (v1.1).

    >>> config = T5Config(vocab_size=100, d_model=16, d_kv=4, d_ff=32, num_layers=1, num_heads=2)
    >>> model = T5ForConditionalGeneration(config).eval()
    >>> output = model(torch.tensor([[5, 17, 42, 1]]), labels=torch.tensor([[17, 1]]))
    >>> output.logits.shape, output.loss.dtype, model.num_parameters()
    (torch.Size([1, 2, 100]), torch.float32, 5424)
    """

    def __init__(self, config: T5Config) -> None:
        super().__init__(config)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        nn.init.normal_(self.lm_head.weight, std=config.initializer_factor * config.d_model**-0.5)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.shared.weight

    @classmethod
    def _reconcile(cls, config: T5Config, source: checkpoint.Tensors) -> None:
        # transformers 5 writes tie_word_embeddings true for v1.1 as well: the tensors say whether the head is its own.
        head, shared = (source.by_name.get(name) for name in ("lm_head.weight", "shared.weight"))
        if shared is not None:
            config.tie_word_embeddings = head is None or torch.equal(head, shared)

    def head(self, hidden: Tensor) -> Tensor:
        if self.config.scale_decoder_outputs:
            hidden = hidden * self.config.d_model**-0.5
        return self.lm_head(hidden)  # type: ignore[no-any-return]
