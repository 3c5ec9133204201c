"""`GPT2Config`: the shape of a GPT-2 and the settings of its config.json, under Hugging Face's names.

Beside it what every configuration has: `ModelShape`, and reading config.json.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, nearest

__all__ = ["ACTIVATIONS", "GPT2Config", "ModelShape", "check_positive", "load_config", "read_config"]

ACTIVATIONS = (
    "gelu_new",
    "gelu_pytorch_tanh",
    "gelu_fast",
    "gelu",
    "quick_gelu",
    "relu",
    "silu",
    "swish",
    "tanh",
)

_POSITIVE = ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head")
_PROBABILITIES = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
# Settings of config.json that would change the numbers and that this model does not have.
_UNSUPPORTED = ("add_cross_attention", "quantization_config", "pruned_heads")


class ModelShape(Protocol):
    """What continuing a text has to know of a model."""

    @property
    def vocab_size(self) -> int: ...
    @property
    def n_positions(self) -> int: ...
    @property
    def bos_token_id(self) -> int | None: ...
    @property
    def eos_token_ids(self) -> tuple[int, ...]: ...


@dataclass(kw_only=True)
class GPT2Config:
    """The shape and settings of a GPT-2; names, defaults and meanings of transformers' ``GPT2Config``.

    Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". The defaults are GPT-2 small.
    ``extra`` holds the keys of a config.json that this class does not use, so that they survive a round trip.

    >>> config = GPT2Config(vocab_size=1024, n_positions=128, n_embd=64, n_layer=2, n_head=4)
    >>> config.head_dim, config.hidden_size, config.n_inner
    (16, 64, 256)

    Raises `InvalidArgumentError` for sizes that do not fit together and for unknown activations.
    """

    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int | None = None
    activation_function: str = "gelu_new"
    resid_pdrop: float = 0.1
    embd_pdrop: float = 0.1
    attn_pdrop: float = 0.1
    layer_norm_epsilon: float = 1e-5
    initializer_range: float = 0.02
    scale_attn_weights: bool = True
    scale_attn_by_inverse_layer_idx: bool = False
    reorder_and_upcast_attn: bool = False
    tie_word_embeddings: bool = True
    bos_token_id: int | None = 50256
    eos_token_id: int | list[int] | None = 50256
    pad_token_id: int | None = None
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.n_inner is None:
            self.n_inner = 4 * self.n_embd
        check_positive(self, (*_POSITIVE, "n_inner"))
        if self.n_embd % self.n_head:
            raise InvalidArgumentError(
                f"n_embd is {self.n_embd}, expected a multiple of n_head, {self.n_head}"
            )
        for name in _PROBABILITIES:
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value <= 1:
                raise InvalidArgumentError(f"{name} is {value!r}, expected a probability from 0 to 1")
        if self.activation_function not in ACTIVATIONS:
            raise InvalidArgumentError(
                f"activation_function is {self.activation_function!r}, expected one of {', '.join(ACTIVATIONS)}"
                f"{nearest(str(self.activation_function), ACTIVATIONS)}"
            )

    @property
    def hidden_size(self) -> int:
        return self.n_embd

    @property
    def num_layers(self) -> int:
        return self.n_layer

    @property
    def num_heads(self) -> int:
        return self.n_head

    @property
    def head_dim(self) -> int:
        return self.n_embd // self.n_head

    @property
    def max_position_embeddings(self) -> int:
        return self.n_positions

    @property
    def eos_token_ids(self) -> tuple[int, ...]:
        """The ids that end a text; config.json has one, a list, or none."""
        ids = self.eos_token_id
        return () if ids is None else (ids,) if isinstance(ids, int) else tuple(ids)

    def to_dict(self) -> dict[str, Any]:
        """The content of config.json, as transformers reads it."""
        own = {name.name: getattr(self, name.name) for name in fields(self) if name.name != "extra"}
        if own["n_inner"] == 4 * self.n_embd:
            own["n_inner"] = None
        return {**self.extra, **own, "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> GPT2Config:
        """The configuration in the content of a config.json; raises `InvalidArgumentError`."""
        for name in _UNSUPPORTED:
            if settings.get(name):
                raise InvalidArgumentError(f"{name} is {settings[name]!r}, which this GPT-2 does not have")
        names = {name.name for name in fields(cls)} - {"extra"}
        extra = {
            key: value
            for key, value in settings.items()
            if key not in names | {"model_type", "architectures"}
        }
        return cls(**{key: value for key, value in settings.items() if key in names}, extra=extra)

    @classmethod
    def from_file(cls, path: Path | str) -> GPT2Config:
        """Read config.json; raises `MissingFileError`, or `InvalidFileError` naming the file and the setting."""
        return load_config(path, ("gpt2",), cls.from_dict)


Config = TypeVar("Config")


def check_positive(config: object, names: Sequence[str]) -> None:
    """Raise `InvalidArgumentError` unless each of these settings is an integer of 1 or more."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidArgumentError(f"{name} is {value!r}, expected a positive integer")


def load_config(
    path: Path | str, model_types: Sequence[str], from_dict: Callable[[dict[str, Any]], Config]
) -> Config:
    """The configuration in a config.json of one of ``model_types``; `InvalidFileError` names the file and the setting."""
    settings = read_config(Path(path))
    if settings["model_type"] not in model_types:
        expected = " or ".join(map(repr, model_types))
        raise InvalidFileError(f"{path}: model_type is {settings['model_type']!r}, expected {expected}")
    try:
        return from_dict(settings)
    except InvalidArgumentError as error:
        raise InvalidFileError(f"{path}: {error}") from None


def read_config(path: Path) -> dict[str, Any]:
    """The settings in a config.json, which must be an object with a ``model_type``."""
    try:
        settings = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist; expected the config.json of a checkpoint") from None
    except ValueError as error:
        raise InvalidFileError(f"{path} is not JSON: {error}") from None
    if not isinstance(settings, dict):
        raise InvalidFileError(f"{path} holds a JSON {type(settings).__name__}, expected an object")
    if not isinstance(settings.get("model_type"), str):
        raise InvalidFileError(
            f"{path}: model_type is {settings.get('model_type')!r}, expected a name such as 'gpt2'"
        )
    return settings
