"""The cross-entropy of next-token prediction, made for large vocabularies on CPU."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ferrolm.errors import ShapeError

__all__ = ["next_token_loss"]

# Rows of logits that are worked on at once: with a vocabulary of some thousand they stay in the level-2 cache.
_ROWS = 128


def next_token_loss(
    logits: Tensor, targets: Tensor, ignore_index: int = -100, label_smoothing: float = 0.0
) -> Tensor:
    """Mean negative log-likelihood in nats, float32, of ``targets`` int64 [batch, time] under ``logits``.

    ``logits``: [batch, time, vocab], float32, float16 or bfloat16; the softmax is taken in float32. Targets of ``ignore_index``
    are not scored; ``label_smoothing`` is the share of each that is spread over the vocabulary (Szegedy et al. 2016). The same as
    ``F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), label_smoothing=...)``. On CPU that call writes four
    float32 arrays of the size of the logits, which costs more than all matrix products of a small model; here
    blocks of rows pass through the cache once, and the gradient is made in the same pass.

    >>> next_token_loss(torch.zeros(1, 2, 8), torch.tensor([[3, 4]])).item() == torch.tensor(8.0).log().item()
    True
    """
    if logits.shape[:-1] != targets.shape:
        raise ShapeError(f"logits {list(logits.shape)} do not fit targets {list(targets.shape)}")
    flat, flat_targets = logits.flatten(0, -2), targets.flatten()
    if flat.device.type == "cpu" and flat.requires_grad and flat.dtype != torch.float64:
        loss: Tensor = _BlockwiseCrossEntropy.apply(flat, flat_targets, ignore_index, label_smoothing)
        return loss
    return F.cross_entropy(
        flat.float(), flat_targets, ignore_index=ignore_index, label_smoothing=label_smoothing
    )


class _BlockwiseCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, ignore_index: int, smoothing: float) -> Tensor:
        scored = targets != ignore_index
        count = int(scored.sum())
        everything = count == len(targets)
        gradient = torch.empty_like(logits)
        total = torch.zeros((), dtype=torch.float64)
        for start in range(0, len(targets), _ROWS):
            rows = slice(start, start + _ROWS)
            index = targets[rows, None]
            if not everything:
                index = index.masked_fill(~scored[rows, None], 0)
            block = logits[rows].to(torch.float32, copy=True)
            block.sub_(block.amax(1, keepdim=True))
            picked = block.gather(1, index)
            if smoothing:
                picked = picked * (1 - smoothing) + block.mean(1, keepdim=True) * smoothing
            sums = block.exp_().sum(1, keepdim=True)
            losses = sums.log() - picked
            total += (losses if everything else losses[scored[rows]]).sum(dtype=torch.float64)
            # d loss / d logits = (softmax - one_hot) / count, where some of the one is everywhere
            block.div_(sums).scatter_add_(1, index, torch.full_like(sums, smoothing - 1.0))
            if smoothing:
                block.sub_(smoothing / block.shape[1])
            if not everything:
                block.masked_fill_(~scored[rows, None], 0.0)
            gradient[rows] = block.div_(max(count, 1))
        ctx.save_for_backward(gradient)
        return (total / count).float()

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0].to(gradient.dtype), None, None, None
