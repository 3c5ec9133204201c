"""`quantize_kv`: keys and values in 8 bits, for `attention_with_cache`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

if TYPE_CHECKING:
    import torch

__all__ = ["quantize_kv"]

Array = TypeVar("Array", "np.ndarray[Any, Any]", "torch.Tensor")


def quantize_kv(x: Array) -> tuple[Array, Array]:
    """Keys or values as integers of 8 bits with one scale for each token and head.

    Symmetric: the largest magnitude of a row becomes 127, so that each value is off by half a scale at most.

    Args:
        x: (..., d), any floating type, array or tensor on any device.

    Returns:
        int8 (..., d) and float32 scales (...,), so that ``integers * scales[..., None]`` is about ``x``.

    Raises:
        InvalidArgumentError: ``x`` has values that are not finite.
        ShapeError: ``x`` is not floating or has no axis.
        InvalidTypeError: ``x`` is neither an array nor a tensor.

    >>> integers, scales = quantize_kv(np.array([[0.5, -1.27], [0.0, 0.0]], np.float32))
    >>> integers
    array([[  50, -127],
           [   0,    0]], dtype=int8)
    >>> scales
    array([0.01, 0.  ], dtype=float32)
    """
    torch = sys.modules.get("torch")
    library: Any = np
    if torch is not None and isinstance(x, torch.Tensor):
        library = torch
        floating = x.is_floating_point()
    elif isinstance(x, np.ndarray):
        floating = x.dtype.kind == "f"
    else:
        raise InvalidTypeError(f"x is a {type(x).__name__}: expected a numpy array or a torch tensor")
    if not floating or x.ndim == 0:
        raise ShapeError(f"x has shape {tuple(x.shape)} and dtype {x.dtype}: expected floats (..., d)")
    wide: Any = x.astype(np.float32) if isinstance(x, np.ndarray) else x.float()
    magnitude = abs(wide)
    if not x.shape[-1]:
        scales = library.zeros(x.shape[:-1], dtype=library.float32)
    else:
        scales = (magnitude.max(-1) if library is np else magnitude.amax(-1)) / 127
    if not library.isfinite(scales).all():
        raise InvalidArgumentError(
            "x has values that are not finite: expected numbers that 8 bits can stand for"
        )
    # Rows of zeros have scale 0, and divide by anything else.
    divisor = library.where(scales == 0, library.ones_like(scales), scales)[..., None]
    rounded = library.round(wide / divisor).clip(-127, 127)
    return (rounded.astype(np.int8), scales) if library is np else (rounded.to(library.int8), scales)
