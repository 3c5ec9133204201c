"""Arguments that several forms of attention share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ferrolm.errors import InvalidTypeError, ShapeError

__all__ = ["per_head"]


def per_head(name: str, values: Any) -> np.ndarray[Any, Any] | None:
    """One number for each query head, an array or tensor on any device, as contiguous float32 on the CPU."""
    if values is None:
        return None
    if not isinstance(values, np.ndarray):
        try:
            values = values.detach().cpu().float().numpy()
        except AttributeError:
            kind = type(values).__name__
            raise InvalidTypeError(f"{name} is a {kind}: expected a numpy array or a torch tensor") from None
    if values.ndim != 1 or values.dtype.kind != "f":
        raise ShapeError(f"{name} has shape {values.shape} and dtype {values.dtype}: expected floats (heads,)")
    return np.ascontiguousarray(values, np.float32)
