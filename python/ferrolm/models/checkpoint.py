"""Checkpoint folders in the layout of the Hugging Face hub: config.json, model.safetensors.

Reads one safetensors file, a sharded one with its index, or pytorch_model.bin (tensors only: nothing is unpickled
that could run code), and copies the tensors into the model, so that a file replaced later changes nothing.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import secrets
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ferrolm._extras import require
from ferrolm.errors import FileAccessError, InvalidArgumentError, InvalidFileError, MissingFileError

__all__ = [
    "Tensors",
    "assign",
    "fill",
    "read_file",
    "read_tensors",
    "save",
    "save_tensors",
    "weights_file",
    "write_atomically",
]

_SINGLE = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
# Older checkpoints store the causal mask and the frequencies of the rotary embedding, which are no weights, and T5's
# a position bias of cross-attention, which nothing uses.
_NOT_WEIGHTS = re.compile(
    r"(^|\.)(attn\.(bias|masked_bias)|rotary_emb\.inv_freq|EncDecAttention\.relative_attention_bias\.weight)$"
)
# Names of the types in a safetensors file; what is not here is none that weights are computed with.
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "BOOL": torch.bool,
}


@dataclass
class Tensors:
    """The tensors of a checkpoint by name, and the path that errors name."""

    path: Path
    by_name: dict[str, Tensor]

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights: that of the first floating-point tensor."""
        return next((t.dtype for t in self.by_name.values() if t.is_floating_point()), torch.float32)


def weights_file(directory: Path | str) -> Path | None:
    """The file with the weights, or the index of the files, that `read_tensors` would take."""
    return next((Path(directory) / name for name in _SINGLE if (Path(directory) / name).is_file()), None)


def read_tensors(directory: Path | str, *, shapes_only: bool = False) -> Tensors:
    """All tensors of the checkpoint in ``directory``; raises `MissingFileError` and `InvalidFileError`.

    shapes_only: on torch's device "meta", without reading the weights.
    """
    folder = Path(directory)
    path = weights_file(folder)
    if path is None:
        raise MissingFileError(f"{folder} has no weights; expected one of {', '.join(_SINGLE)}")
    by_name: dict[str, Tensor] = {}
    for part in _shards(path) if path.suffix == ".json" else [path]:
        by_name.update(read_file(part, shapes_only))
    return Tensors(path, by_name)


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidFileError(f"{index} is not an index of shards with a weight_map: {error!r}") from None
    for name in names:
        # A name from the file must not lead out of the folder.
        if not isinstance(name, str) or Path(name).name != name:
            raise InvalidFileError(f"{index}: weight_map names {name!r}, expected a file beside it")
    return [index.parent / name for name in names]


def read_file(path: Path, shapes_only: bool = False) -> dict[str, Tensor]:
    """The tensors of one file by name; see `read_tensors`."""
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist, though the index beside it names it")
    try:
        if path.suffix == ".safetensors":
            safetensors = require("safetensors.torch", extra="torch", purpose="reading a checkpoint")
            return _read_shapes(path) if shapes_only else dict(safetensors.load_file(path))
        content = torch.load(path, map_location="meta" if shapes_only else "cpu", weights_only=True)
    except OSError as error:
        raise FileAccessError(f"{path} cannot be read: {error}") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise InvalidFileError(f"{path} is not a file of tensors: {error}") from None
    except Exception as error:
        if type(error).__name__ != "SafetensorError":  # derives from Exception alone
            raise
        raise InvalidFileError(f"{path} is not a safetensors file: {error}") from None
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InvalidFileError(f"{path} holds a {type(content).__name__}, expected tensors by name")
    return content


def _read_shapes(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file on the device "meta": its header is read, which safetensors checks."""
    safetensors = require("safetensors", extra="torch", purpose="reading a checkpoint")
    with safetensors.safe_open(path, framework="pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        return {
            name: torch.empty(
                each.get_shape(), dtype=_DTYPES.get(each.get_dtype(), torch.uint8), device="meta"
            )
            for name, each in slices.items()
        }


def fill(model: nn.Module, source: Tensors, prefix: str) -> None:
    """Copy the tensors into the parameters of ``model`` (converting the dtype), all of which must be there.

    The ``prefix`` of all but the head may be absent, and the head too where it is tied.
    """
    parameters = dict(model.named_parameters())  # lists a tied head once, under the embedding's name
    tied = model.state_dict().keys() - parameters.keys()
    found = {
        name if name.startswith((prefix, "lm_head.")) else prefix + name: tensor
        for name, tensor in source.by_name.items()
        if not _NOT_WEIGHTS.search(name)
    }
    assign(parameters, found, source.path, ignored=tied)


def assign(
    parameters: Mapping[str, nn.Parameter],
    found: Mapping[str, Tensor],
    path: Path,
    *,
    optional: Set[str] = frozenset(),
    ignored: Set[str] = frozenset(),
    what: str = "its config.json",
) -> None:
    """Copy the tensors into the parameters of the same names (converting the dtype), all of which must be there.

    optional: parameters that keep what they hold when there is no tensor; ignored: tensors that no parameter takes; what:
    says which parameters there are.
    Raises `InvalidFileError`, which names the file, ``path``, and the tensors.
    """
    problems = [f"{name} is missing" for name in parameters.keys() - found.keys() - optional]
    problems += [f"{name} is not expected" for name in found.keys() - parameters.keys() - ignored]
    for name in parameters.keys() & found.keys():
        have, want = list(found[name].shape), list(parameters[name].shape)
        if have != want:
            problems.append(f"{name} has shape {have}, expected {want}")
    if problems:
        shown = "; ".join(sorted(problems)[:8]) + (
            f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
        )
        raise InvalidFileError(f"{path} does not fit {what}: {shown}")
    with torch.no_grad():
        for name in parameters.keys() & found.keys():
            parameters[name].copy_(found[name])


def save(model: nn.Module, config: dict[str, Any], directory: Path | str) -> None:
    """Write ``model``'s parameters (a tied head once) and ``config`` into ``directory``, made when absent."""
    save_tensors(dict(model.named_parameters()), config, directory)


def save_tensors(by_name: Mapping[str, Tensor], config: dict[str, Any], directory: Path | str) -> None:
    """Write the tensors, no two of which share memory, and ``config`` into ``directory``, made when absent.

    Raises `InvalidArgumentError` for adapters, which have a file of their own.
    """
    if any(name.endswith((".lora_A.weight", ".lora_B.weight")) for name in by_name):
        raise InvalidArgumentError("the model has adapters: use save_adapter, or merge_lora before saving it")
    safetensors = require("safetensors.torch", extra="torch", purpose="writing a checkpoint")
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: parameter.detach().cpu().contiguous() for name, parameter in by_name.items()}
    dtype = str(next(iter(tensors.values())).dtype).removeprefix("torch.")
    write_atomically(folder / "model.safetensors", safetensors.save(tensors, metadata={"format": "pt"}))
    text = json.dumps({**config, "dtype": dtype}, indent=2, sort_keys=True) + "\n"
    write_atomically(folder / "config.json", text.encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` so that a reader, or a crash, sees the old file or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise FileAccessError(f"{path} cannot be written: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)
