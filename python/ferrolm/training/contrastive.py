"""`InBatchNegatives`: what belongs together is to be nearer than everything else in the batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.data.batches import Batch
from ferrolm.errors import InvalidArgumentError

__all__ = ["InBatchNegatives"]

_POSITIVE, _NEGATIVE = "positive_", "negative_"


class InBatchNegatives:
    """InfoNCE (van den Oord et al. 2018), known as multiple negatives ranking (Henderson et al. 2017).

    Each anchor is to choose its positive, by cosine, among all positives of the batch and all hard negatives. The model is a
    `BertForSentenceEmbedding`, or another that returns ``embeddings`` [rows, size]; the batch is that of
    `ferrolm.data.ContrastivePairsCollator`. A text that is the positive of two rows of a batch is a negative of one of them:
    shuffle so that this is rare.

    >>> from ferrolm.models import BertConfig, BertForSentenceEmbedding
    >>> config = BertConfig(vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    >>> ids = torch.tensor([[2, 17, 3], [2, 42, 3]])
    >>> batch = {"input_ids": ids, "positive_input_ids": ids}
    >>> objective = InBatchNegatives(temperature=0.05)
    >>> objective.targets(batch), bool(objective.loss(BertForSentenceEmbedding(config).eval(), batch) < 0.7)
    (2, True)
    """

    def __init__(self, temperature: float = 0.05, *, symmetric: bool = False) -> None:
        """How sharply, and in which directions.

        Args:
            temperature: what cosines are divided by; 0.05 is the scale of 20 of sentence-transformers.
            symmetric: positives are to choose their anchors as well; the loss is the mean of both.
        """
        if temperature <= 0:
            raise InvalidArgumentError(f"temperature is {temperature}, expected more than 0")
        self.temperature, self.symmetric = temperature, symmetric

    def targets(self, batch: Batch) -> int:
        """The rows."""
        return len(batch["input_ids"])

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        if _POSITIVE + "input_ids" not in batch:
            raise InvalidArgumentError(f"a batch has {', '.join(batch)}, expected positive_input_ids")
        anchors = self._embed(model, _without_prefix(batch, ""))
        positives = self._embed(model, _without_prefix(batch, _POSITIVE))
        candidates = positives
        if _NEGATIVE + "input_ids" in batch:
            negatives = {name: each.flatten(0, 1) for name, each in _without_prefix(batch, _NEGATIVE).items()}
            candidates = torch.cat([positives, self._embed(model, negatives)])
        own = torch.arange(len(anchors), device=anchors.device)
        loss = F.cross_entropy(anchors @ candidates.t() / self.temperature, own)
        if self.symmetric:
            loss = (loss + F.cross_entropy(positives @ anchors.t() / self.temperature, own)) / 2
        return loss

    def _embed(self, model: nn.Module, inputs: Batch) -> Tensor:
        """Vectors of length 1, float32 [rows, size]."""
        return F.normalize(model(**inputs).embeddings.float(), dim=-1)


def _without_prefix(batch: Batch, prefix: str) -> Batch:
    """The inputs of one kind of text: those whose names start with ``prefix``, without it."""
    if prefix:
        return {name[len(prefix) :]: each for name, each in batch.items() if name.startswith(prefix)}
    return {name: each for name, each in batch.items() if not name.startswith((_POSITIVE, _NEGATIVE))}
