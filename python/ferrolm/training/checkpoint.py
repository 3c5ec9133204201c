"""Checkpoints of a run: folders ``step-000500`` that are there whole or not at all.

    model.safetensors    the weights, a tied one once
    average.safetensors  their moving average, if the run keeps one
    shards/              instead of these, and of the optimizer's tensors, where the model is sharded: `save_shards`
    state.pt             optimizer, random generators and scaler of gradients, read with ``weights_only=True``
    progress.json        where the run is: see `Progress`

The order of the data is a function of the seed and the step (`ferrolm.data.BatchSource`), so the step is its state; a stream
adds its own, ``Progress.data_state``.
"""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ferrolm.data._atomic import replace_folder
from ferrolm.errors import InvalidFileError, MissingFileError
from ferrolm.training.distributed import World
from ferrolm.training.ema import MovingAverage
from ferrolm.training.guard import LossGuard
from ferrolm.training.optimizer import OptimizerPair
from ferrolm.training.parallel import Parallel, sharded_like
from ferrolm.training.sharded_checkpoint import load_sharded_weights, load_shards, save_shards

__all__ = [
    "Progress",
    "RunState",
    "checkpoint_path",
    "copy_weights",
    "latest_checkpoint",
    "load_checkpoint",
    "load_weights",
    "prune",
    "save_checkpoint",
]

_NAME = re.compile(r"step-(\d{6,})")


Optimizer: TypeAlias = "torch.optim.Optimizer | OptimizerPair"


@dataclass
class Progress:
    """Where a run is: ``step`` optimizer steps are done, and ``skipped`` micro-batches were passed over by rollbacks.

    ``best_value`` of the evaluation's metric was found at ``best_step``, ``stale`` evaluations ago.
    """

    step: int = 0
    data_fingerprint: str = ""
    data_state: Any = None
    best_value: float | None = None
    best_step: int = 0
    stale: int = 0
    skipped: int = 0
    rollbacks: int = 0
    guard: LossGuard = field(default_factory=LossGuard)

    @classmethod
    def from_json(cls, text: str) -> Progress:
        """Raises `ValueError`, `TypeError` or `KeyError` for what is no progress."""
        values = json.loads(text)
        return cls(**{**values, "guard": LossGuard(**values["guard"])})


@dataclass(frozen=True)
class RunState:
    """What a checkpoint holds besides the progress; the tensors are those of the run, not copies."""

    model: nn.Module
    optimizer: Optimizer
    scaler: torch.amp.GradScaler | None = None
    average: MovingAverage | None = None
    parallel: Parallel | None = None

    @property
    def sharded(self) -> bool:
        return self.parallel is not None and self.parallel.sharded

    @property
    def world(self) -> World:
        """The processes that save and load together."""
        return World(0, 1, _device(self.model)) if self.parallel is None else self.parallel.world


def save_checkpoint(folder: Path, state: RunState, progress: Progress) -> Path:
    """Write ``folder/step-NNNNNN`` and return its path. A crash leaves it whole or absent; all processes call it."""
    target = checkpoint_path(folder, progress.step)
    scaler = None if state.scaler is None else state.scaler.state_dict()
    rest: dict[str, Any] = {"random": state.world.gather(_random_state(state.world.device)), "scaler": scaler}
    with _shared_folder(target, state.world) as temporary:
        if state.sharded:
            save_shards(temporary / "shards", state.model, state.optimizer, state.average)
        elif state.world.is_main:
            rest["optimizer"] = state.optimizer.state_dict()
            _save_weights(dict(state.model.named_parameters()), temporary / "model.safetensors")
            if state.average is not None:
                _save_weights(state.average.tensors, temporary / "average.safetensors")
        if state.world.is_main:
            torch.save(rest, temporary / "state.pt")
            (temporary / "progress.json").write_text(json.dumps(asdict(progress)) + "\n", encoding="utf-8")
    return target


