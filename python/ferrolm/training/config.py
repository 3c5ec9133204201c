"""The configuration of a run: one TOML file, whose keys can be overridden from the command line.

[model]      ``type`` (gpt2, llama, mistral, qwen2, qwen3, ferrolm-recurrent; bert, roberta, distilbert; t5) and the settings of
             its configuration (`ferrolm.models.GPT2Config`, `LlamaConfig`, ...); or ``checkpoint``, to train further
[objective]  `ferrolm.training.ObjectiveConfig`
[data]       `ferrolm.training.DataConfig`
[training]   `ferrolm.training.TrainingConfig`
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, UnknownNameError, nearest
from ferrolm.training.objective_settings import ObjectiveConfig
from ferrolm.training.settings import DataConfig, TrainingConfig

__all__ = ["Configuration", "RunConfig", "describe"]


@dataclass(kw_only=True, frozen=True)
class Configuration:
    """Sections of settings; every run has [training]. What they are is up to the kind of run."""

    training: TrainingConfig = field(default_factory=TrainingConfig)

    @classmethod
    def from_file(cls, path: str | Path, overrides: Iterable[str] = ()) -> Self:
        """Read a TOML file; ``overrides`` are ``section.key=value`` with values as in TOML (bare words are strings)."""
        try:
            content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise MissingFileError(f"cannot read {path}: it does not exist") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidFileError(f"{path}: not TOML: {error}") from error
        try:
            return cls.from_dict(content, overrides)
        except UnknownNameError as error:
            raise UnknownNameError(f"{path}: {error}") from None
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{path}: {error}") from None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], overrides: Iterable[str] = ()) -> Self:
        """Build from nested dictionaries. Raises `UnknownNameError` or `InvalidArgumentError`."""
        sections = {name: dict(_table(name, value)) for name, value in content.items()}
        for override in overrides:
            section, key, value = _parse_override(override)
            sections.setdefault(section, {})[key] = value
        kinds = _kinds(cls)
        for name in sections:
            if name not in kinds:
                raise UnknownNameError(f"unknown section [{name}]{nearest(name, kinds)}")
        return cls(**{name: _section(kinds[name], name, values) for name, values in sections.items()})

    def to_toml(self) -> str:
        """The configuration as TOML, every setting spelled out; `from_file` reads it back."""
        lines = []
        for name, section in dataclasses.asdict(self).items():
            lines += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in section.items()), ""]
        return "\n".join(lines)


@dataclass(kw_only=True, frozen=True)
class RunConfig(Configuration):
    """A whole run; `model` goes to the architecture as it is.

    >>> config = RunConfig.from_dict({"training": {"steps": 5}}, overrides=["training.learning_rate=3e-4"])
    >>> config.training.steps, config.training.learning_rate
    (5, 0.0003)
    >>> RunConfig.from_dict({"training": {"step": 5}})
    Traceback (most recent call last):
    ...
    ferrolm.errors.UnknownNameError: unknown setting training.step; did you mean 'steps'?
    """

    model: dict[str, Any] = field(default_factory=dict)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    data: DataConfig = field(default_factory=DataConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


def describe(config: type[Configuration] = RunConfig) -> str:
    """All settings but those of [model], one a line, with default and meaning; those of [training], the longest section, come last."""
    lines = [
        f"{name}.{setting.name} = {_toml(_default(setting))}    {setting.metadata['help']}"
        for name, section in sorted(_kinds(config).items(), key=lambda kind: kind[0] == "training")
        if dataclasses.is_dataclass(section)
        for setting in dataclasses.fields(section)
    ]
    return "\n".join(lines)


def _default(setting: dataclasses.Field[Any]) -> Any:
    made = setting.default_factory
    return setting.default if made is dataclasses.MISSING else made()


def _kinds(config: type[Configuration]) -> dict[str, type]:
    """The sections of a configuration: a dataclass of settings, or a dictionary that goes on as it is."""
    hints = typing.get_type_hints(config)
    return {
        part.name: typing.get_origin(hints[part.name]) or hints[part.name]
        for part in dataclasses.fields(config)
    }


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidArgumentError(f"{name} must be a section, [{name}], not a single value")
    return value


def _parse_override(override: str) -> tuple[str, str, Any]:
    path, equals, text = override.partition("=")
    section, dot, key = path.strip().partition(".")
    if not (equals and dot and section and key):
        raise InvalidArgumentError(f"{override!r} is not of the form section.key=value")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    return section, key, value


def _section(kind: type, name: str, values: Mapping[str, Any]) -> Any:
    if kind is dict:
        return dict(values)
    hints = typing.get_type_hints(kind)
    for key, value in values.items():
        if key not in hints:
            raise UnknownNameError(f"unknown setting {name}.{key}{nearest(key, hints)}")
        _check_type(f"{name}.{key}", value, hints[key])
    converted = {key: float(value) if hints[key] is float else value for key, value in values.items()}
    return kind(**converted)


def _check_type(name: str, value: Any, expected: Any) -> None:
    expected = typing.get_origin(expected) or expected
    accepted: tuple[type, ...] = (int, float) if expected is float else (expected,)
    # bool is an int to Python, but `steps = true` is a mistake.
    if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
        raise InvalidArgumentError(
            f"{name} must be of type {getattr(expected, '__name__', expected)}, not {value!r}"
        )


def _toml(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return json.dumps(value, ensure_ascii=False)
