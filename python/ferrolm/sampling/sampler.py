"""`Sampler`: sampling for a running batch, with the history of each row kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.sampling.arrays import (
    Past,
    borrow,
    check_logits,
    like,
    mask_bits,
    noise_array,
    on_device,
    token_array,
)
from ferrolm.sampling.params import SamplingParams

if TYPE_CHECKING:
    from ferrolm.sampling.arrays import Logits

__all__ = ["Sampler"]


class Sampler:
    """Draws the next token of each row of a running batch.

    Each row has its own params, its seed, the tokens it has seen (4 bytes each, 8 for each distinct one) and its
    step, the number of tokens accepted. `sample` changes nothing: a token counts once it is passed to `accept`, so
    the same logits give the same ids until then (with ``mirostat``, accepting the token that was drawn last also moves
    its limit). Pickling saves all of it.

    Args:
        params: One object for each row, or one for all, with ``batch`` to say how many rows there are.
        batch: Number of rows; may be left out when ``params`` is a list.
        prompt: Tokens of the prompt, one sequence for each row; for ``repetition_penalty``.

    >>> import numpy as np
    >>> sampler = Sampler(SamplingParams(temperature=0, frequency_penalty=1.0), batch=2)
    >>> logits = np.array([[1.5, 1.0, 0.0], [0.0, 1.0, 1.2]], np.float32)
    >>> for _ in range(3):
    ...     ids = sampler.sample(logits)
    ...     sampler.accept(ids)
    ...     print(ids)
    [0 2]
    [1 1]
    [0 2]
    """

    def __init__(
        self,
        params: SamplingParams | Sequence[SamplingParams],
        batch: int | None = None,
        *,
        prompt: Past | None = None,
    ) -> None:
        self._params = _per_row(params, batch)
        self._core = _rust.Sampler([row.core for row in self._params])
        if prompt is not None:
            if len(prompt) != len(self):
                raise ShapeError(f"prompt has {len(prompt)} rows for a sampler of {len(self)} rows")
            for row, tokens in enumerate(prompt):
                self.reset(row, prompt=tokens)

    def __len__(self) -> int:
        return len(self._params)

    @property
    def params(self) -> tuple[SamplingParams, ...]:
        """What each row is sampled with."""
        return tuple(self._params)

    @property
    def steps(self) -> list[int]:
        """Tokens accepted by each row."""
        return self._core.clocks()[1]

    @property
    def seeds(self) -> list[int]:
        """The seed of each row, also where the params have none."""
        return self._core.clocks()[0]

    def sample(
        self,
        logits: Logits,
        *,
        rows: Sequence[int] | None = None,
        logprobs: Literal["raw", "processed"] | None = None,
        mask: Any = None,
        noise: Any = None,
    ) -> Any:
        """Draw a token for each row of ``logits`` (batch, vocab); see `ferrolm.sample`.

        Args:
            rows: The sampler's rows that the logits belong to; None is all of them, in order.
            logprobs: As in `ferrolm.sample`.
            mask: As in `ferrolm.sample`.
            noise: As in `ferrolm.sample`.

        Returns:
            Ids (batch,), uint32 for numpy and int64 for torch; with ``logprobs`` a pair of ids and float32 (batch,).
        """
        dtype = check_logits(logits)
        chosen = self._rows(rows)
        if on_device(logits):
            return self._sample_on_device(logits, chosen, logprobs, mask, noise)
        bits = mask_bits(mask, *logits.shape)
        ids, logs = self._core.sample(
            borrow(logits, dtype), dtype, chosen, logprobs, bits, noise_array(noise)
        )
        return like(logits, ids) if logs is None else (like(logits, ids), like(logits, logs))

    def accept(self, ids: Any, *, rows: Sequence[int] | None = None) -> None:
        """Count one token for each row (or each of ``rows``) as generated, and step on.

        Ids on another device are copied to the host, which waits for them.
        """
        self._core.accept(token_array(ids, "ids"), self._rows(rows))

    def reset(self, row: int, params: SamplingParams | None = None, *, prompt: Any = None) -> None:
        """Start a row anew for another sequence, with other params if given.

        Its history is ``prompt`` alone, its step 0; its seed that of the params, or a fresh one if they have none.
        """
        (row,) = self._rows([row]) or [row]
        tokens = np.zeros(0, np.uint32) if prompt is None else token_array(prompt, f"prompt of row {row}")
        if params is not None and not isinstance(params, SamplingParams):
            raise InvalidTypeError(f"params must be SamplingParams, found {type(params).__name__}")
        self._core.reset(row, None if params is None else params.core, tokens)
        if params is not None:
            self._params[row] = params

    def __getstate__(self) -> dict[str, Any]:
        return {"params": self._params, "core": self._core.to_bytes()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._params = list(state["params"])
        self._core = _rust.Sampler.from_bytes(state["core"])

    def __repr__(self) -> str:
        return (
            f"Sampler(rows={len(self)}, steps={self.steps})"
            if len(self) <= 8
            else f"Sampler(rows={len(self)})"
        )

    def _rows(self, rows: Sequence[int] | None) -> list[int] | None:
        if rows is None:
            return None
        chosen = [int(row) for row in rows]
        if chosen and not 0 <= min(chosen) <= max(chosen) < len(self):
            row = next(row for row in chosen if not 0 <= row < len(self))
            raise InvalidArgumentError(f"row {row} does not exist: the sampler has {len(self)} rows")
        return chosen

    def _sample_on_device(
        self, logits: Any, rows: list[int] | None, logprobs: str | None, mask: Any, noise: Any
    ) -> Any:
        from ferrolm.sampling import device

        chosen = list(range(len(self))) if rows is None else rows
        if len(chosen) != logits.shape[0]:
            raise ShapeError(f"the sampler has {len(chosen)} entries for a batch of {logits.shape[0]} rows")
        params = [self._params[row] for row in chosen]
        seeds, steps = (np.array(values, np.uint64)[chosen] for values in self._core.clocks())
        counts = None
        if any(row.penalizes for row in params):
            counts = device.Counts.of_rows(*self._core.histories(), chosen)
        rules = device.Rules.of(params, lambda: self._core.rule_changes(chosen), mask)
        if not any(row.mirostat for row in params):
            return device.draw(logits, params, counts, rules, seeds, steps, logprobs, noise=noise)
        mu = np.array(self._core.limits(), np.float64)[chosen]
        ids, logs = device.draw(logits, params, counts, rules, seeds, steps, "processed", noise=noise, mu=mu)
        self._core.note(token_array(ids, "ids"), (logs.double() / -math.log(2.0)).tolist(), chosen)
        if logprobs == "raw":
            logs = logits.detach().float().log_softmax(-1).gather(1, ids[:, None])[:, 0]
        return ids if logprobs is None else (ids, logs)


def _per_row(params: Any, batch: int | None) -> list[SamplingParams]:
    if isinstance(params, SamplingParams):
        if batch is None:
            raise InvalidArgumentError("batch must be given when params is one object, found None")
        return [params] * batch
    rows = list(params)
    if batch is not None and len(rows) != batch:
        raise ShapeError(f"params has {len(rows)} entries for a batch of {batch} rows")
    for row in rows:
        if not isinstance(row, SamplingParams):
            raise InvalidTypeError(
                f"params must be SamplingParams or a list of them, found {type(row).__name__}"
            )
    return rows
