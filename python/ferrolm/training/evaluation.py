"""How well a model does on data held out: `Evaluation` is what a loop asks, `HeldOutTokens` answers for language models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import nn

from ferrolm.data import TokenFile
from ferrolm.errors import InvalidArgumentError
from ferrolm.training.loss import next_token_loss
from ferrolm.training.precision import autocast

__all__ = ["Evaluation", "HeldOutLoss", "HeldOutTokens", "evaluate"]


class Evaluation(Protocol):
    """Figures of a model by name; ``metric`` is the one that says which model is better."""

    @property
    def metric(self) -> str: ...

    @property
    def higher_is_better(self) -> bool: ...

    def __call__(self, model: nn.Module, precision: str = "float32") -> Mapping[str, float]: ...


@dataclass(frozen=True)
class HeldOutLoss:
    """``loss``: mean negative log-likelihood in nats per token, over ``tokens`` predicted tokens."""

    loss: float
    bits_per_byte: float
    tokens: int

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.loss, 700.0))


class HeldOutTokens:
    """An `Evaluation`: ``validation_loss``, ``bits_per_byte`` and ``perplexity`` of a token file, by `evaluate`."""

    metric = "validation_loss"
    higher_is_better = False

    def __init__(self, file: TokenFile, *, block_size: int, batch_size: int = 32, limit: int = 0) -> None:
        """``limit``: only so many tokens; 0 for all."""
        self._file = file
        self._block_size = block_size
        self._batch_size = batch_size
        self._limit = limit

    def __call__(self, model: nn.Module, precision: str = "float32") -> dict[str, float]:
        found = evaluate(
            model, self._file, block_size=self._block_size, batch_size=self._batch_size, limit=self._limit,
            precision=precision,
        )  # fmt: skip
        figures = {"validation_loss": found.loss, "perplexity": found.perplexity}
        return (
            figures if math.isnan(found.bits_per_byte) else {**figures, "bits_per_byte": found.bits_per_byte}
        )


@torch.no_grad()
def evaluate(
    model: nn.Module,
    file: TokenFile,
    *,
    block_size: int,
    stride: int | None = None,
    batch_size: int = 32,
    limit: int = 0,
    precision: str = "float32",
) -> HeldOutLoss:
    """Predict every token of ``file`` but the first, each once.

    The stream is read in windows of ``block_size`` tokens that start ``stride`` tokens apart (default: ``block_size``,
    disjoint windows); a window scores the tokens that no earlier one has, so a smaller stride gives each token
    at least ``block_size - stride`` tokens of context, at a higher price. ``limit``: only so many tokens; 0 for all.

    Bits per byte are the summed bits over the bytes of text that the tokens stand for, which compares models with
    different vocabularies. Ends of documents are predicted too and counted in the sum.
    """
    count = min(limit or len(file), len(file))
    stride = stride or block_size
    if count < 2 or not 1 <= stride <= block_size:
        raise InvalidArgumentError(
            f"evaluation needs 2 tokens and a stride in [1, {block_size}], not {count} and {stride}"
        )
    tokens = torch.from_numpy(file.tokens[:count].astype(np.int64))
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    total = 0.0
    try:
        for rows, fresh in _windows(tokens, block_size, stride, batch_size):
            inputs, targets = rows[:, :-1].to(device), rows[:, 1:].to(device)
            with autocast(device, precision):
                logits = model(inputs).logits
            kept = logits[:, -fresh:].float()
            total += float(next_token_loss(kept, targets[:, -fresh:])) * kept.shape[0] * fresh
    finally:
        model.train(was_training)
    predicted = count - 1
    text_bytes = file.text_bytes * predicted / max(1, len(file) - 1)
    bits = total / math.log(2.0)
    return HeldOutLoss(total / predicted, bits / text_bytes if text_bytes else math.nan, predicted)


def _windows(
    tokens: torch.Tensor, block_size: int, stride: int, batch_size: int
) -> list[tuple[torch.Tensor, int]]:
    """Batches of windows [rows, length + 1] and how many targets at the end of each are scored by it."""
    last = len(tokens) - 1  # targets are tokens 1 ... last
    batches: list[tuple[torch.Tensor, int]] = []
    first_end = min(block_size, last)
    batches.append((tokens[None, : first_end + 1], first_end))
    ends = list(range(first_end + stride, last + 1, stride))
    for start in range(0, len(ends), batch_size):
        part = ends[start : start + batch_size]
        batches.append((torch.stack([tokens[end - block_size : end + 1] for end in part]), stride))
    rest = last - (ends[-1] if ends else first_end)
    if rest:
        batches.append((tokens[None, -(block_size + 1) :], rest))
    return batches
