"""Checkpoints of a run: folders ``step-000500`` that are there whole or not at all.

    model.safetensors    the weights, a tied one once
    state.pt             optimizer and random generators, read with ``weights_only=True``
    progress.json        step, validation loss, and a hash of the settings that the data order depends on

The order of the data is a function of the seed and the step (`ferrolm.data.BlockSampler`), so the step is its state.
"""

from __future__ import annotations

import json
import pickle
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ferrolm.data._atomic import replace_folder
from ferrolm.errors import InvalidFileError, MissingFileError

__all__ = ["Progress", "latest_checkpoint", "load_checkpoint", "load_weights", "prune", "save_checkpoint"]

_NAME = re.compile(r"step-(\d{6,})")


@dataclass
class Progress:
    """Where a run is: ``step`` optimizer steps are done."""

    step: int = 0
    data_fingerprint: str = ""
    best_loss: float | None = None
    best_step: int = 0


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> Path:
    """Write ``folder/step-NNNNNN`` and return its path. A crash leaves it whole or absent."""
    target = folder / f"step-{progress.step:06d}"
    with replace_folder(target) as temporary:
        _save_weights(model, temporary / "model.safetensors")
        torch.save({"optimizer": optimizer.state_dict(), "random": _random_state()}, temporary / "state.pt")
        (temporary / "progress.json").write_text(json.dumps(asdict(progress)) + "\n", encoding="utf-8")
    return target


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Put weights, optimizer and random generators back as they were. Raises `InvalidFileError`."""
    load_weights(path, model)
    device = next(model.parameters()).device
    try:
        state = torch.load(path / "state.pt", map_location=device, weights_only=True)
        progress = Progress(**json.loads((path / "progress.json").read_text(encoding="utf-8")))
        optimizer.load_state_dict(state["optimizer"])
        _set_random_state(state["random"])
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


def load_weights(path: Path, model: nn.Module) -> None:
    """Fill ``model`` with the weights of the checkpoint at ``path``."""
    file = path / "model.safetensors"
    try:
        tensors = load_file(file)
    except FileNotFoundError as error:
        raise MissingFileError(f"checkpoint {path} has no model.safetensors") from error
    except SafetensorError as error:
        raise InvalidFileError(f"{file}: {error}") from error
    parameters = dict(model.named_parameters())
    if tensors.keys() != parameters.keys():
        differing = ", ".join(sorted(tensors.keys() ^ parameters.keys())[:4])
        raise InvalidFileError(f"{file} is of another model: they differ in {differing}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            if parameter.shape != tensors[name].shape:
                shapes = f"{list(tensors[name].shape)}, expected {list(parameter.shape)}"
                raise InvalidFileError(f"{file}: {name} has shape {shapes}")
            parameter.copy_(tensors[name])


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint in ``folder`` with the most steps."""
    return max(_checkpoints(folder), default=None, key=_step)


def prune(folder: Path, keep: int, best_step: int) -> None:
    """Remove all but the ``keep`` newest checkpoints and the one of ``best_step``, and what crashes left behind."""
    for path in sorted(_checkpoints(folder), key=_step)[:-keep]:
        if _step(path) != best_step:
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".ferrolm-*"):
        shutil.rmtree(path, ignore_errors=True)


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _save_weights(model: nn.Module, path: Path) -> None:
    # `named_parameters` names a tied weight once; safetensors refuses shared memory.
    tensors = {name: parameter.detach().contiguous() for name, parameter in model.named_parameters()}
    save_file(tensors, path, metadata={"format": "pt"})


def _random_state() -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"].cpu())
    if torch.cuda.is_available() and state["cuda"]:
        torch.cuda.set_rng_state_all([part.cpu() for part in state["cuda"]])
