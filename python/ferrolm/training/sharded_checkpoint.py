"""The tensors of a sharded run on disk: every process writes its shards, and any number of processes reads them.

The format is that of ``torch.distributed.checkpoint`` (DCP): ``*.distcp`` files and ``.metadata``, which says where in them each
part of each tensor is. DCP reads ``.metadata`` by pickle; here only the few classes that describe tensors may be in it, and
nothing but tensors is stored.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta, TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from ferrolm.errors import InvalidFileError
from ferrolm.training.ema import MovingAverage
from ferrolm.training.optimizer import OptimizerPair

__all__ = ["load_sharded_weights", "load_shards", "save_shards"]

_Optimizer = torch.optim.Optimizer | OptimizerPair

# What may be in .metadata.
_CLASSES = {
    "torch.distributed.checkpoint.metadata": (
        "BytesStorageMetadata", "ChunkStorageMetadata", "Metadata", "MetadataIndex", "StorageMeta", "TensorProperties",
        "TensorStorageMetadata", "_MEM_FORMAT_ENCODING",
    ),
    "torch.distributed.checkpoint.filesystem": ("_StorageInfo",),
    "torch": ("Size", "device", "strided"),
    "torch.serialization": ("_get_layout",),
    "collections": ("OrderedDict",),
    "pathlib": ("PosixPath", "PurePosixPath"),
    "builtins": ("set", "dict", "list", "tuple", "int", "str"),
}  # fmt: skip


def save_shards(
    folder: Path, model: nn.Module, optimizer: _Optimizer, average: MovingAverage | None = None
) -> None:
    """Write weights, the optimizer's tensors and the moving average into ``folder``, which is there; all processes call it."""
    tensors = {**_weights(model), **_average(average)}
    for part in _parts(optimizer):
        for name, parameter in _named(part, model).items():
            for key, value in part.state.get(parameter, {}).items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer/{name}/{key}"] = value
    save(tensors, storage_writer=FileSystemWriter(folder), no_dist=not dist.is_initialized())


def load_shards(
    folder: Path, model: nn.Module, optimizer: _Optimizer, average: MovingAverage | None = None
) -> None:
    """Fill what `save_shards` wrote, whatever number of processes that was on. Raises `InvalidFileError`."""
    stored = _stored(folder)
    tensors = {**_weights(model), **_average(average)}
    states: dict[str, Tensor] = {}
    for part in _parts(optimizer):
        for name, parameter in _named(part, model).items():
            prefix = f"optimizer/{name}/"
            for key in [key for key in stored if key.startswith(prefix)]:
                found = stored[key]
                like = torch.empty(found.size, dtype=found.properties.dtype, device=parameter.device)
                value = torch.zeros_like(parameter) if found.size == parameter.shape else like
                part.state[parameter][key.removeprefix(prefix)] = states[key] = value
    _read(folder, stored, {**tensors, **states})


def load_sharded_weights(folder: Path, model: nn.Module, average: bool = False) -> None:
    """Fill the weights of ``model``, or those of the moving average."""
    prefix = "average" if average else "model"
    tensors = {f"{prefix}/{name}": parameter.detach() for name, parameter in model.named_parameters()}
    _read(folder, _stored(folder), tensors)


def _read(folder: Path, stored: dict[str, TensorStorageMetadata], tensors: dict[str, Tensor]) -> None:
    missing = [name for name in tensors if name not in stored]
    if missing:
        raise InvalidFileError(f"{folder} is of another model: it has no {', '.join(missing[:4])}")
    for name, tensor in tensors.items():
        if stored[name].size != tensor.shape:
            shapes = f"{list(stored[name].size)}, expected {list(tensor.shape)}"
            raise InvalidFileError(f"{folder}: {name} has shape {shapes}")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.distributed is disabled")  # one process needs none
            load(tensors, storage_reader=_Reader(folder), no_dist=not dist.is_initialized())
    except CheckpointException as error:
        reason = next(iter(error.failures.values()))[0]  # of the first process that failed
        raise InvalidFileError(f"{folder} cannot be read: {reason}") from error
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError) as error:
        raise InvalidFileError(f"{folder} cannot be read: {error}") from error


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {f"model/{name}": parameter.detach() for name, parameter in model.named_parameters()}


def _average(average: MovingAverage | None) -> dict[str, Tensor]:
    return {} if average is None else {f"average/{name}": tensor for name, tensor in average.tensors.items()}


def _parts(optimizer: _Optimizer) -> tuple[torch.optim.Optimizer, ...]:
    return optimizer.parts if isinstance(optimizer, OptimizerPair) else (optimizer,)


def _named(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, nn.Parameter]:
    own = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    return {name: parameter for name, parameter in model.named_parameters() if id(parameter) in own}


def _stored(folder: Path) -> dict[str, TensorStorageMetadata]:
    """What is in the folder, by name."""
    try:
        entries = _Reader(folder).read_metadata().state_dict_metadata
    except (
        pickle.UnpicklingError,
        OSError,
        EOFError,
        AttributeError,
        ValueError,
        TypeError,
        IndexError,
    ) as error:
        raise InvalidFileError(f"{folder / '.metadata'} cannot be read: {error}") from error
    for name, entry in entries.items():
        if not isinstance(entry, TensorStorageMetadata):
            raise InvalidFileError(f"{folder / '.metadata'} has {name}, which is no tensor")
    return entries  # type: ignore[return-value]


class _Reader(FileSystemReader):
    """Reads ``.metadata`` without running what a stranger may have put into it."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        with (Path(self.path) / ".metadata").open("rb") as file:
            metadata = _Unpickler(file).load()
        if not isinstance(metadata, Metadata):
            raise pickle.UnpicklingError(f"it holds a {type(metadata).__name__}")
        if metadata.storage_meta is None:
            metadata.storage_meta = StorageMeta()
        metadata.storage_meta.load_id = self.load_id
        for place in (metadata.storage_data or {}).values():
            if Path(place.relative_path).name != place.relative_path:
                raise pickle.UnpicklingError(f"it names a file elsewhere: {place.relative_path}")
        return metadata


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name in _CLASSES.get(module, ()):
            return super().find_class(module, name)
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        raise pickle.UnpicklingError(f"{module}.{name} does not belong there")
