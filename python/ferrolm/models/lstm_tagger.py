"""`BiLSTMTagger`: a label for each token, by a bidirectional LSTM (or GRU); Huang et al. 2015, with characters Ma & Hovy 2016.

What is made of the logits is a `TagDecoder`: "softmax" takes each token by itself, "crf" the best sequence of labels; a third
one puts its name into `TAG_DECODERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.models.crf import LinearChainCRF
from ferrolm.models.lstm_config import LSTMConfig
from ferrolm.models.lstm_encoder import LabelLoss, LSTMModel, LSTMOutput

__all__ = ["TAG_DECODERS", "BiLSTMTagger", "CrfTags", "SoftmaxTags", "TagDecoder"]


class TagDecoder(Protocol):
    """From emissions, [batch, time, labels], to a loss and to labels; a module, whose weights are saved with the tagger."""

    def loss(self, emissions: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """A float32 scalar; labels: int64 [batch, time], -100 is not scored; mask: bool [batch, time], true for tokens."""

    def decode(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Labels, int64 [batch, time], -100 where there is no token."""


class SoftmaxTags(nn.Module):
    """Each token by itself: cross-entropy, and the most probable label."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.label_loss = LabelLoss(config)

    def loss(self, emissions: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """The mean over tokens whose label is not -100, whatever label padding has."""
        loss: Tensor = self.label_loss(emissions, labels.masked_fill(~mask, -100))
        return loss

    def decode(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """The most probable label of each token, and -100 at padding."""
        return emissions.argmax(-1).masked_fill(~mask, -100)


class CrfTags(nn.Module):
    """A `LinearChainCRF` over the tokens whose label counts: neighbours depend on each other."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        if config.class_weights is not None or config.label_smoothing:
            raise InvalidArgumentError(
                "class_weights and label_smoothing are for tag_decoder='softmax': a CRF scores whole sequences"
            )
        self.crf = LinearChainCRF(config.num_labels or 0)

    def loss(self, emissions: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """The mean negative log likelihood of a row's labels; tokens with -100 are left out, the others neighbours."""
        return -self.crf.log_likelihood(emissions, labels, mask & (labels != -100)).mean()

    def decode(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """The most probable sequence of each row, and -100 at padding."""
        return self.crf.decode(emissions, mask)[0]


# Name in config.json -> what makes the `TagDecoder`, a module, from the configuration.
TAG_DECODERS: dict[str, Callable[[LSTMConfig], nn.Module]] = {"softmax": SoftmaxTags, "crf": CrfTags}


class BiLSTMTagger(LSTMModel):
    """A label for each token: embedding, recurrent layers, dropout, linear head, and the decoder of tags.

    embeddings: as of `LSTMClassifier`. Raises `UnknownNameError` for a ``config.tag_decoder`` that is not registered.

    >>> model = BiLSTMTagger(LSTMConfig(vocab_size=100, embedding_size=8, hidden_size=4, num_labels=3)).eval()
    >>> ids, mask = torch.tensor([[5, 17, 42], [7, 0, 0]]), torch.tensor([[1, 1, 1], [1, 0, 0]])
    >>> model(ids, mask, labels=ids % 3).logits.shape
    torch.Size([2, 3, 3])
    >>> model.decode(ids, mask)[1, 1:].tolist()
    [-100, -100]
    """

    def __init__(self, config: LSTMConfig, embeddings: Any = None) -> None:
        super().__init__(config, embeddings)
        if config.tag_decoder not in TAG_DECODERS:
            known = ", ".join(TAG_DECODERS)
            raise UnknownNameError(
                f"tag_decoder is {config.tag_decoder!r}, expected one of {known}"
                f"{nearest(str(config.tag_decoder), TAG_DECODERS)}"
            )
        self.classifier = nn.Linear(config.output_size, config.num_labels or 0)
        self.tags = TAG_DECODERS[config.tag_decoder](config)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        lengths: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        character_ids: Tensor | None = None,
    ) -> LSTMOutput:
        """Logits [batch, time, labels], and the loss when labels, int64 [batch, time], are given; -100 is not scored.

        character_ids: int64 [batch, time, letters], where the configuration has a ``character_size``: the letters of the word
        that each token is of, as `CharacterEncoder` reads them. The other arguments and the errors are those of
        `LSTMClassifier.forward`.
        """
        logits, mask = self._emissions(input_ids, attention_mask, lengths, character_ids)
        loss = None if labels is None else self._decoder.loss(logits, labels, mask)
        return LSTMOutput(logits, loss)

    @torch.no_grad()
    def decode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        lengths: Tensor | None = None,
        *,
        character_ids: Tensor | None = None,
    ) -> Tensor:
        """The labels of the tokens, int64 [batch, time], and -100 at padding; call it in evaluation mode."""
        return self._decoder.decode(*self._emissions(input_ids, attention_mask, lengths, character_ids))

    def _emissions(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        lengths: Tensor | None,
        character_ids: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        out, _, mask = self._encode(input_ids, attention_mask, lengths, character_ids)
        return self.classifier(F.dropout(out, self.config.output_dropout, self.training)), mask

    @property
    def _decoder(self) -> TagDecoder:
        return cast(TagDecoder, self.tags)
