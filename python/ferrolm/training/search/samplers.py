"""Where the next trial is: every point of a grid, or points at random. Both need nothing but numpy.

A point depends on the seed and the number of the trial alone, so a search that is resumed needs no state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ferrolm.errors import InvalidArgumentError
from ferrolm.training.search.space import Dimension, Value
from ferrolm.training.search.trial import TrialRecord

__all__ = ["GridSampler", "RandomSampler", "Sampler"]


class Sampler(Protocol):
    """Proposes points, and learns what became of them."""

    @property
    def size(self) -> int | None:
        """How many points there are; None: without end."""

    def ask(self, number: int) -> dict[str, Value]:
        """The point of trial ``number``. Trials are asked for, or told, in their order, each after the one before is told."""

    def judge(self, record: TrialRecord) -> bool:
        """Whether the trial that was asked for should be given up, after its last report."""

    def tell(self, record: TrialRecord) -> None:
        """A trial is over: the one that was asked for, or the next one, which an earlier process had."""

    def close(self) -> None:
        """The search is over, or stopped."""


class _Memoryless:
    """A sampler that learns nothing from results."""

    def judge(self, record: TrialRecord) -> bool:
        return False

    def tell(self, record: TrialRecord) -> None:
        pass

    def close(self) -> None:
        pass


class GridSampler(_Memoryless):
    """Every combination once; the last dimension varies fastest.

    >>> from ferrolm.training.search.space import read_space
    >>> grid = GridSampler(read_space({"a": {"low": 1, "high": 2}, "b": ["x", "y"]}))
    >>> grid.size, grid.ask(1), grid.ask(2)
    (4, {'a': 1, 'b': 'y'}, {'a': 2, 'b': 'x'})
    """

    def __init__(self, space: Mapping[str, Dimension]) -> None:
        self._values: dict[str, tuple[Value, ...]] = {}
        for name, dimension in space.items():
            try:
                self._values[name] = dimension.grid()
            except InvalidArgumentError as error:
                raise InvalidArgumentError(f"search.space.{name}: {error}") from None

    @property
    def size(self) -> int:
        return math.prod(len(values) for values in self._values.values())

    def ask(self, number: int) -> dict[str, Value]:
        if not 0 <= number < self.size:
            raise InvalidArgumentError(f"the grid has {self.size} points, and no number {number}")
        point: dict[str, Value] = {}
        for name, values in reversed(self._values.items()):
            number, index = divmod(number, len(values))
            point[name] = values[index]
        return {name: point[name] for name in self._values}


class RandomSampler(_Memoryless):
    """Independent points, each dimension on its own (Bergstra & Bengio 2012).

    >>> from ferrolm.training.search.space import read_space
    >>> RandomSampler(read_space({"a": [1, 2, 3], "b": {"low": 0.0, "high": 1.0}}), seed=0).ask(0)
    {'a': 3, 'b': 0.2697867137638703}
    """

    def __init__(self, space: Mapping[str, Dimension], seed: int = 0) -> None:
        self._space = dict(space)
        self._seed = seed

    @property
    def size(self) -> None:
        return None

    def ask(self, number: int) -> dict[str, Value]:
        random = np.random.default_rng([self._seed, number])
        return {name: dimension.sample(random) for name, dimension in self._space.items()}
