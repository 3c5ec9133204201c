"""`GuidedDecoder`: classifier-free guidance (Sanchez et al. 2023) for every way of decoding."""

from __future__ import annotations

from torch import Tensor

from ferrolm.generation.decoders.causal import Decoder
from ferrolm.sampling import guided

__all__ = ["GuidedDecoder"]


class GuidedDecoder:
    """Two decoders that read the same tokens after different prompts: logits are led away from those of the second."""

    def __init__(self, decoder: Decoder, unconditional: Decoder, scale: float) -> None:
        self._decoder, self._unconditional, self._scale = decoder, unconditional, scale

    def start(self) -> Tensor:
        return self._guided(self._decoder.start(), self._unconditional.start())

    def step(self, ids: Tensor) -> Tensor:
        return self._guided(self._decoder.step(ids), self._unconditional.step(ids))

    def keep(self, rows: Tensor) -> None:
        self._decoder.keep(rows)
        self._unconditional.keep(rows)

    def _guided(self, logits: Tensor, unconditional: Tensor) -> Tensor:
        return guided(logits, unconditional, self._scale)  # type: ignore[no-any-return]
