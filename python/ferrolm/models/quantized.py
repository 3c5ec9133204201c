"""Weights in fewer bits for decoding on a CPU, where a token takes as long as reading them.

Only the matrices become bytes or halves of bytes, in groups of 32 with a scale of their own (the layouts of GGUF's Q8_0 and
Q4_0); everything else stays float32. A product rounds its input to 8 bits in such groups too.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError
from ferrolm.models.causal_lm import CausalLM
from ferrolm.models.gpt2 import Projection
from ferrolm.models.lora import has_lora

__all__ = ["QuantizedEmbedding", "QuantizedLinear", "quantize"]


class QuantizedLinear(nn.Module):
    """``x @ weights.T + bias`` for kept weights; float32 on the CPU, without gradients."""

    def __init__(self, weights: _rust.LinearWeights, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weights = weights
        self.bias = None if bias is None else nn.Parameter(bias.detach().float(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.detach().reshape(-1, x.shape[-1])
        bias = None if self.bias is None else self.bias.detach()
        return torch.from_numpy(self.weights.apply(flat, bias)).view(*x.shape[:-1], -1)

    def extra_repr(self) -> str:
        outputs, inputs = self.weights.shape
        return f"{inputs}, {outputs}, format={self.weights.format}"


class QuantizedEmbedding(nn.Module):
    """Rows of kept weights by id."""

    def __init__(self, weights: _rust.LinearWeights) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, ids: Tensor) -> Tensor:
        rows = self.weights.lookup(ids.reshape(-1).contiguous().numpy())
        return torch.from_numpy(rows).view(*ids.shape, -1)

    def extra_repr(self) -> str:
        rows, width = self.weights.shape
        return f"{rows}, {width}, format={self.weights.format}"


Model = TypeVar("Model", bound=CausalLM)


def quantize(model: Model, format: Literal["int8", "int4"]) -> Model:
    """Keep the matrices of ``model`` in 8 (8.5 with scales) or 4 (4.5) bits; returns it, changed, for inference on the CPU.

    A head that is the token embedding stays the same matrix. Raises `InvalidArgumentError` for another format, a model on
    another device, with adapters, or one that is quantized already, or weights that are not finite.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=100, n_positions=16, n_embd=32, n_layer=1, n_head=2))
    >>> quantize(model.eval(), "int8").lm_head
    QuantizedLinear(32, 100, format=int8)
    """
    if format not in ("int8", "int4"):
        raise InvalidArgumentError(f"format is {format!r}, expected 'int8' or 'int4'")
    if model.device.type != "cpu":
        raise InvalidArgumentError(f"the model is on {model.device}: quantized weights are for the CPU")
    if model.weight_format is not None:
        raise InvalidArgumentError(f"the model is quantized already, to {model.weight_format}")
    if has_lora(model):
        raise InvalidArgumentError("the model has adapters: merge_lora before it is quantized")
    embedding = model.token_embedding
    with torch.no_grad():
        shared = _rust.LinearWeights(embedding.weight.detach(), format)
        # All are made before the first one is put in place: an error leaves the model as it was.
        made: list[tuple[nn.Module, str, nn.Module]] = [
            (module, name, QuantizedLinear(_kept(child, format, embedding, shared), child.bias))
            for module in model.modules()
            for name, child in module.named_children()
            if isinstance(child, Projection | nn.Linear)
        ]
        made.append((model.decoder, model.embedding_name, QuantizedEmbedding(shared)))
        for module, name, quantized in made:
            setattr(module, name, quantized)
    model.weight_format = format
    return model.float().requires_grad_(False)


def _kept(
    layer: Projection | nn.Linear, format: str, embedding: nn.Module, shared: _rust.LinearWeights
) -> _rust.LinearWeights:
    """The weights of ``layer`` as [outputs, inputs]."""
    if layer.weight is embedding.weight:
        return shared
    weight = layer.weight.detach()
    return _rust.LinearWeights(weight.t() if isinstance(layer, Projection) else weight, format)
