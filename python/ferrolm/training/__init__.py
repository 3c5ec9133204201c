"""Training of language models: configuration, loop, objectives, checkpoints.

config.py       `RunConfig`: a TOML file with overrides;  settings.py: every setting and its meaning
trainer.py      `Trainer`: the loop; a run is a folder that can be stopped and resumed to the bit
step.py         one step: gradients of micro-batches, clipping, the optimizer
finetuning/     `finetune`: from labelled files to a model for a task
pretraining.py  `pretrain`: from a configuration to a model in the Hugging Face layout; pretraining_data.py, pretraining_models.py:
                what it reads and trains, for each objective
loss.py         the cross-entropy of next-token prediction, in blocks that fit the cache
optimizer.py    AdamW, SGD, RMSprop, Adafactor, Muon (muon.py), with decay groups;  schedule.py: warm-up and what follows
objectives.py   `Objective`: what a step minimizes;  chunked.py: next tokens without all logits;  sampled.py: with some of
                them;  masked.py: masked tokens;  contrastive.py: texts that belong together;  smoothing.py: labels believed a little less
evaluation.py   loss and bits per byte of held-out tokens
guard.py        losses to go back from;  ema.py: the moving average of the weights
checkpoint.py   folders written atomically, read with weights only;  sharded_checkpoint.py: of models in parts
distributed.py  the processes of a run;  parallel.py: how they share a model
environment.py  with what and where a run was made;  cards/: `write_card`, a model card from the records of a run
search/         `ferrolm.training.search.run_search`: which settings are best
metrics.py, plot.py, samples.py, throughput.py: what a run reports
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ferrolm._extras import require
from ferrolm.training.config import RunConfig, describe
from ferrolm.training.finetuning.settings import FinetuningConfig
from ferrolm.training.objective_settings import ObjectiveConfig
from ferrolm.training.plot import plot_runs
from ferrolm.training.schedule import learning_rate
from ferrolm.training.settings import DataConfig, TrainingConfig

if TYPE_CHECKING:
    from ferrolm.training.activation_checkpointing import checkpoint_activations
    from ferrolm.training.cards import write_card
    from ferrolm.training.chunked import ChunkedNextToken, chunked_cross_entropy
    from ferrolm.training.contrastive import InBatchNegatives
    from ferrolm.training.ema import MovingAverage
    from ferrolm.training.evaluation import Evaluation, HeldOutLoss, HeldOutTokens, evaluate
    from ferrolm.training.finetuning.run import finetune
    from ferrolm.training.guard import DivergedError
    from ferrolm.training.loss import next_token_loss
    from ferrolm.training.masked import MaskedTokens
    from ferrolm.training.objectives import ModelLoss, NextToken, Objective
    from ferrolm.training.optimizer import build_optimizer
    from ferrolm.training.pretraining import pretrain
    from ferrolm.training.sampled import SampledNextToken
    from ferrolm.training.smoothing import LabelSmoothing
    from ferrolm.training.step import OutOfMemoryError
    from ferrolm.training.trainer import Trainer, TrainingResult

__all__ = [
    "ChunkedNextToken",
    "DataConfig",
    "DivergedError",
    "Evaluation",
    "FinetuningConfig",
    "HeldOutLoss",
    "HeldOutTokens",
    "InBatchNegatives",
    "LabelSmoothing",
    "MaskedTokens",
    "ModelLoss",
    "MovingAverage",
    "NextToken",
    "Objective",
    "ObjectiveConfig",
    "OutOfMemoryError",
    "RunConfig",
    "SampledNextToken",
    "Trainer",
    "TrainingConfig",
    "TrainingResult",
    "build_optimizer",
    "checkpoint_activations",
    "chunked_cross_entropy",
    "describe",
    "evaluate",
    "finetune",
    "learning_rate",
    "next_token_loss",
    "plot_runs",
    "pretrain",
    "write_card",
]

_NEED_TORCH = {
    "ChunkedNextToken": "chunked",
    "DivergedError": "guard",
    "Evaluation": "evaluation",
    "HeldOutLoss": "evaluation",
    "HeldOutTokens": "evaluation",
    "InBatchNegatives": "contrastive",
    "LabelSmoothing": "smoothing",
    "MaskedTokens": "masked",
    "ModelLoss": "objectives",
    "MovingAverage": "ema",
    "NextToken": "objectives",
    "Objective": "objectives",
    "OutOfMemoryError": "step",
    "SampledNextToken": "sampled",
    "Trainer": "trainer",
    "TrainingResult": "trainer",
    "build_optimizer": "optimizer",
    "checkpoint_activations": "activation_checkpointing",
    "chunked_cross_entropy": "chunked",
    "evaluate": "evaluation",
    "finetune": "finetuning.run",
    "next_token_loss": "loss",
    "pretrain": "pretraining",
    "write_card": "cards",
}


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module 'ferrolm.training' has no attribute {name!r}")
    require("torch", extra="torch", purpose="training a model")
    value = globals()[name] = getattr(importlib.import_module(f"ferrolm.training.{_NEED_TORCH[name]}"), name)
    return value
