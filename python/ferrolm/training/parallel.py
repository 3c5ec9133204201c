"""How the processes of a run share a model: each has all of it (DDP), or its part of every tensor (FSDP2)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from ferrolm.training.activation_checkpointing import checkpoint_activations, layers_of
from ferrolm.training.distributed import World

__all__ = ["Parallel", "sharded_like", "whole"]


class Parallel:
    """Prepares ``model``, on the device of ``world``, for several processes; its parameters keep their names.

    ``none``: nothing to do. ``ddp`` (Li et al. 2020): ``forward`` sums gradients over the processes while the backward pass goes on.
    ``fsdp`` (FSDP2, Zhao et al. 2023): the parameters of ``model`` become shards, gathered layer by layer when they are used;
    with bfloat16 what is gathered has 16 bits, and the shards, gradients and optimizer stay float32.
    """

    def __init__(
        self,
        model: nn.Module,
        world: World,
        kind: str = "none",
        *,
        precision: str = "float32",
        activation_checkpointing: bool = False,
    ) -> None:
        self.model = model
        self.world = world
        self.sharded = kind == "fsdp"
        self.forward: Any = model
        self._plain: nn.Module | None = None
        if world.size > 1:
            _same_on_all(model)
        if self.sharded:
            self._plain = _without_weights(model)
        if activation_checkpointing:  # after the copy, before what gathers layers
            checkpoint_activations(model)
        if self.sharded:
            _shard(model, precision)
        elif world.size > 1:
            # Buffers are constants of a model, so that there is nothing to send before each forward pass.
            devices = [world.device] if world.device.type == "cuda" else None
            self.forward = DistributedDataParallel(model, device_ids=devices, broadcast_buffers=False)

    @contextmanager
    def accumulating(self, last: bool) -> Iterator[None]:
        """Forward and backward of one micro-batch: gradients travel with the ``last`` of a step alone."""
        if isinstance(self.forward, DistributedDataParallel) and not last:
            with self.forward.no_sync():
                yield
            return
        if self.sharded:
            self.model.set_requires_gradient_sync(last)  # type: ignore[operator]
        yield

    def gathered(self) -> nn.Module:
        """The model with whole tensors: ``model`` itself, or, where it is sharded, a copy on the CPU, on every process."""
        if self._plain is None:
            return self.model
        plain = copy.deepcopy(self._plain)
        tensors = {name: whole(tensor.detach()).cpu() for name, tensor in self.model.named_parameters()}
        buffers = {name: buffer.cpu() for name, buffer in self.model.named_buffers()}
        _put(plain, tensors, buffers)
        return plain


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor that may be a shard; all processes must ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def sharded_like(tensor: Tensor, pattern: Tensor) -> Tensor:
    """The own part of ``tensor``, which all have whole, if ``pattern`` is a shard."""
    if not isinstance(pattern, DTensor) or isinstance(tensor, DTensor):
        return tensor
    placed = tensor.to(pattern.device)
    return distribute_tensor(placed, pattern.device_mesh, pattern.placements, src_data_rank=None)


@torch.no_grad()
def _same_on_all(model: nn.Module) -> None:
    """Begin with the weights of process 0, whatever random numbers the others had."""
    for tensor in (*model.parameters(), *model.buffers()):
        dist.broadcast(tensor, src=0)


def _shard(model: nn.Module, precision: str) -> None:
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
    device = next(model.parameters()).device
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for layer in layers_of(model):
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    # By default the outermost part stays whole after a forward pass, and whoever reads the weights then finds no shards.
    fully_shard(model, mesh=mesh, mp_policy=policy, reshard_after_forward=True)


def _without_weights(model: nn.Module) -> nn.Module:
    """A copy whose parameters and buffers have shapes and no numbers; tied ones are tied in it."""
    tensors = (*model.parameters(), *model.buffers())
    memo: dict[int, Any] = {}
    for tensor in tensors:
        empty = torch.empty_like(tensor, device="meta")
        memo[id(tensor)] = (
            nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty
        )
    return copy.deepcopy(model, memo)


def _put(model: nn.Module, weights: dict[str, Tensor], buffers: dict[str, Tensor]) -> None:
    """Replace parameters and buffers by name; where one is tied, everywhere."""
    replacements: dict[int, Tensor] = {
        **{id(old): nn.Parameter(weights[name], old.requires_grad) for name, old in model.named_parameters()},
        **{id(old): buffers[name] for name, old in model.named_buffers()},
    }
    for module in model.modules():
        for table in (module._parameters, module._buffers):
            for name, tensor in table.items():
                if tensor is not None:
                    table[name] = replacements[id(tensor)]  # type: ignore[assignment]
