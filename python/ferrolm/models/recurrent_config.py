"""`RecurrentConfig`: the shape of a recurrent language model and the settings of its config.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from ferrolm.errors import InvalidArgumentError, nearest
from ferrolm.models.config import check_positive, load_config

__all__ = ["CELLS", "MODEL_TYPE", "RecurrentConfig", "check_choice", "check_probabilities"]

MODEL_TYPE = "ferrolm-recurrent"
CELLS = ("rnn", "lstm", "gru")

_DROPOUTS = ("embedding_dropout", "input_dropout", "layer_dropout", "output_dropout", "weight_dropout")


@dataclass(kw_only=True)
class RecurrentConfig:
    """The shape and settings of a `RecurrentLM`.

    cell: "rnn" (Elman 1990, tanh), "lstm" (Hochreiter & Schmidhuber 1997) or "gru" (Cho et al. 2014). Every layer is
    ``hidden_size`` wide, but the last one of a tied model is ``embedding_size`` wide (by default the same), because its
    output meets the embeddings. n_positions: tokens that one call reads at most, which is the window that scoring and
    training cut a text into and where generation stops; the cell itself has no limit.

    Dropout, all of it off outside of training: ``input_dropout`` on the embeddings, ``layer_dropout`` between layers,
    ``output_dropout`` before the head, each with one mask for a whole sequence (Gal & Ghahramani 2016) unless
    ``variational_dropout`` is false, which draws one for every token; ``embedding_dropout`` leaves out whole words of the
    vocabulary, and ``weight_dropout`` weights from hidden to hidden (Merity et al. 2017, "AWD-LSTM"), the same ones for all
    tokens of a call. ``extra`` holds the keys of a config.json that this class does not use.

    >>> config = RecurrentConfig(vocab_size=1000, embedding_size=64, hidden_size=128, num_layers=3)
    >>> config.layer_sizes
    [(64, 128), (128, 128), (128, 64)]

    Raises `InvalidArgumentError` for sizes that are not positive, probabilities not below 1, and an unknown cell.
    """

    cell: str = "lstm"
    vocab_size: int = 10000
    n_positions: int = 1024
    embedding_size: int | None = None
    hidden_size: int = 512
    num_layers: int = 2
    embedding_dropout: float = 0.0
    input_dropout: float = 0.0
    layer_dropout: float = 0.0
    output_dropout: float = 0.0
    weight_dropout: float = 0.0
    variational_dropout: bool = True
    initializer_range: float = 0.1
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_choice(self, "cell", CELLS)
        check_positive(self, ("vocab_size", "n_positions", "hidden_size", "num_layers"))
        if self.embedding_size is None:
            self.embedding_size = self.hidden_size
        check_positive(self, ("embedding_size",))
        check_probabilities(self, _DROPOUTS)

    @property
    def layer_sizes(self) -> list[tuple[int, int]]:
        """Numbers that go into and come out of each layer."""
        assert self.embedding_size is not None  # filled in above
        last = self.embedding_size if self.tie_word_embeddings else self.hidden_size
        widths = [self.embedding_size, *[self.hidden_size] * (self.num_layers - 1), last]
        return list(pairwise(widths))

    @property
    def eos_token_ids(self) -> tuple[int, ...]:
        """The ids that end a text; config.json has one, a list, or none."""
        ids = self.eos_token_id
        return () if ids is None else (ids,) if isinstance(ids, int) else tuple(ids)

    def to_dict(self) -> dict[str, Any]:
        """The content of config.json."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "extra"}
        return {**self.extra, **own, "model_type": MODEL_TYPE, "architectures": ["RecurrentLM"]}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> RecurrentConfig:
        """The configuration in the content of a config.json; raises `InvalidArgumentError`."""
        names = {each.name for each in fields(cls)} - {"extra"}
        known = {*names, "model_type", "architectures"}
        extra = {key: value for key, value in settings.items() if key not in known}
        return cls(**{key: value for key, value in settings.items() if key in names}, extra=extra)

    @classmethod
    def from_file(cls, path: Path | str) -> RecurrentConfig:
        """Read config.json; raises `MissingFileError`, or `InvalidFileError` naming the file and the setting."""
        return load_config(path, (MODEL_TYPE,), cls.from_dict)


def check_choice(config: object, name: str, choices: Sequence[str]) -> None:
    """Raise `InvalidArgumentError` unless this setting is one of ``choices``."""
    value = getattr(config, name)
    if value not in choices:
        raise InvalidArgumentError(
            f"{name} is {value!r}, expected one of {', '.join(choices)}{nearest(str(value), choices)}"
        )


def check_probabilities(config: object, names: Sequence[str]) -> None:
    """Raise `InvalidArgumentError` unless each of these settings is a probability below 1, at which nothing is left."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
            raise InvalidArgumentError(f"{name} is {value!r}, expected a probability from 0 to below 1")
