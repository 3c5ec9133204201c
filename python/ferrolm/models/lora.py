"""Low-rank adapters: fine-tune a model by the difference of some matrices, a product of two thin ones.

Hu et al. 2021, "LoRA": x W becomes x W + scale x A B, with A of ``r`` columns and B starting at 0, so that training begins
with the model as it was. Kalajdzievski 2023, "rsLoRA": a scale of alpha / sqrt(r) keeps large ranks stable. A layer with an
adapter takes the place of the one without and has its parameters under their names. Files: `lora_files`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.models.gpt2 import Projection

__all__ = ["LoraConfig", "add_lora", "has_lora", "merge_lora", "remove_lora", "unmerge_lora"]

# What is adapted by default: queries and values, as in the paper. The first row that is in the model counts.
_DEFAULTS = (("c_attn",), ("q_proj", "v_proj"), ("query", "value"), ("q", "v"))
_BIASES = ("none", "all", "lora_only")
# The attribute of a model that knows its adapters.
_ADAPTER = "_lora_adapter"

Model = TypeVar("Model", bound=nn.Module)


@dataclass(kw_only=True)
class LoraConfig:
    """The settings of adapters; names and meanings of peft's ``LoraConfig``, where ``alpha`` and ``dropout`` begin with lora_.

    r: numbers between A and B. alpha: adapters are scaled by ``alpha / r``, or ``alpha / sqrt(r)`` with ``use_rslora``.
    dropout: of what goes into an adapter. target_modules: names of linear layers, or the ends of their paths such as
    "attn.c_proj"; a text is a regular expression for whole paths, and "all-linear" all but the head; by default query and
    value. bias: which biases learn too, "none", "all" or those of the adapted layers, "lora_only". modules_to_save: other
    modules that learn as a whole, such as a new head.

    Raises `InvalidArgumentError` for numbers out of range and an unknown ``bias``.
    """

    r: int = 8
    alpha: float = 8
    dropout: float = 0.0
    target_modules: Sequence[str] | str | None = None
    bias: str = "none"
    modules_to_save: Sequence[str] = ()
    use_rslora: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.r, int) or isinstance(self.r, bool) or self.r < 1:
            raise InvalidArgumentError(f"r is {self.r!r}, expected a positive integer")
        if not isinstance(self.alpha, int | float) or not self.alpha > 0:
            raise InvalidArgumentError(f"alpha is {self.alpha!r}, expected a positive number")
        if not isinstance(self.dropout, int | float) or not 0 <= self.dropout < 1:
            raise InvalidArgumentError(f"dropout is {self.dropout!r}, expected a number from 0 to below 1")
        if self.bias not in _BIASES:
            raise InvalidArgumentError(
                f"bias is {self.bias!r}, expected one of {', '.join(_BIASES)}{nearest(str(self.bias), _BIASES)}"
            )

    @property
    def scaling(self) -> float:
        """What the product of A and B is multiplied with."""
        return self.alpha / (math.sqrt(self.r) if self.use_rslora else self.r)


class _Adapted(nn.Module):
    """A layer with an adapter: what `LoraLinear` and `LoraProjection` add to the layer they derive from."""

    lora_A: nn.Linear
    lora_B: nn.Linear

    def _take(self, base: nn.Linear | Projection, inputs: int, outputs: int, config: LoraConfig) -> None:
        self.weight, self.bias = base.weight, base.bias
        self.scaling, self.dropout = config.scaling, config.dropout
        # In 16 bits the small steps of training would be lost.
        dtype = torch.float32 if base.weight.dtype in (torch.float16, torch.bfloat16) else base.weight.dtype
        where = {"device": base.weight.device, "dtype": dtype}
        self.lora_A = nn.Linear(inputs, config.r, bias=False, **where)
        self.lora_B = nn.Linear(config.r, outputs, bias=False, **where)
        nn.init.zeros_(self.lora_B.weight)
        self.train(base.training)

    def _with_adapter(self, x: Tensor, result: Tensor) -> Tensor:
        inner = F.dropout(x.to(self.lora_A.weight.dtype), self.dropout, self.training)
        sum_: Tensor = result + self.lora_B(self.lora_A(inner)) * self.scaling
        return sum_.to(result.dtype)

    def difference(self) -> Tensor:
        """What is added to the weight, [outputs, inputs]."""
        product: Tensor = self.lora_B.weight @ self.lora_A.weight
        return product * self.scaling


class LoraLinear(_Adapted, nn.Linear):
    """`nn.Linear` with an adapter."""

    def __init__(self, base: nn.Linear, config: LoraConfig) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = base.in_features, base.out_features
        self._take(base, base.in_features, base.out_features, config)

    def forward(self, x: Tensor) -> Tensor:
        return self._with_adapter(x, F.linear(x, self.weight, self.bias))


class LoraProjection(_Adapted, Projection):  # type: ignore[misc]  # `weight` is in both
    """GPT-2's `Projection`, whose weight is [inputs, outputs], with an adapter."""

    def __init__(self, base: Projection, config: LoraConfig) -> None:
        nn.Module.__init__(self)
        self._take(base, base.weight.shape[0], base.weight.shape[1], config)

    def forward(self, x: Tensor) -> Tensor:
        return self._with_adapter(x, Projection.forward(self, x))

    def difference(self) -> Tensor:
        return super().difference().t()


