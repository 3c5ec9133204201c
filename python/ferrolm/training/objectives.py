"""What a training step minimizes."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from ferrolm.data.batches import Batch
from ferrolm.errors import InvalidArgumentError
from ferrolm.training.loss import next_token_loss

__all__ = ["IGNORED", "ModelLoss", "NextToken", "Objective"]

# The label of a target that is not scored, as in torch and transformers.
IGNORED = -100


class Objective(Protocol):
    """A loss, and how many targets it is the mean of: micro-batches of a step are weighted by them."""

    def targets(self, batch: Batch) -> int: ...

    def loss(self, model: nn.Module, batch: Batch) -> Tensor: ...


class ModelLoss:
    """The loss that the model itself computes from the labels of the batch; the name of the labels is ``labels``.

    Its targets, of which that loss must be the mean, are the rows where labels have one dimension (classes of texts), else the
    labels that are not -100; with ``per_row`` always the rows, as for the sequences of a CRF. A `CausalLM` shifts its
    labels, so that the first of a row is no target: give it ``shift_labels``, or use `ChunkedNextToken`.
    """

    def __init__(self, labels: str = "labels", *, per_row: bool = False) -> None:
        self._labels = labels
        self._per_row = per_row

    def targets(self, batch: Batch) -> int:
        if self._labels not in batch:
            raise InvalidArgumentError(
                f"a batch has {', '.join(batch)}, and nothing named {self._labels!r} to learn"
            )
        labels = batch[self._labels]
        return len(labels) if self._per_row or labels.dim() == 1 else int((labels != IGNORED).sum())

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        loss: Tensor | None = model(**batch).loss
        if loss is None:
            raise InvalidArgumentError(
                f"{type(model).__name__} gave no loss for a batch of {', '.join(batch)}"
            )
        return loss


class NextToken:
    """Causal language modeling: each token of ``blocks`` [rows, block_size + 1] from those before it."""

    def targets(self, batch: Batch) -> int:
        rows, length = batch["blocks"].shape
        return rows * (length - 1)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        blocks = batch["blocks"]
        logits: torch.Tensor = model(blocks[:, :-1]).logits
        return next_token_loss(logits, blocks[:, 1:])
