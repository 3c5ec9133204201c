"""What the heads of an encoder have in common: `EncoderWithHead`, their output and the cross entropy."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from ferrolm.models.bert import BertModel, BertPretrainedModel, EncoderOutput
from ferrolm.models.bert_config import BertConfig

__all__ = ["EncoderWithHead", "HeadOutput", "cross_entropy"]


@dataclass
class HeadOutput:
    """``logits``, whose shape the head tells; ``loss`` with labels; ``hidden_states`` (see `EncoderOutput`) on demand."""

    logits: Tensor
    loss: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


def cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    """In float32 and nats, the mean over all labels but ``ignore_index``; logits: [..., classes], labels: int64 [...]."""
    return F.cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(), labels.reshape(-1), ignore_index=ignore_index
    )


class EncoderWithHead(BertPretrainedModel):
    """An encoder in ``bert``, with what the predicting heads need of it."""

    def __init__(self, config: BertConfig, *, pooler: bool) -> None:
        super().__init__()
        self.config = config
        self.bert = BertModel(config, add_pooling_layer=pooler)

    def _encode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        token_type_ids: Tensor | None,
        position_ids: Tensor | None,
        output_hidden_states: bool,
        document_ids: Tensor | None = None,
    ) -> EncoderOutput:
        return self.bert(  # type: ignore[no-any-return]
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            document_ids=document_ids,
            output_hidden_states=output_hidden_states,
        )
