"""`CausalLM`: what the language models have in common, and all that generation, scoring and training know of them.

A decoder turns token ids into hidden states; its head, the logits and the loss are here, loading and saving in `PretrainedModel`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models.attention import Visible
from ferrolm.models.cache import Cache, KeyValueCache
from ferrolm.models.config import ModelShape
from ferrolm.models.documents import separate
from ferrolm.models.pretrained import PretrainedModel

__all__ = ["CausalLM", "CausalLMConfig", "CausalLMOutput", "place"]


class CausalLMConfig(ModelShape, Protocol):
    """What the configuration of every model says."""

    @property
    def num_layers(self) -> int: ...
    @property
    def tie_word_embeddings(self) -> bool: ...
    def to_dict(self) -> dict[str, Any]: ...
    @classmethod
    def from_file(cls, path: Path | str) -> Self: ...


@dataclass
class CausalLMOutput:
    """``logits`` [batch, time, vocab]; ``loss``, a float32 scalar in nats per predicted token, when labels were given."""

    logits: Tensor
    loss: Tensor | None = None


class CausalLM(PretrainedModel):
    """A decoder with a language-model head, in the layout of the Hugging Face hub.

    An architecture is a subclass that names its configuration's class, the attribute that holds the decoder and, in that,
    the one of the token embedding; its ``__init__`` makes ``config``, the decoder and ``lm_head``.
    """

    embedding_name: ClassVar[str]
    # Whether the decoder takes ``document_ids``, and passes them on to `place`.
    takes_document_ids: ClassVar[bool] = False

    config: CausalLMConfig
    lm_head: nn.Module

    @property
    def decoder(self) -> nn.Module:
        """The model without its head: ids [batch, time] to hidden states [batch, time, hidden_size]."""
        return getattr(self, self.base_model_prefix)  # type: ignore[no-any-return]

    @property
    def token_embedding(self) -> nn.Embedding:
        return getattr(self.decoder, self.embedding_name)  # type: ignore[no-any-return]

    def tie_weights(self) -> None:
        """Make the head and the token embedding one parameter, where the configuration says so."""
        if self.config.tie_word_embeddings:
            self.lm_head.weight = self.token_embedding.weight

    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: Cache | None = None,
        *,
        shift_labels: Tensor | None = None,
        document_ids: Tensor | None = None,
        logits_to_keep: int = 0,
        with_head: bool = True,
    ) -> CausalLMOutput:
        """Logits of the next token at every position, and the loss when labels are given.

        input_ids: int64 [batch, time]. attention_mask: [batch, time in the cache + time], nonzero for tokens, zero
        for padding (on the left, for generation). position_ids: [batch, time], below ``n_positions``; by default counted
        from the mask. cache: tokens seen before; the new ones are appended. labels: int64 [batch, time], usually
        ``input_ids`` itself: position t is scored on label t + 1, and -100 is not scored; shift_labels: the same, already
        shifted, so that position t is scored on label t. document_ids: int64 [batch, time], where several texts share a row:
        neighbours with the same number are one text, whose tokens see each other alone and whose positions count from 0;
        -1 is padding. logits_to_keep: the last n positions alone (0: all). with_head: False gives the hidden states
        [batch, time, hidden_size] as ``logits``, and no loss, to an objective that makes the logits piece by piece.

        Raises `InvalidArgumentError` beyond ``n_positions`` tokens and for ``document_ids`` in a model that cannot tell texts
        apart (a recurrent one) or beside a cache, and `ShapeError` for a mask that does not fit.
        """
        if document_ids is not None:
            self._check_documents(cache)
        if document_ids is not None or not with_head:
            extra = {} if document_ids is None else {"document_ids": document_ids}
            hidden = self.decoder(input_ids, attention_mask, position_ids, cache, **extra)[
                :, -logits_to_keep:
            ]
            if not with_head:
                return CausalLMOutput(hidden)
            logits = self.lm_head(hidden)
        else:
            logits = self._logits(input_ids, attention_mask, position_ids, cache, logits_to_keep)
        if labels is not None and shift_labels is None:
            shift_labels = F.pad(labels[:, 1:], (0, 1), value=-100)
        if shift_labels is None:
            return CausalLMOutput(logits)
        loss = F.cross_entropy(
            logits.view(-1, logits.shape[-1]).float(), shift_labels.reshape(-1), ignore_index=-100
        )
        return CausalLMOutput(logits, loss)

    def _check_documents(self, cache: Cache | None) -> None:
        if not self.takes_document_ids:
            raise InvalidArgumentError(
                f"document_ids are given, but {type(self).__name__} reads a row as one text: give each text a row"
            )
        if cache is not None:
            raise InvalidArgumentError("document_ids and cache are both given, expected one of them")

    def _logits(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        position_ids: Tensor | None,
        cache: Cache | None,
        keep: int,
    ) -> Tensor:
        from ferrolm.models.cpu_decoder import CpuDecoder  # which knows the architectures

        decoder = CpuDecoder.instead_of_torch(self)
        if decoder is None:
            hidden = self.decoder(input_ids, attention_mask, position_ids, cache)
            return self.lm_head(hidden[:, -keep:])  # type: ignore[no-any-return]
        n_positions, new = self.config.n_positions, input_ids.shape[1]
        position_ids, _ = place(input_ids, attention_mask, position_ids, cache, n_positions)
        cache = self.new_cache(new) if cache is None else cache
        # A model that this decoder knows has such a cache.
        kept = cast(KeyValueCache, cache)
        logits = decoder.step(input_ids, position_ids, kept, attention_mask, min(keep, new) or new)
        return logits.to(self.dtype)

    def new_cache(self, capacity: int = 64) -> Cache:
        """An empty cache for `forward`, with room for so many tokens at first; of the kind that the architecture keeps."""
        return KeyValueCache(self.config, capacity)


def place(
    input_ids: Tensor,
    attention_mask: Tensor | None,
    position_ids: Tensor | None,
    cache: Cache | None,
    n_positions: int,
    document_ids: Tensor | None = None,
) -> tuple[Tensor, Visible]:
    """Positions of the new tokens, [batch, time] or [time], and the tokens that they see; `CausalLM.forward` has the rest.

    Padding on the left does not count, so that a row does not depend on it. Neither does another text in the row.
    """
    past = 0 if cache is None else cache.length
    batch, time = input_ids.shape
    if attention_mask is not None and attention_mask.shape != (batch, past + time):
        shapes = f"{list(attention_mask.shape)}, expected {[batch, past + time]}"
        raise ShapeError(f"attention_mask has shape {shapes}: [batch, tokens in the cache + new tokens]")
    if document_ids is not None:
        documents, places = separate(document_ids, input_ids, n_positions)
        visible = Visible(time, time, attention_mask, documents=documents)
        return places if position_ids is None else position_ids, visible
    if position_ids is None:
        if past + time > n_positions:
            raise InvalidArgumentError(
                f"{past + time} tokens, at most {n_positions} (n_positions) fit the model"
            )
        if attention_mask is None:
            position_ids = torch.arange(past, past + time, device=input_ids.device)
        else:
            position_ids = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)[:, past:]
    return position_ids, Visible(time, past + time, attention_mask)
