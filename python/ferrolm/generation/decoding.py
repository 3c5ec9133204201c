"""The loop of generation: feed the prompts, draw a token for each row, feed it, until every row has ended.

Rows are padded on the left; padding is masked and has no position, so that a row's tokens do not depend on the rows
beside it. Rows that have ended leave the batch when they are half of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.models import CausalLM, CpuDecoder, KeyValueCache
from ferrolm.sampling import Sampler, SamplingParams

__all__ = ["Decoder", "decode"]

Ids = NDArray[np.int64]

# Tokens of one call above which torch's matrix products in float32 are the faster ones.
MAX_TOKENS_IN_RUST = 32


class Decoder:
    """The model's state for a batch of prompts: cache, mask and positions.

    `start` and `step` give the logits of the next token of every row, [rows, vocab].
    """

    def __init__(self, model: CausalLM, prompts: Sequence[Ids], copies: int, new_tokens: int) -> None:
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
        self._on_cpu = CpuDecoder.of(model)

    def _to(self, device: torch.device) -> None:
        self._prompts, self._past, self._mask = (
            t.to(device) for t in (self._prompts, self._past, self._mask)
        )

    @torch.inference_mode()
    def start(self) -> Tensor:
        """Feed the prompts, each once, however many copies of it follow."""
        logits = self._feed(self._prompts, self._positions_of_prompts())
        if self._copies > 1:
            rows = torch.arange(len(logits), device=logits.device).repeat_interleave(self._copies)
            self.keep(rows)
            logits = logits[rows]
        return logits

    @torch.inference_mode()
    def step(self, ids: Tensor) -> Tensor:
        """Feed one token to each row, int64 [rows]."""
        positions = self._past.clamp(max=self._model.config.n_positions - 1)[:, None]
        self._past += 1
        return self._feed(ids[:, None], positions)

    @torch.inference_mode()
    def keep(self, rows: Tensor) -> None:
        """Go on with these rows of the batch, int64, in this order."""
        self._cache.select(rows)
        self._past, self._mask = self._past[rows], self._mask[rows]

    def _positions_of_prompts(self) -> Tensor:
        longest = self._prompts.shape[1]
        return (torch.arange(longest, device=self._past.device) - (longest - self._past)[:, None]).clamp(
            min=0
        )

    def _feed(self, ids: Tensor, positions: Tensor) -> Tensor:
        mask = self._mask[:, : self._cache.length + ids.shape[1]] if self._padded else None
        if self._on_cpu is not None and ids.numel() <= MAX_TOKENS_IN_RUST:
            return self._on_cpu.step(ids, positions, cast(KeyValueCache, self._cache), mask)[:, -1]
        output = self._model(
            ids, attention_mask=mask, position_ids=positions, cache=self._cache, logits_to_keep=1
        )
        logits: Tensor = output.logits
        return logits[:, -1]


def decode(
    model: CausalLM,
    prompts: Sequence[Ids],
    params: Sequence[SamplingParams],
    limits: Sequence[int],
    eos: Sequence[int],
    active: NDArray[np.bool_],
) -> Iterator[tuple[NDArray[np.intp], Ids]]:
    """The tokens of each step: (rows, ids), for the rows that are still active.

    params: of each row, ``len(params) / len(prompts)`` rows for each prompt, one after the other. limits: tokens that
    a row may have. eos: ids that end a row. active: bool [rows], where the caller may end a row too.
    """
    copies = len(params) // len(prompts)
    decoder = Decoder(model, prompts, copies, max(limits))
    sampler = Sampler(params, prompt=[prompts[row // copies] for row in range(len(params))])
    ends = np.zeros(model.config.vocab_size, dtype=bool)
    ends[list(eos)] = True
    left = np.array(limits)
    rows = np.arange(len(params))  # the batch, as rows of the caller
    logits = decoder.start()
    while True:
        chosen = None if len(rows) == len(params) else rows.tolist()
        drawn = sampler.sample(logits, rows=chosen)
        ids = drawn.cpu().numpy()  # the one wait for the device in a step
        sampler.accept(ids, rows=chosen)
        left[rows] -= 1
        alive = active[rows]
        active[rows] &= ~ends[ids] & (left[rows] > 0)
        yield rows[alive], ids[alive]
        alive = active[rows]
        if not alive.any():
            return
        if 2 * alive.sum() <= len(rows):
            kept = torch.from_numpy(np.flatnonzero(alive)).to(drawn.device)
            decoder.keep(kept)
            rows, drawn = rows[alive], drawn[kept]
        logits = decoder.step(drawn)
