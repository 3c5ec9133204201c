"""`save_adapter` and `load_adapter`: adapters in the layout of the ``peft`` package.

A folder with adapter_config.json and adapter_model.safetensors, whose tensors are called ``base_model.model.``, the path of
the layer in transformers' model, and ``lora_A.weight`` or ``lora_B.weight``; biases and modules that learned as a whole are
beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ferrolm._extras import require
from ferrolm.errors import FerrolmError, InvalidFileError, MissingFileError
from ferrolm.models import bert_names, checkpoint
from ferrolm.models.bert_config import BertConfig
from ferrolm.models.lora import (
    Adapter,
    LoraConfig,
    Model,
    _needed,
    adaptable,
    add_lora,
    remove_lora,
)

__all__ = ["load_adapter", "save_adapter"]

_CONFIG, _WEIGHTS, _PREFIX = "adapter_config.json", "adapter_model.safetensors", "base_model.model."
_KEY = re.compile(r"(.+)\.(lora_[AB])\.weight")
# What peft also writes of a module that learned as a whole, with ``bias="all"``: the same again, and what it was before.
_TWICE = re.compile(r"\.(modules_to_save|original_module)\.")
# Settings of peft with which a layer computes something else.
_UNSUPPORTED = (
    *("use_dora", "lora_bias", "layer_replication", "rank_pattern", "alpha_pattern", "target_parameters"),
    *("trainable_token_indices", "use_qalora", "alora_invocation_tokens", "use_bdlora", "arrow_config"),
)


def save_adapter(model: nn.Module, directory: Path | str) -> None:
    """Write the adapters of ``model``, merged or not, into ``directory``, which is made when absent; each file atomically.

    peft's ``PeftModel.from_pretrained`` reads them for transformers' model of the same checkpoint. Raises
    `InvalidArgumentError` for a model without adapters.
    """
    adapter = _needed(model)
    safetensors = require("safetensors.torch", extra="torch", purpose="writing an adapter")
    tensors = {}
    for path, theirs in _published(model, adapter.plain).items():
        layer = adapter.adapted[path]
        for part in ("lora_A", "lora_B"):
            tensors[f"{_PREFIX}{theirs}.{part}.weight"] = getattr(layer, part).weight
    for name in adapter.before:
        path, _, kind = name.rpartition(".")
        theirs = _published(model, [path])[path]
        base = ".base_layer" if path in adapter.plain else ""
        tensors[f"{_PREFIX}{theirs}{base}.{kind}"] = model.get_parameter(name)
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    checkpoint.write_atomically(folder / _WEIGHTS, safetensors.save(content, metadata={"format": "pt"}))
    text = json.dumps(_settings(model, adapter), indent=2, sort_keys=True) + "\n"
    checkpoint.write_atomically(folder / _CONFIG, text.encode())


def load_adapter(model: Model, directory: Path | str, *, trainable: bool = False) -> Model:
    """Put the adapters of a folder that `save_adapter` or peft wrote into ``model``; returns the model, changed.

    trainable: whether they go on learning, in the mode (``train``, ``eval``) that the model is in. Raises `MissingFileError`
    and `InvalidFileError`, which names the file and what does not fit the model; the model is then as it was.
    """
    folder = Path(directory)
    settings = _read_settings(folder / _CONFIG)
    tensors = _read_tensors(folder / _WEIGHTS)
    paths = {theirs: path for path, theirs in _published(model, adaptable(model)).items()}
    parts: dict[str, dict[str, Tensor]] = {}
    others: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        match = _KEY.fullmatch(name)
        if match is None:
            others[name] = tensor
        elif match[1] in paths:
            parts.setdefault(paths[match[1]], {})[match[2]] = tensor
        else:
            raise InvalidFileError(f"{folder / _WEIGHTS}: {match[1]} is no linear layer of this model")
    saved = _saved_here(model, others) if settings.get("modules_to_save") else []
    config = _config(settings, folder / _CONFIG, list(parts), saved)
    try:
        add_lora(model, config)
    except FerrolmError as error:
        raise InvalidFileError(f"{folder} does not fit the model: {error}") from None
    adapter = _needed(model)
    try:
        _fill(adapter, parts, folder / _WEIGHTS)
        _fill_others(model, adapter, others, folder / _WEIGHTS)
    except InvalidFileError:
        remove_lora(model)
        raise
    if not trainable:
        model.requires_grad_(False)
    return model


def _published(model: nn.Module, paths: Iterable[str]) -> dict[str, str]:
    """The path in transformers' model of each of ours; only encoders have other ones."""
    config = getattr(model, "config", None)
    if not isinstance(config, BertConfig):
        return {path: path for path in paths}
    paths = list(paths)
    every = [name for name, _ in model.named_parameters() if ".lora_" not in name]
    names = bert_names.published_names([*every, *(f"{path}.weight" for path in paths)], config)
    return {path: names[f"{path}.weight"].removesuffix(".weight") for path in paths}


