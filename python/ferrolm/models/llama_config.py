"""`LlamaConfig`: the shape of a Llama or one of its relatives, and the settings of its config.json."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ferrolm.errors import InvalidArgumentError, nearest
from ferrolm.models.config import check_positive, load_config
from ferrolm.models.rope_config import complete_rope

__all__ = ["MODEL_TYPES", "LlamaConfig"]

_ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
MODEL_TYPES = tuple(_ARCHITECTURES)

_POSITIVE = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
)
_WINDOWS = ("sliding_window", "use_sliding_window", "max_window_layers", "layer_types")
# The settings that only some of the types have.
_OPTIONAL = {
    "llama": ("attention_bias", "mlp_bias"),
    "mistral": ("sliding_window",),
    "qwen2": _WINDOWS,
    "qwen3": ("attention_bias", *_WINDOWS),
}
# What a config.json that does not say means, where it is not what a Llama's means.
_QWEN = {
    "vocab_size": 151936,
    "intermediate_size": 22016,
    "max_position_embeddings": 32768,
    "bos_token_id": None,
    "eos_token_id": None,
    "sliding_window": 4096,
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {
        "intermediate_size": 14336,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
    },
    "qwen2": _QWEN,
    "qwen3": {**_QWEN, "head_dim": 128},
}
_LAYER_TYPES = ("full_attention", "sliding_attention")


@dataclass(kw_only=True)
class LlamaConfig:
    """The shape and settings of a Llama, Mistral, Qwen2 or Qwen3; names and meanings of transformers' configurations.

    Touvron et al. 2023, "Llama 2"; Jiang et al. 2023, "Mistral 7B"; Yang et al. 2024, "Qwen2 Technical Report", and 2025,
    "Qwen3 Technical Report". ``model_type`` says which; the defaults are a Llama's, and `from_dict` fills in those of
    the type. A Qwen2 has biases for query, key and value, a Qwen3 normalizes query and key, and a Mistral looks back
    ``sliding_window`` tokens. ``rope_parameters`` has ``rope_theta`` and ``rope_type``: "default", "linear", "dynamic",
    "llama3", "yarn" or "longrope", each with the numbers that transformers wants. ``extra`` holds the keys of a config.json that this class does not
    use, so that they survive a round trip.

    >>> config = LlamaConfig(hidden_size=64, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2)
    >>> config.head_dim, config.n_positions, config.rope_parameters
    (16, 2048, {'rope_theta': 10000.0, 'rope_type': 'default'})

    Raises `InvalidArgumentError` for sizes that do not fit together, an unknown type or rope type, and settings that
    the type does not have.
    """

    model_type: str = "llama"
    vocab_size: int = 32000
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    hidden_act: str = "silu"
    max_position_embeddings: int = 2048
    initializer_range: float = 0.02
    rms_norm_eps: float = 1e-6
    rope_parameters: dict[str, Any] = field(default_factory=dict)
    attention_bias: bool = False
    mlp_bias: bool = False
    attention_dropout: float = 0.0
    sliding_window: int | None = None
    use_sliding_window: bool = False
    max_window_layers: int = 28
    layer_types: list[str] | None = None
    tie_word_embeddings: bool = False
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    pad_token_id: int | None = None
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.model_type not in MODEL_TYPES:
            raise InvalidArgumentError(
                f"model_type is {self.model_type!r}, expected one of {', '.join(MODEL_TYPES)}"
                f"{nearest(str(self.model_type), MODEL_TYPES)}"
            )
        for name in _foreign(self.model_type):
            if getattr(self, name) != _default(name):
                raise InvalidArgumentError(
                    f"{name} is {getattr(self, name)!r}, a setting that {self.model_type} does not have"
                )
        check_positive(self, ("hidden_size", "num_attention_heads"))
        if self.num_key_value_heads is None:
            self.num_key_value_heads = self.num_attention_heads
        if self.head_dim is None:
            _check_multiple("hidden_size", self.hidden_size, "num_attention_heads", self.num_attention_heads)
            self.head_dim = self.hidden_size // self.num_attention_heads
        check_positive(self, _POSITIVE)
        _check_multiple(
            "num_attention_heads", self.num_attention_heads, "num_key_value_heads", self.num_key_value_heads
        )
        if self.head_dim % 2:
            raise InvalidArgumentError(
                f"head_dim is {self.head_dim}, expected an even number for the rotary embedding"
            )
        if self.hidden_act not in ("silu", "swish"):
            raise InvalidArgumentError(f"hidden_act is {self.hidden_act!r}, expected 'silu'")
        dropout = self.attention_dropout
        if not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
            raise InvalidArgumentError(
                f"attention_dropout is {dropout!r}, expected a probability from 0 to 1"
            )
        self._check_windows()
        self.rope_parameters = complete_rope(
            self.rope_parameters, self.max_position_embeddings, self.head_dim
        )

    def _check_windows(self) -> None:
        if self.sliding_window is not None:
            check_positive(self, ("sliding_window",))
        kinds = self.layer_types
        if kinds is not None and (
            len(kinds) != self.num_hidden_layers or not set(kinds) <= set(_LAYER_TYPES)
        ):
            raise InvalidArgumentError(
                f"layer_types is {kinds!r}, expected {' or '.join(_LAYER_TYPES)} for each of {self.num_hidden_layers} layers"
            )

    def window(self, layer: int) -> int | None:
        """How many tokens up to its own a token sees in this layer; None for all."""
        if self.model_type == "mistral":
            return self.sliding_window
        if not self.use_sliding_window:
            return None
        kinds = self.layer_types
        sliding = layer >= self.max_window_layers if kinds is None else kinds[layer] == "sliding_attention"
        return self.sliding_window if sliding else None

    @property
    def has_qkv_bias(self) -> bool:
        return self.attention_bias or self.model_type == "qwen2"

    @property
    def has_qk_norm(self) -> bool:
        return self.model_type == "qwen3"

    @property
    def num_layers(self) -> int:
        return self.num_hidden_layers

    @property
    def num_heads(self) -> int:
        return self.num_attention_heads

    @property
    def n_positions(self) -> int:
        """Tokens that fit; "dynamic" stretches ``max_position_embeddings``, the length of training, by its factor."""
        rope = self.rope_parameters
        stretched = rope["factor"] if rope["rope_type"] == "dynamic" else 1
        return int(self.max_position_embeddings * stretched)

    @property
    def eos_token_ids(self) -> tuple[int, ...]:
        """The ids that end a text; config.json has one, a list, or none."""
        ids = self.eos_token_id
        return () if ids is None else (ids,) if isinstance(ids, int) else tuple(ids)

    def to_dict(self) -> dict[str, Any]:
        """The content of config.json, as transformers reads it, version 4 (rope_theta, rope_scaling) too."""
        left_out = {"extra", *_foreign(self.model_type)}
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in left_out}
        rope = self.rope_parameters
        scaling = None if rope["rope_type"] == "default" else rope
        old = {"rope_theta": rope["rope_theta"], "rope_scaling": scaling}
        return {**self.extra, **old, **own, "architectures": [_ARCHITECTURES[self.model_type]]}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> LlamaConfig:
        """The configuration in the content of a config.json; raises `InvalidArgumentError`."""
        if settings.get("quantization_config"):
            raise InvalidArgumentError(
                "quantization_config is given: expected weights that are not quantized"
            )
        kind = settings.get("model_type", "llama")
        own = {each.name for each in fields(cls)} - {"extra", *_foreign(kind)}
        # Settings of another type are not looked at, as in transformers.
        used = {key: value for key, value in settings.items() if key in own}
        known = {*own, "architectures", "rope_theta", "rope_scaling", "rope_parameters"}
        extra = {key: value for key, value in settings.items() if key not in known}
        rope = settings.get("rope_scaling") or settings.get("rope_parameters") or {}
        if isinstance(rope, dict) and settings.get("rope_theta") is not None:
            rope = {"rope_theta": settings["rope_theta"], **rope}
        original = settings.get("original_max_position_embeddings")  # where Phi-3 and others have it
        if isinstance(rope, dict) and original is not None:
            rope = {**rope, "original_max_position_embeddings": original}
        return cls(**{**_DEFAULTS.get(kind, {}), **used, "rope_parameters": rope}, extra=extra)

    @classmethod
    def from_file(cls, path: Path | str) -> LlamaConfig:
        """Read config.json; raises `MissingFileError`, or `InvalidFileError` naming the file and the setting."""
        return load_config(path, MODEL_TYPES, cls.from_dict)


def _foreign(model_type: str) -> set[str]:
    """The settings that this type does not have."""
    every = {name for names in _OPTIONAL.values() for name in names}
    return every - set(_OPTIONAL.get(model_type, every))


def _default(name: str) -> Any:
    return next(each.default for each in fields(LlamaConfig) if each.name == name)


def _check_multiple(name: str, value: int, of: str, divisor: int) -> None:
    if value % divisor:
        raise InvalidArgumentError(f"{name} is {value}, expected a multiple of {of}, {divisor}")
