"""From a configuration to a trained model: what ``ferrolm pretrain`` does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import torch

from ferrolm.data import TokenFile
from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.models import CausalLM
from ferrolm.models.auto import ARCHITECTURES
from ferrolm.tokenizers import Tokenizer
from ferrolm.training.config import RunConfig
from ferrolm.training.samples import TextSampler
from ferrolm.training.trainer import Trainer, TrainingResult

__all__ = ["build_model", "pretrain"]


def pretrain(
    config: RunConfig,
    directory: str | Path,
    *,
    resume: bool = False,
    on_evaluation: Callable[[int, Mapping[str, float]], bool] | None = None,
    show_progress: bool = True,
) -> TrainingResult:
    """Build the model that ``config`` describes, train it in ``directory``, and write ``directory/final``.

    ``on_evaluation(step, metrics)`` ends the run when it returns True. The final folder is in the Hugging Face layout; with ``data.tokenizer``, its file is put beside the weights.
    When a signal stops the run, there is a checkpoint and no final model; call again with ``resume=True``.
    """
    if not config.data.train:
        raise InvalidArgumentError("data.train must name a token file; make one with: ferrolm prepare")
    train = TokenFile(config.data.train, verify=True)
    validation = TokenFile(config.data.validation, verify=True) if config.data.validation else None
    if validation is not None and validation.tokenizer_hash != train.tokenizer_hash:
        raise InvalidArgumentError(f"{validation.path} and {train.path} were made with different tokenizers")
    torch.manual_seed(config.training.seed)
    model = build_model(config, train)
    trainer = Trainer(
        model, config, directory, train, validation,
        sample=_text_sampler(config), on_evaluation=on_evaluation, show_progress=show_progress,
    )  # fmt: skip
    result = trainer.train(resume=resume)
    if result.finished and trainer.world.is_main:
        final = Path(directory) / "final"
        trained = cast(CausalLM, trainer.model)  # no longer `model`, where that was sharded
        trained.cpu().eval().save_pretrained(final)
        if config.data.tokenizer:
            shutil.copyfile(config.data.tokenizer, final / "tokenizer.json")
    return result


def _text_sampler(config: RunConfig) -> TextSampler | None:
    settings = config.training
    if not settings.sample_interval:
        return None
    if not config.data.tokenizer:
        raise InvalidArgumentError("training.sample_interval needs data.tokenizer, to write texts with")
    tokenizer = Tokenizer.from_file(config.data.tokenizer)
    return TextSampler(tokenizer, settings.sample_prompt, settings.sample_tokens, settings.seed)


def build_model(config: RunConfig, train: TokenFile) -> CausalLM:
    """The untrained model of ``config.model``, which must hold every id of ``train``."""
    given = dict(config.model)
    kind = given.pop("type", "gpt2")
    if kind not in ARCHITECTURES:
        raise UnknownNameError(f"unknown model.type {kind!r}{nearest(str(kind), ARCHITECTURES)}")
    architecture = ARCHITECTURES[kind]
    known = set(architecture.config_class.__dataclass_fields__) - {"extra", "model_type"}
    for name in given:
        if name not in known:
            raise UnknownNameError(f"unknown setting model.{name}{nearest(name, known)}")
    positions = "n_positions" if "n_positions" in known else "max_position_embeddings"
    settings = {positions: config.data.block_size, **given}
    shape = architecture.config_class.from_dict({"model_type": kind, **settings})
    largest = int(train.tokens.max(initial=0))
    if largest >= shape.vocab_size:
        raise InvalidArgumentError(
            f"model.vocab_size is {shape.vocab_size}, but {train.path} has token id {largest}"
        )
    if config.data.block_size > shape.n_positions:
        raise InvalidArgumentError(
            f"data.block_size {config.data.block_size} is more than model.{positions} {shape.n_positions}"
        )
    return architecture(shape)