def load_checkpoint(path: Path, state: RunState) -> Progress:
    """Put weights, optimizer and random generators back as they were. Raises `InvalidFileError`.

    The run may be on another number of processes, and shard its model where the one before did not. Random numbers go on as
    they would have, if the number is the same.
    """
    shards = path / "shards"
    if shards.exists():
        load_shards(shards, state.model, state.optimizer, state.average)
    else:
        load_weights(path, state.model)
    try:
        if state.average is not None and not shards.exists():
            state.average.load(_read_weights(path / "average.safetensors"))
        rest = torch.load(path / "state.pt", map_location=_device(state.model), weights_only=True)
        progress = Progress.from_json((path / "progress.json").read_text(encoding="utf-8"))
        if not shards.exists():
            state.optimizer.load_state_dict(rest["optimizer"])
            _shard_optimizer(state.optimizer)
        if state.scaler is not None and rest["scaler"]:
            state.scaler.load_state_dict(rest["scaler"])
        _set_random_state(rest["random"], state.world, progress.step)
    except FileNotFoundError as error:
        raise MissingFileError(f"checkpoint {path} is not complete: {error}") from error
    except (
        pickle.UnpicklingError,
        RuntimeError,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
    ) as error:
        raise InvalidFileError(f"checkpoint {path} cannot be read: {error}") from error
    return progress


def load_weights(path: Path, model: nn.Module, *, averaged: bool = False) -> None:
    """Fill ``model`` with the weights of the checkpoint at ``path``, or with their moving average."""
    if (path / "shards").exists():
        load_sharded_weights(path / "shards", model, averaged)
        return
    file = path / ("average.safetensors" if averaged else "model.safetensors")
    tensors = _read_weights(file)
    parameters = dict(model.named_parameters())
    if tensors.keys() != parameters.keys():
        differing = ", ".join(sorted(tensors.keys() ^ parameters.keys())[:4])
        raise InvalidFileError(f"{file} is of another model: they differ in {differing}")
    for name, parameter in parameters.items():
        if parameter.shape != tensors[name].shape:
            shapes = f"{list(tensors[name].shape)}, expected {list(parameter.shape)}"
            raise InvalidFileError(f"{file}: {name} has shape {shapes}")
    copy_weights(tensors, model)


@torch.no_grad()
def copy_weights(tensors: Mapping[str, Tensor], model: nn.Module) -> None:
    """Give every parameter of ``model`` the numbers of the tensor of its name."""
    for name, parameter in model.named_parameters():
        parameter.copy_(sharded_like(tensors[name], parameter))


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of ``step`` is, or would be."""
    return folder / f"step-{step:06d}"


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint in ``folder`` with the most steps."""
    return max(_checkpoints(folder), default=None, key=_step)


def prune(folder: Path, keep: int, best_step: int, every: int = 0) -> None:
    """Remove all checkpoints but the ``keep`` newest, the one of ``best_step`` and those of multiples of ``every``.

    What crashes left behind goes too.
    """
    for path in sorted(_checkpoints(folder), key=_step)[:-keep]:
        if _step(path) != best_step and not (every and _step(path) % every == 0):
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".ferrolm-*"):
        shutil.rmtree(path, ignore_errors=True)


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _save_weights(named: Mapping[str, Tensor], path: Path) -> None:
    # `named_parameters` names a tied weight once; safetensors refuses shared memory.
    tensors = {name: tensor.detach().contiguous() for name, tensor in named.items()}
    save_file(tensors, path, metadata={"format": "pt"})


def _read_weights(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except FileNotFoundError as error:
        raise MissingFileError(f"checkpoint {file.parent} has no {file.name}") from error
    except SafetensorError as error:
        raise InvalidFileError(f"{file}: {error}") from error


@contextmanager
def _shared_folder(target: Path, world: World) -> Iterator[Path]:
    """`replace_folder` for several processes: all fill the temporary folder, and leave when it has its name."""
    if world.is_main:
        with replace_folder(target) as temporary:
            world.gather(str(temporary))
            yield temporary
            world.barrier()
    else:
        yield Path(world.gather("")[0])
        world.barrier()
    world.barrier()


def _shard_optimizer(optimizer: Optimizer) -> None:
    """Make shards of tensors that a file had whole, where their parameters are shards."""
    for part in optimizer.parts if isinstance(optimizer, OptimizerPair) else (optimizer,):
        for parameter, values in part.state.items():
            for key, value in values.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    values[key] = sharded_like(value, parameter)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _random_state(device: torch.device) -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _set_random_state(states: list[dict[str, Any]], world: World, step: int) -> None:
    if len(states) != world.size:
        torch.manual_seed(step * world.size + world.rank)
        return
    own = states[world.rank]
    torch.set_rng_state(own["cpu"].cpu())
    if world.device.type == "cuda" and own["cuda"] is not None:
        torch.cuda.set_rng_state(own["cuda"].cpu(), world.device)
