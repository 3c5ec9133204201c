"""Muon: momentum whose matrices are made orthogonal (Jordan et al. 2024).

As `torch.optim.Muon`, which works in bfloat16 everywhere and on one matrix at a time. A CPU without units for bfloat16
takes ten times longer for such products than for those of float32, and the small matrices of a layer keep a device less busy than
those of all layers together. So here products are in float32 on a CPU, and matrices of a shape are one batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

__all__ = ["Muon", "orthogonal"]

# Of the polynomial a x + b x^3 + c x^5 that brings singular values near 1 fast, and how often it is applied.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


def orthogonal(matrices: Tensor) -> Tensor:
    """Nearly U V^T of matrices [..., rows, columns] = U S V^T, by Newton-Schulz iterations: singular values of 0.7 to 1.2.

    In float32 on a CPU, in bfloat16 elsewhere; the result has that type.

    >>> found = orthogonal(torch.tensor([[3.0, 0.0], [0.0, -0.5]]))
    >>> bool((found.abs().diagonal() - 1).abs().max() < 0.4), found[0, 1].item()
    (True, 0.0)
    """
    x = matrices.to(torch.float32 if matrices.device.type == "cpu" else torch.bfloat16)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x  # the Gram matrix is the smaller one
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    found: Tensor = x.mT if tall else x
    return found


class Muon(torch.optim.Optimizer):
    """For matrices alone. Updates have the size of AdamW's (0.2 a number), so that one learning rate fits both.

    The update is the orthogonal form of Nesterov's: of the gradient, moved towards its moving average. Weight decay is
    decoupled. State and results are those of ``torch.optim.Muon(adjust_lr_fn="match_rms_adamw")`` but for rounding.
    """

    def __init__(self, params: Any, *, lr: float, momentum: float, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            by_shape: dict[Any, list[Tensor]] = {}
            for parameter in cast("list[Tensor]", group["params"]):
                if parameter.grad is not None:
                    by_shape.setdefault((parameter.shape, parameter.device), []).append(parameter)
            for parameters in by_shape.values():
                self._update(parameters, group)
        return loss

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """One step of parameters that have one shape."""
        momentum, rate = group["momentum"], group["lr"]
        gradients = [cast(Tensor, parameter.grad) for parameter in parameters]
        means = [self._mean(parameter) for parameter in parameters]
        torch._foreach_lerp_(means, gradients, 1 - momentum)
        updates = orthogonal(torch.stack(torch._foreach_lerp(gradients, means, momentum)))
        size = 0.2 * math.sqrt(max(parameters[0].shape))
        torch._foreach_mul_(parameters, 1 - rate * group["weight_decay"])
        torch._foreach_add_(parameters, list(updates.to(parameters[0].dtype)), alpha=-rate * size)

    def _mean(self, parameter: Tensor) -> Tensor:
        """The moving average of the gradient; the name is torch's, so that its checkpoints can be resumed."""
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        return cast(Tensor, state["momentum_buffer"])
