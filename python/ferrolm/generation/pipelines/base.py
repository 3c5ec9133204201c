"""`Pipeline`: what all tasks share, from inputs in any number to results in their order.

A `BatchedPipeline` makes rows of each input (one, or several windows or pairs), gives rows to its model in batches, and makes
a result of what came out for an input: a task is three methods, `_prepare`, `_forward` and `_finish`. Pipelines that write
texts are another kind, see `ferrolm.generation.pipelines.writing`.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import torch

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, nearest

__all__ = [
    "BatchedPipeline",
    "Pipeline",
    "PipelineSettings",
    "SettingsT",
    "check_choice",
    "check_count",
    "check_names",
]

# Inputs of a list that are prepared together, at least: enough to cross into Rust rarely, and few enough for memory.
_AT_ONCE = 64
# Batches of which rows of like length are picked.
_BATCHES_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class PipelineSettings:
    """What a call may set beside its inputs; a subclass for each task."""

    def updated(self, **changes: Any) -> Self:
        """The same with other values; raises `InvalidArgumentError` that proposes the nearest for an unknown name."""
        check_names(changes, (each.name for each in fields(self)))
        return replace(self, **changes)


SettingsT = TypeVar("SettingsT", bound=PipelineSettings)


class Pipeline(ABC, Generic[SettingsT]):
    """A task, done by a model; made by `ferrolm.pipeline`.

    batch_size: rows that the model sees at a time; results do not depend on it, but for the last digits of sums. By default
    ``usual_batch_size`` for lists, and 1 for what is read as far as results are asked for. settings: of all calls, each of
    which may change them for itself.
    """

    task: str
    settings_class: ClassVar[type[PipelineSettings]]
    # Models that a call computes with, and the types of checkpoints that can be one.
    model: Any
    tokenizer: Any

    usual_batch_size: ClassVar[int] = 1

    def __init__(self, *, batch_size: int | None = None, **settings: Any) -> None:
        if batch_size is not None:
            check_count("batch_size", batch_size)
        self.batch_size = batch_size
        self.settings: SettingsT = self.settings_class().updated(**settings)  # type: ignore[assignment]

    def __call__(self, inputs: Any, *, batch_size: int | None = None, **settings: Any) -> Any:
        """The result of an input, or of each of several.

        inputs: one input gives its result, a list, a tuple or an array a list of them. An iterator, a generator or a dataset
        gives a generator, which reads ``batch_size`` inputs at a time and only as far as results are asked for.
        Raises `InvalidArgumentError` for unknown settings, proposing the nearest, and `InvalidTypeError` for other inputs.
        """
        if batch_size is not None:
            check_count("batch_size", batch_size)
        given = self.batch_size if batch_size is None else batch_size
        size = self.usual_batch_size if given is None else given
        chosen = self.settings.updated(**settings)
        if self._is_one(inputs, chosen):
            return next(self._results([inputs], size, chosen, 1))
        if isinstance(inputs, list | tuple | np.ndarray):
            at_once = max(_AT_ONCE, _BATCHES_AT_ONCE * size)
            return list(self._results(inputs, size, chosen, at_once))
        size = given or 1
        return self._results(_each(inputs, self.task), size, chosen, size)

    def _is_one(self, inputs: Any, settings: SettingsT) -> bool:
        """Whether this is one input and not several."""
        return isinstance(inputs, str | Mapping)

    @abstractmethod
    def _results(
        self, inputs: Iterable[Any], batch_size: int, settings: SettingsT, at_once: int
    ) -> Iterator[Any]:
        """Results in the order of the inputs, of which ``at_once`` may be read before the first result."""


class BatchedPipeline(Pipeline[SettingsT]):
    """A task whose inputs are rows for one call of a model."""

    # Rows of like length cost together little more than a third of what they cost one by one, on a CPU too.
    usual_batch_size: ClassVar[int] = 8

    def _results(
        self, inputs: Iterable[Any], batch_size: int, settings: SettingsT, at_once: int
    ) -> Iterator[Any]:
        source = iter(inputs)
        while items := list(itertools.islice(source, at_once)):
            rows = self._prepare(items, settings)
            outputs = iter(self._outputs(list(itertools.chain.from_iterable(rows)), batch_size, settings))
            for item, own in zip(items, rows, strict=True):
                yield self._finish(item, own, list(itertools.islice(outputs, len(own))), settings)

    def _outputs(self, rows: Sequence[Any], batch_size: int, settings: SettingsT) -> list[Any]:
        """What the model gives for each row. Rows of like length share a batch, so that little of it is padding."""
        order: Sequence[int] = range(len(rows))
        if 1 < batch_size < len(rows):
            order = np.argsort([len(row) for row in rows], kind="stable").tolist()
        outputs: list[Any] = [None] * len(rows)
        for first in range(0, len(rows), batch_size):
            numbers = order[first : first + batch_size]
            # Entered for each batch: a generator that waits must not change the mode of its caller.
            with torch.no_grad():
                found = self._forward([rows[number] for number in numbers], settings)
            for number, output in zip(numbers, found, strict=True):
                outputs[number] = output
        return outputs

    @abstractmethod
    def _prepare(self, items: list[Any], settings: SettingsT) -> list[list[Any]]:
        """The rows of each input; a row has a length."""

    @abstractmethod
    def _forward(self, rows: list[Any], settings: SettingsT) -> Sequence[Any]:
        """What the model makes of each row of a batch."""

    @abstractmethod
    def _finish(self, item: Any, rows: list[Any], outputs: list[Any], settings: SettingsT) -> Any:
        """The result of an input, from its rows and what the model made of them."""


def check_names(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise `InvalidArgumentError` for the first name that is not known."""
    names = list(known)
    for name in given:
        if name not in names:
            raise InvalidArgumentError(
                f"unknown argument {name!r}{nearest(name, names)}; known: {', '.join(names)}"
            )


def check_count(name: str, value: Any) -> None:
    """Raise `InvalidArgumentError` for what is no positive integer."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise InvalidArgumentError(f"{name} is {value!r}, expected a positive integer")


def check_choice(name: str, value: Any, known: Sequence[str]) -> None:
    """Raise `InvalidArgumentError` for what is none of the known names."""
    if value not in known:
        raise InvalidArgumentError(
            f"{name} is {value!r}, expected one of {', '.join(known)}{nearest(str(value), known)}"
        )


def _each(inputs: Any, task: str) -> Iterable[Any]:
    """The members of an iterable or of a dataset, which has numbers and a length alone."""
    if isinstance(inputs, Iterable) and not isinstance(inputs, bytes):
        return inputs
    if hasattr(inputs, "__getitem__") and hasattr(inputs, "__len__") and not isinstance(inputs, bytes):
        return (inputs[number] for number in range(len(inputs)))
    raise InvalidTypeError(
        f"inputs of {task} are {type(inputs).__name__}, expected one input, a list of them or an iterator"
    )
