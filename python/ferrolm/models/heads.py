"""The heads that an encoder is fine-tuned with: classes of texts and of tokens, answers.

The classes of the same names in transformers, with the same parameters and losses, for all families of `BertConfig`.
Arguments that all share are those of `BertModel.forward`; losses are float32 scalars, present when labels are given.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.models.bert import EncoderOutput
from ferrolm.models.bert_config import BertConfig
from ferrolm.models.crf import LinearChainCRF
from ferrolm.models.encoder_head import EncoderWithHead, HeadOutput, cross_entropy
from ferrolm.models.sentence_encoder import pool

__all__ = [
    "BertCrfForTokenClassification",
    "BertForQuestionAnswering",
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "QuestionAnsweringOutput",
]


@dataclass
class QuestionAnsweringOutput:
    """``start_logits`` and ``end_logits`` [batch, time] of the answer's first and last token."""

    start_logits: Tensor
    end_logits: Tensor
    loss: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class BertForSequenceClassification(EncoderWithHead):
    """Classes, or numbers, of texts and pairs of texts.

    ``problem_type`` of the configuration says which loss: "regression" (mean squared error), "single_label_classification"
    (cross entropy) or "multi_label_classification" (binary cross entropy of each label). Where it says nothing, one label
    is a regression, labels that are integers are classes, and others are several at once. With another
    ``classifier_pooling`` than "cls", which transformers does not have, the mean or maximum of the tokens is classified.

    >>> config = BertConfig(
    ...     vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, num_labels=3
    ... )
    >>> model = BertForSequenceClassification(config).eval()
    >>> model(torch.tensor([[2, 17, 42, 3]]), labels=torch.tensor([1])).logits.shape
    torch.Size([1, 3])
    """

    architecture = "ForSequenceClassification"

    def __init__(self, config: BertConfig) -> None:
        by_first = config.classifier_pooling == "cls"
        super().__init__(config, pooler=by_first and config.model_type == "bert")
        assert config.num_labels is not None  # BertConfig fills it in
        if by_first and config.model_type != "bert":  # what the relatives have instead of a pooler
            self.pre_classifier = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(config.seq_classif_dropout if config.is_distilbert else config.head_dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.start_head()

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
        """Logits [batch, num_labels]. labels: int64 [batch] classes; numbers [batch] or [batch, num_labels]."""
        encoded = self._encode(input_ids, attention_mask, token_type_ids, position_ids, output_hidden_states)
        logits = self.classifier(self.dropout(self._pooled(encoded, attention_mask)))
        loss = None if labels is None else self._loss(logits, labels)
        return HeadOutput(logits, loss, encoded.hidden_states)

    def _pooled(self, encoded: EncoderOutput, attention_mask: Tensor | None) -> Tensor:
        if self.config.classifier_pooling != "cls":
            return pool(encoded.last_hidden_state, attention_mask, self.config.classifier_pooling)
        if encoded.pooler_output is not None:
            return encoded.pooler_output
        first = encoded.last_hidden_state[:, 0]
        if self.config.is_distilbert:
            return F.relu(self.pre_classifier(first))
        return torch.tanh(self.pre_classifier(self.dropout(first)))

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        problem = self.config.problem_type
        if problem is None:
            whole = not labels.is_floating_point()
            problem = "single_label_classification" if whole else "multi_label_classification"
            problem = "regression" if self.config.num_labels == 1 else problem
        if problem == "single_label_classification":
            return cross_entropy(logits, labels)
        # Broadcasting [batch] against [batch, 1] would score every text on every number.
        labels = labels.reshape(logits.shape).float()
        if problem == "regression":
            return F.mse_loss(logits.float(), labels)
        return F.binary_cross_entropy_with_logits(logits.float(), labels)


class BertForTokenClassification(EncoderWithHead):
    """A class for each token, whatever those of its neighbours (see `BertCrfForTokenClassification`)."""

    architecture = "ForTokenClassification"

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config, pooler=False)
        assert config.num_labels is not None  # BertConfig fills it in
        self.dropout = nn.Dropout(config.head_dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.start_head()

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
        """Logits [batch, time, num_labels]. labels: int64 [batch, time], -100 where a token is not scored."""
        encoded = self._encode(input_ids, attention_mask, token_type_ids, position_ids, output_hidden_states)
        logits = self.classifier(self.dropout(encoded.last_hidden_state))
        loss = None if labels is None else self._loss(logits, labels)
        return HeadOutput(logits, loss, encoded.hidden_states)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(logits, labels)


class BertCrfForTokenClassification(BertForTokenClassification):
    """A class for each token, the best sequence of them: a `LinearChainCRF` over the logits. transformers has none.

    The loss is the mean negative log likelihood of a row's labels; tokens labelled -100 are skipped, and the others are
    neighbours.

    >>> config = BertConfig(
    ...     vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, num_labels=3
    ... )
    >>> model = BertCrfForTokenClassification(config).eval()
    >>> output = model(torch.tensor([[2, 17, 42, 3]]))
    >>> model.decode(output.logits, torch.tensor([[0, 1, 1, 0]])).shape
    torch.Size([1, 4])
    """

    architecture = "CrfForTokenClassification"

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        assert config.num_labels is not None
        self.crf = LinearChainCRF(config.num_labels)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return -self.crf.log_likelihood(logits, labels, labels != -100).mean()

    def decode(self, logits: Tensor, mask: Tensor | None = None) -> Tensor:
        """The best classes, int64 [batch, time], -100 outside the mask: nonzero [batch, time] for tokens that have one."""
        return self.crf.decode(logits, mask)[0]


class BertForQuestionAnswering(EncoderWithHead):
    """Where in the text the answer starts and ends."""

    architecture = "ForQuestionAnswering"

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config, pooler=False)
        self.dropout = nn.Dropout(config.qa_dropout if config.is_distilbert else 0.0)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.start_head()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        output_hidden_states: bool = False,
    ) -> QuestionAnsweringOutput:
        """start_positions, end_positions: int64 [batch], the answer's first and last token; beyond the text: not scored."""
        encoded = self._encode(input_ids, attention_mask, token_type_ids, position_ids, output_hidden_states)
        start, end = self.qa_outputs(self.dropout(encoded.last_hidden_state)).unbind(-1)
        loss = None
        if start_positions is not None and end_positions is not None:
            beyond = start.shape[1]
            losses = [
                cross_entropy(logits, position.clamp(0, beyond), ignore_index=beyond)
                for logits, position in ((start, start_positions), (end, end_positions))
            ]
            loss = (losses[0] + losses[1]) / 2
        return QuestionAnsweringOutput(start, end, loss, encoded.hidden_states)
