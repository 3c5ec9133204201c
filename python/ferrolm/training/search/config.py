"""The ``[search]`` section of a configuration, and the runs that a point of its space stands for."""

from __future__ import annotations

import copy
import dataclasses
import json
import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferrolm.errors import (
    InvalidArgumentError,
    InvalidFileError,
    InvalidTypeError,
    MissingFileError,
    UnknownNameError,
    nearest,
)
from ferrolm.training.search.optuna_sampler import PRUNERS
from ferrolm.training.search.space import Dimension, Value, read_space
from ferrolm.training.search.study import DIRECTIONS, SAMPLERS
from ferrolm.training.settings import setting

__all__ = ["SearchConfig", "describe_search", "read_search", "with_parameters"]


@dataclass(kw_only=True, frozen=True)
class SearchConfig:
    """How to search. ``space`` has its own table, see `ferrolm.training.search.space`."""

    sampler: str = setting("random", "grid (every combination), random, or tpe (learns from results; Optuna)")
    trials: int = setting(0, "how many; 0: the whole grid, or 20")
    seed: int = setting(0, "of the sampler; that of the runs is training.seed")
    metric: str = setting("validation_loss", "what a run is judged by: a name in its metrics.jsonl")
    direction: str = setting("minimize", "minimize or maximize the metric")
    pruner: str = setting("none", "none, median, or hyperband: end hopeless runs early (Optuna)")
    pruning_start: int = setting(0, "steps of a run before it may be ended; 0: the first evaluation")
    timeout_minutes: float = setting(0.0, "begin no trial after so many minutes; 0: no limit")
    keep: str = setting("best", "weights and checkpoints of which finished runs to keep: best, or all")
    space: Mapping[str, Dimension] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = {"sampler": SAMPLERS, "direction": DIRECTIONS, "pruner": PRUNERS, "keep": ("best", "all")}
        for name, names in known.items():
            value = getattr(self, name)
            if value not in names:
                hint = nearest(value, names) or f"; it can be {', '.join(names)}"
                raise UnknownNameError(f"unknown search.{name} {value!r}{hint}")
        for name in ("trials", "seed", "pruning_start", "timeout_minutes"):
            if getattr(self, name) < 0:
                raise InvalidArgumentError(f"search.{name} must not be negative: {getattr(self, name)}")

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> SearchConfig:
        """Build from the section. Raises `UnknownNameError`, `InvalidTypeError` or `InvalidArgumentError`.

        >>> SearchConfig.from_dict({"sampler": "grid", "space": {"training.batch_size": [16, 32]}}).space
        {'training.batch_size': Choices(values=(16, 32))}
        """
        hints = typing.get_type_hints(cls)
        for key, value in content.items():
            if key not in hints:
                raise UnknownNameError(f"unknown setting search.{key}{nearest(key, hints)}")
            accepted: Any = {float: (int, float), int: int, str: str}.get(hints[key], Mapping)
            if not isinstance(value, accepted) or isinstance(value, bool):
                kind = getattr(hints[key], "__name__", hints[key]) if key != "space" else "table"
                raise InvalidTypeError(f"search.{key} must be of type {kind}, not {value!r}")
        return cls(**{**content, "space": read_space(content.get("space", {}))})


def describe_search() -> str:
    """All settings of [search], one a line, with default and meaning."""
    lines = [
        f"search.{part.name} = {json.dumps(part.default)}    {part.metadata['help']}"
        for part in dataclasses.fields(SearchConfig)
        if part.name != "space"
    ]
    return "\n".join(lines)


def read_search(path: str | Path, overrides: Iterable[str] = ()) -> tuple[SearchConfig, dict[str, Any]]:
    """The search of a TOML file, and the rest of the file: the sections of the run that is varied.

    ``overrides`` are ``section.key=value`` as for `RunConfig.from_file`.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingFileError(f"cannot read {path}: it does not exist") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidFileError(f"{path}: not TOML: {error}") from error
    for override in overrides:
        name, equals, text = override.partition("=")
        if not (equals and "." in name):
            raise InvalidArgumentError(f"{override!r} is not of the form section.key=value")
        content = with_parameters(content, {name.strip(): _parse(text.strip())})
    if "search" not in content:
        raise InvalidArgumentError(f"{path} has no section [search]")
    try:
        return SearchConfig.from_dict(content.pop("search")), content
    except (UnknownNameError, InvalidTypeError, InvalidArgumentError) as error:
        raise type(error)(f"{path}: {error}") from None


def with_parameters(content: Mapping[str, Any], parameters: Mapping[str, Value]) -> dict[str, Any]:
    """A copy of nested ``content`` with the values of ``parameters``, whose names have dots.

    >>> with_parameters({"training": {"seed": 1}}, {"training.learning_rate": 0.1, "model.n_layer": 2})
    {'training': {'seed': 1, 'learning_rate': 0.1}, 'model': {'n_layer': 2}}
    """
    result: dict[str, Any] = copy.deepcopy(dict(content))
    for name, value in parameters.items():
        *path, key = name.split(".")
        table = result
        for part in path:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise InvalidArgumentError(f"{name} cannot be set: {part} is not a table")
        table[key] = value
    return result


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
