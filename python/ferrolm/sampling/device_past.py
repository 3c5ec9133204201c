"""What rows have seen, as tensors on a device: tokens, how often each was generated, how far the last ones repeat.

Tokens lie at the right end of their row, so that "the last three" are the same columns for every row at every step, and
all operations have fixed shapes. Accepting shifts them: 8 bytes for each place, little beside one row of logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ferrolm._extras import require
from ferrolm.sampling.columns import Penalties, to_device

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch", purpose="sampling from logits on a device")

__all__ = ["DevicePast", "Needs"]

_NO_TOKEN = -1


@dataclass(frozen=True)
class Needs:
    """What params need of the past."""

    # How many of the last tokens.
    capacity: int = 0
    # How many tokens up to each place are those up to the last one: for ``dry_multiplier``.
    runs: bool = False
    # How often each token was generated: for the penalties.
    counts: bool = False
    # Which tokens are in the prompt: for ``repetition_penalty``.
    in_prompt: bool = False

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            max(self.capacity, other.capacity),
            self.runs or other.runs,
            self.counts or other.counts,
            self.in_prompt or other.in_prompt,
        )


class DevicePast:
    """The past of a batch, with the parts that are needed; changed in place, so that addresses stay.

    ``tokens`` are int64 [batch, capacity], -1 where there is none; ``runs`` int32 [batch, capacity - 1]; ``counts`` int32
    and ``in_prompt`` bool [batch, vocab].
    """

    def __init__(self, needs: Needs, batch: int, vocab: int, device: Any) -> None:
        self.needs = needs
        self._batch, self._vocab, self._device = batch, vocab, device
        tokens = torch.full((batch, needs.capacity), _NO_TOKEN, dtype=torch.int64, device=device)
        self._parts = {"tokens": tokens} if needs.capacity else {}
        for name, needed, width, dtype in (
            ("runs", needs.runs, needs.capacity - 1, torch.int32),
            ("counts", needs.counts, vocab, torch.int32),
            ("in_prompt", needs.in_prompt, vocab, torch.bool),
        ):
            if needed:
                self._parts[name] = torch.zeros(batch, width, dtype=dtype, device=device)

    @property
    def parts(self) -> dict[str, Tensor]:
        """The tensors by their names."""
        return self._parts

    @property
    def tokens(self) -> Tensor:
        """The last tokens; the columns of `runs` are those of the first ones."""
        return self._parts["tokens"]

    @property
    def runs(self) -> Tensor:
        """For each place but the last, how many tokens up to it are those up to the last token."""
        return self._parts["runs"]

    def penalized(self, x: Tensor, penalties: Penalties) -> Tensor:
        """Logits with the three penalties."""
        counts = self._parts["counts"]
        seen = counts > 0
        if "in_prompt" in self._parts:
            seen = seen | self._parts["in_prompt"]
        return torch.where(seen, penalties.applied(x, counts), x)

    def push(self, ids: Tensor, breakers: Tensor | None) -> None:
        """Add a generated token to each row; ``breakers`` are tokens that no run goes across, bool [batch, vocab]."""
        last = ids[:, None]
        if "counts" in self._parts:
            self._parts["counts"].scatter_add_(1, last, torch.ones_like(last, dtype=torch.int32))
        if "tokens" not in self._parts:
            return
        self.tokens.copy_(torch.cat([self.tokens[:, 1:], last], 1))
        if "runs" in self._parts:
            # What was at a place has moved one to the left: its run is now that of the place before.
            goes_on = self.tokens[:, :-1] == last
            if breakers is not None:
                goes_on = goes_on & ~breakers.gather(1, last)
            self.runs.copy_(torch.where(goes_on, self.runs + 1, 0))

    def begin(self, row: int, prompt: NDArray[np.int64], breakers: set[int]) -> None:
        """Start a row anew with a prompt; waits for the host."""
        last = prompt[max(len(prompt) - self.needs.capacity, 0) :]
        if "tokens" in self._parts:
            self.tokens[row] = _NO_TOKEN
            self._write("tokens", row, last)
        if "runs" in self._parts:
            self.runs[row] = 0
            self._write("runs", row, _runs(last, breakers))
        if "counts" in self._parts:
            self._parts["counts"][row] = 0
        if "in_prompt" in self._parts:
            seen = np.zeros(self._vocab, np.bool_)
            seen[prompt] = True
            self._parts["in_prompt"][row] = to_device(seen, self._device)

    def _write(self, name: str, row: int, values: NDArray[Any]) -> None:
        if values.size:
            self._parts[name][row, -values.size :] = to_device(values, self._device)

    def widened(self, needs: Needs) -> DevicePast:
        """The past with the parts that other params need beside its own; itself if it has them."""
        both = self.needs | needs
        if both == self.needs:
            return self
        wider = DevicePast(both, self._batch, self._vocab, self._device)
        wider.load(self._parts)
        return wider

    def load(self, parts: dict[str, Tensor]) -> None:
        """Take values of parts that are as wide or narrower: at the right ends of their rows."""
        for name, values in parts.items():
            if values.shape[1]:
                self._parts[name][:, -values.shape[1] :].copy_(values)


def _runs(tokens: NDArray[np.int64], breakers: set[int]) -> NDArray[np.int32]:
    """How many tokens up to each place but the last are those up to the last one; ends with the longest repetition."""
    runs = np.zeros(max(len(tokens) - 1, 0), np.int32)
    alive = np.ones(len(runs), np.bool_)
    for back in range(len(runs)):
        token = tokens[-1 - back]
        alive[:back] = False
        alive[back:] &= tokens[: len(runs) - back] == token
        if int(token) in breakers or not alive.any():
            break
        runs += alive
    return runs
