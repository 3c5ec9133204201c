"""Params of a batch: one object for all rows, or one for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ferrolm.errors import InvalidTypeError, ShapeError
from ferrolm.sampling.params import SamplingParams

__all__ = ["cores", "each", "rows_of"]


def rows_of(params: Any, batch: int) -> SamplingParams | list[SamplingParams]:
    """One object for all rows, or a list with one for each; None is plain sampling."""
    if params is None:
        return _PLAIN
    if isinstance(params, SamplingParams):
        return params
    rows = list(params) if isinstance(params, Sequence) else [params]
    for row in rows:
        if not isinstance(row, SamplingParams):
            raise InvalidTypeError(
                f"params must be SamplingParams or a list of them, found {type(row).__name__}"
            )
    if len(rows) != batch:
        raise ShapeError(f"params has {len(rows)} entries for a batch of {batch} rows")
    return rows


def each(rows: SamplingParams | list[SamplingParams], batch: int) -> list[SamplingParams]:
    """One for each row."""
    return rows if isinstance(rows, list) else [rows] * batch


def cores(rows: SamplingParams | list[SamplingParams]) -> Any:
    """What the Rust core takes for them."""
    return [row.core for row in rows] if isinstance(rows, list) else rows.core


_PLAIN = SamplingParams()
