"""Checkpoints of a run: folders ``step-000500`` that are there whole or not at all.

    model.safetensors    the weights, a tied one once
    average.safetensors  their moving average, if the run keeps one
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
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ferrolm.data._atomic import replace_folder
from ferrolm.errors import InvalidFileError, MissingFileError
from ferrolm.training.ema import MovingAverage
from ferrolm.training.guard import LossGuard
from ferrolm.training.optimizer import OptimizerPair

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


def save_checkpoint(folder: Path, state: RunState, progress: Progress) -> Path:
    """Write ``folder/step-NNNNNN`` and return its path. A crash leaves it whole or absent."""
    target = checkpoint_path(folder, progress.step)
    scaler = None if state.scaler is None else state.scaler.state_dict()
    rest = {"optimizer": state.optimizer.state_dict(), "random": _random_state(), "scaler": scaler}
    with replace_folder(target) as temporary:
        _save_weights(dict(state.model.named_parameters()), temporary / "model.safetensors")
        if state.average is not None:
            _save_weights(state.average.tensors, temporary / "average.safetensors")
        torch.save(rest, temporary / "state.pt")
        (temporary / "progress.json").write_text(json.dumps(asdict(progress)) + "\n", encoding="utf-8")
    return target


def load_checkpoint(path: Path, state: RunState) -> Progress:
    """Put weights, optimizer and random generators back as they were. Raises `InvalidFileError`."""
    load_weights(path, state.model)
    device = next(state.model.parameters()).device
    try:
        if state.average is not None:
            state.average.load(_read_weights(path / "average.safetensors"))
        rest = torch.load(path / "state.pt", map_location=device, weights_only=True)
        progress = Progress.from_json((path / "progress.json").read_text(encoding="utf-8"))
        state.optimizer.load_state_dict(rest["optimizer"])
        if state.scaler is not None and rest["scaler"]:
            state.scaler.load_state_dict(rest["scaler"])
        _set_random_state(rest["random"])
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
        parameter.copy_(tensors[name])


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


def _random_state() -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"].cpu())
    if torch.cuda.is_available() and state["cuda"]:
        torch.cuda.set_rng_state_all([part.cpu() for part in state["cuda"]])
