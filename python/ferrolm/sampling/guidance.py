"""Classifier-free guidance: logits of a prompt, led away from those of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.sampling.arrays import borrow, check_logits, is_tensor, like, on_device

if TYPE_CHECKING:
    from ferrolm.sampling.arrays import Logits

__all__ = ["guided"]


def guided(logits: Logits, unconditional: Logits, scale: Any) -> Any:
    """``u + scale * (c - u)``, where c and u are the log-softmax of both (Sanchez et al., 2023).

    The same as ``guidance_scale`` of transformers.

    Args:
        logits: (batch, vocab), with the prompt; as `sample` takes them.
        unconditional: (batch, vocab), without it or with a negative prompt, on the same device.
        scale: One for all rows or one for each; 1 leaves the first logits (as logarithms of probabilities), more follows the
            prompt more closely.

    Returns:
        float32 (batch, vocab), numpy or a tensor, for `sample`. What ``logits`` forbid with ``-inf`` stays forbidden.

    Raises:
        ShapeError: Shapes that do not fit.
        InvalidArgumentError: Logits that are NaN or ``+inf``, a token that is ``-inf`` without the prompt alone, or a scale
            that is not finite.

    >>> import numpy as np
    >>> logits = np.log(np.array([[0.5, 0.3, 0.2]], np.float32))
    >>> without = np.log(np.array([[0.6, 0.2, 0.2]], np.float32))
    >>> guided(logits, without, 1.5).round(3)
    array([[-0.784, -1.001, -1.609]], dtype=float32)
    """
    dtypes = check_logits(logits), check_logits(unconditional)
    if logits.shape != unconditional.shape:
        raise ShapeError(
            f"logits and unconditional must have one shape, found {tuple(logits.shape)} and "
            f"{tuple(unconditional.shape)}"
        )
    if on_device(logits):
        return _on_device(logits, unconditional, scale)
    batch = logits.shape[0]
    scales = np.asarray(scale.detach().cpu() if is_tensor(scale) else scale, np.float64)
    if scales.shape not in ((), (batch,)):
        raise ShapeError(f"scale must be one number or have the shape ({batch},), found {scales.shape}")
    arrays = borrow(logits, dtypes[0]), borrow(unconditional, dtypes[1])
    result = _rust.guided(*arrays, dtypes, np.ascontiguousarray(np.broadcast_to(scales, (batch,))))
    return like(logits, result)


def _on_device(logits: Any, unconditional: Any, scale: Any) -> Any:
    import torch

    if unconditional.device != logits.device:
        raise InvalidArgumentError(
            f"unconditional must be on the device of logits, {logits.device}, found {unconditional.device}"
        )
    scales = torch.as_tensor(scale, dtype=torch.float32, device=logits.device).reshape(-1, 1)
    with_it, without = logits.float().log_softmax(-1), unconditional.float().log_softmax(-1)
    mixed = scales * (with_it - without) + without
    return torch.where(with_it == -torch.inf, with_it, mixed)
