"""`TransformerConfig`: the shape of a `Transformer`, and the settings of its config.json."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ferrolm.errors import InvalidArgumentError, nearest
from ferrolm.models.config import ACTIVATIONS, check_positive, load_config

__all__ = ["TransformerConfig"]

_POSITIVE = (
    "vocab_size",
    "source_vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_layers",
    "num_decoder_layers",
    "num_heads",
    "max_position_embeddings",
)
_PROBABILITIES = ("dropout", "attention_dropout", "label_smoothing")
_POSITIONS = ("sinusoidal", "learned")


@dataclass(kw_only=True)
class TransformerConfig:
    """The shape and settings of a `Transformer`; the defaults are the base model of the paper, for 37,000 tokens.

    source_vocab_size: that of the encoder, ``vocab_size`` by default. feature_size: the encoder reads vectors of so many
    numbers instead of ids. positions: "sinusoidal", without a limit, or "learned", of which there are
    ``max_position_embeddings``. norm_first: norms in front of the sublayers (pre-norm) and after the last one.
    share_embeddings: source and target have one embedding; tie_word_embeddings: target and head. label_smoothing: the part
    of each label's probability that goes to all tokens alike, in training. task_specific_params: for each task, the prefix of its
    sources and settings of generation, as T5's configurations have them and `ferrolm.pipeline` follows.

    >>> config = TransformerConfig(vocab_size=1000)
    >>> config.num_decoder_layers, config.head_dim
    (6, 64)

    Raises `InvalidArgumentError` for sizes and ids that do not fit together and for unknown names.
    """

    vocab_size: int = 37000
    source_vocab_size: int | None = None
    feature_size: int | None = None
    hidden_size: int = 512
    intermediate_size: int = 2048
    num_layers: int = 6
    num_decoder_layers: int | None = None
    num_heads: int = 8
    positions: str = "sinusoidal"
    max_position_embeddings: int = 1024
    norm_first: bool = False
    activation: str = "relu"
    layer_norm_eps: float = 1e-5
    dropout: float = 0.1
    attention_dropout: float = 0.0
    label_smoothing: float = 0.1
    share_embeddings: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int = 0
    decoder_start_token_id: int = 1
    eos_token_id: int = 2
    task_specific_params: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.source_vocab_size is None:
            self.source_vocab_size = self.vocab_size
        if self.num_decoder_layers is None:
            self.num_decoder_layers = self.num_layers
        check_positive(self, _POSITIVE if self.feature_size is None else (*_POSITIVE, "feature_size"))
        if self.hidden_size % self.num_heads or self.hidden_size % 2:
            raise InvalidArgumentError(
                f"hidden_size is {self.hidden_size}, expected an even multiple of num_heads, {self.num_heads}"
            )
        for name in _PROBABILITIES:
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value < 1:
                raise InvalidArgumentError(f"{name} is {value!r}, expected a number from 0 to below 1")
        for name, known in (("positions", _POSITIONS), ("activation", ACTIVATIONS)):
            value = getattr(self, name)
            if value not in known:
                raise InvalidArgumentError(
                    f"{name} is {value!r}, expected one of {', '.join(known)}{nearest(str(value), known)}"
                )
        if self.reads_ids and self.share_embeddings and self.source_vocab_size != self.vocab_size:
            raise InvalidArgumentError(
                f"source_vocab_size is {self.source_vocab_size} and vocab_size {self.vocab_size}, "
                "expected as many for an embedding that is shared (share_embeddings)"
            )
        self._check_ids()

    def _check_ids(self) -> None:
        for name in ("pad_token_id", "decoder_start_token_id", "eos_token_id"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 0 <= value < self.vocab_size:
                raise InvalidArgumentError(f"{name} is {value!r}, expected an id below {self.vocab_size}")
        if self.pad_token_id == self.eos_token_id:
            # Labels that are padding are not scored, so the model would never learn to end.
            raise InvalidArgumentError(
                f"pad_token_id and eos_token_id are {self.eos_token_id}, expected two ids"
            )

    @property
    def reads_ids(self) -> bool:
        return self.feature_size is None

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads

    @property
    def n_positions(self) -> int:
        return self.max_position_embeddings if self.positions == "learned" else sys.maxsize

    @property
    def bos_token_id(self) -> int | None:
        """What a target starts with."""
        return self.decoder_start_token_id

    @property
    def eos_token_ids(self) -> tuple[int, ...]:
        return (self.eos_token_id,)

    def to_dict(self) -> dict[str, Any]:
        """The content of config.json."""
        own = asdict(self)
        if self.task_specific_params is None:
            del own["task_specific_params"]
        return {**own, "model_type": "transformer", "architectures": ["Transformer"]}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> TransformerConfig:
        """The configuration in the content of a config.json; raises `InvalidArgumentError`."""
        names = {each.name for each in fields(cls)}
        unknown = settings.keys() - names - {"model_type", "architectures", "dtype"}
        if unknown:
            name = min(unknown)
            raise InvalidArgumentError(f"{name} is no setting of a Transformer{nearest(name, names)}")
        return cls(**{key: value for key, value in settings.items() if key in names})

    @classmethod
    def from_file(cls, path: Path | str) -> TransformerConfig:
        """Read config.json; raises `MissingFileError`, or `InvalidFileError` naming the file and the setting."""
        return load_config(path, ("transformer",), cls.from_dict)
