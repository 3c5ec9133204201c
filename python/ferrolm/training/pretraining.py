"""From a configuration to a trained model: what ``ferrolm pretrain`` does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import torch

from ferrolm.errors import InvalidArgumentError
from ferrolm.models import PretrainedModel
from ferrolm.tokenizers import Tokenizer
from ferrolm.training.config import RunConfig
from ferrolm.training.distributed import join_world
from ferrolm.training.pretraining_data import read_data
from ferrolm.training.pretraining_models import build_model
from ferrolm.training.samples import TextSampler
from ferrolm.training.trainer import Trainer, TrainingResult

__all__ = ["pretrain"]


def pretrain(
    config: RunConfig,
    directory: str | Path,
    *,
    resume: bool = False,
    on_evaluation: Callable[[int, Mapping[str, float]], bool] | None = None,
    show_progress: bool = True,
) -> TrainingResult:
    """Build the model that ``config`` describes, train it in ``directory``, and write ``directory/final``.

    ``on_evaluation(step, metrics)`` ends the run when it returns True. The final folder is in the Hugging Face layout; with
    ``data.tokenizer``, its file is put beside the weights. When a signal stops the run, there is a checkpoint and no final
    model; call again with ``resume=True``.
    """
    world = join_world(config.training.parallel, config.training.device)
    data = read_data(config, world.rank, world.size)
    torch.manual_seed(config.training.seed)
    model = build_model(
        config, data.largest_id, None if data.tokenizer is None else data.tokenizer.pad_token_id
    )
    trainer = Trainer(
        model, config, directory, data.train, data.evaluation, objective=data.objective,
        sample=_text_sampler(config, data.tokenizer), on_evaluation=on_evaluation, show_progress=show_progress,
    )  # fmt: skip
    result = trainer.train(resume=resume)
    if result.finished and trainer.world.is_main:
        final = Path(directory) / "final"
        trained = cast(PretrainedModel, trainer.model)  # no longer `model`, where that was sharded
        trained.cpu().eval().save_pretrained(final)
        if config.data.tokenizer:
            shutil.copyfile(config.data.tokenizer, final / "tokenizer.json")
    return result


def _text_sampler(config: RunConfig, tokenizer: Tokenizer | None) -> TextSampler | None:
    settings = config.training
    if not settings.sample_interval:
        return None
    if tokenizer is None or config.objective.type != "causal":
        raise InvalidArgumentError(
            "training.sample_interval needs data.tokenizer and a causal objective, to write texts with"
        )
    return TextSampler(tokenizer, settings.sample_prompt, settings.sample_tokens, settings.seed)