def _settings(model: nn.Module, adapter: Adapter) -> dict[str, Any]:
    """The content of adapter_config.json."""
    config = adapter.config
    theirs = _published(model, adapter.plain)
    given = config.target_modules
    same = all(path == other for path, other in theirs.items())
    saved = _saved_modules(model, adapter)
    targets = (
        given
        if isinstance(given, str) and same
        else list(given)
        if given and same
        else sorted(theirs.values())
    )
    return {
        "peft_type": "LORA",
        "r": config.r,
        "lora_alpha": config.alpha,
        "lora_dropout": config.dropout,
        "target_modules": targets,
        "bias": config.bias,
        "modules_to_save": saved or None,
        "use_rslora": config.use_rslora,
        "fan_in_fan_out": any(type(layer).__name__ == "Projection" for layer in adapter.plain.values()),
        "base_model_name_or_path": None,
        "inference_mode": True,
        "task_type": None,
    }


def _saved_modules(model: nn.Module, adapter: Adapter) -> list[str]:
    """What ``modules_to_save`` matched, as transformers calls it."""
    given = list(adapter.config.modules_to_save)
    paths = {name.rpartition(".")[0] for name in adapter.before}
    matched = [p for p in paths if any(f".{p}.".find(f".{name}.") >= 0 for name in given)]
    theirs = _published(model, matched)
    return given if all(path == other for path, other in theirs.items()) else sorted(theirs.values())


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist; expected the folder of an adapter") from None
    except ValueError as error:
        raise InvalidFileError(f"{path} is not JSON: {error}") from None
    if not isinstance(settings, dict):
        raise InvalidFileError(f"{path} holds a JSON {type(settings).__name__}, expected an object")
    kind = settings.get("peft_type", "LORA")
    if kind != "LORA":
        raise InvalidFileError(f"{path}: peft_type is {kind!r}, expected 'LORA'")
    for name in _UNSUPPORTED:
        if settings.get(name):
            raise InvalidFileError(f"{path}: {name} is {settings[name]!r}, which these adapters do not have")
    return settings


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist; expected the weights of an adapter")
    found = checkpoint.read_file(path)
    foreign = next((name for name in found if not name.startswith(_PREFIX)), None)
    if foreign is not None:
        raise InvalidFileError(f"{path}: found the tensor {foreign}, expected names with {_PREFIX}")
    return {name.removeprefix(_PREFIX): tensor for name, tensor in found.items() if not _TWICE.search(name)}


def _saved_here(model: nn.Module, others: Iterable[str]) -> list[str]:
    """Our modules whose tensors are among ``others``; not those of which only the bias is."""
    own = dict.fromkeys(name.rpartition(".")[0] for name, _ in model.named_parameters())
    ours = {theirs: path for path, theirs in _published(model, own).items()}
    parents = dict.fromkeys(name.rpartition(".")[0] for name in others if not name.endswith(".bias"))
    return [ours.get(path, path) for path in parents]


def _config(settings: dict[str, Any], path: Path, layers: list[str], saved: list[str]) -> LoraConfig:
    names = {
        "r": "r",
        "lora_alpha": "alpha",
        "lora_dropout": "dropout",
        "bias": "bias",
        "use_rslora": "use_rslora",
    }
    given = {ours: settings[theirs] for theirs, ours in names.items() if settings.get(theirs) is not None}
    if not layers:
        raise InvalidFileError(f"{path.parent / _WEIGHTS} has no adapters")
    try:
        return LoraConfig(**given, target_modules=layers, modules_to_save=saved)
    except FerrolmError as error:
        raise InvalidFileError(f"{path}: {error}") from None


def _fill(adapter: Adapter, parts: dict[str, dict[str, Tensor]], path: Path) -> None:
    for layer, found in parts.items():
        for part in ("lora_A", "lora_B"):
            weight = getattr(adapter.adapted[layer], part).weight
            have = list(found[part].shape) if part in found else None
            if have != list(weight.shape):
                raise InvalidFileError(
                    f"{path}: {part} of {layer} has shape {have}, expected {list(weight.shape)}"
                )
    with torch.no_grad():
        for layer, found in parts.items():
            adapter.adapted[layer].lora_A.weight.copy_(found["lora_A"])
            adapter.adapted[layer].lora_B.weight.copy_(found["lora_B"])


def _fill_others(model: nn.Module, adapter: Adapter, others: dict[str, Tensor], path: Path) -> None:
    """Biases, and modules that were saved as a whole."""
    parameters = dict(model.named_parameters())
    own = [name.rpartition(".") for name in adapter.before]
    theirs = _published(model, [path for path, _, _ in own])
    expected = {f"{theirs[path]}.{kind}": f"{path}.{kind}" for path, _, kind in own}
    found = {name.replace(".base_layer.", "."): tensor for name, tensor in others.items()}
    checkpoint.assign(
        {name: parameters[ours] for name, ours in expected.items()},
        found,
        path,
        what="the adapter's settings",
    )
