"""An exponential moving average of a model's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ferrolm.training.parallel import sharded_like

__all__ = ["MovingAverage"]


class MovingAverage:
    """Weights averaged over the steps: ``average = decay * average + (1 - decay) * weight`` (Polyak & Juditsky 1992).

    The first steps count for more (the decay is at most ``(1 + step) / (10 + step)``), so that the weights of the start are
    soon forgotten. A tied weight is averaged once.

    >>> model = nn.Linear(1, 1, bias=False)
    >>> _ = model.weight.data.fill_(0.0)
    >>> average = MovingAverage(model, decay=0.5)
    >>> _ = model.weight.data.fill_(1.0)
    >>> average.update(step=100)
    >>> with average.applied():
    ...     model.weight.item()
    0.5
    >>> model.weight.item()
    1.0
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._parameters = dict(model.named_parameters())
        self.tensors = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step ``step`` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(
            list(self.tensors.values()), [p.detach() for p in self._parameters.values()], 1.0 - decay
        )

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged weights within this context, and its own again after it."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put the average back to what a checkpoint holds."""
        for name, tensor in self.tensors.items():
            tensor.copy_(sharded_like(tensors[name], tensor))

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, parameter in self._parameters.items():
            kept = parameter.detach().clone()
            parameter.copy_(self.tensors[name])
            self.tensors[name].copy_(kept)
