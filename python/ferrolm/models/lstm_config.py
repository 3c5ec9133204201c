"""`LSTMConfig`: the shape of a recurrent classifier or tagger and the settings of its config.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ferrolm.errors import InvalidArgumentError
from ferrolm.models.config import check_positive, load_config
from ferrolm.models.recurrent_config import check_choice, check_probabilities

__all__ = ["LSTMConfig"]

MODEL_TYPE = "ferrolm-lstm"
POOLINGS = ("last", "max", "mean", "attention")
_POSITIVE = (
    "vocab_size", "embedding_size", "hidden_size", "num_layers", "character_embedding_size", "character_vocab_size",
)  # fmt: skip


@dataclass(kw_only=True)
class LSTMConfig:
    """The shape and settings of an `LSTMClassifier` or a `BiLSTMTagger`.

    cell: "lstm" or "gru". hidden_size: of a layer and direction. train_embeddings: whether the embeddings learn, or stay as
    they are given. input_dropout: on the embeddings, layer_dropout between layers, output_dropout before the head.

    character_size: features of the letters of each word that a tagger reads beside its embedding, by a `CharacterEncoder`;
    0: none. character_embedding_size: of a letter. character_vocab_size: letters with an embedding of their own, the first ones of
    Unicode (1280: Latin, Greek, Cyrillic); all others share one.

    pooling: what a classifier makes of a text: "last", the state after its last token and, backwards, after its first;
    "max" or "mean" over its tokens; "attention", a mean with learned weights (Yang et al. 2016). tag_decoder: what a tagger
    makes of its logits: "softmax" or "crf", or another name in `ferrolm.models.lstm_tagger.TAG_DECODERS`.

    num_labels, id2label: the labels, by number and with names, of which one tells the other. class_weights: of each label
    in the loss. label_smoothing: probability that the loss spreads over all labels.
    ``extra`` holds the keys of a config.json that this class does not use.

    >>> config = LSTMConfig(vocab_size=1000, hidden_size=64, id2label={0: "no", 1: "yes"})
    >>> config.num_labels, config.label2id, config.output_size
    (2, {'no': 0, 'yes': 1}, 128)

    Raises `InvalidArgumentError` for sizes, probabilities, choices and labels that are not as described.
    """

    cell: str = "lstm"
    vocab_size: int = 10000
    embedding_size: int = 100
    hidden_size: int = 128
    num_layers: int = 1
    bidirectional: bool = True
    train_embeddings: bool = True
    character_size: int = 0
    character_embedding_size: int = 30
    character_vocab_size: int = 1280
    input_dropout: float = 0.0
    layer_dropout: float = 0.0
    output_dropout: float = 0.0
    pooling: str = "last"
    tag_decoder: str = "softmax"
    num_labels: int | None = None
    id2label: dict[int, str] | None = None
    class_weights: Sequence[float] | None = None
    label_smoothing: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_choice(self, "cell", ("lstm", "gru"))
        check_choice(self, "pooling", POOLINGS)
        check_positive(self, _POSITIVE)
        if type(self.character_size) is not int or self.character_size < 0:
            raise InvalidArgumentError(
                f"character_size is {self.character_size!r}, expected a whole number, 0 (no characters) or more"
            )
        check_probabilities(self, ("input_dropout", "layer_dropout", "output_dropout", "label_smoothing"))
        self._check_labels()

    def _check_labels(self) -> None:
        if self.num_labels is None:
            self.num_labels = 2 if self.id2label is None else len(self.id2label)
        check_positive(self, ("num_labels",))
        if self.id2label is None:
            self.id2label = {number: f"LABEL_{number}" for number in range(self.num_labels)}
        if not isinstance(self.id2label, dict) or sorted(self.id2label) != list(range(self.num_labels)):
            raise InvalidArgumentError(
                f"id2label is {self.id2label!r}, expected a name for each number from 0 to {self.num_labels - 1}"
            )
        if self.class_weights is not None:
            self.class_weights = [float(weight) for weight in self.class_weights]
            if len(self.class_weights) != self.num_labels or min(self.class_weights) < 0:
                raise InvalidArgumentError(
                    f"class_weights is {self.class_weights}, expected {self.num_labels} numbers (num_labels) of 0 or more"
                )

    @property
    def label2id(self) -> dict[str, int]:
        assert self.id2label is not None  # filled in above
        return {name: number for number, name in self.id2label.items()}

    @property
    def output_size(self) -> int:
        """Numbers that the layers give for a token."""
        return self.hidden_size * (2 if self.bidirectional else 1)

    def to_dict(self) -> dict[str, Any]:
        """The content of config.json."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "extra"}
        return {**self.extra, **own, "label2id": self.label2id, "model_type": MODEL_TYPE}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> LSTMConfig:
        """The configuration in the content of a config.json; raises `InvalidArgumentError`."""
        names = {each.name for each in fields(cls)} - {"extra"}
        used = {key: value for key, value in settings.items() if key in names}
        if isinstance(used.get("id2label"), dict):  # in JSON, keys are strings
            used["id2label"] = {
                int(key) if str(key).isdecimal() else key: value for key, value in used["id2label"].items()
            }
        known = {*names, "model_type", "label2id", "architectures"}
        return cls(**used, extra={key: value for key, value in settings.items() if key not in known})

    @classmethod
    def from_file(cls, path: Path | str) -> LSTMConfig:
        """Read config.json; raises `MissingFileError`, or `InvalidFileError` naming the file and the setting."""
        return load_config(path, (MODEL_TYPE,), cls.from_dict)
