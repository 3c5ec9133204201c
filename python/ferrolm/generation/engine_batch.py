"""The model's side of an engine: prompts that are read a part at a time, and the batch whose rows come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from ferrolm.generation.decoding import MAX_TOKENS_IN_RUST, Ids
from ferrolm.models import CausalLM, CpuDecoder, KeyValueCache
from ferrolm.models.cache_rows import CacheRows, new_rows

__all__ = ["Forward", "Prefill", "RunningBatch"]


class Forward:
    """Passes of a model as it is now, by the fastest way for their size."""

    def __init__(self, model: CausalLM) -> None:
        self.model = model
        self._on_cpu = CpuDecoder.of(model)

    @torch.inference_mode()
    def __call__(self, ids: Tensor, cache: CacheRows, mask: Tensor | None, positions: Tensor) -> Tensor:
        """Logits after the last of the new tokens, [rows, vocab]. ids: int64 [rows, new], positions likewise."""
        if self._on_cpu is not None and ids.numel() <= MAX_TOKENS_IN_RUST:
            return self._on_cpu.step(ids, positions, cast(KeyValueCache, cache), mask)[:, -1]
        output = self.model(ids, attention_mask=mask, position_ids=positions, cache=cache, logits_to_keep=1)
        return output.logits[:, -1]  # type: ignore[no-any-return]


class Prefill:
    """A prompt that is being read.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=8, n_embd=4, n_layer=1, n_head=2)).eval()
    >>> prefill = Prefill(Forward(model), np.arange(5))
    >>> prefill.advance(3), prefill.left, prefill.advance(3).shape
    (None, 2, torch.Size([1, 50]))
    """

    def __init__(self, forward: Forward, prompt: Ids) -> None:
        self._forward = forward
        self._ids = torch.from_numpy(prompt).to(forward.model.device)[None]
        self.cache = new_rows(forward.model, rows=1, capacity=len(prompt))

    @property
    def left(self) -> int:
        """Tokens that have not been read."""
        return self._ids.shape[1] - self.cache.length

    def advance(self, most: int) -> Tensor | None:
        """Read at most so many tokens; the logits after the last one, [1, vocab], when all have been read."""
        begin = self.cache.length
        end = min(begin + most, self._ids.shape[1])
        positions = torch.arange(begin, end, device=self._ids.device)[None]
        logits = self._forward(self._ids[:, begin:end], self.cache, None, positions)
        return logits if end == self._ids.shape[1] else None


class RunningBatch:
    """Rows that are continued together; their order is that in which they joined, but the last one fills a gap."""

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self.cache = new_rows(forward.model)

    def __len__(self) -> int:
        return len(self.cache)

    @torch.inference_mode()
    def join(self, prefill: Prefill) -> None:
        """Go on with a prompt that has been read, as the last row."""
        self.cache.join(prefill.cache)  # type: ignore[arg-type]  # of one kind: both are made for the model

    @torch.inference_mode()
    def leave(self, row: int) -> None:
        """Drop a row; the last one takes its place."""
        self.cache.leave(row)

    @torch.inference_mode()
    def step(self, ids: Sequence[int]) -> Tensor:
        """Feed a token to each row: logits of the next one, [rows, vocab]."""
        mask = self.cache.mask(1)
        tokens = torch.tensor(ids, device=self._forward.model.device)[:, None]
        return self._forward(tokens, self.cache, mask, self.cache.positions()[:, None])
