"""What is wrong with rows, marked on the device and read only when somebody asks: a step that raised would have to wait."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ferrolm._extras import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch", purpose="sampling from logits on a device")

__all__ = ["Faults", "unknown_token"]

_NAN, _INFINITE, _NOTHING_LEFT, _UNKNOWN_TOKEN = 1, 2, 3, 4


class Faults:
    """The first fault of each row: int64 [batch], 8 times the token plus the kind; 0 is none. Changed in place."""

    def __init__(self, batch: int, device: Any) -> None:
        self.codes = torch.zeros(batch, dtype=torch.int64, device=device)

    def mark_logits(self, top: Tensor, first: Tensor, forced: Tensor | None) -> Tensor:
        """Which rows, bool [batch, 1], have a largest logit (at ``first``) that nothing can be drawn from.

        NaN and ``+inf`` are larger than all; a token that must come does so whatever the logits hold.
        """
        bad = ~torch.isfinite(top)
        if forced is not None:
            bad = bad & (forced < 0)
        kind = torch.where(torch.isnan(top), _NAN, torch.where(top == math.inf, _INFINITE, _NOTHING_LEFT))
        self._mark(torch.where(bad, first * 8 + kind, 0)[:, 0])
        return bad

    def mark_tokens(self, ids: Tensor, vocab: int) -> Tensor:
        """The ids [batch], with 0 for those that are none: an index out of bounds would end the process."""
        unknown = (ids < 0) | (ids >= vocab)
        self._mark(torch.where(unknown, ids * 8 + _UNKNOWN_TOKEN, 0))
        return torch.where(unknown, 0, ids)

    def _mark(self, codes: Tensor) -> None:
        self.codes.copy_(torch.where(self.codes == 0, codes, self.codes))

    def messages(self, vocab: int) -> list[str | None]:
        """What is wrong with each row, in the words of the core; waits for the device."""
        return [_message(row, code >> 3, code & 7, vocab) for row, code in enumerate(self.codes.tolist())]


def _message(row: int, token: int, kind: int, vocab: int) -> str | None:
    if kind == _NAN:
        return f"logits of row {row} are NaN at token {token}"
    if kind == _INFINITE:
        return f"logits of row {row} are +inf at token {token}; they must be finite or -inf"
    if kind == _NOTHING_LEFT:
        return f"logits of row {row} are all -inf: no token is left to choose"
    return unknown_token("history", row, token, vocab) if kind == _UNKNOWN_TOKEN else None


def unknown_token(what: str, row: int, token: int, vocab: int) -> str:
    """That the vocabulary does not have a token."""
    return f"{what} of row {row} names token {token}, but the vocabulary has {vocab} tokens"
