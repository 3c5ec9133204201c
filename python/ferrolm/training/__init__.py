"""Pre-training of causal language models: configuration, loop, checkpoints.

config.py       `RunConfig`: a TOML file with overrides, every setting described
trainer.py      `Trainer`: the loop; a run is a folder that can be stopped and resumed to the bit
pretraining.py  `pretrain`: from a configuration to a model in the Hugging Face layout
loss.py         the cross-entropy of next-token prediction, in blocks that fit the cache
objectives.py   `Objective`: what a step minimizes;  chunked.py: next tokens without all logits;  masked.py: masked tokens;
                contrastive.py: texts that belong together;  smoothing.py: labels believed a little less
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
    from ferrolm.training.chunked import ChunkedNextToken, chunked_cross_entropy
    from ferrolm.training.contrastive import InBatchNegatives
    from ferrolm.training.evaluation import HeldOutLoss, evaluate
    from ferrolm.training.loss import next_token_loss
    from ferrolm.training.masked import MaskedTokens
    from ferrolm.training.objectives import ModelLoss, NextToken, Objective
    from ferrolm.training.optimizer import build_optimizer
    from ferrolm.training.pretraining import pretrain
    from ferrolm.training.smoothing import LabelSmoothing
    from ferrolm.training.trainer import DivergedError, Trainer, TrainingResult

__all__ = [
    "ChunkedNextToken",
    "DataConfig",
    "DivergedError",
    "HeldOutLoss",
    "InBatchNegatives",
    "LabelSmoothing",
    "MaskedTokens",
    "ModelLoss",
    "NextToken",
    "Objective",
    "RunConfig",
    "Trainer",
    "TrainingConfig",
    "TrainingResult",
    "build_optimizer",
    "chunked_cross_entropy",
    "cosine_with_warmup",
    "describe",
    "evaluate",
    "next_token_loss",
    "pretrain",
]

_NEED_TORCH = {
    "ChunkedNextToken": "chunked",
    "DivergedError": "trainer",
    "HeldOutLoss": "evaluation",
    "InBatchNegatives": "contrastive",
    "LabelSmoothing": "smoothing",
    "MaskedTokens": "masked",
    "ModelLoss": "objectives",
    "NextToken": "objectives",
    "Objective": "objectives",
    "Trainer": "trainer",
    "TrainingResult": "trainer",
    "build_optimizer": "optimizer",
    "chunked_cross_entropy": "chunked",
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
