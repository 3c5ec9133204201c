"""`Verifier`: a model and what it has read of one text, fed several tokens at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ferrolm.generation.decoders.forward import Forward
from ferrolm.models import CausalLM
from ferrolm.models.cache import Cache

__all__ = ["Verifier"]


class Verifier:
    """One text, whose cache may be cut back to where the guesses were right.

    Args:
        model: that reads the text.
        capacity: tokens that there is room for at first.
    """

    def __init__(self, model: CausalLM, capacity: int) -> None:
        self.cache: Cache = model.new_cache(capacity)
        self._forward = Forward(model)
        self._positions = torch.arange(capacity, device=self._forward.device)

    @property
    def length(self) -> int:
        """Tokens read so far."""
        return self.cache.length

    @torch.inference_mode()
    def feed(self, ids: Sequence[int], keep: int) -> Tensor:
        """Read ``ids``; the logits of what follows each of the last ``keep`` of them: [keep, vocab]."""
        end = self.length + len(ids)
        if end > len(self._positions):
            self._positions = torch.arange(2 * end, device=self._forward.device)
        tokens = torch.tensor([list(ids)], device=self._forward.device)
        return self._forward(tokens, self.cache, None, self._positions[None, self.length : end], keep)[0]
