"""Pre-training of causal language models: configuration, loop, checkpoints.

config.py       `RunConfig`: a TOML file with overrides, every setting described
trainer.py      `Trainer`: the loop; a run is a folder that can be stopped and resumed to the bit
pretraining.py  `pretrain`: from a configuration to a model in the Hugging Face layout
loss.py         the cross-entropy of next-token prediction, in blocks that fit the cache
optimizer.py    AdamW with decay groups;  schedule.py: warm-up and cosine
evaluation.py   loss and bits per byte of held-out tokens
checkpoint.py   folders written atomically, read with weights only
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ferrolm._extras import require
from ferrolm.training.config import DataConfig, RunConfig, TrainingConfig, describe
from ferrolm.training.schedule import cosine_with_warmup

if TYPE_CHECKING:
    from ferrolm.training.evaluation import HeldOutLoss, evaluate
    from ferrolm.training.loss import next_token_loss
    from ferrolm.training.optimizer import build_optimizer
    from ferrolm.training.pretraining import pretrain
    from ferrolm.training.trainer import DivergedError, Trainer, TrainingResult

__all__ = [
    "DataConfig",
    "DivergedError",
    "HeldOutLoss",
    "RunConfig",
    "Trainer",
    "TrainingConfig",
    "TrainingResult",
    "build_optimizer",
    "cosine_with_warmup",
    "describe",
    "evaluate",
    "next_token_loss",
    "pretrain",
]

_NEED_TORCH = {
    "DivergedError": "trainer",
    "HeldOutLoss": "evaluation",
    "Trainer": "trainer",
    "TrainingResult": "trainer",
    "build_optimizer": "optimizer",
    "evaluate": "evaluation",
    "next_token_loss": "loss",
    "pretrain": "pretraining",
}


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module 'ferrolm.training' has no attribute {name!r}")
    require("torch", extra="torch", purpose="training a model")
    value = globals()[name] = getattr(importlib.import_module(f"ferrolm.training.{_NEED_TORCH[name]}"), name)
    return value
