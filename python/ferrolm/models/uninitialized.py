"""`uninitialized`: make a module without drawing its weights, because a checkpoint fills them.

Torch's meta device would do so too, but drawing weights there imports its compiler, which takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.overrides import TorchFunctionMode

__all__ = ["uninitialized"]


class uninitialized(TorchFunctionMode):
    """Within this context the functions of ``torch.nn.init`` leave their tensors as the allocator gave them.

    >>> import torch
    >>> with uninitialized():
    ...     layer = torch.nn.Linear(2, 3)
    >>> layer.weight.shape, layer.weight.device.type
    (torch.Size([3, 2]), 'cpu')
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)
