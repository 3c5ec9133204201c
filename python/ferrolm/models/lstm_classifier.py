"""`LSTMClassifier`: a label for a text, by a bidirectional LSTM (or GRU) and a linear head.

Hochreiter & Schmidhuber 1997; Schuster & Paliwal 1997 (both directions). Ways of pooling: Yang et al. 2016 for attention,
Conneau et al. 2017 for the maximum.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.models.lstm_config import LSTMConfig
from ferrolm.models.lstm_encoder import LabelLoss, LSTMModel, LSTMOutput

__all__ = ["LSTMClassifier"]


class LSTMClassifier(LSTMModel):
    """A label for each text: embedding, recurrent layers, pooling over the tokens, dropout, linear head.

    embeddings: [vocab_size, embedding_size] to begin with, an array or a tensor, such as word vectors; they learn unless
    ``config.train_embeddings`` is false. A row's logits depend neither on the other rows nor on padding.

    >>> config = LSTMConfig(vocab_size=100, embedding_size=8, hidden_size=4, num_labels=3, pooling="max")
    >>> model = LSTMClassifier(config).eval()
    >>> ids = torch.tensor([[5, 17, 42], [7, 0, 0]])
    >>> output = model(ids, lengths=torch.tensor([3, 1]), labels=torch.tensor([0, 2]))
    >>> output.logits.shape, output.loss.dtype
    (torch.Size([2, 3]), torch.float32)
    """

    def __init__(self, config: LSTMConfig, embeddings: Any = None) -> None:
        super().__init__(config, embeddings)
        size = config.output_size
        if config.pooling == "attention":
            self.attention = nn.Linear(size, size)
            self.query = nn.Linear(size, 1, bias=False)
        self.classifier = nn.Linear(size, config.num_labels or 0)
        self.loss = LabelLoss(config)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        lengths: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> LSTMOutput:
        """Logits [batch, labels], and the loss when labels, int64 [batch], are given; -100 is not scored.

        input_ids: int64 [batch, time]. Which of them are tokens: attention_mask, [batch, time], nonzero for tokens, or
        lengths, int64 [batch], tokens at the beginning of each row; without either, all. A text without tokens pools to 0.
        Raises `ShapeError` for a mask or lengths that do not fit, or both.
        """
        out, last, mask = self._encode(input_ids, attention_mask, lengths)
        pooled = F.dropout(self._pool(out, last, mask), self.config.output_dropout, self.training)
        logits = self.classifier(pooled)
        return LSTMOutput(logits, None if labels is None else self.loss(logits, labels))

    def _pool(self, out: Tensor, last: Tensor, mask: Tensor) -> Tensor:
        """One vector, [batch, size], from outputs [batch, time, size] that are 0 at padding."""
        if self.config.pooling == "last":
            return last
        if self.config.pooling == "mean":
            return out.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        tokens = mask[..., None]
        if self.config.pooling == "max":
            # The minimum instead of infinity, which would not become 0 in a text without tokens.
            highest = out.masked_fill(~tokens, torch.finfo(out.dtype).min).amax(1)
            return highest * mask.any(1, keepdim=True)
        scores = self.query(torch.tanh(self.attention(out)))
        weights = scores.masked_fill(~tokens, torch.finfo(scores.dtype).min).softmax(1)
        pooled: Tensor = (weights * out).sum(1)
        return pooled
