"""Texts that share a row: which tokens belong together, and where each stands in its own text."""

from __future__ import annotations

import torch
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["separate"]


def separate(document_ids: Tensor, input_ids: Tensor, n_positions: int) -> tuple[Tensor, Tensor]:
    """A number for each text of a row, and the positions in it, from 0: int64 [batch, time] each.

    document_ids: int64 [batch, time]; neighbours with the same are one text, and -1 is padding, all of whose positions are 0.
    Raises `ShapeError` where it has not the shape of ``input_ids`` and `InvalidArgumentError` for a text of more than
    ``n_positions`` tokens: the row may have more.

    >>> ids = torch.tensor([[4, 4, 4, 7, 7, 4, -1]])
    >>> texts, positions = separate(ids, ids, n_positions=3)
    >>> texts.tolist(), positions.tolist()
    ([[0, 0, 0, 1, 1, 2, 3]], [[0, 1, 2, 0, 1, 0, 0]])
    """
    if document_ids.shape != input_ids.shape:
        raise ShapeError(
            f"document_ids has shape {list(document_ids.shape)}, expected {list(input_ids.shape)}, that of input_ids"
        )
    time = input_ids.shape[1]
    starts = torch.zeros_like(document_ids)
    starts[:, 1:] = document_ids[:, 1:] != document_ids[:, :-1]
    place = torch.arange(time, device=document_ids.device)
    positions = place - (place * starts).cummax(1).values
    positions = positions.masked_fill(document_ids == -1, 0)
    # A row that fits needs no look at the numbers, for which a GPU would be waited for.
    if time > n_positions and int(positions.max()) >= n_positions:
        raise InvalidArgumentError(
            f"a text of {int(positions.max()) + 1} tokens, at most {n_positions} (n_positions) fit the model"
        )
    return starts.cumsum(1), positions
