"""What may vary in a search: ranges and choices, read from ``[search.space]`` or from Python values.

{low = 1e-5, high = 1e-2, log = true}     a range of floats, even on the logarithm
{low = 1, high = 8, step = 1}             integers, because low and high are; both ends are in
{low = 0.0, high = 0.3, count = 4}        four values when a grid needs a list: 0.0, 0.1, 0.2, 0.3
["relu", "gelu"]                          one of them
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError, nearest

__all__ = ["Choices", "Dimension", "Range", "Value", "read_space"]

Value: TypeAlias = bool | int | float | str

_RANGE_KEYS = ("low", "high", "step", "log", "count")
_KEYS = (*_RANGE_KEYS, "choices")


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included: integers if all bounds are, else floats.

    ``step``: only ``low + k step``. ``log``: even on the logarithm, for learning rates. ``count``: how many values a grid
    takes, at equal distances; integers without ``step`` and ``count`` are all taken.

    >>> Range(1e-4, 1e-2, log=True, count=3).grid()
    (0.0001, 0.001, 0.01)
    >>> Range(2, 8, step=2).grid()
    (2, 4, 6, 8)
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False
    count: int | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise InvalidTypeError(f"{name} must be a number, not {value!r}")
            if value is not None and not math.isfinite(value):
                raise InvalidArgumentError(f"{name} must be finite, not {value}")
        if self.low > self.high:
            raise InvalidArgumentError(f"low {self.low} is more than high {self.high}")
        if not isinstance(self.log, bool):
            raise InvalidTypeError(f"log must be true or false, not {self.log!r}")
        if self.log and self.low <= 0:
            raise InvalidArgumentError(f"log needs a low above 0, not {self.low}")
        if self.log and self.step is not None:
            raise InvalidArgumentError("log and step exclude each other: use count")
        if self.step is not None and self.step <= 0:
            raise InvalidArgumentError(f"step must be positive, not {self.step}")
        if self.count is not None and (isinstance(self.count, bool) or not isinstance(self.count, int)):
            raise InvalidTypeError(f"count must be an integer, not {self.count!r}")
        if self.count is not None and self.count < 1:
            raise InvalidArgumentError(f"count must be at least 1, not {self.count}")
        if self.count is not None and self.step is not None:
            raise InvalidArgumentError("count and step exclude each other")

    @property
    def integer(self) -> bool:
        return all(isinstance(value, int) for value in (self.low, self.high, self.step) if value is not None)

    def grid(self) -> tuple[int | float, ...]:
        """The values that a grid takes, from ``low`` up. Raises `InvalidArgumentError` for floats that name no number."""
        if self.count is not None:
            space = np.geomspace if self.log else np.linspace
            values = space(self.low, self.high, self.count).tolist()
            # geomspace is a rounding error away from the powers of ten that the user has in mind.
            floats = [float(f"{value:.12g}") for value in values]
            return tuple(sorted({round(value) for value in floats})) if self.integer else tuple(floats)
        if self.step is None and not self.integer:
            raise InvalidArgumentError("a grid needs to know how many values: give count or step")
        step = 1 if self.step is None else self.step
        return tuple(self._at(index, step) for index in range(self._steps(step) + 1))

    def sample(self, random: np.random.Generator) -> int | float:
        """One value at random."""
        if self.step is not None:
            return self._at(int(random.integers(self._steps(self.step) + 1)), self.step)
        if self.integer and not self.log:
            return int(random.integers(int(self.low), int(self.high) + 1))
        if not self.log:
            return float(random.uniform(self.low, self.high))
        margin = (
            0.5 if self.integer else 0.0
        )  # so that the ends of integers are as likely as their neighbours
        value = math.exp(random.uniform(math.log(self.low - margin), math.log(self.high + margin)))
        value = min(max(value, self.low), self.high)
        return round(value) if self.integer else value

    def _steps(self, step: float) -> int:
        return math.floor((self.high - self.low) / step + 1e-9)

    def _at(self, index: int, step: float) -> int | float:
        return self.low + index * step if self.integer else float(f"{self.low + index * step:.12g}")


@dataclass(frozen=True)
class Choices:
    """One of ``values``, which have no order.

    >>> Choices(("relu", "gelu")).grid()
    ('relu', 'gelu')
    """

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise InvalidArgumentError("there are no choices")
        for value in self.values:
            if not isinstance(value, bool | int | float | str):
                raise InvalidTypeError(
                    f"a choice must be a string, a number, true or false, not {type(value).__name__}"
                )
        if len({(type(value), value) for value in self.values}) < len(self.values):
            raise InvalidArgumentError(f"a choice is there twice: {list(self.values)}")

    def grid(self) -> tuple[Value, ...]:
        """All of them, in their order."""
        return self.values

    def sample(self, random: np.random.Generator) -> Value:
        """One of them at random."""
        return self.values[int(random.integers(len(self.values)))]


Dimension: TypeAlias = Range | Choices


def read_space(content: Mapping[str, Any]) -> dict[str, Dimension]:
    """The dimensions by name; values are `Range`, `Choices`, or what the module's header shows.

    Names may be quoted (``"training.learning_rate"``) or nested tables, as TOML makes of a name with dots without quotes.
    Raises `UnknownNameError`, `InvalidArgumentError` or `InvalidTypeError`, which name the dimension.

    >>> space = read_space({"training.learning_rate": {"low": 1e-5, "high": 1e-2, "log": True}, "model": {"n_layer": [1, 2]}})
    >>> list(space), space["model.n_layer"]
    (['training.learning_rate', 'model.n_layer'], Choices(values=(1, 2)))
    """
    space: dict[str, Dimension] = {}
    _read_into(space, "", content)
    if not space:
        raise InvalidArgumentError(
            "the space of the search is empty: name settings that may vary in [search.space]"
        )
    return space


def _read_into(space: dict[str, Dimension], prefix: str, content: Mapping[str, Any]) -> None:
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and not set(value) & set(_KEYS) and _is_table(value):
            _read_into(space, f"{name}.", value)
        elif name in space:
            raise InvalidArgumentError(f"search.space.{name} is there twice")
        else:
            space[name] = _dimension(name, value)


def _is_table(value: Mapping[str, Any]) -> bool:
    return bool(value) and all(
        isinstance(inner, Mapping | list | tuple | Range | Choices) for inner in value.values()
    )


def _dimension(name: str, value: Any) -> Dimension:
    if isinstance(value, Range | Choices):
        return value
    try:
        if isinstance(value, Mapping):
            return _from_table(value)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return Choices(tuple(value))
    except (InvalidArgumentError, InvalidTypeError, UnknownNameError) as error:
        raise type(error)(f"search.space.{name}: {error}") from None
    raise InvalidTypeError(
        f"search.space.{name} must be a list of choices or a range {{low=, high=}}, not {value!r}"
    )


def _from_table(table: Mapping[str, Any]) -> Dimension:
    for key in table:
        if key not in _KEYS:
            raise UnknownNameError(f"unknown key {key!r}{nearest(key, _KEYS)}")
    if "choices" in table:
        if len(table) > 1:
            raise InvalidArgumentError(
                f"choices exclude {', '.join(key for key in table if key != 'choices')}"
            )
        if isinstance(table["choices"], str) or not isinstance(table["choices"], Sequence):
            raise InvalidTypeError(f"choices must be a list, not {table['choices']!r}")
        return Choices(tuple(table["choices"]))
    for key in ("low", "high"):
        if key not in table:
            raise InvalidArgumentError(f"a range needs {key}")
    return Range(**table)
