"""`Forward`: passes of a model, in Rust or in torch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ferrolm.models import CausalLM, CpuDecoder

__all__ = ["Forward"]


class Forward:
    """Passes of a model as it is now, by the fastest way for their size.

    in_torch: through the modules of the model, which somebody looks at, in any case.
    """

    def __init__(self, model: CausalLM, *, in_torch: bool = False) -> None:
        self.model = model
        self.device = model.device  # looking it up goes through all modules
        self._on_cpu = None if in_torch else CpuDecoder.of(model)
        self._most_on_cpu = 0 if self._on_cpu is None else self._on_cpu.most_tokens

    def __call__(
        self, ids: Tensor, cache: Any, mask: Tensor | None, positions: Tensor, keep: int = 1
    ) -> Tensor:
        """Logits after each of the last ``keep`` new tokens, [rows, keep, vocab].

        ids, positions: int64 [rows, new]. cache: of the kind that the model keeps; the new tokens are appended. mask: [rows, tokens
        in the cache + new], nonzero for tokens; None where all are.
        """
        if self._on_cpu is not None and ids.numel() <= self._most_on_cpu:
            return self._on_cpu.step(ids, positions, cache, mask, keep)
        output = self.model(
            ids, attention_mask=mask, position_ids=positions, cache=cache, logits_to_keep=keep
        )
        logits: Tensor = output.logits
        return logits
