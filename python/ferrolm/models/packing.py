"""`Tokens`: recurrent layers over rows of which only some places are tokens, so that padding changes nothing.

A recurrent layer reads every place that it is given. The tokens of each row are moved to its front, in their order; torch's
packed sequences then end each row where its tokens end, and the results go back to the places of the tokens.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ferrolm.errors import ShapeError

__all__ = ["State", "Step", "Tokens", "token_mask"]

# Of each kind of state, [layers x directions, batch, size]: hidden alone, or hidden and cell of an LSTM.
State = tuple[Tensor, ...]
# A layer: (values or packed values, state) to (values or packed values, new state).
Step = Callable[
    [Tensor | PackedSequence, State | None],
    tuple[Tensor | PackedSequence, State],
]


class Tokens:
    """The places of ``mask``, bool [batch, time], that are tokens; None where all are.

    >>> tokens = Tokens(torch.tensor([[False, True, True], [True, True, True]]))
    >>> x = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])[..., None]
    >>> tokens.align(x)[..., 0].tolist()
    [[1.0, 2.0, 0.0], [3.0, 4.0, 5.0]]
    >>> tokens.restore(tokens.align(x))[..., 0].tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    """

    def __init__(self, mask: Tensor | None) -> None:
        self._mask = None if mask is None or bool(mask.all()) else mask
        if self._mask is not None:
            self._order = (~self._mask).byte().argsort(dim=1, stable=True)
            self._back = self._order.argsort(dim=1)
            # A packed row has a token at least; `run` forgets what it did to those without.
            self._empty = ~self._mask.any(1)
            self._lengths = self._mask.sum(1).clamp(min=1).cpu()

    def align(self, x: Tensor) -> Tensor:
        """The values [batch, time, size] with the tokens of each row first."""
        return x if self._mask is None else _take(x, self._order)

    def restore(self, x: Tensor) -> Tensor:
        """Aligned values back at their places, and 0 where there is no token."""
        return x if self._mask is None else _take(x, self._back).masked_fill(~self._mask[..., None], 0.0)

    def run(self, layer: Step, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        """What ``layer`` makes of aligned values, and its state after the last token of each row."""
        if self._mask is None:
            out, new = layer(x, state)
            assert isinstance(out, Tensor)
            return out, new
        packed = pack_padded_sequence(x, self._lengths, batch_first=True, enforce_sorted=False)
        out, new = layer(packed, state)
        assert isinstance(out, PackedSequence)
        padded, _ = pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])
        return padded, tuple(
            self._kept(part, None if state is None else state[i]) for i, part in enumerate(new)
        )

    def _kept(self, new: Tensor, old: Tensor | None) -> Tensor:
        return torch.where(self._empty[None, :, None], torch.zeros_like(new) if old is None else old, new)


def _take(x: Tensor, places: Tensor) -> Tensor:
    return x.gather(1, places[..., None].expand(x.shape))


def token_mask(input_ids: Tensor, attention_mask: Tensor | None, lengths: Tensor | None) -> Tensor | None:
    """The tokens, bool [batch, time]: by ``attention_mask`` of that shape, or ``lengths`` [batch], counted from the left.

    Raises `ShapeError` for a mask or lengths that do not fit, and where both are given.
    """
    batch, time = input_ids.shape
    if lengths is None:
        if attention_mask is not None and attention_mask.shape != (batch, time):
            raise ShapeError(
                f"attention_mask has shape {list(attention_mask.shape)}, expected {[batch, time]}: [batch, time]"
            )
        return None if attention_mask is None else attention_mask.bool()
    if attention_mask is not None:
        raise ShapeError("lengths and attention_mask are both given, expected one of them")
    lengths = torch.as_tensor(lengths, device=input_ids.device)
    if lengths.shape != (batch,):
        raise ShapeError(f"lengths has shape {list(lengths.shape)}, expected {[batch]}: [batch]")
    if batch and not 0 <= int(lengths.min()) <= int(lengths.max()) <= time:
        raise ShapeError(
            f"lengths are {int(lengths.min())} to {int(lengths.max())}, expected 0 to {time}, the width of input_ids"
        )
    return torch.arange(time, device=input_ids.device) < lengths[:, None]
