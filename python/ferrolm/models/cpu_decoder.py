"""`CpuDecoder`: a model's forward pass for inference on a CPU, from ids to logits, without Python between the layers.

Generating takes as long as reading the weights once; in a small model the calls between the products take longer than that.
The weights stay where the model has them, whatever their type; sums are float32, also for those of 16 bits, which torch
multiplies some forty times slower on a CPU without units for them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ferrolm import _rust
from ferrolm.errors import ShapeError
from ferrolm.models import gpt2, llama
from ferrolm.models.cache import KeyValueCache
from ferrolm.models.config import GPT2Config
from ferrolm.models.gpt2 import GPT2LMHeadModel, Projection
from ferrolm.models.llama import LlamaForCausalLM
from ferrolm.models.quantized import QuantizedEmbedding, QuantizedLinear

__all__ = ["CpuDecoder"]

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
# Tokens up to which the step is faster whatever the model, and bytes of weights times tokens below the cost of torch's calls.
_TOKENS, _PRODUCTS = 64, 1 << 31

# What a model may consist of. Anything else, also a class derived from one of these, may compute something else.
_KNOWN = {
    *(GPT2LMHeadModel, gpt2.GPT2Model, gpt2.Block, gpt2.Attention, gpt2.MLP, Projection),
    *(LlamaForCausalLM, llama.LlamaModel, llama.Block, llama.Attention, llama.MLP),
    *(nn.Linear, nn.Embedding, nn.LayerNorm, nn.RMSNorm, nn.Identity, nn.ModuleList),
    *(QuantizedLinear, QuantizedEmbedding),
}

_Matrix = Any  # a tensor (outputs, inputs) or `_rust.LinearWeights`
_Linear = tuple[_Matrix, Tensor | None]
_Norm = tuple[Tensor, Tensor | None, float]


@dataclass
class _Layer:
    """The parts of a layer, as `_rust.Decoder` reads them."""

    attention_norm: _Norm
    project: list[_Linear]
    output: _Linear
    feed_norm: _Norm
    inner: _Linear
    outer: _Linear
    activation: str
    scale: float
    gated: _Linear | None = None
    head_norms: tuple[_Norm, _Norm] | None = None
    window: int | None = None


class _Unsupported(Exception):
    """The model has something that the step in Rust does not know."""


class CpuDecoder:
    """Steps of a model as it is now: made for one generation, because weights may be replaced after it.

    >>> from ferrolm.models import GPT2Config
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=8, n_embd=4, n_layer=1, n_head=2)).eval()
    >>> cache, decoder = KeyValueCache(model.config), CpuDecoder.of(model)
    >>> with torch.inference_mode():
    ...     _ = model(torch.tensor([[1, 2, 3]]), cache=cache)
    ...     logits = decoder.step(torch.tensor([[4]]), torch.tensor([[3]]), cache)
    >>> logits.shape, cache.length
    (torch.Size([1, 1, 50]), 4)
    """

    def __init__(self, decoder: _rust.Decoder, like: Tensor) -> None:
        self._decoder, self._like = decoder, like

    @classmethod
    def of(cls, model: nn.Module) -> CpuDecoder | None:
        """None for a model that has to go through torch.

        That is one on another device, in training, with hooks, adapters or an activation that is not known here.
        """
        if not isinstance(model, GPT2LMHeadModel | LlamaForCausalLM):
            return None
        if model.training or model.device.type != "cpu" or model.dtype not in _DTYPES:
            return None
        if any(type(module) not in _KNOWN or _changed(module) for module in model.modules()):
            return None
        config = model.config
        kv_heads = config.n_head if isinstance(config, GPT2Config) else config.num_key_value_heads
        like = torch.empty(1, kv_heads or 1, 0, config.head_dim or 1, dtype=model.dtype)
        try:
            return cls(_gpt2(model) if isinstance(model, GPT2LMHeadModel) else _llama(model), like)
        except _Unsupported:
            return None

    @classmethod
    def instead_of_torch(cls, model: nn.Module) -> CpuDecoder | None:
        """The decoder of a model whose products torch is slow at here or does not have: 16-bit and quantized weights."""
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or model.training:
            return None
        if model.dtype == torch.float32 and getattr(model, "weight_format", None) is None:
            return None
        return None if _has_units_for(model.dtype) else cls.of(model)

    @property
    def most_tokens(self) -> int:
        """Tokens of one call up to which torch is not faster, in float32: many for a small model, whose calls cost torch more
        than its products; in other types torch is slower at any number.
        """
        return (
            max(_TOKENS, _PRODUCTS // max(self.nbytes, 1)) if self._like.dtype == torch.float32 else 1 << 40
        )

    @property
    def nbytes(self) -> int:
        """Bytes of weights that a step reads."""
        return self._decoder.nbytes

    def step(
        self,
        ids: Tensor,
        positions: Tensor,
        cache: KeyValueCache,
        attention_mask: Tensor | None = None,
        keep: int = 1,
    ) -> Tensor:
        """float32 [batch, keep, vocab]: logits after the last new tokens of each sequence; the cache takes all of them in.

        ids: int64 [batch, new]. positions: int64 [batch, new] or [new]. attention_mask: [batch, tokens in the cache + new],
        nonzero for tokens, zero for padding. cache: of the same model and batch.

        Raises `ShapeError` for tensors that do not fit, and `InvalidArgumentError` for ids and positions that the model
        does not have, and ``keep`` above the new tokens; the cache then counts what it counted before.
        """
        if ids.dim() != 2:
            raise ShapeError(f"ids have the shape {list(ids.shape)}: expected [batch, new]")
        past, new = cache.length, ids.shape[1]
        if positions.shape not in (ids.shape, ids.shape[1:]):
            expected = f"{list(ids.shape)} or {[new]}"
            raise ShapeError(f"positions have the shape {list(positions.shape)}: expected {expected}")
        if attention_mask is not None and attention_mask.shape != (len(ids), past + new):
            expected = f"{[len(ids), past + new]}: [batch, tokens in the cache + new]"
            raise ShapeError(
                f"attention_mask has the shape {list(attention_mask.shape)}, expected {expected}"
            )
        visible = None if attention_mask is None else attention_mask.bool()
        caches = cache.room(new, self._like.expand(len(ids), -1, -1, -1))
        logits = self._decoder.step(
            ids.long().numpy(), positions.long().expand(ids.shape).numpy(), caches, past, keep, visible
        )
        cache.advance(new)
        return torch.from_numpy(logits)


@functools.cache
def _has_units_for(dtype: torch.dtype) -> bool:
    """Whether torch multiplies numbers of 16 bits natively on this CPU."""
    name = {torch.bfloat16: "_is_mkldnn_bf16_supported", torch.float16: "_is_mkldnn_fp16_supported"}.get(
        dtype
    )
    supported = None if name is None else getattr(torch.ops.mkldnn, name, None)
    return supported is not None and bool(supported())


def _changed(module: nn.Module) -> bool:
    """Whether somebody looks at, or changes, what goes through the module."""
    return bool(module._forward_hooks or module._forward_pre_hooks) or "forward" in vars(module)


def _gpt2(model: GPT2LMHeadModel) -> _rust.Decoder:
    config, transformer = model.config, model.transformer
    if config.activation_function not in _ACTIVATIONS:
        raise _Unsupported
    blocks: Any = transformer.h
    layers = [
        _Layer(
            attention_norm=_norm(block.ln_1),
            project=[_linear(block.attn.c_attn)],
            output=_linear(block.attn.c_proj),
            feed_norm=_norm(block.ln_2),
            inner=_linear(block.mlp.c_fc),
            outer=_linear(block.mlp.c_proj),
            activation=_ACTIVATIONS[config.activation_function],
            scale=block.attn.scale,
        )
        for block in blocks
    ]
    return _rust.Decoder(
        _embedding(transformer.wte),
        _embedding(transformer.wpe),
        layers,
        _norm(transformer.ln_f),
        _linear(model.lm_head),
        (config.n_head, config.n_head, config.head_dim),
    )


def _llama(model: LlamaForCausalLM) -> _rust.Decoder:
    config, decoder = model.config, model.model
    if decoder.rotary.varies:
        raise _Unsupported
    blocks: Any = decoder.layers
    layers = [
        _Layer(
            attention_norm=_norm(block.input_layernorm),
            project=[
                _linear(projection)
                for projection in (block.self_attn.q_proj, block.self_attn.k_proj, block.self_attn.v_proj)
            ],
            head_norms=(_norm(block.self_attn.q_norm), _norm(block.self_attn.k_norm))
            if config.has_qk_norm
            else None,
            output=_linear(block.self_attn.o_proj),
            feed_norm=_norm(block.post_attention_layernorm),
            inner=_linear(block.mlp.gate_proj),
            gated=_linear(block.mlp.up_proj),
            outer=_linear(block.mlp.down_proj),
            activation="silu",
            scale=block.self_attn.head_dim**-0.5,
            window=block.self_attn.window,
        )
        for block in blocks
    ]
    return _rust.Decoder(
        _embedding(decoder.embed_tokens),
        (decoder.rotary.frequencies.tolist(), decoder.rotary.scale),
        layers,
        _norm(decoder.norm),
        _linear(model.lm_head),
        (config.num_heads, config.num_key_value_heads or 1, config.head_dim or 1),
    )


def _linear(module: nn.Module) -> _Linear:
    if isinstance(module, QuantizedLinear):
        return module.weights, None if module.bias is None else module.bias.detach()
    if isinstance(module, Projection):
        return module.weight.detach().t(), module.bias.detach().float()
    if isinstance(module, nn.Linear):
        return module.weight.detach(), None if module.bias is None else module.bias.detach().float()
    raise _Unsupported


def _embedding(module: nn.Module) -> _Matrix:
    if isinstance(module, QuantizedEmbedding):
        return module.weights
    if isinstance(module, nn.Embedding):
        return module.weight.detach()
    raise _Unsupported


def _norm(module: nn.Module) -> _Norm:
    if isinstance(module, nn.LayerNorm) and module.bias is not None:
        return module.weight.detach().float(), module.bias.detach().float(), module.eps
    if isinstance(module, nn.RMSNorm) and module.weight is not None and module.eps is not None:
        return module.weight.detach().float(), None, module.eps
    raise _Unsupported
