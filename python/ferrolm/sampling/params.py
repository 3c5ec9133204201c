"""`SamplingParams`: how the next token of a row is chosen."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["SamplingParams"]

_FLOATS = (
    "temperature",
    "dynatemp_range",
    "dynatemp_exponent",
    "top_n_sigma",
    "top_p",
    "min_p",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "xtc_probability",
    "xtc_threshold",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
)
_SEEDS = 2**64


@dataclass(frozen=True)
class SamplingParams:
    """How the next token is chosen; names and meaning as in vLLM, transformers and llama.cpp, in this order.

    `ferrolm.sampling` gives the order of the steps.

    Args:
        temperature: Divides the logits; at least 0, and below 1e-5 greedy: then no other step matters.
        dynatemp_range: How far the temperature goes down and up with the entropy, as in llama.cpp: from temperature -
            range (at least 0) for a certain token to temperature + range for equal probabilities; 0 keeps it.
        dynatemp_exponent: Exponent of the entropy's share of the largest possible one, at least 0.
        top_n_sigma: Logits at most so many standard deviations below the largest are kept (Tang et al., 2024); 0 or -1
            keeps all.
        top_h: The most probable tokens are kept while their terms of the entropy sum up to at most this share, in (0, 1],
            of that of the hundred most probable tokens (Potraghloo et al., 2025); None keeps all.
        top_k: Number of largest logits to keep (ties at the k-th stay); 0 or -1 keeps all.
        top_p: Mass of the smallest set of tokens to keep, in [0, 1] (Holtzman et al., 2020); 1 keeps all.
        min_p: Least probability relative to the most probable token, in [0, 1] (Nguyen et al., 2024); 0 keeps all.
        typical_p: Mass of the tokens to keep whose information is closest to the entropy, in [0, 1] (Meister et al.,
            2023); 1 keeps all.
        epsilon_cutoff: Least probability of a token to keep, in [0, 1] (Hewitt et al., 2022); 0 keeps all.
        eta_cutoff: The same, or its root times exp(-entropy) where that is less (Hewitt et al., 2022); 0 keeps all.
        xtc_probability: How often, in [0, 1], the top choices are excluded: all tokens of at least the probability
            ``xtc_threshold`` but the least probable of them; 0 is never.
        xtc_threshold: In [0, 1]; above 0.5 nothing is excluded.
        repetition_penalty: Above 0; more than 1 discourages tokens of the prompt and the generated text
            (Keskar et al., 2019), less than 1 encourages them.
        presence_penalty: In [-2, 2], subtracted from logits of tokens that have been generated.
        frequency_penalty: In [-2, 2], subtracted once for each time a token has been generated.
        logit_bias: Added to the logits of single tokens; finite, or ``-inf`` to forbid one.
        order: Names of the steps in the order in which they are taken, with all those that are set; None takes the one
            that `ferrolm.sampling` gives. ``"xtc"`` and ``"temperature"`` (with ``dynatemp_range``) are one step each.
        seed: In [0, 2**64). Equal seeds draw alike at equal steps: rows that share a prompt need seeds of their
            own, see `split`. None takes a fresh seed from the operating system for each row.

    Raises:
        InvalidArgumentError: A value is out of its range; the message names the field, the range and the value.
        InvalidTypeError: A value has the wrong type.

    >>> SamplingParams(temperature=0.8, top_p=0.95)
    SamplingParams(temperature=0.8, top_p=0.95)
    >>> SamplingParams(top_p=1.5)
    Traceback (most recent call last):
    ferrolm.errors.InvalidArgumentError: top_p must be in [0, 1], found 1.5
    """

    temperature: float = 1.0
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    top_n_sigma: float = 0.0
    top_h: float | None = None
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    epsilon_cutoff: float = 0.0
    eta_cutoff: float = 0.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] | None = field(default=None, hash=False)
    order: Sequence[str] | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        for name in _FLOATS:
            object.__setattr__(self, name, _number(name, getattr(self, name)))
        if self.top_n_sigma == -1:
            object.__setattr__(self, "top_n_sigma", 0.0)
        if self.top_h is not None:
            object.__setattr__(self, "top_h", _number("top_h", self.top_h))
        if self.order is not None:
            object.__setattr__(self, "order", _names(self.order))
        object.__setattr__(self, "top_k", max(_integer("top_k", self.top_k, -1, 2**63), 0))
        if self.seed is not None:
            object.__setattr__(self, "seed", _integer("seed", self.seed, 0, _SEEDS))
        if self.logit_bias is not None:
            object.__setattr__(self, "logit_bias", _bias(self.logit_bias))
        object.__setattr__(self, "_core", self._validated())

    def _validated(self) -> _rust.RowParams:
        """What the core works with; made once, because a step should not convert all fields of a row."""
        return _rust.RowParams(
            numbers=[(name, getattr(self, name)) for name in _FLOATS],
            top_h=self.top_h,
            top_k=self.top_k,
            logit_bias=list((self.logit_bias or {}).items()),
            order=self.order,
            seed=self.seed,
        )

    @property
    def core(self) -> _rust.RowParams:
        """The object of the Rust core that these params stand for."""
        core: _rust.RowParams = self.__dict__["_core"]
        return core

    @property
    def is_greedy(self) -> bool:
        """True when the largest logit is taken and nothing is drawn."""
        return self.temperature < 1e-5 and self.dynatemp_range == 0.0

    @property
    def uses_history(self) -> bool:
        """True when tokens seen before change the logits."""
        return (self.repetition_penalty, self.presence_penalty, self.frequency_penalty) != (1.0, 0.0, 0.0)

    def replace(self, **changes: Any) -> SamplingParams:
        """The same with some fields changed.

        >>> SamplingParams(top_k=40).replace(seed=7)
        SamplingParams(top_k=40, seed=7)
        """
        return dataclasses.replace(self, **changes)

    def split(self, count: int) -> list[SamplingParams]:
        """The same ``count`` times, each with its own seed made from this one's, for rows that share a prompt.

        >>> a, b = SamplingParams(seed=1).split(2)
        >>> a.seed == b.seed, SamplingParams(seed=1).split(2) == [a, b]
        (False, True)
        """
        if self.seed is None:
            return [self] * count
        return [self.replace(seed=seed) for seed in _rust.derived_seeds(self.seed, count)]

    def __repr__(self) -> str:
        pairs = ((entry.name, entry.default, getattr(self, entry.name)) for entry in dataclasses.fields(self))
        changed = ", ".join(f"{name}={value!r}" for name, default, value in pairs if value != default)
        return f"SamplingParams({changed})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, ({entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)},)


def _rebuild(fields: dict[str, Any]) -> SamplingParams:
    return SamplingParams(**fields)


def _number(name: str, value: Any) -> float:
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise InvalidTypeError(f"{name} must be a number, found {type(value).__name__}")
    return float(value)


def _integer(name: str, value: Any, least: int, end: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise InvalidTypeError(f"{name} must be an integer, found {type(value).__name__}") from None
    if not least <= number < end:
        raise InvalidArgumentError(f"{name} must be in [{least}, {end - 1}], found {number}")
    return number


def _names(order: Any) -> tuple[str, ...]:
    if (
        isinstance(order, str)
        or not isinstance(order, Sequence)
        or not all(isinstance(n, str) for n in order)
    ):
        raise InvalidTypeError(f"order must be a sequence of names of steps, found {order!r}")
    return tuple(order)


def _bias(bias: Any) -> dict[int, float]:
    if not isinstance(bias, Mapping):
        raise InvalidTypeError(f"logit_bias must map token ids to numbers, found {type(bias).__name__}")
    return {
        _integer("a token of logit_bias", token, 0, 2**32): _number("a value of logit_bias", value)
        for token, value in bias.items()
    }
