"""The heads that an encoder is trained with: masked words, next sentences, and both.

The classes of the same names in transformers, with the same parameters and losses. Arguments that all share are those of
`BertModel.forward`; losses are float32 scalars, present when labels are given.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError
from ferrolm.models.activations import activation
from ferrolm.models.bert_config import BertConfig
from ferrolm.models.encoder_head import EncoderWithHead, HeadOutput, cross_entropy

__all__ = ["BertForMaskedLM", "BertForNextSentencePrediction", "BertForPreTraining", "PreTrainingOutput"]


@dataclass
class PreTrainingOutput:
    """``prediction_logits`` [batch, time, vocab] and ``seq_relationship_logits`` [batch, 2], with the sum of the losses."""

    prediction_logits: Tensor
    seq_relationship_logits: Tensor
    loss: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class PredictionHead(nn.Module):
    """Logits of the word at each position: a layer, a norm, and the token embedding (if tied) with a bias."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.transform = nn.ModuleDict({"dense": nn.Linear(width, width), "LayerNorm": norm})
        self.decoder = nn.Linear(width, config.vocab_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        # A RoBERTa's is always this one.
        self.activation = activation("gelu" if config.counts_from_padding else config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        x = self.transform["LayerNorm"](self.activation(self.transform["dense"](x)))
        return F.linear(x, self.decoder.weight, self.bias)


class _WithCls(EncoderWithHead):
    """An encoder with ``cls``, the heads for words and sentences, as far as wanted."""

    def _add_cls(self, *, predictions: bool, next_sentence: bool) -> None:
        if next_sentence and self.config.model_type != "bert":
            raise InvalidArgumentError(
                f"model_type is {self.config.model_type!r}, which predicts no next sentence; expected 'bert'"
            )
        self.cls = nn.ModuleDict()
        if predictions:
            head = PredictionHead(self.config)
            if self.config.tie_word_embeddings:
                head.decoder.weight = self.bert.embeddings.word_embeddings.weight
            self.cls["predictions"] = head
        if next_sentence:
            self.cls["seq_relationship"] = nn.Linear(self.config.hidden_size, 2)
        self.start_head()


def _scored(states: Tensor, labels: Tensor | None, labelled_only: bool) -> tuple[Tensor, Tensor | None]:
    """The states and labels of the tokens that are scored, [tokens, hidden_size] and [tokens], or of all as they are."""
    if not labelled_only:
        return states, labels
    if labels is None:
        raise InvalidArgumentError("labels is None, expected those that labelled_only speaks of")
    scored = labels != -100
    return states[scored], labels[scored]


class BertForMaskedLM(_WithCls):
    """Which words are masked.

    >>> config = BertConfig(
    ...     vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
    ...     max_position_embeddings=8,
    ... )
    >>> model = BertForMaskedLM(config).eval()
    >>> output = model(torch.tensor([[2, 17, 4, 3]]), labels=torch.tensor([[-100, -100, 42, -100]]))
    >>> output.logits.shape, output.loss.dtype
    (torch.Size([1, 4, 100]), torch.float32)
    """

    architecture = "ForMaskedLM"

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config, pooler=False)
        self._add_cls(predictions=True, next_sentence=False)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        document_ids: Tensor | None = None,
        labelled_only: bool = False,
        output_hidden_states: bool = False,
    ) -> HeadOutput:
        """Logits [batch, time, vocab]. labels: int64 [batch, time], -100 where a token is not scored.

        labelled_only: logits [labels that are scored, vocab] alone, with the same loss. document_ids: see `BertModel.forward`.
        """
        encoded = self._encode(
            input_ids, attention_mask, token_type_ids, position_ids, output_hidden_states, document_ids
        )
        states, labels = _scored(encoded.last_hidden_state, labels, labelled_only)
        logits = self.cls["predictions"](states)
        loss = None if labels is None else cross_entropy(logits, labels)
        return HeadOutput(logits, loss, encoded.hidden_states)


class BertForNextSentencePrediction(_WithCls):
    """Whether the second sentence follows the first (0) or was drawn (1). A BERT alone has been trained for it."""

    architecture = "ForNextSentencePrediction"

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config, pooler=True)
        self._add_cls(predictions=False, next_sentence=True)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        output_hidden_states: bool = False,
    ) -> HeadOutput:
        """Logits [batch, 2]. labels: int64 [batch]."""
        encoded = self._encode(input_ids, attention_mask, token_type_ids, position_ids, output_hidden_states)
        logits = self.cls["seq_relationship"](encoded.pooler_output)
        loss = None if labels is None else cross_entropy(logits, labels)
        return HeadOutput(logits, loss, encoded.hidden_states)


class BertForPreTraining(_WithCls):
    """Both tasks that a BERT is trained on: masked words and next sentences."""

    architecture = "ForPreTraining"

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config, pooler=True)
        self._add_cls(predictions=True, next_sentence=True)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        labelled_only: bool = False,
        output_hidden_states: bool = False,
    ) -> PreTrainingOutput:
        """labels: int64 [batch, time], -100 where a token is not scored; next_sentence_label: int64 [batch].

        The loss is the sum of those whose labels are given. labelled_only: see `BertForMaskedLM.forward`.
        """
        encoded = self._encode(input_ids, attention_mask, token_type_ids, position_ids, output_hidden_states)
        states, labels = _scored(encoded.last_hidden_state, labels, labelled_only)
        words = self.cls["predictions"](states)
        follows = self.cls["seq_relationship"](encoded.pooler_output)
        loss = None
        for logits, given in ((words, labels), (follows, next_sentence_label)):
            if given is not None:
                new = cross_entropy(logits, given)
                loss = new if loss is None else loss + new
        return PreTrainingOutput(words, follows, loss, encoded.hidden_states)
