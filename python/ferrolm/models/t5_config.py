"""`T5Config`: the shape of a T5 and the settings of its config.json, under Hugging Face's names."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ferrolm.errors import InvalidArgumentError, nearest
from ferrolm.models.config import ACTIVATIONS, check_positive, load_config

__all__ = ["T5Config"]

_POSITIVE = (
    "vocab_size",
    "d_model",
    "d_kv",
    "d_ff",
    "num_layers",
    "num_decoder_layers",
    "num_heads",
    "relative_attention_num_buckets",
    "relative_attention_max_distance",
)
# What transformers derives from feed_forward_proj, and writes beside it.
_DERIVED = ("dense_act_fn", "is_gated_act")


@dataclass(kw_only=True)
class T5Config:
    """The shape and settings of a T5; names, defaults and meanings of transformers' ``T5Config``.

    Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer". The defaults
    are T5 small (v1.0), whose head is the token embedding, its input scaled. Of v1.1 (Flan-T5 too) are
    ``feed_forward_proj="gated-gelu"`` and ``tie_word_embeddings=False``: a head of its own, which is not scaled.
    ``scale_decoder_outputs`` follows ``tie_word_embeddings`` unless given. ``extra`` holds the keys of a config.json
    that this class does not use, so that they survive a round trip.

    >>> config = T5Config(feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    >>> config.activation, config.is_gated, config.scale_decoder_outputs
    ('gelu_new', True, False)

    Raises `InvalidArgumentError` for sizes that are not positive, numbers that do not fit and unknown activations.
    """

    vocab_size: int = 32128
    d_model: int = 512
    d_kv: int = 64
    d_ff: int = 2048
    num_layers: int = 6
    num_decoder_layers: int | None = None
    num_heads: int = 8
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
    dropout_rate: float = 0.1
    layer_norm_epsilon: float = 1e-6
    initializer_factor: float = 1.0
    feed_forward_proj: str = "relu"
    tie_word_embeddings: bool = True
    scale_decoder_outputs: bool | None = None
    pad_token_id: int = 0
    eos_token_id: int | list[int] | None = 1
    decoder_start_token_id: int = 0
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.num_decoder_layers is None:
            self.num_decoder_layers = self.num_layers
        if self.scale_decoder_outputs is None:
            self.scale_decoder_outputs = self.tie_word_embeddings
        check_positive(self, _POSITIVE)
        buckets, distance = self.relative_attention_num_buckets, self.relative_attention_max_distance
        if buckets < 4 or distance <= buckets // 2:
            raise InvalidArgumentError(
                f"relative_attention_num_buckets is {buckets} and relative_attention_max_distance {distance}, "
                "expected at least 4 buckets and a distance above half of them"
            )
        if not isinstance(self.dropout_rate, int | float) or not 0 <= self.dropout_rate <= 1:
            raise InvalidArgumentError(
                f"dropout_rate is {self.dropout_rate!r}, expected a probability from 0 to 1"
            )
        if self.activation not in ACTIVATIONS:
            raise InvalidArgumentError(
                f"feed_forward_proj is {self.feed_forward_proj!r}, expected one of {', '.join(ACTIVATIONS)}, "
                f"or one with 'gated-' before it{nearest(self.activation, ACTIVATIONS)}"
            )
        for name in ("pad_token_id", "decoder_start_token_id"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 0 <= value < self.vocab_size:
                raise InvalidArgumentError(f"{name} is {value!r}, expected an id below {self.vocab_size}")

    @property
    def is_gated(self) -> bool:
        """Whether one projection of the feed-forward layer gates the other (Shazeer 2020)."""
        return str(self.feed_forward_proj).startswith("gated-")

    @property
    def activation(self) -> str:
        name = str(self.feed_forward_proj).removeprefix("gated-")
        # The published v1.1 checkpoints say gelu and mean its approximation by tanh.
        return "gelu_new" if self.is_gated and name == "gelu" else name

    @property
    def hidden_size(self) -> int:
        return self.d_model

    @property
    def head_dim(self) -> int:
        return self.d_kv

    @property
    def n_positions(self) -> int:
        """No limit: positions are relative."""
        return sys.maxsize

    @property
    def bos_token_id(self) -> int | None:
        """What a target starts with."""
        return self.decoder_start_token_id

    @property
    def eos_token_ids(self) -> tuple[int, ...]:
        """The ids that end a text; config.json has one, a list, or none."""
        ids = self.eos_token_id
        return () if ids is None else (ids,) if isinstance(ids, int) else tuple(ids)

    def to_dict(self) -> dict[str, Any]:
        """The content of config.json, as transformers reads it."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "extra"}
        kind = {
            "model_type": "t5",
            "is_encoder_decoder": True,
            "architectures": ["T5ForConditionalGeneration"],
        }
        return {**self.extra, **own, **kind}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> T5Config:
        """The configuration in the content of a config.json; raises `InvalidArgumentError`."""
        if settings.get("quantization_config"):
            raise InvalidArgumentError(
                "quantization_config is given: expected weights that are not quantized"
            )
        names = {each.name for each in fields(cls)} - {"extra"}
        known = names | {"model_type", "architectures", "is_encoder_decoder", *_DERIVED}
        extra = {key: value for key, value in settings.items() if key not in known}
        return cls(**{key: value for key, value in settings.items() if key in names}, extra=extra)

    @classmethod
    def from_file(cls, path: Path | str) -> T5Config:
        """Read config.json; raises `MissingFileError`, or `InvalidFileError` naming the file and the setting."""
        return load_config(path, ("t5",), cls.from_dict)
