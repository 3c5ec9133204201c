"""How weights start where no checkpoint says: normal or truncated normal matrices, norms of 1, biases of 0."""

from __future__ import annotations

from collections.abc import Container

import torch
from torch import nn

__all__ = ["initialize"]


def initialize(
    model: nn.Module, *, initializer: str, std: float, names: Container[str] | None = None
) -> None:
    """Draw the parameters of ``model`` from torch's generator, or those of these ``names`` alone.

    initializer: "normal", or "truncated_normal": within two standard deviations, as in the original BERT. The embedding of
    padding (``padding_idx``) is 0. A parameter that two modules share starts as that of the first.
    """
    first_names = dict(model.named_parameters())
    for prefix, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            full_name = f"{prefix}.{name}".removeprefix(".")
            if full_name not in first_names or (names is not None and full_name not in names):
                continue
            if isinstance(module, nn.LayerNorm):
                nn.init.constant_(parameter, 1.0 if name == "weight" else 0.0)
            elif name != "weight" or not isinstance(module, nn.Linear | nn.Embedding):
                nn.init.zeros_(parameter)
            elif initializer == "truncated_normal":
                nn.init.trunc_normal_(parameter, std=std, a=-2 * std, b=2 * std)
            else:
                nn.init.normal_(parameter, std=std)
            padding = getattr(module, "padding_idx", None)
            if padding is not None:
                with torch.no_grad():
                    parameter[padding].zero_()
