"""`Verifier`: a model and what it has read of one text, fed several tokens at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from ferrolm.generation.decoding import MAX_TOKENS_IN_RUST
from ferrolm.models import CausalLM, CpuDecoder, KeyValueCache
from ferrolm.models.cache import Cache

__all__ = ["Verifier"]


class Verifier:
    """One text, whose cache may be cut back to where the guesses were right.

    Args:
        model: that reads the text.
        capacity: tokens that there is room for at first.
    """

    def __init__(self, model: CausalLM, capacity: int) -> None:
        self._model = model
        self.cache: Cache = model.new_cache(capacity)
        self._on_cpu = CpuDecoder.of(model)
        self._device = model.device  # looking it up goes through all modules
        self._positions = torch.arange(capacity)

    @property
    def length(self) -> int:
        """Tokens read so far."""
        return self.cache.length

    @torch.inference_mode()
    def feed(self, ids: Sequence[int], keep: int) -> Tensor:
        """Read ``ids``; the logits of what follows each of the last ``keep`` of them: [keep, vocab]."""
        tokens = torch.tensor([list(ids)], device=self._device)
        if self._on_cpu is not None and len(ids) <= MAX_TOKENS_IN_RUST:
            end = self.length + len(ids)
            if end > len(self._positions):
                self._positions = torch.arange(2 * end)
            positions = self._positions[self.length : end]
            return self._on_cpu.step(tokens, positions, cast(KeyValueCache, self.cache), keep=keep)[0]
        return self._model(tokens, cache=self.cache, logits_to_keep=keep).logits[0]  # type: ignore[no-any-return]
