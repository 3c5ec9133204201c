"""The state of a model for a batch of rows: what each way of decoding feeds, and takes logits from.

Rows are padded on the left; padding is masked and has no position, so that a row's tokens do not depend on the rows
beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.decoders.forward import Forward
from ferrolm.generation.plan import Ids
from ferrolm.models import CausalLM

__all__ = ["CausalDecoder", "Decoder"]


class Decoder(Protocol):
    """`start` and `step` give the logits of the next token of every row, [rows, vocab]."""

    def start(self) -> Tensor:
        """Feed the prompts, each once, however many rows it has."""
        ...

    def step(self, ids: Tensor) -> Tensor:
        """Feed one token to each row, int64 [rows]."""
        ...

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows of the batch, int64, repeats allowed, in this order."""
        ...


class CausalDecoder:
    """The `Decoder` of a decoder: its cache, mask and positions.

    new_tokens: how many may follow a prompt. keeps_states: whether ``states`` has the last hidden states of the tokens
    that were fed last, [rows, tokens, hidden_size], of which ``state_mask`` [rows, tokens fed so far] are no padding.
    in_torch: go through the modules of the model, which somebody looks at, in any case.
    """

    states: Tensor

    def __init__(
        self,
        model: CausalLM,
        prompts: Sequence[Ids],
        copies: int,
        new_tokens: int,
        *,
        keeps_states: bool = False,
        in_torch: bool = False,
    ) -> None:
        self._model = model
        self._copies = copies
        lengths = [len(prompt) for prompt in prompts]
        longest = max(lengths)
        self._prompts = torch.tensor(
            np.stack([np.pad(prompt, (longest - len(prompt), 0)) for prompt in prompts])
        )
        self._past = torch.tensor(lengths)  # tokens of each row, which is the position of its next one
        self._padded = min(lengths) < longest
        padding = longest - self._past
        self._mask = (
            torch.arange(longest + new_tokens)[None] >= padding[:, None]
        )  # [rows, all that can be fed]
        self._cache = model.new_cache(min(longest + new_tokens, model.config.n_positions))
        self._to(model.device)
        self._keeps_states = keeps_states
        self._forward = Forward(model, in_torch=keeps_states or in_torch)

    def _to(self, device: torch.device) -> None:
        self._prompts, self._past, self._mask = (
            t.to(device) for t in (self._prompts, self._past, self._mask)
        )

    @property
    def state_mask(self) -> Tensor:
        return self._mask[:, : self._cache.length]

    @torch.inference_mode()
    def start(self) -> Tensor:
        logits = self._read()
        if self._copies > 1:
            rows = torch.arange(len(logits), device=logits.device).repeat_interleave(self._copies)
            self.keep(rows)
            logits = logits[rows]
        return logits

    @torch.inference_mode()
    def step(self, ids: Tensor) -> Tensor:
        positions = self._past.clamp(max=self._model.config.n_positions - 1)[:, None]
        self._past += 1
        return self._feed(ids[:, None], positions)

    @torch.inference_mode()
    def keep(self, rows: Tensor) -> None:
        self._cache.select(rows)
        self._past, self._mask = self._past[rows], self._mask[rows]
        if self._keeps_states:
            self.states = self.states[rows]

    def _read(self) -> Tensor:
        return self._feed(self._prompts, self._positions_of_prompts())

    def _positions_of_prompts(self) -> Tensor:
        longest = self._prompts.shape[1]
        return (torch.arange(longest, device=self._past.device) - (longest - self._past)[:, None]).clamp(
            min=0
        )

    def _feed(self, ids: Tensor, positions: Tensor) -> Tensor:
        mask = self._mask[:, : self._cache.length + ids.shape[1]] if self._padded else None
        if self._keeps_states:
            return self._feed_for_states(ids, positions, mask)
        return self._forward(ids, self._cache, mask, positions)[:, -1]

    def _feed_for_states(self, ids: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        if not hasattr(self._model, "lm_head"):
            raise InvalidArgumentError(f"{type(self._model).__name__} has no hidden states of its own")
        self.states = self._model(
            ids, attention_mask=mask, position_ids=positions, cache=self._cache, with_head=False
        ).logits
        return self._model.lm_head(self.states[:, -1])  # type: ignore[no-any-return]
