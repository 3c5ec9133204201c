"""Where mirostat stands in each row, as tensors that are changed in place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ferrolm._extras import require
from ferrolm.sampling.params import SamplingParams

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch", purpose="sampling from logits on a device")

__all__ = ["DeviceMirostat"]

# As in Rust: no text goes beyond.
_LARGEST_MU = 1e9


class DeviceMirostat:
    """The limits ``mu`` of a batch, float64 [batch, 1], and what was drawn last.

    Rows without mirostat have a rate of 0, so that theirs do not move.
    """

    def __init__(self, params: Sequence[SamplingParams], device: Any) -> None:
        numbers = [(2.0 * row.mirostat_tau, row.mirostat_tau, self._rate(row)) for row in params]
        self.mu, self._tau, self._eta = torch.tensor(numbers, dtype=torch.float64).T[:, :, None].to(device)
        self._token = torch.full((len(params),), -1, dtype=torch.int64, device=device)
        self._surprise = torch.zeros(len(params), dtype=torch.float64, device=device)

    @staticmethod
    def _rate(row: SamplingParams) -> float:
        return row.mirostat_eta if row.mirostat else 0.0

    @property
    def parts(self) -> dict[str, Tensor]:
        """The tensors that a saved state has."""
        return {"mu": self.mu, "drawn": self._token, "surprise": self._surprise}

    def note(self, ids: Tensor, logs: Tensor) -> None:
        """Keep what was drawn, and the natural logarithms of its probabilities, until it is accepted."""
        self._token.copy_(ids)
        # A row that is marked as bad may have none.
        self._surprise.copy_((logs.double() / -math.log(2.0)).nan_to_num(0.0))

    def accept(self, ids: Tensor) -> None:
        """Move the limits of rows whose token is the one that was drawn."""
        error = torch.where(ids == self._token, self._surprise, self._tau[:, 0])[:, None] - self._tau
        self.mu.copy_((self.mu - self._eta * error).clamp(-_LARGEST_MU, _LARGEST_MU))
        self._token.fill_(-1)

    def begin(self, row: int, params: SamplingParams) -> None:
        """Start a row anew."""
        self.mu[row], self._tau[row] = 2.0 * params.mirostat_tau, params.mirostat_tau
        self._eta[row], self._token[row] = self._rate(params), -1

    def load(self, parts: dict[str, Tensor]) -> None:
        """Take the values of a saved state."""
        for name, tensor in self.parts.items():
            tensor.copy_(parts[name])
