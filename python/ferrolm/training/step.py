"""One step of an optimizer: the gradients of several micro-batches, weighted by their targets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ferrolm.data.batches import Batch
from ferrolm.errors import FerrolmError, InvalidArgumentError
from ferrolm.training.distributed import World
from ferrolm.training.objectives import Objective
from ferrolm.training.optimizer import OptimizerPair, add_penalties, set_learning_rate
from ferrolm.training.parallel import Parallel, whole
from ferrolm.training.precision import autocast
from ferrolm.training.settings import TrainingConfig

__all__ = ["OptimizerStep", "OutOfMemoryError", "StepResult"]


class OutOfMemoryError(FerrolmError, MemoryError):
    """A step did not fit the memory of the device."""


@dataclass(frozen=True)
class StepResult:
    """``loss``: mean over the targets of the step; ``gradient_norm`` before clipping: scalars on the device."""

    loss: Tensor
    gradient_norm: Tensor


class OptimizerStep:
    """Takes steps: forward and backward of each micro-batch, clipping, the optimizer.

    A step of several micro-batches has the gradient of one batch of all their rows, also where rows have different
    numbers of targets: each micro-batch counts as much as it has targets.
    """

    def __init__(
        self,
        model: nn.Module,
        forward: Any,
        objective: Objective,
        optimizer: torch.optim.Optimizer | OptimizerPair,
        config: TrainingConfig,
        precision: str,
        parallel: Parallel | None = None,
    ) -> None:
        """``forward``: the model as it is called, compiled or wrapped; ``model``: the one that has the parameters.

        ``parallel``: how the model is shared with other processes; all take each step together.
        """
        self.model = model
        self.optimizer = optimizer
        self._forward = forward
        self._objective = objective
        self._config = config
        self._precision = precision
        self._device = next(model.parameters()).device
        self._parallel = parallel or Parallel(model, World(0, 1, self._device))
        self._spare: Batch | None = None
        # Gradients of float16 are scaled into its range; a scaler that is not enabled does nothing.
        self.scaler = torch.amp.GradScaler(self._device.type, enabled=precision == "float16")

    def __call__(self, batches: list[Batch], learning_rate: float) -> StepResult:
        """Raises `OutOfMemoryError`, after which the weights are as they were before."""
        set_learning_rate(self.optimizer, learning_rate)
        self.model.train()
        try:
            loss = self._gradients(batches)
        except torch.OutOfMemoryError as error:
            self.optimizer.zero_grad()
            raise OutOfMemoryError(self._advice(batches)) from error
        norm = self._update()
        return StepResult(loss, norm)

    def _gradients(self, batches: list[Batch]) -> Tensor:
        world = self._parallel.world
        counts = [self._objective.targets(batch) for batch in batches]
        everything = max(world.sum(sum(counts)), 1)
        total = torch.zeros((), device=self._device)
        self._spare = next(
            (batch for batch, count in zip(batches, counts, strict=True) if count), self._spare
        )
        for index, (batch, count) in enumerate(zip(batches, counts, strict=True)):
            if not count and world.size == 1:
                continue
            with self._parallel.accumulating(last=index == len(batches) - 1):
                total += self._backward(batch if count else self._instead(), count / everything)
        return world.add(total)

    def _backward(self, batch: Batch, share: float) -> Tensor:
        rows = {name: tensor.to(self._device, non_blocking=True) for name, tensor in batch.items()}
        with autocast(self._device, self._precision):
            loss = self._objective.loss(self._forward, rows)
        loss = loss * share
        # Processes make the mean of their gradients, where the step has their sum.
        self.scaler.scale(loss * self._parallel.world.size).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _instead(self) -> Batch:
        """A batch to compute with where one has no targets: the others wait for gradients, and it counts for nothing."""
        if self._spare is None:
            rank = self._parallel.world.rank
            raise InvalidArgumentError(
                f"the first batches of process {rank} have no targets: use larger ones"
            )
        return self._spare

    def _update(self) -> Tensor:
        parts = self.optimizer.parts if isinstance(self.optimizer, OptimizerPair) else (self.optimizer,)
        for part in parts:
            self.scaler.unscale_(part)
        add_penalties(self.model, self._config.l1, self._config.l2)
        limit = self._config.gradient_clip or math.inf
        norm = whole(nn.utils.clip_grad_norm_(self.model.parameters(), limit))
        for part in parts:
            self.scaler.step(part)
        self.scaler.update()
        self.optimizer.zero_grad()
        return norm

    def _advice(self, batches: list[Batch]) -> str:
        shapes = {name: list(tensor.shape) for name, tensor in batches[0].items()}
        return (
            f"out of memory on {self._device} with micro-batches of {shapes}: halve training.batch_size and double "
            "training.accumulation, which makes the same steps, or set training.activation_checkpointing"
        )
