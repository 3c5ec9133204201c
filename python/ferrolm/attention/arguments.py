"""Arguments and results that several forms of attention share."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

__all__ = ["check_inputs", "integers", "like_query", "per_head"]

_Ndarray = np.ndarray[Any, Any]


def per_head(name: str, values: Any) -> _Ndarray | None:
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
        raise ShapeError(
            f"{name} has shape {values.shape} and dtype {values.dtype}: expected floats (heads,)"
        )
    return np.ascontiguousarray(values, np.float32)


def integers(name: str, values: Any, shape: tuple[str, ...]) -> _Ndarray:
    """An array or tensor of integers, or a list, of as many axes as `shape` names, as contiguous int64 on the CPU."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    values = np.asarray(values)
    if values.ndim != len(shape) or (values.dtype.kind not in "iu" and values.size):
        expected = f"({', '.join(shape)}{',' * (len(shape) == 1)})"
        raise ShapeError(
            f"{name} has shape {values.shape} and dtype {values.dtype}: expected integers {expected}"
        )
    return np.ascontiguousarray(values, np.int64)


def check_inputs(function: str, axes: int, query: Any, **others: Any) -> bool:
    """Whether all are arrays, or tensors on the CPU, of which none needs a gradient; else all are on one other device.

    The query has `axes` axes.
    """
    torch = sys.modules.get("torch")
    is_tensor = torch is not None and isinstance(query, torch.Tensor)
    if not is_tensor and not isinstance(query, np.ndarray):
        raise InvalidTypeError(f"query is a {type(query).__name__}: expected a numpy array or a torch tensor")
    kind: Any = torch.Tensor if torch is not None and is_tensor else np.ndarray
    if query.ndim != axes:
        raise ShapeError(f"query has shape {tuple(query.shape)}: expected {axes} axes")
    for name, array in others.items():
        if array is not None and not isinstance(array, kind):
            raise InvalidTypeError(
                f"{name} is a {type(array).__name__}: expected a {kind.__name__} like query"
            )
    if torch is None or not is_tensor:
        return True
    for name, tensor in {"query": query, **others}.items():
        if tensor is None:
            continue
        if tensor.device != query.device:
            raise InvalidArgumentError(f"{name} is on {tensor.device}: expected {query.device}, as query")
        if query.is_cpu and torch.is_grad_enabled() and tensor.requires_grad:
            raise InvalidArgumentError(
                f"{name} requires a gradient, which {function} does not compute: call it under torch.no_grad()"
            )
    return bool(query.is_cpu)


def like_query(query: Any, result: _Ndarray) -> Any:
    """What the extension returned, where 16-bit results come as their bits, in the kind and type of `query`."""
    if isinstance(query, np.ndarray):
        return result.view(query.dtype)
    return sys.modules["torch"].from_numpy(result).view(query.dtype)
