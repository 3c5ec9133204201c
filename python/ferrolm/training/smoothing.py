"""`LabelSmoothing`: the loss of classes that are believed a little less than their labels say."""

from __future__ import annotations

from torch import Tensor, nn

from ferrolm.data.batches import Batch
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models.seq2seq import Seq2SeqLM
from ferrolm.training.loss import next_token_loss
from ferrolm.training.objectives import ModelLoss

__all__ = ["LabelSmoothing"]


class LabelSmoothing(ModelLoss):
    """Cross entropy with labels of which a share is spread over all classes (Szegedy et al. 2016, section 7).

    For classes of texts and of tokens and for `Seq2SeqLM`: models whose logits [..., classes] belong to the labels [...] of the
    batch one by one. A `CausalLM`, which shifts its labels, has `ChunkedNextToken`.

    >>> import torch
    >>> from ferrolm.models import BertConfig, BertForSequenceClassification
    >>> config = BertConfig(vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    >>> batch = {"input_ids": torch.tensor([[2, 17, 3]]), "labels": torch.tensor([1])}
    >>> LabelSmoothing(0.1).loss(BertForSequenceClassification(config), batch).dtype
    torch.float32
    """

    def __init__(self, smoothing: float = 0.1, labels: str = "labels") -> None:
        """``smoothing``: the share, from 0 on and less than 1; ``labels``: their name in a batch."""
        super().__init__(labels)
        if not 0.0 <= smoothing < 1.0:
            raise InvalidArgumentError(f"smoothing is {smoothing}, expected 0 <= smoothing < 1")
        self.smoothing = smoothing

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        self.targets(batch)  # names a batch without labels
        labels = batch[self._labels]
        logits: Tensor = model(**_without_loss(model, batch, self._labels)).logits
        if logits.shape[:-1] != labels.shape or labels.is_floating_point():
            raise ShapeError(
                f"labels are {labels.dtype} {list(labels.shape)}, expected int64 {list(logits.shape[:-1])}: one class of each"
            )
        return next_token_loss(logits, labels, label_smoothing=self.smoothing)


def _without_loss(model: nn.Module, batch: Batch, labels: str) -> Batch:
    """What the model makes logits of; it would make a loss of labels, whose softmax costs as much as the one that counts."""
    inputs = {name: tensor for name, tensor in batch.items() if name != labels}
    inner = getattr(model, "module", model)
    if isinstance(inner, Seq2SeqLM) and "decoder_input_ids" not in inputs:
        inputs["decoder_input_ids"] = inner.shift_right(batch[labels])
    return inputs
