"""The configuration of a run: one TOML file, whose keys can be overridden from the command line.

[model]      ``type`` (gpt2, llama, mistral, qwen2, qwen3, ferrolm-recurrent) and the settings of `ferrolm.models.GPT2Config`,
             `LlamaConfig` or `RecurrentConfig`
[data]       `DataConfig`
[training]   `TrainingConfig`
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, UnknownNameError, nearest

__all__ = ["DataConfig", "RunConfig", "TrainingConfig", "describe"]

_Section = TypeVar("_Section", "DataConfig", "TrainingConfig")


def _setting(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(kw_only=True, frozen=True)
class DataConfig:
    """What the model reads. Relative paths are relative to the working directory."""

    train: str = _setting("", "token file to learn from (made by `ferrolm prepare`)")
    validation: str = _setting("", "token file to evaluate on; empty: no evaluation")
    tokenizer: str = _setting("", "tokenizer.json to put beside the final model; empty: none")
    block_size: int = _setting(256, "tokens of context; at most the model's n_positions")


@dataclass(kw_only=True, frozen=True)
class TrainingConfig:
    """How the model learns: AdamW with linear warm-up and cosine decay."""

    seed: int = _setting(0, "of the weights, of dropout and of the order of the data")
    steps: int = _setting(1000, "optimizer steps")
    batch_size: int = _setting(32, "blocks per forward pass (micro-batch)")
    accumulation: int = _setting(1, "micro-batches per step; their mean gradient makes one step")
    threads: int = _setting(
        0, "threads of torch on CPU; 0: as many as torch finds; sums depend on it in the last digits"
    )
    learning_rate: float = _setting(1e-3, "peak learning rate")
    final_learning_rate: float = _setting(1e-4, "learning rate at the end of the cosine")
    warmup_steps: int = _setting(100, "steps of linear warm-up")
    weight_decay: float = _setting(0.1, "of matrices and embeddings; biases and norms are never decayed")
    beta1: float = _setting(0.9, "AdamW: decay of the mean of gradients")
    beta2: float = _setting(0.95, "AdamW: decay of the mean of squared gradients")
    epsilon: float = _setting(1e-8, "AdamW: added to the denominator")
    gradient_clip: float = _setting(1.0, "largest norm of the gradient; 0: no clipping")
    device: str = _setting("auto", "auto (CUDA if there is one), cpu, cuda, cuda:1, ...")
    precision: str = _setting(
        "auto",
        "float32, bfloat16 (autocast; weights stay float32), or auto: where the device has matrix units for it",
    )
    compile: bool = _setting(False, "torch.compile the model: pays on CUDA and for long runs")
    evaluation_interval: int = _setting(500, "steps between evaluations; 0: only at the end")
    evaluation_tokens: int = _setting(0, "tokens of the validation file to evaluate on; 0: all")
    checkpoint_interval: int = _setting(500, "steps between checkpoints; 0: only at the end")
    checkpoint_minutes: float = _setting(10.0, "also a checkpoint when so many minutes have passed; 0: never")
    keep_checkpoints: int = _setting(2, "newest checkpoints to keep")
    log_interval: int = _setting(10, "steps between lines of metrics.jsonl")

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulation", "log_interval", "keep_checkpoints"):
            if getattr(self, name) < 1:
                raise InvalidArgumentError(f"{name} must be at least 1, not {getattr(self, name)}")
        for setting in dataclasses.fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, int | float) and value < 0:
                raise InvalidArgumentError(f"{setting.name} must not be negative: {value}")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise InvalidArgumentError(f"precision must be auto, float32 or bfloat16, not {self.precision!r}")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise InvalidArgumentError(f"betas must be in [0, 1): {self.beta1}, {self.beta2}")


@dataclass(kw_only=True, frozen=True)
class RunConfig:
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
    data: DataConfig = field(default_factory=DataConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @classmethod
    def from_file(cls, path: str | Path, overrides: Iterable[str] = ()) -> RunConfig:
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
    def from_dict(cls, content: Mapping[str, Any], overrides: Iterable[str] = ()) -> RunConfig:
        """Build from nested dictionaries. Raises `UnknownNameError` or `InvalidArgumentError`."""
        sections = {name: dict(_table(name, value)) for name, value in content.items()}
        for override in overrides:
            section, key, value = _parse_override(override)
            sections.setdefault(section, {})[key] = value
        known = [setting.name for setting in dataclasses.fields(cls)]
        for name in sections:
            if name not in known:
                raise UnknownNameError(f"unknown section [{name}]{nearest(name, known)}")
        return cls(
            model=sections.get("model", {}),
            data=_section(DataConfig, "data", sections.get("data", {})),
            training=_section(TrainingConfig, "training", sections.get("training", {})),
        )

    def to_toml(self) -> str:
        """The configuration as TOML, every setting spelled out; `from_file` reads it back."""
        lines = []
        for name, section in dataclasses.asdict(self).items():
            lines += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in section.items()), ""]
        return "\n".join(lines)


def describe() -> str:
    """All settings of [data] and [training], one a line, with default and meaning."""
    sections = (("data", DataConfig), ("training", TrainingConfig))
    lines = [
        f"{name}.{setting.name} = {_toml(setting.default)}    {setting.metadata['help']}"
        for name, section in sections
        for setting in dataclasses.fields(section)
    ]
    return "\n".join(lines)


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


def _section(kind: type[_Section], name: str, values: Mapping[str, Any]) -> _Section:
    hints = typing.get_type_hints(kind)
    for key, value in values.items():
        if key not in hints:
            raise UnknownNameError(f"unknown setting {name}.{key}{nearest(key, hints)}")
        _check_type(f"{name}.{key}", value, hints[key])
    converted: dict[str, Any] = {
        key: float(value) if hints[key] is float else value for key, value in values.items()
    }
    return kind(**converted)


def _check_type(name: str, value: Any, expected: type | types.UnionType) -> None:
    accepted: tuple[type, ...] = (int, float) if expected is float else (typing.cast(type, expected),)
    # bool is an int to Python, but `steps = true` is a mistake.
    if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
        raise InvalidArgumentError(
            f"{name} must be of type {getattr(expected, '__name__', expected)}, not {value!r}"
        )


def _toml(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)
