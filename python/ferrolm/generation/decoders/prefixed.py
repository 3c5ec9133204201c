"""`PrefixedDecoder`: a decoder that computes of its prompts what a `PrefixCache` does not have, and leaves it what it fed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ferrolm.generation.decoders.causal import CausalDecoder
from ferrolm.generation.decoders.prefill import read_prompts
from ferrolm.generation.decoding import Steps
from ferrolm.generation.plan import Ids
from ferrolm.generation.prefix_cache import PrefixCache
from ferrolm.models import CausalLM
from ferrolm.models.cache_rows import KeyValueRows

__all__ = ["PrefixedDecoder"]


class PrefixedDecoder(CausalDecoder):
    """The `CausalDecoder` of a model whose prompts may be read in parts; see `PrefixCache.serves`."""

    def __init__(
        self, model: CausalLM, prompts: Sequence[Ids], copies: int, new_tokens: int, prefixes: PrefixCache
    ) -> None:
        super().__init__(model, prompts, copies, new_tokens)
        self._prefixes, self._ids, self._new_tokens = prefixes, prompts, new_tokens
        self._fed = [prompt.tolist() for prompt in prompts]  # of each row of the batch

    def step(self, ids: Tensor) -> Tensor:
        for fed, token in zip(self._fed, ids.tolist(), strict=True):
            fed.append(token)
        return super().step(ids)

    def keep(self, rows: Tensor) -> None:
        kept = rows.tolist()
        self._store(set(range(len(self._fed))) - set(kept))
        self._fed = [list(self._fed[row]) for row in kept]
        super().keep(rows)

    def storing(self, steps: Steps) -> Steps:
        """The same steps; with their end, what is still in the batch goes into the prefix cache."""
        try:
            yield from steps
        finally:
            self._store(range(len(self._fed)))

    def _read(self) -> Tensor:
        logits, self._cache = read_prompts(
            self._model, self._ids, self._prefixes, new_tokens=self._new_tokens
        )
        return logits

    @torch.inference_mode()
    def _store(self, rows: set[int] | range) -> None:
        if not isinstance(self._cache, KeyValueRows):
            return  # nothing has been read
        for row in rows:
            tokens = self._cache.length - self._cache.starts[row]
            # Rows that have ended may be fed beyond the last position, for which there are no right keys.
            ids = self._fed[row][: min(tokens, self._model.config.n_positions)]
            self._prefixes.store(ids, self._cache, row)
