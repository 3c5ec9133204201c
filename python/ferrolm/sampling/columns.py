"""The params of a batch as tensors: made once, on the device, so that a step copies nothing from the host.

What decides which operations run (which steps are set, in which order, the largest k) stays in Python, because it must
be known before a step is launched or captured; every number that only changes values is a column of a tensor.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError
from ferrolm.sampling.params import SamplingParams

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch", purpose="sampling from logits on a device")

__all__ = [
    "Additions",
    "Chain",
    "Columns",
    "Penalties",
    "check_tokens",
    "column",
    "to_device",
    "written_into",
]

_IS_SET: dict[str, Callable[[SamplingParams], bool]] = {
    "temperature": lambda row: row.temperature != 1.0 or row.dynatemp_range > 0.0,
    "top_n_sigma": lambda row: row.top_n_sigma > 0.0,
    "top_h": lambda row: row.top_h is not None,
    "top_k": lambda row: row.top_k > 0,
    "top_p": lambda row: row.top_p < 1.0,
    "min_p": lambda row: row.min_p > 0.0,
    "typical_p": lambda row: row.typical_p < 1.0,
    "epsilon_cutoff": lambda row: row.epsilon_cutoff > 0.0,
    "eta_cutoff": lambda row: row.eta_cutoff > 0.0,
    "xtc": lambda row: row.xtc_probability > 0.0,
    "mirostat": lambda row: row.mirostat > 0,
}
# The numbers that a step needs, where they are not one field of its name.
_NUMBERS: dict[str, dict[str, Callable[[SamplingParams], float]]] = {
    "temperature": {
        "temperature": lambda row: 1.0 if row.is_greedy else row.temperature,
        "dynatemp_range": lambda row: row.dynatemp_range,
        "dynatemp_exponent": lambda row: row.dynatemp_exponent,
    },
    "top_h": {"top_h": lambda row: 1.0 if row.top_h is None else row.top_h},
    "top_k": {},
    "min_p": {"log2_min_p": lambda row: math.log2(row.min_p) if row.min_p else -math.inf},
    "xtc": {
        "xtc_probability": lambda row: row.xtc_probability,
        "xtc_threshold": lambda row: row.xtc_threshold,
    },
    "mirostat": {
        "mirostat": lambda row: row.mirostat,
        "mirostat_mu": lambda row: 2.0 * row.mirostat_tau,
    },
}


@dataclass(frozen=True)
class Chain:
    """Rows that take their steps in the same order."""

    # int64 [rows], which of the batch they are; None is all.
    rows: Tensor | None
    # What any of them takes, in their order.
    steps: tuple[str, ...]
    # For a step that only some rows take, bool [rows, 1].
    active: Mapping[str, Tensor]
    # float64 [rows, 1] for each number that these steps need.
    numbers: Mapping[str, Tensor]
    # For top_k: the largest k below the vocabulary (0: there is none), the place of each row's k-th logit, int64, and
    # which rows have one, bool.
    largest_k: int
    place_of_k: Tensor | None
    has_k: Tensor | None
    warms: bool

    @classmethod
    def of(
        cls,
        params: Sequence[SamplingParams],
        order: Sequence[str],
        rows: Tensor | None,
        device: Any,
        vocab: int,
    ) -> Chain:
        """The chain of ``params``, which are those of ``rows``."""
        taken = {name: [_IS_SET[name](row) and not row.is_greedy for row in params] for name in order}
        steps = tuple(name for name in order if any(taken[name]))
        numbers = {
            name: column([value(row) for row in params], device, torch.float64)
            for step in steps
            for name, value in _NUMBERS.get(step, {step: _field(step)}).items()
        }
        ks = [row.top_k if 0 < row.top_k < vocab else vocab for row in params]
        largest = max((k for k in ks if k < vocab), default=0) if "top_k" in steps else 0
        return cls(
            rows=rows,
            steps=steps,
            active={step: column(taken[step], device, torch.bool) for step in steps if not all(taken[step])},
            numbers=numbers,
            largest_k=largest,
            place_of_k=column([min(k, largest) - 1 for k in ks], device, torch.int64) if largest else None,
            has_k=column([k < vocab for k in ks], device, torch.bool) if largest else None,
            warms=any(row.dynatemp_range > 0.0 for row in params),
        )


@dataclass(frozen=True)
class Additions:
    """Values to add to single logits: places in the flattened (batch, vocab), int64 [n], and float32 [n]."""

    places: Tensor
    values: Tensor

    def add_to(self, x: Tensor) -> None:
        """In place."""
        x.view(-1).scatter_add_(0, self.places, self.values)


@dataclass(frozen=True)
class Penalties:
    """float32 [batch, 1] each."""

    repetition: Tensor
    frequency: Tensor
    presence: Tensor

    def of_rows(self, rows: Tensor) -> Penalties:
        """[n, 1] for the rows of n logits."""
        return Penalties(self.repetition[rows], self.frequency[rows], self.presence[rows])

    def applied(self, x: Tensor, generated: Tensor) -> Tensor:
        """Logits of tokens that were seen, and so often generated."""
        x = torch.where(x < 0, x * self.repetition, x / self.repetition)
        return x - self.frequency * generated - self.presence * (generated > 0)


@dataclass(frozen=True)
class Columns:
    """All that `ferrolm.sampling.device` needs of the params of a batch, but rules that look at the past."""

    greedy: Tensor
    all_greedy: bool
    # Without greedy batches, for which there is none.
    chains: tuple[Chain, ...]
    bias: Additions | None
    penalties: Penalties | None
    # Which rows draw by a race, bool [batch, 1]; None if none does.
    gumbel: Tensor | None
    # What `allowed_token_ids` leave, bool [batch, vocab].
    allowed: Tensor | None

    @classmethod
    def of(cls, params: Sequence[SamplingParams], device: Any, vocab: int) -> Columns:
        """Columns on ``device`` for logits (len(params), vocab)."""
        for at, row in enumerate(params):
            if row.watermark is not None:
                raise InvalidArgumentError(
                    f"watermark of row {at} is for logits on the CPU, found logits on {device}"
                )
        gumbel = [row.draw == "gumbel" for row in params]
        penalties = None
        if any(row.penalizes for row in params):
            names = ("repetition_penalty", "frequency_penalty", "presence_penalty")
            penalties = Penalties(
                *(column([getattr(row, name) for row in params], device, torch.float32) for name in names)
            )
        return cls(
            greedy=column([row.is_greedy for row in params], device, torch.bool),
            all_greedy=all(row.is_greedy for row in params),
            chains=_chains(params, device, vocab),
            bias=_bias(params, device, vocab),
            penalties=penalties,
            gumbel=column(gumbel, device, torch.bool) if any(gumbel) else None,
            allowed=_allowed(params, device, vocab),
        )


def _field(name: str) -> Callable[[SamplingParams], float]:
    return lambda row: getattr(row, name)


def _chains(params: Sequence[SamplingParams], device: Any, vocab: int) -> tuple[Chain, ...]:
    """One chain for each order; greedy rows go along with the first, because nothing comes of what they take."""
    orders = [row.order or tuple(_IS_SET) for row in params]
    drawn = {order: None for row, order in zip(params, orders, strict=True) if not row.is_greedy}
    if len(drawn) < 2:
        return tuple(Chain.of(params, order, None, device, vocab) for order in drawn)
    first = next(iter(drawn))
    orders = [first if row.is_greedy else order for row, order in zip(params, orders, strict=True)]
    chains = []
    for order in drawn:
        own = np.array([row for row, other in enumerate(orders) if other == order], np.int64)
        chains.append(Chain.of([params[row] for row in own], order, to_device(own, device), device, vocab))
    return tuple(chains)


def _bias(params: Sequence[SamplingParams], device: Any, vocab: int) -> Additions | None:
    biased = [
        (row, token, bias) for row, own in enumerate(params) for token, bias in (own.logit_bias or {}).items()
    ]
    if not biased:
        return None
    rows, tokens, values = (np.array(part) for part in zip(*biased, strict=True))
    check_tokens("logit_bias", rows, tokens, vocab)
    return Additions(to_device(rows * vocab + tokens, device), to_device(values.astype(np.float32), device))


def _allowed(params: Sequence[SamplingParams], device: Any, vocab: int) -> Tensor | None:
    if all(row.allowed_token_ids is None for row in params):
        return None
    allowed = np.ones((len(params), vocab), np.bool_)
    for row, own in enumerate(params):
        if own.allowed_token_ids is not None:
            allowed[row] = False
            allowed[row, [token for token in own.allowed_token_ids if token < vocab]] = True
    return to_device(allowed, device)


def column(values: Sequence[Any], device: Any, dtype: Any) -> Tensor:
    """One value for each row, [batch, 1], on the device."""
    return torch.tensor(values, dtype=dtype)[:, None].to(device, non_blocking=True)


def to_device(array: Any, device: Any) -> Tensor:
    """A numpy array as a tensor on the device."""
    # Writable, or torch warns of what nobody does here.
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device, non_blocking=True)


def check_tokens(what: str, rows: Any, tokens: Any, vocab: int) -> None:
    """Refuse tokens beyond the vocabulary, and name the row of the first one."""
    beyond = np.flatnonzero(np.asarray(tokens) >= vocab)
    if beyond.size:
        row, token = rows[beyond[0]], tokens[beyond[0]]
        raise InvalidArgumentError(
            f"{what} of row {row} names token {token}, but the vocabulary has {vocab} tokens"
        )


def written_into(old: Any, new: Any) -> bool:
    """True once ``old`` has the values of ``new`` in its own tensors; False (and no change) if they differ in more.

    A captured graph reads the addresses of the old tensors, and takes the steps that were set then.
    """
    (targets, before), (sources, after) = _flat(old), _flat(new)
    if before != after:
        return False
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)
    return True


def _flat(part: Any) -> tuple[list[Tensor], Any]:
    """The tensors of nested dataclasses, mappings and tuples, and all the rest, comparable."""
    if isinstance(part, torch.Tensor):
        return [part], (tuple(part.shape), part.dtype)
    inner: Iterable[tuple[Any, Any]] = ()
    if dataclasses.is_dataclass(part):
        inner = [(entry.name, getattr(part, entry.name)) for entry in dataclasses.fields(part)]
    elif isinstance(part, Mapping):
        inner = part.items()
    elif isinstance(part, tuple):
        inner = enumerate(part)
    else:
        return [], part
    tensors: list[Tensor] = []
    rest: list[Any] = []
    for name, value in inner:
        own, structure = _flat(value)
        tensors += own
        rest.append((name, structure))
    return tensors, rest
