"""Logits and tokens at the border: what may come in, without copies, and what goes out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

if TYPE_CHECKING:
    import torch

    Logits: TypeAlias = NDArray[Any] | torch.Tensor
    Tokens: TypeAlias = NDArray[np.uint32] | torch.Tensor
    LogProbs: TypeAlias = NDArray[np.float32] | torch.Tensor

Past: TypeAlias = "Sequence[Sequence[int] | NDArray[Any]] | NDArray[Any] | torch.Tensor"
Ragged: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.int64]]

_DTYPES = ("float32", "float16", "bfloat16")


def is_tensor(value: object) -> bool:
    """True for a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def check_logits(logits: Any) -> str:
    """Name of the dtype of (batch, vocab) logits."""
    if not (isinstance(logits, np.ndarray) or is_tensor(logits)):
        raise InvalidTypeError(
            f"logits must be a numpy array or a torch tensor, found {type(logits).__name__}"
        )
    dtype = str(logits.dtype).removeprefix("torch.")
    if dtype not in _DTYPES:
        raise ShapeError(f"logits must be float32, float16 or bfloat16, found {dtype}")
    if logits.ndim != 2:
        raise ShapeError(f"logits must have the shape (batch, vocab), found {tuple(logits.shape)}")
    return dtype


def on_device(logits: Logits) -> TypeGuard[torch.Tensor]:
    """True when the logits are out of reach of the Rust core."""
    return not isinstance(logits, np.ndarray) and logits.device.type != "cpu"


def borrow(logits: Any, dtype: str) -> NDArray[Any]:
    """A numpy view of logits in the memory of this machine; 16-bit formats as their bits."""
    if isinstance(logits, np.ndarray):
        view = logits if dtype == "float32" else logits.view(np.uint16)
    else:
        import torch

        tensor = logits.detach()
        view = (tensor if dtype == "float32" else tensor.view(torch.uint16)).numpy()
    return (
        view
        if view.dtype.isnative and view.flags.aligned
        else np.require(view, view.dtype.newbyteorder("="), "A")
    )


def like(logits: Any, array: NDArray[Any]) -> Any:
    """``array`` as numpy for numpy logits, as a tensor (ids as int64) for a tensor."""
    if isinstance(logits, np.ndarray):
        return array
    import torch

    return torch.from_numpy(array.astype(np.int64) if array.dtype == np.uint32 else array)


def token_array(tokens: Any, name: str) -> NDArray[np.uint32]:
    """Tokens [batch] as contiguous uint32; errors on other shapes, on fractions and on negative numbers."""
    array = np.asarray(tokens.detach().cpu() if is_tensor(tokens) else tokens)
    if array.ndim != 1:
        raise ShapeError(f"{name} must have one dimension, found shape {array.shape}")
    return _as_tokens(array, name)


def mask_bits(mask: Any, batch: int, vocab: int) -> NDArray[np.uint32] | None:
    """A mask as uint32 [batch, words]: from bits as they are, or from bools [batch, vocab]."""
    if mask is None:
        return None
    array = np.asarray(mask.detach().cpu() if is_tensor(mask) else mask)
    if array.dtype == np.bool_:
        if array.shape != (batch, vocab):
            raise ShapeError(f"mask must have the shape ({batch}, {vocab}), found {array.shape}")
        padded = np.zeros((batch, -(-vocab // 32) * 4), np.uint8)
        packed = np.packbits(array, axis=-1, bitorder="little")
        padded[:, : packed.shape[1]] = packed
        return padded.view("<u4").astype(np.uint32, copy=False)
    if array.dtype not in (np.int32, np.uint32):
        raise InvalidTypeError(f"mask must be bool, or bits in int32 or uint32, found {array.dtype}")
    words = -(-vocab // 32)
    if array.ndim != 2 or array.shape[0] != batch or array.shape[1] < words:
        raise ShapeError(f"mask of bits must have the shape ({batch}, {words}), found {array.shape}")
    return np.ascontiguousarray(array).view(np.uint32)


def noise_array(noise: Any) -> NDArray[np.float32] | None:
    """Exponential noise as contiguous float32."""
    if noise is None:
        return None
    array = np.asarray(noise.detach().cpu() if is_tensor(noise) else noise)
    if array.ndim != 2 or array.dtype.kind != "f":
        raise ShapeError(
            f"noise must be float32 of the shape (batch, vocab), found {array.dtype} of the shape {array.shape}"
        )
    return np.ascontiguousarray(array, np.float32)


def ragged(past: Any, name: str, batch: int) -> Ragged | None:
    """Tokens of the past, one sequence for each row, as ids and offsets."""
    if past is None:
        return None
    if is_tensor(past):
        past = past.detach().cpu().numpy()
    if isinstance(past, np.ndarray) and past.dtype != object:
        return _rectangular(past, name, batch)
    rows = [token_array(row, f"{name} of row {index}") for index, row in enumerate(past)]
    _check_rows(len(rows), name, batch)
    offsets = np.zeros(batch + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return (np.concatenate(rows) if rows else np.zeros(0, np.uint32)), offsets


def _rectangular(past: NDArray[Any], name: str, batch: int) -> Ragged:
    if past.ndim != 2:
        raise ShapeError(
            f"{name} must have the shape (batch, time) or be one sequence for each row, found {past.shape}"
        )
    _check_rows(past.shape[0], name, batch)
    return _as_tokens(past.reshape(-1), name), np.arange(batch + 1, dtype=np.int64) * past.shape[1]


def _check_rows(found: int, name: str, batch: int) -> None:
    if found != batch:
        raise ShapeError(f"{name} has {found} rows for a batch of {batch} rows")


def _as_tokens(array: NDArray[Any], name: str) -> NDArray[np.uint32]:
    if array.size == 0:
        return np.zeros(0, np.uint32)
    if array.dtype == np.uint32:
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "iu":
        raise InvalidTypeError(f"{name} must hold integers, found {array.dtype}")
    if array.min() < 0 or array.max() >= 2**32:
        raise InvalidArgumentError(
            f"{name} must hold token ids in [0, {2**32 - 1}], found {array.min()} to {array.max()}"
        )
    return array.astype(np.uint32)


def unsigned(value: Any, name: str, batch: int) -> NDArray[np.uint64]:
    """A number for all rows, or one for each, as uint64 [batch]."""
    if isinstance(value, int) and 0 <= value < 2**64:
        return np.full(batch, value, np.uint64)
    array = np.asarray(value.detach().cpu() if is_tensor(value) else value)
    if array.size and (array.dtype.kind not in "iu" or (array.dtype.kind == "i" and array.min() < 0)):
        raise InvalidArgumentError(
            f"{name} must hold integers in [0, 2**64), found {array.dtype} from {array.min()}"
        )
    if array.ndim > 1 or (array.ndim == 1 and array.shape[0] != batch):
        raise ShapeError(f"{name} must be one number or have the shape ({batch},), found {array.shape}")
    return np.ascontiguousarray(np.broadcast_to(array.astype(np.uint64), (batch,)))
