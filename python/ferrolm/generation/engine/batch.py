"""The model's side of an engine: prompts that are read a part at a time, and the batch whose rows come and go.

All but `read_prompts` is called in inference mode, which is not entered for every pass because that takes as long as a small
operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from ferrolm.generation.decoding import Ids
from ferrolm.generation.prefix_cache import PrefixCache
from ferrolm.models import CausalLM, CpuDecoder, KeyValueCache
from ferrolm.models.cache_rows import CacheRows, KeyValueRows, new_rows
from ferrolm.models.recurrent import RecurrentCache

__all__ = ["Forward", "Prefill", "RunningBatch", "read_prompts"]


class Forward:
    """Passes of a model as it is now, by the fastest way for their size.

    in_parts: whether a prompt may be read in several passes, which is where positions do not depend on what follows.
    """

    def __init__(self, model: CausalLM) -> None:
        self.model = model
        self.device = model.device
        self.in_parts = PrefixCache.serves(model) or type(model.new_cache()) is RecurrentCache
        self._on_cpu = CpuDecoder.of(model)
        self._most_on_cpu = 0 if self._on_cpu is None else self._on_cpu.most_tokens

    def __call__(self, ids: Tensor, cache: CacheRows, mask: Tensor | None, positions: Tensor) -> Tensor:
        """Logits after the last of the new tokens, [rows, vocab]. ids: int64 [rows, new], positions likewise."""
        if self._on_cpu is not None and ids.numel() <= self._most_on_cpu:
            return self._on_cpu.step(ids, positions, cast(KeyValueCache, cache), mask)[:, -1]
        output = self.model(ids, attention_mask=mask, position_ids=positions, cache=cache, logits_to_keep=1)
        return output.logits[:, -1]  # type: ignore[no-any-return]


class Prefill:
    """A prompt that is being read, without what the prefix cache knows of it.

    >>> import numpy as np
    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=8, n_embd=4, n_layer=1, n_head=2)).eval()
    >>> with torch.inference_mode():
    ...     prefill = Prefill(Forward(model), np.arange(5))
    ...     prefill.advance(3), prefill.left, prefill.advance(3).shape
    (None, 2, torch.Size([1, 50]))
    """

    def __init__(
        self, forward: Forward, prompt: Ids, prefixes: PrefixCache | None = None, *, capacity: int = 0
    ) -> None:
        self._forward, self._prompt = forward, prompt
        self._ids = torch.from_numpy(prompt).to(forward.device)[None]
        self.cache = new_rows(forward.model, rows=1, capacity=max(capacity, len(prompt)))
        self._prefixes = prefixes if forward.in_parts and isinstance(self.cache, KeyValueRows) else None
        if self._prefixes is not None and isinstance(self.cache, KeyValueRows):
            self._prefixes.bind(forward.model)
            self._prefixes.load(prompt.tolist(), self.cache)

    @property
    def left(self) -> int:
        """Tokens that have not been read."""
        return self._ids.shape[1] - self.cache.length

    def advance(self, most: int) -> Tensor | None:
        """Read at most so many tokens; the logits after the last one, [1, vocab], when all have been read."""
        begin, end = self.cache.length, self._ids.shape[1]
        if self._forward.in_parts:
            end = min(begin + most, end)
        positions = torch.arange(begin, end, device=self._ids.device)[None]
        logits = self._forward(self._ids[:, begin:end], self.cache, None, positions)
        if end < self._ids.shape[1]:
            return None
        if self._prefixes is not None and isinstance(self.cache, KeyValueRows):
            self._prefixes.store(self._prompt.tolist(), self.cache)
        return logits


@torch.inference_mode()
def read_prompts(
    model: CausalLM, prompts: Sequence[Ids], prefixes: PrefixCache | None = None, *, new_tokens: int = 0
) -> tuple[Tensor, CacheRows]:
    """What follows each prompt, and the cache to go on with: a left-padded batch, without computing what ``prefixes`` has.

    new_tokens: that room is made for, so that the columns of a row stay where they are. Returns logits, [rows, vocab], and a
    cache of as many columns as the longest prompt, in which every row ends with the last one.
    """
    forward = Forward(model)
    capacity = max(len(prompt) for prompt in prompts) + new_tokens
    cache, logits = new_rows(model, capacity=capacity), []
    for prompt in prompts:
        prefill = Prefill(forward, prompt, prefixes)
        last = prefill.advance(len(prompt))
        assert last is not None  # all was asked for
        logits.append(last)
        cache.join(prefill.cache)  # type: ignore[arg-type]  # of one kind: both are made for the model
    return torch.cat(logits), cache


class RunningBatch:
    """Rows that are continued together; their order is that in which they joined, but the last one fills a gap."""

    def __init__(
        self, forward: Forward, prefixes: PrefixCache | None = None, *, max_rows: int = 1 << 30
    ) -> None:
        self._forward, self._max_rows, self._prefixes = forward, max_rows, prefixes
        self.cache = new_rows(forward.model, max_rows=max_rows)

    def anew(self) -> RunningBatch:
        """An empty one, when this one's cache cannot be trusted."""
        return RunningBatch(self._forward, self._prefixes, max_rows=self._max_rows)

    def __len__(self) -> int:
        return len(self.cache)

    def join(self, prefill: Prefill) -> None:
        """Go on with a prompt that has been read, as the last row."""
        self.cache.join(prefill.cache)  # type: ignore[arg-type]  # of one kind: both are made for the model

    def leave(self, row: int, ids: Sequence[int] = ()) -> None:
        """Drop a row; the last one takes its place. ids: its tokens, of which the prefix cache keeps what was fed."""
        if self._prefixes is not None and self._forward.in_parts and isinstance(self.cache, KeyValueRows):
            fed = self.cache.length - self.cache.starts[row]
            self._prefixes.store(ids[:fed], self.cache, row)
        self.cache.leave(row)

    def step(self, ids: Sequence[int]) -> Tensor:
        """Feed a token to each row: logits of the next one, [rows, vocab]."""
        mask = self.cache.mask(1)
        tokens = torch.tensor(ids, device=self._forward.device)[:, None]
        return self._forward(tokens, self.cache, mask, self.cache.positions()[:, None])