@dataclass
class Adapter:
    """The adapters of a model: layers with and without them by path, and what training changes besides."""

    config: LoraConfig
    adapted: dict[str, LoraLinear | LoraProjection]
    plain: dict[str, nn.Linear | Projection]
    before: dict[str, Tensor]  # of the parameters that learn in place
    trainable: set[str]  # before there were adapters
    weights: dict[str, Tensor] | None = None  # of the adapted layers, while adapters are merged into them


def add_lora(model: Model, config: LoraConfig | None = None) -> Model:
    """Put adapters into ``model`` and let only them learn; returns the model, changed.

    Its output stays the same until they have learned. Adapters of a model in 16 bits are float32. Raises
    `UnknownNameError` for names that are not in the model (proposing the nearest), `InvalidArgumentError` for layers that
    are no linear ones, share their weight or are quantized, and for a model that has adapters already.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=100, n_positions=16, n_embd=8, n_layer=2, n_head=2))
    >>> model = add_lora(model, LoraConfig(r=2, target_modules=["c_attn", "mlp.c_proj"]))
    >>> model.num_parameters(trainable=True), 2 * 2 * (8 + 24) + 2 * 2 * (32 + 8)
    (288, 288)
    """
    if _adapter(model) is not None:
        raise InvalidArgumentError("the model has adapters already: merge_lora or remove_lora first")
    if getattr(model, "weight_format", None) is not None:
        raise InvalidArgumentError("the model is quantized, and quantized weights have no gradients")
    config = LoraConfig() if config is None else config
    plain = _targets(model, config)
    saved = _saved(model, config)
    adapter = Adapter(
        config=config,
        adapted={path: _with_adapter(layer, config) for path, layer in plain.items()},
        plain=plain,
        before={},
        trainable={name for name, parameter in model.named_parameters() if parameter.requires_grad},
    )
    model.requires_grad_(False)
    for name, parameter in model.named_parameters():
        path, _, kind = name.rpartition(".")
        learns_bias = config.bias == "all" or (config.bias == "lora_only" and path in plain)
        if name in saved or (kind == "bias" and learns_bias):
            parameter.requires_grad_(True)
            adapter.before[name] = parameter.detach().clone()
    _put(model, adapter.adapted)
    setattr(model, _ADAPTER, adapter)
    return model


def merge_lora(model: Model) -> Model:
    """Add the adapters to the weights, so that the model is as fast as before them; returns the model, changed.

    It can then be quantized, saved and run by `CpuDecoder` as any other. `unmerge_lora` takes it back, for which the adapted
    weights are kept twice; `remove_lora` forgets the adapters. Raises `InvalidArgumentError` where there are none to merge.
    """
    adapter = _needed(model)
    if adapter.weights is not None:
        raise InvalidArgumentError("the adapters are merged already")
    adapter.weights = {path: layer.weight.detach().clone() for path, layer in adapter.plain.items()}
    with torch.no_grad():
        for path, layer in adapter.adapted.items():
            layer.weight.copy_(layer.weight + layer.difference())
            adapter.plain[path].train(layer.training)
    _put(model, adapter.plain)
    return model


def unmerge_lora(model: Model) -> Model:
    """Take the adapters out of the weights again, which are what they were to the bit; returns the model, changed."""
    adapter = _needed(model)
    if adapter.weights is None:
        raise InvalidArgumentError("the adapters are not merged")
    with torch.no_grad():
        for path, layer in adapter.adapted.items():
            layer.weight.copy_(adapter.weights[path])
            layer.train(adapter.plain[path].training)
            for part in (layer.lora_A, layer.lora_B):  # the model may have moved meanwhile
                part.to(layer.weight.device)
    adapter.weights = None
    _put(model, adapter.adapted)
    return model


