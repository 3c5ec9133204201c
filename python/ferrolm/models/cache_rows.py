"""Caches of a running batch, in which rows of any length come and go while the others go on.

A step of a model is one product for all rows, so that their keys have to lie in one buffer and end in the same column: a
shorter row has padding on its left, which is masked and has no position. Against a buffer for each row this costs masked
columns of short rows beside long ones; what it gains is that a step is that of any left-padded batch, with the same
kernels on every device, and that a step writes one column and moves nothing. Rows move when the buffer is full (once in
at least an eighth of its columns), when one joins that is longer than all others, and one moves when another leaves.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from ferrolm.errors import InvalidArgumentError
from ferrolm.models.cache import CacheShape, KeyValueCache
from ferrolm.models.causal_lm import CausalLM
from ferrolm.models.recurrent import RecurrentCache
from ferrolm.models.recurrent_config import RecurrentConfig

__all__ = ["CacheRows", "KeyValueRows", "StateRows", "new_rows"]

# Columns beside twice the longest row before a batch is moved to the left, because every row is scanned over them.
_SPARE_COLUMNS = 64


class KeyValueRows(KeyValueCache):
    """A `KeyValueCache` whose rows begin in columns of their own, ``starts``, and all end at ``length``.

    The buffer of all layers is one tensor, [2 layers, rows, kv_heads, capacity, head_dim], keys and values by turns, so that a
    row is copied at once. Rows (up to ``max_rows``) and columns (up to some more than ``n_positions``) double when they are
    needed; they are not given back.

    >>> from ferrolm.models import GPT2Config
    >>> config = GPT2Config(n_layer=1, n_positions=8, n_embd=4, n_head=2)
    >>> batch, one = KeyValueRows(config), KeyValueRows(config, rows=1)
    >>> for tokens in (2, 3):
    ...     one.truncate(0)
    ...     _ = one.update(0, torch.ones(1, 2, tokens, 2), torch.ones(1, 2, tokens, 2))
    ...     batch.join(one)
    >>> batch.starts, batch.positions().tolist(), batch.mask(1).tolist()
    ([1, 0], [2, 3], [[False, True, True, True], [True, True, True, True]])
    """

    def __init__(
        self, config: CacheShape, *, rows: int = 0, max_rows: int = 1 << 30, capacity: int = 64
    ) -> None:
        super().__init__(config, capacity)
        self._max_rows = max_rows
        self.starts = [0] * rows
        self.buffer: Tensor | None = None
        self._tokens: Tensor | None = (
            None  # bool [rows, capacity], False for padding; None where there is none
        )
        self._device = torch.device("cpu")

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.starts)

    def positions(self) -> Tensor:
        """int64 [rows]: of the next token of each row, which is how many it has."""
        length = self.length
        return torch.tensor([length - start for start in self.starts], device=self._device)

    def mask(self, new: int) -> Tensor | None:
        """What a step sees, bool [rows, length + new], False for padding, with room made for so many new tokens; None without padding."""
        self._reserve(new)
        if not any(self.starts):
            return None
        if self._tokens is None:
            columns = torch.arange(self.capacity, device=self._device)
            self._tokens = columns >= torch.tensor(self.starts, device=self._device)[:, None]
        return self._tokens[:, : self.length + new]

    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        if layer == 0:
            self._make(keys, keys.shape[2])
        return super().update(layer, keys, values)

    def room(self, tokens: int, like: Tensor) -> list[tuple[Tensor, Tensor]]:
        self._make(like, tokens)
        return super().room(tokens, like)

    def join(self, other: KeyValueRows) -> None:
        """Append the rows of another, which has the same shape and is not changed."""
        if other.buffer is None:
            raise InvalidArgumentError("other is empty, expected rows with a token at least")
        longest = other.length - min(other.starts)
        if not self.starts:
            self._set_length(longest)
        elif longest > self.length:
            self._reserve(longest - self.length)
            self._move(longest - self.length)
        self._fit(other.buffer, len(self) + len(other), self.length)
        assert self.buffer is not None
        length = self.length
        for row, start in enumerate(other.starts):
            place = len(self.starts)
            begin = length - (other.length - start)
            self.buffer[:, place, :, begin:length] = other.buffer[:, row, :, start : other.length]
            self.buffer[:, place, :, :begin] = 0  # a masked number counts nothing, but 0 times NaN would
            self.starts.append(begin)
        self._renew()

    def leave(self, row: int) -> None:
        """Drop a row; the last one takes its place."""
        last = len(self.starts) - 1
        if row != last:
            assert self.buffer is not None
            start = self.starts[row] = self.starts[last]
            self.buffer[:, row, :, start : self.length] = self.buffer[:, last, :, start : self.length]
            self.buffer[:, row, :, :start] = 0
        self.starts.pop()
        if not self.starts:
            self._set_length(0)
        elif self.length > 2 * (self.length - min(self.starts)) + _SPARE_COLUMNS:
            self._move(-min(self.starts))
        self._renew()

    def load(self, kept: Tensor) -> None:
        """Begin every row with keys and values, [2 layers, 1 or rows, kv_heads, tokens, head_dim]; the cache is empty."""
        tokens = kept.shape[3]
        self._make(kept[0], tokens)
        assert self.buffer is not None
        self.buffer[:, : len(self), :, :tokens] = kept
        self.advance(tokens)

    def kept(self, row: int, begin: int, end: int) -> Tensor:
        """A view of the keys and values of a row's tokens from ``begin`` to ``end``: [2 layers, kv_heads, tokens, head_dim]."""
        assert self.buffer is not None
        start = self.starts[row]
        return self.buffer[:, row, :, start + begin : start + end]

    def truncate(self, length: int) -> None:
        """Forget all columns after the first ``length``."""
        super().truncate(length)
        self.starts = [min(start, length) for start in self.starts]
        self._tokens = None

    def select(self, rows: Tensor) -> None:
        self.starts = [self.starts[row] for row in rows.tolist()]
        if self.buffer is not None:
            self.buffer = self.buffer[:, rows]
        self._renew()

    def _make(self, like: Tensor, tokens: int) -> None:
        """The buffer, if there is none yet, and columns for so many new tokens. like: [rows, kv_heads, any, head_dim]."""
        self._reserve(tokens)
        if self.buffer is None:
            self._fit(like[None], len(self), self.length + tokens)
            self._renew()

    def _reserve(self, tokens: int) -> None:
        if self.length + tokens <= self.capacity:
            return
        unused = min(self.starts, default=0)
        if unused >= self.capacity // 8:
            self._move(-unused)
        if self.length + tokens > self.capacity and self.buffer is not None:
            self._fit(self.buffer, len(self), self.length + tokens)
            self._renew()

    def _fit(self, like: Tensor, rows: int, columns: int) -> None:
        """A buffer of so many rows and columns at least, with what is kept. like: [any, any, kv_heads, any, head_dim]."""
        old = self.buffer
        held = 0 if old is None else old.shape[1]
        if old is not None and rows <= held and columns <= old.shape[3]:
            return
        if columns > self.capacity:
            # Where all columns are taken, an eighth of them is unused by then, as a row has at most ``max_length``.
            self.capacity = max(columns, min(2 * self.capacity, self.max_length * 5 // 4 + 16))
        if rows > held:
            rows = max(rows, min(2 * held, self._max_rows))
        layers, heads, head_dim = 2 * len(self._layers), like.shape[2], like.shape[4]
        # Zeros, because padding is multiplied by nothing, which does not make a number of NaN.
        self.buffer = like.new_zeros(layers, max(rows, held), heads, self.capacity, head_dim)
        self._device = like.device
        if old is not None:
            filled = min(self.length, old.shape[3])  # a first row may be longer than the buffer
            self.buffer[:, :held, :, :filled] = old[:, :, :, :filled]

    def _move(self, columns: int) -> None:
        """All rows to the right, or to the left for a negative number."""
        if self.buffer is not None:
            first, length, rows = min(self.starts), self.length, len(self.starts)
            if length + columns > self.buffer.shape[3]:
                self._fit(self.buffer, rows, length + columns)
            moved = self.buffer[:, :rows, :, first:length].clone()
            self.buffer[:, :rows, :, first + columns : length + columns] = moved
        self._set_length(self.length + columns)
        self.starts = [start + columns for start in self.starts]
        self._renew()

    def _set_length(self, length: int) -> None:
        self._lengths = [length] * len(self._lengths)

    def _renew(self) -> None:
        """The views of the layers and the mask, after rows have changed."""
        self._tokens = None
        if self.buffer is not None:
            views = self.buffer[:, : len(self.starts)].unbind(0)
            self._layers = list(zip(views[::2], views[1::2], strict=True))


class StateRows(RecurrentCache):
    """The same for recurrent models, whose rows are states of one size: nothing is padded.

    >>> from ferrolm.models import RecurrentLM
    >>> model = RecurrentLM(RecurrentConfig(vocab_size=50, hidden_size=8)).eval()
    >>> batch, one = new_rows(model), new_rows(model, rows=1)
    >>> _ = model(torch.tensor([[1, 2, 3]]), cache=one)
    >>> batch.join(one)
    >>> batch.join(one)
    >>> len(batch), batch.mask(1)
    (2, None)
    """

    def __init__(self, config: RecurrentConfig, *, rows: int = 0) -> None:
        super().__init__(config)
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def positions(self) -> Tensor:
        """int64 [rows], zeros: a recurrent model does not look at them."""
        return torch.zeros(self._rows, dtype=torch.int64)

    def mask(self, new: int) -> Tensor | None:
        """None: there is no padding."""
        return None

    def join(self, other: StateRows) -> None:
        """Append the rows of another, which has the same shape and is not changed."""
        if self._rows:
            pairs = zip(self._states, other._states, strict=True)
            self._states = [
                tuple(torch.cat(parts, dim=1) for parts in zip(own or (), new or (), strict=True))
                for own, new in pairs
            ]
        else:
            self._states = list(other._states)
        # The last call was that of other rows: it cannot be taken back.
        self._before, self._ids, self._mask = list(self._states), None, None
        self._rows, self.length = self._rows + len(other), max(self.length, other.length)

    def leave(self, row: int) -> None:
        """Drop a row; the last one takes its place."""
        rows = list(range(self._rows))
        rows[row] = rows[-1]
        self._rows -= 1
        if self._rows:
            self.select(torch.tensor(rows[:-1]))
        else:
            self._clear()


CacheRows = KeyValueRows | StateRows


def new_rows(model: CausalLM, *, rows: int = 0, max_rows: int = 1 << 30, capacity: int = 64) -> CacheRows:
    """An empty cache of ``rows`` rows of a model's own kind, with room for so many tokens at first.

    Raises `InvalidArgumentError` for a model that keeps something else, as an ensemble does.
    """
    kind = type(model.new_cache())
    if kind is KeyValueCache:
        return KeyValueRows(model.config, rows=rows, max_rows=max_rows, capacity=capacity)
    if kind is RecurrentCache:
        return StateRows(cast(RecurrentConfig, model.config), rows=rows)
    raise InvalidArgumentError(
        f"model is a {type(model).__name__}, which keeps a {kind.__name__}: expected a model like GPT-2 or Llama, "
        "or a recurrent one, whose rows can come and go"
    )
