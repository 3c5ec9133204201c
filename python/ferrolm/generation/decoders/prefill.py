"""Prompts that are read a part at a time, and only where a prefix cache does not have them.

`Prefill.advance` is called in inference mode, which is not entered for every pass because that takes as long as a small operation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ferrolm.generation.decoders.forward import Forward
from ferrolm.generation.plan import Ids
from ferrolm.generation.prefix_cache import PrefixCache
from ferrolm.models import CausalLM
from ferrolm.models.cache_rows import CacheRows, KeyValueRows, new_rows
from ferrolm.models.recurrent import RecurrentCache

__all__ = ["Prefill", "read_in_parts", "read_prompts"]


def read_in_parts(model: CausalLM) -> bool:
    """Whether a prompt may be read in several passes, which is where positions do not depend on what follows."""
    return PrefixCache.serves(model) or type(model.new_cache()) is RecurrentCache


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
        self._in_parts = read_in_parts(forward.model)
        self._ids = torch.from_numpy(prompt).to(forward.device)[None]
        self.cache = new_rows(forward.model, rows=1, capacity=max(capacity, len(prompt)))
        self._prefixes = prefixes if self._in_parts and isinstance(self.cache, KeyValueRows) else None
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
        if self._in_parts:
            end = min(begin + most, end)
        positions = torch.arange(begin, end, device=self._ids.device)[None]
        logits = self._forward(self._ids[:, begin:end], self.cache, None, positions)[:, -1]
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
