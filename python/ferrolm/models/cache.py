"""`KeyValueCache`: the keys and values of the tokens already seen, so that a new token costs one row of work."""

from __future__ import annotations

from typing import Protocol, cast

from torch import Tensor

__all__ = ["Cache", "CacheShape", "KeyValueCache"]


class CacheShape(Protocol):
    """What the cache has to know of a model."""

    @property
    def n_positions(self) -> int: ...
    @property
    def num_layers(self) -> int: ...


class Cache(Protocol):
    """What generation knows of what a model keeps; `CausalLM.new_cache` makes one of the model's own kind."""

    @property
    def length(self) -> int: ...
    def truncate(self, length: int) -> None: ...
    def select(self, rows: Tensor) -> None: ...


class KeyValueCache:
    """Keys and values of every layer, [batch, kv_heads, capacity, head_dim] each, of which ``length`` are filled.

    The buffers are made when the first keys arrive (which tell batch, dtype and device) and double when they are full,
    up to ``n_positions``; a left-padded batch may need more, because padding takes room but no position.

    >>> import torch
    >>> from ferrolm.models import GPT2Config
    >>> cache = KeyValueCache(GPT2Config(n_layer=1, n_positions=8, n_embd=4, n_head=2), capacity=2)
    >>> keys, values = cache.update(0, torch.zeros(3, 2, 5, 2), torch.zeros(3, 2, 5, 2))
    >>> keys.shape, cache.length, cache.capacity
    (torch.Size([3, 2, 5, 2]), 5, 8)
    """

    def __init__(self, config: CacheShape, capacity: int = 64) -> None:
        self.max_length = config.n_positions
        self.capacity = max(capacity, 1)
        self._layers: list[tuple[Tensor, Tensor] | None] = [None] * config.num_layers
        self._lengths = [0] * config.num_layers

    @property
    def length(self) -> int:
        """Positions that every layer has filled."""
        return self._lengths[-1]

    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append ``keys`` and ``values``, [batch, kv_heads, new, head_dim]; returns views of all kept so far."""
        start = self._lengths[layer]
        end = start + keys.shape[2]
        buffers = self._layers[layer]
        if buffers is None or end > buffers[0].shape[2]:
            buffers = self._layers[layer] = self._grown(buffers, keys, start, end)
        for buffer, new in zip(buffers, (keys, values), strict=True):
            buffer[:, :, start:end] = new
        self._lengths[layer] = end
        return buffers[0][:, :, :end], buffers[1][:, :, :end]

    def room(self, tokens: int, like: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The buffers of all layers, with room for so many more; who fills it says so by `advance`.

        like: [batch, kv_heads, any, head_dim], what buffers that do not exist yet are made for.
        """
        end = self.length + tokens
        for layer, buffers in enumerate(self._layers):
            if buffers is None or end > buffers[0].shape[2]:
                kept = like if buffers is None else buffers[0]
                self._layers[layer] = self._grown(buffers, kept, self.length, end)
        return cast("list[tuple[Tensor, Tensor]]", self._layers)

    def advance(self, tokens: int) -> None:
        """Count so many more tokens as kept in every layer."""
        self._lengths = [filled + tokens for filled in self._lengths]

    def _grown(
        self, old: tuple[Tensor, Tensor] | None, like: Tensor, filled: int, needed: int
    ) -> tuple[Tensor, Tensor]:
        while self.capacity < needed:
            self.capacity *= 2
        if needed <= self.max_length:
            self.capacity = min(self.capacity, self.max_length)
        batch, heads, _, head_dim = like.shape
        keys, values = (like.new_empty(batch, heads, self.capacity, head_dim) for _ in range(2))
        if old is not None:
            keys[:, :, :filled] = old[0][:, :, :filled]
            values[:, :, :filled] = old[1][:, :, :filled]
        return keys, values

    def truncate(self, length: int) -> None:
        """Forget all tokens after the first ``length``."""
        self._lengths = [min(filled, length) for filled in self._lengths]

    def select(self, rows: Tensor) -> None:
        """Keep the batch rows ``rows`` (int64, repeats allowed), in that order."""
        self._layers = [None if pair is None else (pair[0][rows], pair[1][rows]) for pair in self._layers]

    def __repr__(self) -> str:
        return f"KeyValueCache(layers={len(self._layers)}, length={self.length}, capacity={self.capacity})"
