"""`ObservedDecoder`: a decoder that remembers attentions and hidden states of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.decoders.causal import Decoder
from ferrolm.models.observation import Observation

__all__ = ["ObservedDecoder"]

Layers = tuple[Tensor, ...]


class ObservedDecoder:
    """Wraps a decoder of rows, ``copies`` for each prompt, whose stack is watched; and its encoder, if it has one."""

    def __init__(
        self, decoder: Decoder, stack: Any, copies: int, config: GenerationConfig, encoder: Any = None
    ) -> None:
        self._decoder, self._copies = decoder, copies
        self._config = config
        self._seen = Observation(stack)
        self._of_encoder = None if encoder is None else Observation(encoder)
        self._attentions: list[Layers] = []
        self._cross: list[Layers] = []
        self._hidden: list[Layers] = []

    def start(self) -> Tensor:
        if self._of_encoder is not None:
            with self._of_encoder.watching():
                self._decoder.encode()  # type: ignore[attr-defined]
        with self._seen.watching():
            logits = self._decoder.start()
        self._note(self._copies)
        return logits

    def step(self, ids: Tensor) -> Tensor:
        with self._seen.watching():
            logits = self._decoder.step(ids)
        self._note(1)
        return logits

    def keep(self, rows: Tensor) -> None:
        self._decoder.keep(rows)

    def _note(self, copies: int) -> None:
        for steps, layers in (
            (self._attentions, self._seen.attentions),
            (self._cross, self._seen.cross_attentions),
            (self._hidden, self._seen.hidden_states),
        ):
            steps.append(_repeated(layers, copies))

    def told(self) -> dict[str, Any]:
        """What the settings ask for, as fields of `GenerateOutput`."""
        found: dict[str, Any] = {}
        decoder = "" if self._of_encoder is None else "decoder_"
        if self._config.output_attentions:
            found[f"{decoder}attentions"] = tuple(self._attentions)
            if self._of_encoder is not None:
                found["cross_attentions"] = tuple(self._cross)
                found["encoder_attentions"] = _repeated(self._of_encoder.attentions, 1)
        if self._config.output_hidden_states:
            found[f"{decoder}hidden_states"] = tuple(self._hidden)
            if self._of_encoder is not None:
                found["encoder_hidden_states"] = _repeated(self._of_encoder.hidden_states, 1)
        return found


def _repeated(layers: Sequence[Tensor], copies: int) -> Layers:
    """Prompts are read once, and then stand for ``copies`` rows."""
    if copies == 1:
        return tuple(layers)
    with torch.inference_mode():
        return tuple(layer.repeat_interleave(copies, dim=0) for layer in layers)
