"""The model's side of an engine: the batch whose rows come and go.

It is called in inference mode, which is not entered for every pass because that takes as long as a small operation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ferrolm.generation.decoders.forward import Forward
from ferrolm.generation.decoders.prefill import Prefill
from ferrolm.generation.prefix_cache import PrefixCache
from ferrolm.models.cache_rows import KeyValueRows, new_rows

__all__ = ["RunningBatch"]


class RunningBatch:
    """Rows that are continued together; their order is that in which they joined, but the last one fills a gap."""

    def __init__(
        self, forward: Forward, prefixes: PrefixCache | None = None, *, max_rows: int = 1 << 30
    ) -> None:
        self._forward, self._max_rows = forward, max_rows
        self._prefixes = prefixes if PrefixCache.serves(forward.model) else None
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
        if self._prefixes is not None and isinstance(self.cache, KeyValueRows):
            fed = self.cache.length - self.cache.starts[row]
            self._prefixes.store(ids[:fed], self.cache, row)
        self.cache.leave(row)

    def step(self, ids: Sequence[int]) -> Tensor:
        """Feed a token to each row: logits of the next one, [rows, vocab]."""
        mask = self.cache.mask(1)
        tokens = torch.tensor(ids, device=self._forward.device)[:, None]
        return self._forward(tokens, self.cache, mask, self.cache.positions()[:, None])[:, -1]
