"""`Observation`: attention weights and hidden states of a model while it runs, in the shapes of transformers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError
from ferrolm.models import t5, transformer
from ferrolm.models.attention import Visible, watched_by
from ferrolm.models.bert import BertModel
from ferrolm.models.gpt2 import GPT2Model
from ferrolm.models.llama import LlamaModel

__all__ = ["Observation"]


class Observation:
    """What a stack of layers (a decoder, or an encoder) does while it is watched.

    attentions: of each layer to the tokens themselves, [batch, heads, queries, keys]; cross_attentions: of a decoder to an
    encoder's. hidden_states: of the embedding, between the layers, and after the last norm, [batch, time, hidden_size].

    Raises `InvalidArgumentError` for a stack that has no attention.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=8, n_embd=4, n_layer=2, n_head=2)).eval()
    >>> seen = Observation(model.transformer)
    >>> with seen.watching():
    ...     output = model(torch.tensor([[1, 2, 3]]))
    >>> [weights.shape for weights in seen.attentions]
    [torch.Size([1, 2, 3, 3]), torch.Size([1, 2, 3, 3])]
    >>> len(seen.hidden_states)
    3
    """

    def __init__(self, stack: nn.Module) -> None:
        self._layers, self._norm = _parts(stack)
        self._is_decoder = not _is_encoder(stack)
        self.attentions: list[Tensor] = []
        self.cross_attentions: list[Tensor] = []
        self.hidden_states: list[Tensor] = []

    @property
    def norm(self) -> nn.Module:
        """What the hidden states go through after the last layer."""
        return self._norm

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch within a ``with``; what was seen before is forgotten."""
        self.attentions, self.cross_attentions, self.hidden_states = [], [], []
        with ExitStack() as cleanup:
            for layer in self._layers:
                cleanup.callback(layer.register_forward_pre_hook(self._enter).remove)
            cleanup.callback(self._norm.register_forward_hook(self._leave).remove)
            cleanup.enter_context(watched_by(self._attend))
            yield

    def _enter(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self.hidden_states.append(inputs[0])

    def _leave(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        self.hidden_states.append(output)

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, visible: Visible, scale: float, window: int | None
    ) -> Tensor:
        """Attention with its weights in between."""
        group = query.shape[1] // key.shape[1]
        key, value = (each.repeat_interleave(group, dim=1) for each in (key, value))
        scores = query @ key.transpose(-1, -2) * scale
        mask = visible.mask(query.device, window)
        if mask is None and visible.causal:
            queries, keys = scores.shape[-2:]
            mask = torch.ones(queries, keys, dtype=torch.bool, device=query.device).tril(keys - queries)
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype is torch.bool else scores + mask
        weights = scores.float().softmax(-1).to(query.dtype)
        # A decoder's attention to an encoder is the only one beside it that is not causal.
        crosses = self._is_decoder and not visible.causal
        (self.cross_attentions if crosses else self.attentions).append(weights)
        return weights @ value


def _parts(stack: nn.Module) -> tuple[list[nn.Module], nn.Module]:
    """Modules that the hidden states enter, one for each layer, and the one that they leave at the end."""
    if isinstance(stack, GPT2Model):
        return list(stack.h), stack.ln_f
    if isinstance(stack, LlamaModel):
        return list(stack.layers), stack.norm
    if isinstance(stack, t5.Stack):
        blocks: Any = stack.block
        return [block.layer[0] for block in blocks], stack.final_layer_norm
    if isinstance(stack, transformer.Stack):
        return list(stack.layers), stack.norm
    if isinstance(stack, BertModel):
        blocks = stack.encoder["layer"]
        return list(blocks), blocks[-1].output  # post-norm: the last layer ends with its norm
    raise InvalidArgumentError(f"{type(stack).__name__} has no attention that could be shown")


def _is_encoder(stack: nn.Module) -> bool:
    if isinstance(stack, t5.Stack):
        return not stack.is_decoder
    if isinstance(stack, BertModel):
        return True
    return isinstance(stack, transformer.Stack) and isinstance(stack.layers[0], transformer.EncoderLayer)
