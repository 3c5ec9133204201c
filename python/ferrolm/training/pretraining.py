"""From a configuration to a trained model: what ``ferrolm pretrain`` does."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from ferrolm.data import TokenFile
from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.models import GPT2Config, GPT2LMHeadModel
from ferrolm.training.config import RunConfig
from ferrolm.training.trainer import Trainer, TrainingResult

__all__ = ["build_model", "pretrain"]

_ARCHITECTURES = ("gpt2",)


def pretrain(
    config: RunConfig, directory: str | Path, *, resume: bool = False, show_progress: bool = True
) -> TrainingResult:
    """Build the model that ``config`` describes, train it in ``directory``, and write ``directory/final``.

    The final folder is in the Hugging Face layout; with ``data.tokenizer``, its file is put beside the weights.
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
    trainer = Trainer(model, config, directory, train, validation, show_progress=show_progress)
    result = trainer.train(resume=resume)
    if result.finished:
        final = Path(directory) / "final"
        model.cpu().eval().save_pretrained(final)
        if config.data.tokenizer:
            shutil.copyfile(config.data.tokenizer, final / "tokenizer.json")
    return result


def build_model(config: RunConfig, train: TokenFile) -> GPT2LMHeadModel:
    """The untrained model of ``config.model``, which must hold every id of ``train``."""
    settings = {"n_positions": config.data.block_size, **config.model}
    kind = settings.pop("type", "gpt2")
    if kind not in _ARCHITECTURES:
        raise UnknownNameError(f"unknown model.type {kind!r}{nearest(str(kind), _ARCHITECTURES)}")
    known = set(GPT2Config.__dataclass_fields__) - {"extra"}
    for name in settings:
        if name not in known:
            raise UnknownNameError(f"unknown setting model.{name}{nearest(name, known)}")
    shape = GPT2Config(**settings)
    largest = int(train.tokens.max(initial=0))
    if largest >= shape.vocab_size:
        raise InvalidArgumentError(
            f"model.vocab_size is {shape.vocab_size}, but {train.path} has token id {largest}"
        )
    if config.data.block_size > shape.n_positions:
        raise InvalidArgumentError(
            f"data.block_size {config.data.block_size} is more than model.n_positions {shape.n_positions}"
        )
    return GPT2LMHeadModel(shape)
