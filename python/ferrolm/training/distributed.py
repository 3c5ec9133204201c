"""The processes of a run: found by what ``torchrun`` puts into the environment, and what they tell each other.

A run on several processes is the run on one with a larger batch: each reads its rows of the same global batches, and
whatever decides about the run (losses, evaluations, signals, the clock) is the same for all. Process 0 writes the files.
"""

from __future__ import annotations

import atexit
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import HashStore

from ferrolm.errors import FerrolmError, InvalidArgumentError
from ferrolm.training.precision import resolve_device

__all__ = ["World", "join_world", "read_launch"]

_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


@dataclass(frozen=True)
class World:
    """One process among the ``size`` of the run. One process alone has a `World` too, in which nothing is sent.

    ``device``: where this process computes; processes on one machine have a GPU each.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0

    def sum(self, value: float) -> float:
        """The sum over all processes; counts stay exact."""
        return self._reduced(value, dist.ReduceOp.SUM)

    def largest(self, value: float) -> float:
        """The largest of all processes."""
        return self._reduced(value, dist.ReduceOp.MAX)

    def add(self, tensor: Tensor) -> Tensor:
        """Make ``tensor``, on the device of the run, the sum over all processes, and return it."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def from_main(self, figures: Mapping[str, float]) -> dict[str, float]:
        """The figures that process 0 has; the names must be the same on all."""
        if self.size == 1:
            return dict(figures)
        values = torch.tensor(list(figures.values()), dtype=torch.float64)
        dist.broadcast(values, src=0)
        return dict(zip(figures, values.tolist(), strict=True))

    def gather(self, value: Any) -> list[Any]:
        """What each process has, by rank, on all of them."""
        gathered: list[Any] = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(gathered, value)
        return gathered

    def barrier(self) -> None:
        """Wait for the others."""
        self.sum(0.0)

    def _reduced(self, value: float, operation: Any) -> float:
        if self.size == 1:
            return value
        # On the CPU, also where the model is on GPUs: nothing has to wait for their work.
        tensor = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(tensor, operation)
        return tensor.item()


def join_world(parallel: str = "none", device: str = "auto") -> World:
    """The `World` of this process, after meeting the others that ``torchrun`` started.

    ``parallel``: ``none``, ``ddp`` or ``fsdp``; ``device``: as for a run on one process. gloo connects CPUs, NCCL GPUs. A second
    call finds the same processes. Raises `InvalidArgumentError` for an environment that is not whole, or several processes where
    ``parallel`` is ``none``.

    >>> world = join_world(device="cpu")
    >>> world.size, world.is_main, world.sum(2.0)
    (1, True, 2.0)
    """
    launch = read_launch(os.environ)
    rank, size, local_rank = launch or (0, 1, 0)
    if parallel == "none" and size > 1:
        raise InvalidArgumentError(
            f"{size} processes were started, and training.parallel is none: set it to ddp or fsdp, or start one process"
        )
    if parallel == "none" or (parallel == "ddp" and size == 1):
        return World(0, 1, resolve_device(device))
    place = _own_device(device, local_rank, launch is not None)
    if not dist.is_initialized():
        _meet(rank, size, place)
        atexit.register(_leave)
    return World(dist.get_rank(), dist.get_world_size(), place)


def read_launch(environment: Mapping[str, str]) -> tuple[int, int, int] | None:
    """Rank, number of processes and rank on this machine, or None where no launcher has set them.

    >>> read_launch({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"})
    (1, 2, 1)
    >>> read_launch({"RANK": "1"})
    Traceback (most recent call last):
    ...
    ferrolm.errors.InvalidArgumentError: the environment has RANK, and not WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT: start the processes with torchrun
    """
    given = [name for name in _VARIABLES if environment.get(name)]
    if not given:
        return None
    needed = (*_VARIABLES, "MASTER_ADDR", "MASTER_PORT")
    missing = [name for name in needed if not environment.get(name)]
    if missing:
        raise InvalidArgumentError(
            f"the environment has {', '.join(given)}, and not {', '.join(missing)}: start the processes with torchrun"
        )
    try:
        rank, size, local_rank = (int(environment[name]) for name in _VARIABLES)
    except ValueError as error:
        raise InvalidArgumentError(
            f"{', '.join(_VARIABLES)} of the environment must be numbers: {error}"
        ) from None
    if not 0 <= rank < size or not 0 <= local_rank <= rank:
        raise InvalidArgumentError(
            f"RANK {rank} and LOCAL_RANK {local_rank} of the environment do not fit WORLD_SIZE {size}"
        )
    return rank, size, local_rank


def _own_device(name: str, local_rank: int, launched: bool) -> torch.device:
    device = resolve_device(name)
    if device.type != "cuda" or not launched:
        return device
    if ":" in name:
        raise InvalidArgumentError(
            f"training.device must be auto, cpu or cuda with several processes, not {name}"
        )
    if local_rank >= torch.cuda.device_count():
        raise InvalidArgumentError(
            f"process {local_rank} of this machine has no GPU: it has {torch.cuda.device_count()}, and each process needs one"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def _meet(rank: int, size: int, device: torch.device) -> None:
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if size == 1:
        dist.init_process_group(backend, store=HashStore(), rank=0, world_size=1)
        return
    has_loopback = "lo" in {name for _, name in socket.if_nameindex()}
    if has_loopback and os.environ.get("LOCAL_WORLD_SIZE") == str(size):
        # All are on this machine, whose name need not be one that gloo can resolve.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    try:
        dist.init_process_group(backend, device_id=device if device.type == "cuda" else None)
    except (RuntimeError, ValueError) as error:
        address = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise FerrolmError(
            f"process {rank} of {size} cannot meet the others at {address}: {error}"
        ) from error


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
