"""AdamW with the decay where it belongs."""

from __future__ import annotations

import torch
from torch import nn

from ferrolm.training.config import TrainingConfig

__all__ = ["build_optimizer"]


def build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """Fused AdamW (Loshchilov & Hutter 2019) with two groups of parameters.

    Matrices and embeddings are decayed; biases and the scales of layer norms, which have one dimension, are not.
    A tied parameter counts once.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        fused=True,
    )