def remove_lora(model: Model) -> Model:
    """Forget the adapters, and let all learn that did before them; returns the model, changed.

    Where they are merged, the weights stay as they are; otherwise all is as before `add_lora`.
    """
    adapter = _needed(model)
    if adapter.weights is None:
        _put(model, adapter.plain)
        with torch.no_grad():
            for name, tensor in adapter.before.items():
                model.get_parameter(name).copy_(tensor)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in adapter.trainable)
    delattr(model, _ADAPTER)
    return model


def has_lora(model: nn.Module) -> bool:
    """Whether the model computes with adapters that are not merged."""
    return any(isinstance(module, _Adapted) for module in model.modules())


def adaptable(model: nn.Module) -> dict[str, nn.Linear | Projection]:
    """The layers by path that can have an adapter: those that are just linear."""
    return {path: each for path, each in model.named_modules() if type(each) in (nn.Linear, Projection)}


def _adapter(model: nn.Module) -> Adapter | None:
    return getattr(model, _ADAPTER, None)


def _needed(model: nn.Module) -> Adapter:
    adapter = _adapter(model)
    if adapter is None:
        raise InvalidArgumentError("the model has no adapters; expected those of add_lora or load_adapter")
    return adapter


def _with_adapter(layer: nn.Linear | Projection, config: LoraConfig) -> LoraLinear | LoraProjection:
    return LoraProjection(layer, config) if isinstance(layer, Projection) else LoraLinear(layer, config)


def _put(model: nn.Module, layers: Any) -> None:
    for path, layer in layers.items():
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, layer)


def _targets(model: nn.Module, config: LoraConfig) -> dict[str, nn.Linear | Projection]:
    layers, modules = adaptable(model), dict(model.named_modules())
    wanted = config.target_modules
    if wanted is None:
        wanted = next((row for row in _DEFAULTS if all(any(_ends(p, n) for p in layers) for n in row)), None)
        if wanted is None:
            raise InvalidArgumentError(f"target_modules is None, but a {type(model).__name__} has no default")
    if wanted == "all-linear":
        chosen = [
            path for path in layers if path.rpartition(".")[2] not in ("lm_head", "classifier", "qa_outputs")
        ]
    elif isinstance(wanted, str):
        chosen = [path for path in modules if re.fullmatch(wanted, path)]
        if not chosen:
            raise UnknownNameError(f"target_modules: no path of a module is matched by {wanted!r}")
    else:
        chosen = [path for name in wanted for path in _named(name, modules, layers, "target_modules")]
    owners = _owners(model)
    for path in chosen:
        if path not in layers:
            raise InvalidArgumentError(
                f"target_modules: {path} is a {type(modules[path]).__name__}, expected a linear layer"
            )
        if len(owners[id(layers[path].weight)]) > 1:
            shared = " and ".join(owners[id(layers[path].weight)])
            raise InvalidArgumentError(
                f"target_modules: {shared} are one matrix, which cannot be adapted in one place"
            )
    return {path: layers[path] for path in dict.fromkeys(chosen)}


def _saved(model: nn.Module, config: LoraConfig) -> set[str]:
    """Names of the parameters of ``modules_to_save``."""
    modules = dict(model.named_modules())
    paths = [
        path for name in config.modules_to_save for path in _named(name, modules, modules, "modules_to_save")
    ]
    own = [name for name, _ in model.named_parameters()]
    return {name for name in own if any(name.startswith(f"{path}.") for path in paths)}


def _named(name: str, modules: Any, known: Any, argument: str) -> Iterator[str]:
    """Paths of the modules that end with ``name``; the nearest of ``known`` is proposed where there is none."""
    found = [path for path in modules if path and _ends(path, name)]
    if not found:
        ends = sorted({path.rpartition(".")[2] for path in known if path} - {str(i) for i in range(1000)})
        raise UnknownNameError(
            f"{argument}: the model has no {name!r}, expected some of {', '.join(ends)}{nearest(name, ends)}"
        )
    return iter(found)


def _ends(path: str, name: str) -> bool:
    return path == name or path.endswith(f".{name}")


def _owners(model: nn.Module) -> dict[int, list[str]]:
    """Modules that have a parameter, by its id: more than one where it is shared."""
    found: dict[int, list[str]] = {}
    for path, module in model.named_modules():
        for parameter in module.parameters(recurse=False):
            found.setdefault(id(parameter), []).append(path)
    return found
