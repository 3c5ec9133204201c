"""GPT-2 in torch: one file, readable top to bottom, numerically equal to transformers' ``GPT2LMHeadModel``.

Radford et al. 2019. Pre-norm blocks, learned positions, one fused projection for query, key and value, tied head.
What is unusual: the projections keep their weights as [in, out], as the published checkpoints do; so `state_dict`
is the content of model.safetensors, and on CPU a few rows times [in, out] is up to three times faster than `Linear`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.models.activations import activation
from ferrolm.models.attention import Visible, attend
from ferrolm.models.cache import KeyValueCache
from ferrolm.models.causal_lm import CausalLM, place
from ferrolm.models.config import GPT2Config

__all__ = ["GPT2LMHeadModel", "GPT2Model"]


class Projection(nn.Module):
    """``x @ weight + bias`` with ``weight`` [in, out] (the ``Conv1D`` of the published checkpoints)."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.empty(out_features))

    def forward(self, x: Tensor) -> Tensor:
        flat = torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight)
        return flat.view(*x.shape[:-1], -1)

    def lay_out(self) -> None:
        """Put the weights of each output side by side in memory: products with a few rows read them faster so."""
        self.weight.data = self.weight.data.t().contiguous().t()

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class Attention(nn.Module):
    """Causal self-attention over num_heads heads."""

    def __init__(self, config: GPT2Config, layer: int) -> None:
        super().__init__()
        self.config, self.layer = config, layer
        self.c_attn = Projection(config.n_embd, 3 * config.n_embd)
        self.c_proj = Projection(config.n_embd, config.n_embd)
        self.scale = config.head_dim**-0.5 if config.scale_attn_weights else 1.0
        if config.scale_attn_by_inverse_layer_idx:
            self.scale /= layer + 1

    def forward(self, x: Tensor, visible: Visible, cache: KeyValueCache | None) -> Tensor:
        batch, time, width = x.shape
        query, key, value = (
            part.view(batch, time, self.config.n_head, self.config.head_dim).transpose(
                1, 2
            )  # [batch, heads, time, head_dim]
            for part in self.c_attn(x).split(width, dim=2)
        )
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        if self.config.reorder_and_upcast_attn:
            query, key, value = query.float(), key.float(), value.float()
        dropout = self.config.attn_pdrop if self.training else 0.0
        context = attend(query, key, value, visible, scale=self.scale, dropout=dropout)
        merged = context.to(x.dtype).transpose(1, 2).reshape(batch, time, width)
        return F.dropout(self.c_proj(merged), self.config.resid_pdrop, self.training)


class MLP(nn.Module):
    """Two projections around the activation."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        assert config.n_inner is not None  # GPT2Config fills it in
        self.c_fc = Projection(config.n_embd, config.n_inner)
        self.c_proj = Projection(config.n_inner, config.n_embd)
        self.activation = activation(config.activation_function)
        self.dropout = config.resid_pdrop

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.c_proj(self.activation(self.c_fc(x))), self.dropout, self.training)


class Block(nn.Module):
    """Attention and MLP, each behind a layer norm and added to the residual stream."""

    def __init__(self, config: GPT2Config, layer: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.attn = Attention(config, layer)
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, visible: Visible, cache: KeyValueCache | None) -> Tensor:
        x = x + self.attn(self.ln_1(x), visible, cache)
        x = x + self.mlp(self.ln_2(x))
        return x


class GPT2Model(nn.Module):
    """The GPT-2 without its head: token ids [batch, time] to hidden states [batch, time, n_embd].

    The weights start as in GPT-2: normal with ``initializer_range``, and ``initializer_range / sqrt(2 n_layer)``
    for the two projections of a block that write to the residual stream.
    """

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions, config.n_embd)
        self.h = nn.ModuleList(Block(config, layer) for layer in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew from torch's generator."""
        std = self.config.initializer_range
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                residual = name.endswith("c_proj.weight")
                nn.init.normal_(parameter, std=std / math.sqrt(2 * self.config.n_layer) if residual else std)
            else:
                nn.init.constant_(parameter, 1.0 if ".ln_" in f".{name}" and name.endswith("weight") else 0.0)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: KeyValueCache | None = None,
        document_ids: Tensor | None = None,
    ) -> Tensor:
        """Hidden states after the last layer norm; see `CausalLM.forward` for the arguments."""
        n_positions = self.config.n_positions
        position_ids, visible = place(
            input_ids, attention_mask, position_ids, cache, n_positions, document_ids
        )
        x = F.dropout(self.wte(input_ids) + self.wpe(position_ids), self.config.embd_pdrop, self.training)
        for block in self.h:
            x = block(x, visible, cache)
        return self.ln_f(x)  # type: ignore[no-any-return]


class GPT2LMHeadModel(CausalLM):
    """GPT-2 with a language-model head, which shares the token embedding unless the configuration unties it.

    >>> config = GPT2Config(vocab_size=100, n_positions=16, n_embd=8, n_layer=1, n_head=2)
    >>> model = GPT2LMHeadModel(config).eval()
    >>> ids = torch.tensor([[5, 17, 42]])
    >>> output = model(ids, labels=ids)
    >>> output.logits.shape, output.loss.dtype, model.num_parameters()
    (torch.Size([1, 3, 100]), torch.float32, 1816)
    """

    config: GPT2Config
    config_class = GPT2Config
    base_model_prefix = "transformer"
    embedding_name = "wte"
    takes_document_ids = True

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.config = config
        self.transformer = GPT2Model(config)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        nn.init.normal_(self.lm_head.weight, std=config.initializer_range)
        self.tie_weights()

    def lay_out(self) -> None:
        for module in self.modules():
            if isinstance(module, Projection):
                module.lay_out()
