"""Noticing a loss that is no number, or far above those before it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ferrolm.errors import FerrolmError

__all__ = ["DivergedError", "LossGuard"]


class DivergedError(FerrolmError, ArithmeticError):
    """The loss is not a finite number, or has jumped up, and going back did not help."""


# How fast the moving mean and variance forget: a hundred steps.
_FORGET = 0.01
# Steps before a spike can be told from the noise.
_WARM_UP = 50


@dataclass
class LossGuard:
    """Watches the losses of all steps; its fields are saved with a checkpoint.

    >>> guard = LossGuard()
    >>> [guard.see(loss + 0.1 * (step % 2), deviations=5.0) for step, loss in enumerate([2.0] * 60)][-1]
    ''
    >>> guard.see(9.0, deviations=5.0)
    'the loss jumped from 2.05 to 9'
    >>> guard.see(math.nan, deviations=0.0)
    'the loss is nan'
    """

    mean: float = 0.0
    variance: float = 0.0
    steps: int = 0

    def see(self, loss: float, deviations: float) -> str:
        """What is wrong with ``loss``, or nothing; only a loss that is right is remembered."""
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if self._is_spike(loss, deviations):
            return f"the loss jumped from {self.mean:.4g} to {loss:.4g}"
        weight = max(_FORGET, 1.0 / (self.steps + 1))
        difference = loss - self.mean
        self.mean += weight * difference
        self.variance = (1.0 - weight) * (self.variance + weight * difference * difference)
        self.steps += 1
        return ""

    def _is_spike(self, loss: float, deviations: float) -> bool:
        limit = self.mean + deviations * math.sqrt(self.variance)
        return deviations > 0 and self.steps >= _WARM_UP and loss > limit
