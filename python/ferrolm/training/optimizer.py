"""Optimizers, with the decay where it belongs and a learning rate for each part."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from ferrolm.errors import InvalidArgumentError
from ferrolm.training.activation_checkpointing import layers_of
from ferrolm.training.muon import Muon
from ferrolm.training.settings import TrainingConfig

__all__ = ["OptimizerPair", "add_penalties", "build_optimizer", "set_learning_rate"]

# What makes logits in models that have no list of layers.
_HEADS = ("lm_head", "classifier")


def build_optimizer(
    model: nn.Module, config: TrainingConfig, new: Collection[str] = ()
) -> torch.optim.Optimizer | OptimizerPair:
    """The optimizer that ``config`` names, over the parameters of ``model`` that have gradients; a tied one counts once.

    Matrices and embeddings are decayed (decoupled, Loshchilov & Hutter 2019; for SGD and RMSprop it is the classic L2 term);
    biases and the scales of norms, which have one dimension, are not. ``new``: names of the
    parameters whose rate is ``head_learning_rate``. Each group has its share of the rate as ``scale``, see `set_learning_rate`.

    Adafactor (Shazeer & Stern 2018) keeps a row and a column for each matrix. Muon (Jordan et al. 2024) makes the update
    of a matrix orthogonal; embeddings, the head and all vectors go to AdamW beside it, at the same rate.
    """
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    head = config.head_learning_rate / config.learning_rate if config.head_learning_rate and new else 1.0
    if config.optimizer == "muon":
        hidden = _hidden_matrices(model)
        matrices = [pair for pair in named if pair[0] in hidden]
        rest = [pair for pair in named if pair[0] not in hidden]
        return OptimizerPair(
            _muon(_groups(matrices, config, new, head), config),
            _adamw(_groups(rest, config, new, head), config),
        )
    return _MAKERS[config.optimizer](_groups(named, config, new, head), config)


def set_learning_rate(optimizer: torch.optim.Optimizer | OptimizerPair, rate: float) -> None:
    """Give every group its share of ``rate``."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]


@torch.no_grad()
def add_penalties(model: nn.Module, l1: float, l2: float) -> None:
    """Add the gradients of ``l1 * sum |w|`` and ``l2 / 2 * sum w**2`` over the weights that have more than one dimension."""
    if not (l1 or l2):
        return
    weights: list[Tensor] = [p for p in model.parameters() if p.grad is not None and p.dim() >= 2]
    gradients = [p.grad for p in weights if p.grad is not None]
    if l1:
        torch._foreach_add_(gradients, [torch.sign(p) for p in weights], alpha=l1)
    if l2:
        torch._foreach_add_(gradients, weights, alpha=l2)


class OptimizerPair:
    """Two optimizers, each for its parameters, behind the methods of one."""

    def __init__(self, first: torch.optim.Optimizer, second: torch.optim.Optimizer) -> None:
        self.parts = (first, second)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    def step(self) -> None:
        for part in self.parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in zip(("first", "second"), self.parts, strict=True)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in zip(("first", "second"), self.parts, strict=True):
            part.load_state_dict(state[name])


_Groups = list[dict[str, Any]]


def _groups(
    named: Sequence[tuple[str, Tensor]], config: TrainingConfig, new: Collection[str], head: float
) -> _Groups:
    groups = []
    for is_new, scale in ((False, 1.0), (True, head)):
        for decayed in (True, False):
            parameters = [
                parameter
                for name, parameter in named
                if (name in new) == is_new and (parameter.dim() >= 2) == decayed
            ]
            if parameters:
                decay = config.weight_decay if decayed else 0.0
                groups.append({"params": parameters, "weight_decay": decay, "scale": scale})
    return groups


def _hidden_matrices(model: nn.Module) -> set[str]:
    """Names of the matrices of the layers; of a model without a list of layers, of all that is neither embedding nor head."""
    inner = list(layers_of(model)) or [part for name, part in model.named_children() if name not in _HEADS]
    looked_up = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        for parameter in module.parameters()
    }
    hidden = {id(parameter) for part in inner for parameter in part.parameters()} - looked_up
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.dim() == 2 and id(parameter) in hidden
    }


def _adamw(groups: _Groups, config: TrainingConfig) -> torch.optim.Optimizer:
    betas = (config.beta1, config.beta2)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, eps=config.epsilon, fused=True)


def _sgd(groups: _Groups, config: TrainingConfig) -> torch.optim.Optimizer:
    fused = not _sharded(groups)  # torch has no fused SGD for shards
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, fused=fused)


def _rmsprop(groups: _Groups, config: TrainingConfig) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(
        groups, lr=config.learning_rate, alpha=config.beta2, eps=config.epsilon, momentum=config.momentum
    )


def _adafactor(groups: _Groups, config: TrainingConfig) -> torch.optim.Optimizer:
    if _sharded(groups):
        raise InvalidArgumentError(
            "training.optimizer adafactor needs whole matrices: set training.parallel to ddp, or use another optimizer"
        )
    return torch.optim.Adafactor(groups, lr=config.learning_rate)


def _sharded(groups: _Groups) -> bool:
    return any(isinstance(parameter, DTensor) for group in groups for parameter in group["params"])


def _muon(groups: _Groups, config: TrainingConfig) -> torch.optim.Optimizer:
    return Muon(groups, lr=config.learning_rate, momentum=config.momentum)


_MAKERS: dict[str, Callable[[_Groups, TrainingConfig], torch.optim.Optimizer]] = {
    "adamw": _adamw,
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adafactor": _adafactor,
}
