"""`Seq2SeqDecoder`: the state of an encoder-decoder, which reads its sources once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ferrolm.generation.plan import Ids
from ferrolm.models.seq2seq import EncoderDecoderCache, Seq2SeqLM

__all__ = ["Seq2SeqDecoder"]


class Seq2SeqDecoder:
    """The `Decoder` of an encoder-decoder: the keys and values of the source are made once for all copies of a row.

    sources: ids of each, or features float [time, feature_size]. prompts: what the target begins with, of one length.
    ``keeps_states``: whether ``states`` has the last hidden states of what was fed last.
    """

    states: Tensor

    def __init__(
        self,
        model: Seq2SeqLM,
        sources: Sequence[Ids | Tensor],
        prompts: Sequence[Ids],
        copies: int,
        new_tokens: int,
    ) -> None:
        self._model, self._copies = model, copies
        self.keeps_states = False
        self._source, self._mask = _padded(sources, model)
        self._prompts = torch.tensor(np.stack(prompts), device=model.device)
        self._cache = EncoderDecoderCache(
            model.config, min(len(prompts[0]) + new_tokens, model.config.n_positions)
        )
        self._encoded: Tensor | None = None

    @property
    def state_mask(self) -> Tensor:
        states = self.states
        return torch.ones(len(states), self._cache.length, dtype=torch.bool, device=states.device)

    @torch.inference_mode()
    def encode(self) -> None:
        """Read the sources; `start` does so where it has not been done."""
        name = "input_ids" if self._model.feature_size is None else "input_features"
        self._encoded = self._model.encode(attention_mask=self._mask, **{name: self._source})

    @torch.inference_mode()
    def start(self) -> Tensor:
        if self._encoded is None:
            self.encode()
        logits = self._feed(self._prompts)
        if self._copies > 1:
            rows = torch.arange(len(logits), device=logits.device).repeat_interleave(self._copies)
            self.keep(rows)
            logits = logits[rows]
        return logits

    @torch.inference_mode()
    def step(self, ids: Tensor) -> Tensor:
        return self._feed(ids[:, None])

    @torch.inference_mode()
    def keep(self, rows: Tensor) -> None:
        self._cache.select(rows)
        if self.keeps_states:
            self.states = self.states[rows]

    def _feed(self, ids: Tensor) -> Tensor:
        hidden = self._model(
            decoder_input_ids=ids,
            encoder_outputs=self._encoded,
            attention_mask=self._mask,
            cache=self._cache,
            logits_to_keep=0 if self.keeps_states else 1,
            with_head=False,
        ).logits
        if self.keeps_states:
            self.states = hidden
        return self._model.head(hidden[:, -1])


def _padded(sources: Sequence[Ids | Tensor], model: Seq2SeqLM) -> tuple[Tensor, Tensor | None]:
    """All sources as one tensor, padded on the right, and the mask of what is no padding, if there is any."""
    rows = [torch.as_tensor(source) for source in sources]
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=model.config.pad_token_id)
    lengths = torch.tensor([len(row) for row in rows])
    mask = torch.arange(padded.shape[1])[None] < lengths[:, None]
    if padded.is_floating_point():
        padded = padded.to(model.dtype)
    whole = bool(mask.all())
    return padded.to(model.device), None if whole else mask.to(model.device)
