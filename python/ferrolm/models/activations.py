"""The activations that a config.json may name.

GELU by a hyperbolic tangent, GPT-2's, is the core's on a CPU, forward and backward: torch's takes four times as long as the one by
the error function, and a sixth of a small GPT-2's step of training. The others are torch's, which ours do not beat.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ferrolm import _rust

__all__ = ["activation"]

# Below this many elements torch's is done before ours is called.
_LEAST = 2**15


class _GeluTanh(torch.autograd.Function):
    """On contiguous float32 of a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        out = torch.empty_like(x)
        _rust.gelu_tanh(x.view(-1), out.view(-1))
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient is to have one itself, as in a penalty on gradients
            return torch.ops.aten.gelu_backward(gradient, x, approximate="tanh")  # type: ignore[no-any-return]
        out = torch.empty_like(x)
        _rust.gelu_tanh_gradient(x.view(-1), gradient.contiguous().view(-1), out.view(-1))
        return out


def _has_memory(x: Tensor) -> bool:
    """Whether there are values to read: not so within `torch.func` and in a trace."""
    try:
        return x.data_ptr() != 0
    except RuntimeError:
        return False


def _gelu_tanh(x: Tensor) -> Tensor:
    pays = x.device.type == "cpu" and x.dtype is torch.float32 and x.numel() >= _LEAST
    # A compiler joins torch's operation with its neighbours.
    if pays and x.is_contiguous() and not torch.compiler.is_compiling() and _has_memory(x):
        return _GeluTanh.apply(x)  # type: ignore[no-any-return]
    return F.gelu(x, approximate="tanh")


_BY_NAME: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu_new": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "gelu_fast": _gelu_tanh,
    "gelu": F.gelu,
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "relu": F.relu,
    "silu": F.silu,
    "swish": F.silu,
    "tanh": torch.tanh,
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The function of this name, one of `ferrolm.models.config.ACTIVATIONS`.

    >>> activation("relu")(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return _BY_NAME[name]
