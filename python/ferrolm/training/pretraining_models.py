"""The model of a pre-training run: with random weights, or a checkpoint that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.models import (
    BertForMaskedLM,
    BertForPreTraining,
    PretrainedModel,
    T5ForConditionalGeneration,
    load,
    locate,
)
from ferrolm.models.auto import ARCHITECTURES
from ferrolm.training.config import RunConfig

__all__ = ["build_model"]

_ENCODERS = ("bert", "roberta", "distilbert")


def build_model(
    config: RunConfig, largest_id: int | None, pad_token_id: int | None = None
) -> PretrainedModel:
    """The model of ``config.model`` for ``config.objective``; it must hold every id up to ``largest_id``.

    ``model.checkpoint``, a folder or a name of the hub, is trained further; encoders may be given other settings, such as
    dropout. Raises `UnknownNameError` and `InvalidArgumentError`, which name the setting.
    """
    if "checkpoint" in config.model:
        model = _load(config)
        _check(config, model.config, largest_id)
        return model
    return _new(config, largest_id, pad_token_id)


def _check(config: RunConfig, shape: Any, largest_id: int | None) -> None:
    if largest_id is not None and largest_id >= shape.vocab_size:
        raise InvalidArgumentError(
            f"model.vocab_size is {shape.vocab_size}, but {config.data.train} has token id {largest_id}"
        )
    limit = getattr(shape, "n_positions", None) or getattr(shape, "max_position_embeddings", None)
    if limit is not None and config.data.block_size > limit:
        names = type(shape).__dataclass_fields__
        name = "n_positions" if "n_positions" in names else "max_position_embeddings"
        raise InvalidArgumentError(
            f"data.block_size {config.data.block_size} is more than model.{name} {limit}"
        )


def _kinds(config: RunConfig) -> Mapping[str, type[PretrainedModel]]:
    objective = config.objective
    if objective.type == "causal":
        return ARCHITECTURES
    if objective.type == "span-corruption":
        return {"t5": T5ForConditionalGeneration}
    if objective.has_pairs:
        return {"bert": BertForPreTraining}
    return dict.fromkeys(_ENCODERS, BertForMaskedLM)


def _load(config: RunConfig) -> PretrainedModel:
    changes = {name: value for name, value in config.model.items() if name != "checkpoint"}
    objective = config.objective
    tasks = {"causal": "text-generation", "span-corruption": "text2text-generation", "masked": "fill-mask"}
    task = tasks.get(objective.type, "pretraining")
    # Small steps vanish in the 16 bits that files often have.
    return load(locate(config.model["checkpoint"]), task, **changes).float()


def _new(config: RunConfig, largest_id: int | None, pad_token_id: int | None) -> PretrainedModel:
    kinds = _kinds(config)
    given = dict(config.model)
    kind = given.pop("type", next(iter(kinds)))
    if kind not in kinds:
        fits = (
            f"; objective.type {config.objective.type} is for {', '.join(kinds)}"
            if config.objective.type != "causal"
            else ""
        )
        raise UnknownNameError(f"unknown model.type {kind!r}{nearest(str(kind), kinds)}{fits}")
    architecture: Any = kinds[kind]
    known = set(architecture.config_class.__dataclass_fields__) - {"extra", "model_type"}
    for name in given:
        if name not in known:
            raise UnknownNameError(f"unknown setting model.{name}{nearest(name, known)}")
    defaults: dict[str, Any] = {}
    if config.objective.type == "causal":
        positions = "n_positions" if "n_positions" in known else "max_position_embeddings"
        defaults[positions] = config.data.block_size
    elif "pad_token_id" in known and pad_token_id is not None:
        defaults["pad_token_id"] = pad_token_id
    shape = architecture.config_class.from_dict({"model_type": kind, **defaults, **given})
    _check(config, shape, largest_id)  # before there is memory for it
    model: PretrainedModel = architecture(shape)
    return model
