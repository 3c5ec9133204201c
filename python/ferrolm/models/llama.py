"""Llama in torch, and its relatives Mistral, Qwen2 and Qwen3, numerically equal to transformers' models of these names.

Touvron et al. 2023. Pre-norm blocks with RMSNorm, rotary positions, grouped-query attention, a gated MLP (SwiGLU), no
biases. The relatives differ in settings alone (see `LlamaConfig`). `state_dict` is the content of model.safetensors.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.models.attention import Visible, attend
from ferrolm.models.cache import KeyValueCache
from ferrolm.models.causal_lm import CausalLM, place
from ferrolm.models.llama_config import LlamaConfig
from ferrolm.models.rotary import RotaryEmbedding, rotate

__all__ = ["LlamaForCausalLM", "LlamaModel"]

Angles = tuple[Tensor, Tensor]  # cosines and sines


class Attention(nn.Module):
    """Causal self-attention, in which num_heads / num_key_value_heads queries share a key and a value."""

    def __init__(self, config: LlamaConfig, layer: int) -> None:
        super().__init__()
        assert config.head_dim is not None  # LlamaConfig fills them in
        assert config.num_key_value_heads is not None
        self.layer, self.head_dim = layer, config.head_dim
        self.window = config.window(layer)
        self.dropout = config.attention_dropout
        width = config.hidden_size
        queries, keys = config.num_heads * config.head_dim, config.num_key_value_heads * config.head_dim
        self.q_proj = nn.Linear(width, queries, bias=config.has_qkv_bias)
        self.k_proj = nn.Linear(width, keys, bias=config.has_qkv_bias)
        self.v_proj = nn.Linear(width, keys, bias=config.has_qkv_bias)
        self.o_proj = nn.Linear(queries, width, bias=config.attention_bias)
        self.q_norm, self.k_norm = (
            nn.RMSNorm(config.head_dim, config.rms_norm_eps) if config.has_qk_norm else nn.Identity()
            for _ in range(2)
        )

    def forward(self, x: Tensor, angles: Angles, visible: Visible, cache: KeyValueCache | None) -> Tensor:
        batch, time, _ = x.shape
        query, key, value = (
            projection(x)
            .view(batch, time, -1, self.head_dim)
            .transpose(1, 2)  # [batch, heads, time, head_dim]
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = rotate(self.q_norm(query), *angles), rotate(self.k_norm(key), *angles)
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        context = attend(
            query,
            key,
            value,
            visible,
            scale=self.head_dim**-0.5,
            window=self.window,
            dropout=self.dropout if self.training else 0.0,
        )
        return self.o_proj(context.transpose(1, 2).reshape(batch, time, -1))  # type: ignore[no-any-return]


class MLP(nn.Module):
    """SwiGLU (Shazeer 2020): one projection gates the other."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and MLP, each behind a norm and added to the residual stream."""

    def __init__(self, config: LlamaConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config, layer)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, angles: Angles, visible: Visible, cache: KeyValueCache | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), angles, visible, cache)
        x = x + self.mlp(self.post_attention_layernorm(x))
        return x


class LlamaModel(nn.Module):
    """The Llama without its head: token ids [batch, time] to hidden states [batch, time, hidden_size].

    The weights start normal with ``initializer_range``, the biases at 0.
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        assert config.head_dim is not None  # LlamaConfig fills it in
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.num_layers))
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.rotary = RotaryEmbedding(config.head_dim, config.rope_parameters, config.max_position_embeddings)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew from torch's generator."""
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=self.config.initializer_range)
            else:
                nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 1.0)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: KeyValueCache | None = None,
        document_ids: Tensor | None = None,
    ) -> Tensor:
        """Hidden states after the last norm; see `CausalLM.forward` for the arguments."""
        n_positions = self.config.n_positions
        position_ids, visible = place(
            input_ids, attention_mask, position_ids, cache, n_positions, document_ids
        )
        x = self.embed_tokens(input_ids)
        angles = self.rotary(position_ids, x.dtype)  # the same for all layers
        for block in self.layers:
            x = block(x, angles, visible, cache)
        return self.norm(x)  # type: ignore[no-any-return]


class LlamaForCausalLM(CausalLM):
    """Llama with a language-model head, which is the token embedding where the configuration ties them.

    >>> import torch
    >>> config = LlamaConfig(
    ...     vocab_size=100, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=4,
    ...     num_key_value_heads=2, max_position_embeddings=16,
    ... )
    >>> model = LlamaForCausalLM(config).eval()
    >>> ids = torch.tensor([[5, 17, 42]])
    >>> output = model(ids, labels=ids)
    >>> output.logits.shape, output.loss.dtype, model.num_parameters()
    (torch.Size([1, 3, 100]), torch.float32, 5552)
    """

    config: LlamaConfig
    config_class = LlamaConfig
    base_model_prefix = "model"
    embedding_name = "embed_tokens"
    takes_document_ids = True

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.model = LlamaModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        nn.init.normal_(self.lm_head.weight, std=config.initializer_range)
        self.tie_weights()
