"""`BertConfig`: the shape of a BERT, RoBERTa or DistilBERT, and the settings of its config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ferrolm.errors import InvalidArgumentError, nearest
from ferrolm.models.config import ACTIVATIONS, check_positive, load_config

__all__ = ["INITIALIZERS", "MODEL_TYPES", "POOLINGS", "PROBLEM_TYPES", "BertConfig"]

# What a config.json that does not say means, where it is not what a BERT's means.
_ROBERTA = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {"vocab_size": 50265, **_ROBERTA},
    "xlm-roberta": _ROBERTA,
    "distilbert": {"num_hidden_layers": 6, "type_vocab_size": 0},
}
MODEL_TYPES = tuple(_DEFAULTS)
# Our names -> those of a DistilBERT's config.json.
_DISTILBERT = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
}
# The settings that only a DistilBERT has, and those that it does not have.
_ONLY_DISTILBERT = ("qa_dropout", "seq_classif_dropout")
_NOT_DISTILBERT = ("type_vocab_size", "layer_norm_eps", "classifier_dropout")

_POSITIVE = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
)
_PROBABILITIES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "qa_dropout", "seq_classif_dropout")
# Settings of config.json that would change the numbers and that these models do not have.
_UNSUPPORTED = ("is_decoder", "add_cross_attention", "quantization_config", "pruned_heads")
PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")
INITIALIZERS = ("normal", "truncated_normal")
# How states become one vector of a text, see `ferrolm.models.sentence_encoder.pool`.
POOLINGS = ("mean", "cls", "max")


@dataclass(kw_only=True)
class BertConfig:
    """The shape and settings of a BERT, RoBERTa, XLM-RoBERTa or DistilBERT; names and meanings of transformers'.

    Devlin et al. 2018, "BERT"; Liu et al. 2019, "RoBERTa"; Conneau et al. 2019, "Unsupervised Cross-lingual
    Representation Learning at Scale"; Sanh et al. 2019, "DistilBERT". ``model_type`` says which; the defaults are those
    of BERT base, and `from_dict` fills in those of the type. A RoBERTa counts positions from ``pad_token_id + 1``; a
    DistilBERT has neither token types (``type_vocab_size`` is 0) nor a pooler, and its settings have BERT's names here.

    ``case_token_types``: of an uncased encoder that labels words, says that token type 1 marks the words with a capital letter,
    as `TokenClassificationCollator` makes them; the model itself does the same either way. It needs two token types.

    ``num_labels`` follows from ``id2label`` and is 2 without; ``problem_type`` says which loss `BertForSequenceClassification`
    takes, and ``classifier_pooling`` what it classifies: "cls", the first token by the pooler, as transformers does, or the
    "mean" or "max" of all tokens, for encoders of sentences. ``initializer`` is "normal", or "truncated_normal" (within two standard deviations), which BERT was trained from.
    ``extra`` holds the keys of a config.json that this class does not use, so that they survive a round trip.

    >>> config = BertConfig(hidden_size=32, num_attention_heads=4, num_hidden_layers=2, id2label={0: "no", 1: "yes"})
    >>> config.head_dim, config.n_positions, config.label2id
    (8, 512, {'no': 0, 'yes': 1})

    Raises `InvalidArgumentError` for sizes that do not fit together and for unknown names.
    """

    model_type: str = "bert"
    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    classifier_dropout: float | None = None
    qa_dropout: float = 0.1
    seq_classif_dropout: float = 0.2
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer: str = "normal"
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    tie_word_embeddings: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    classifier_pooling: str = "cls"
    case_token_types: bool = False
    problem_type: str | None = None
    num_labels: int | None = None
    id2label: dict[int, str] | None = None
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _check_name("model_type", self.model_type, MODEL_TYPES)
        _check_name("hidden_act", self.hidden_act, ACTIVATIONS)
        _check_name("initializer", self.initializer, INITIALIZERS)
        _check_name("classifier_pooling", self.classifier_pooling, POOLINGS)
        if self.problem_type is not None:
            _check_name("problem_type", self.problem_type, PROBLEM_TYPES)
        check_positive(self, _POSITIVE)
        if self.hidden_size % self.num_attention_heads:
            raise InvalidArgumentError(
                f"hidden_size is {self.hidden_size}, expected a multiple of num_attention_heads, {self.num_attention_heads}"
            )
        for name in (
            *_PROBABILITIES,
            *(["classifier_dropout"] if self.classifier_dropout is not None else []),
        ):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value <= 1:
                raise InvalidArgumentError(f"{name} is {value!r}, expected a probability from 0 to 1")
        self._check_token_ids()
        self._check_labels()

    def _check_token_ids(self) -> None:
        pad, types = self.pad_token_id, self.type_vocab_size
        if self.is_distilbert and types:
            raise InvalidArgumentError(
                f"type_vocab_size is {types!r}, expected 0: distilbert has no token types"
            )
        if not self.is_distilbert:
            check_positive(self, ("type_vocab_size",))
        if self.case_token_types and types < 2:
            raise InvalidArgumentError(
                f"case_token_types is set, but type_vocab_size is {types}: expected 2 or more token types"
            )
        if pad is not None and not 0 <= pad < self.vocab_size:
            raise InvalidArgumentError(
                f"pad_token_id is {pad!r}, expected an id below vocab_size, {self.vocab_size}"
            )
        if self.counts_from_padding and (pad is None or self.n_positions < 1):
            raise InvalidArgumentError(
                f"pad_token_id is {pad!r}, expected an id, from which {self.model_type} counts positions up to "
                f"max_position_embeddings, {self.max_position_embeddings}"
            )

    def _check_labels(self) -> None:
        if self.id2label is None:
            self.num_labels = 2 if self.num_labels is None else self.num_labels
            check_positive(self, ("num_labels",))
            self.id2label = {label: f"LABEL_{label}" for label in range(self.num_labels)}
        try:
            self.id2label = {int(label): name for label, name in self.id2label.items()}
        except (AttributeError, TypeError, ValueError):
            raise InvalidArgumentError(f"id2label is {self.id2label!r}, expected names by number") from None
        if set(self.id2label) != set(range(len(self.id2label))):
            raise InvalidArgumentError(f"id2label is {self.id2label!r}, expected names of 0, 1, 2, ...")
        if self.num_labels not in (None, len(self.id2label)):
            raise InvalidArgumentError(
                f"num_labels is {self.num_labels!r}, but id2label names {len(self.id2label)}"
            )
        self.num_labels = len(self.id2label)

    @property
    def is_distilbert(self) -> bool:
        return self.model_type == "distilbert"

    @property
    def counts_from_padding(self) -> bool:
        """Whether padding has the position ``pad_token_id`` and the tokens those after it, as in RoBERTa."""
        return self.model_type in ("roberta", "xlm-roberta")

    @property
    def label2id(self) -> dict[str, int]:
        assert self.id2label is not None  # __post_init__ fills it in
        return {name: label for label, name in self.id2label.items()}

    @property
    def head_dropout(self) -> float:
        """Of the classifiers."""
        return self.hidden_dropout_prob if self.classifier_dropout is None else self.classifier_dropout

    @property
    def num_layers(self) -> int:
        return self.num_hidden_layers

    @property
    def num_heads(self) -> int:
        return self.num_attention_heads

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @property
    def n_positions(self) -> int:
        """The most tokens that a text may have."""
        if not self.counts_from_padding or self.pad_token_id is None:
            return self.max_position_embeddings
        return self.max_position_embeddings - self.pad_token_id - 1

    def to_dict(self) -> dict[str, Any]:
        """The content of config.json, as transformers reads it."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        for name in ("extra", "num_labels", *(_NOT_DISTILBERT if self.is_distilbert else _ONLY_DISTILBERT)):
            del own[name]
        if self.initializer == "normal":  # which is all that transformers knows
            del own["initializer"]
        if self.classifier_pooling == "cls":  # likewise
            del own["classifier_pooling"]
        if not self.case_token_types:  # likewise
            del own["case_token_types"]
        if self.is_distilbert:
            own = {_DISTILBERT.get(name, name): value for name, value in own.items()}
        assert self.id2label is not None
        own["id2label"] = {str(label): name for label, name in self.id2label.items()}
        return {**self.extra, **own, "label2id": self.label2id}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> BertConfig:
        """The configuration in the content of a config.json; raises `InvalidArgumentError`."""
        for name in _UNSUPPORTED:
            if settings.get(name):
                raise InvalidArgumentError(f"{name} is {settings[name]!r}, which these models do not have")
        if settings.get("position_embedding_type", "absolute") != "absolute":
            raise InvalidArgumentError(
                f"position_embedding_type is {settings['position_embedding_type']!r}, expected 'absolute'"
            )
        kind = settings.get("model_type", "bert")
        theirs = _DISTILBERT if kind == "distilbert" else {}
        left_out = {"extra", *(_NOT_DISTILBERT if kind == "distilbert" else _ONLY_DISTILBERT)}
        # Ours may be given too: they are the names under which a setting is changed.
        ours = {name: name for name in (each.name for each in fields(cls)) if name not in left_out}
        by_key = ours | {key: name for name, key in theirs.items()}
        known = {*by_key, "label2id", "architectures"}
        used = {by_key[key]: value for key, value in settings.items() if key in by_key}
        extra = {key: value for key, value in settings.items() if key not in known}
        return cls(**{**_DEFAULTS.get(kind, {}), **used}, extra=extra)

    @classmethod
    def from_file(cls, path: Path | str, **changes: Any) -> BertConfig:
        """Read config.json; raises `MissingFileError`, or `InvalidFileError` naming the file and the setting.

        changes: settings that differ from the file's; a ``num_labels`` that does replaces its ``id2label``.
        """
        known = {each.name for each in fields(cls)} - {"extra", "model_type"}
        for name in sorted(changes.keys() - known):
            raise InvalidArgumentError(f"{name} is no setting of a BertConfig{nearest(name, known)}")
        return load_config(path, MODEL_TYPES, lambda settings: cls.from_dict(_changed(settings, changes)))


def _changed(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The settings of a config.json, without those that say something else than the changes do."""
    theirs = _DISTILBERT if settings["model_type"] == "distilbert" else {}
    outdated = {theirs.get(name, name) for name in changes}
    if "num_labels" in changes and changes["num_labels"] != len(settings.get("id2label") or ()):
        outdated.add("id2label")
    if "id2label" in changes:
        outdated.add("num_labels")
    return {key: value for key, value in settings.items() if key not in outdated} | changes


def _check_name(setting: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidArgumentError(
            f"{setting} is {value!r}, expected one of {', '.join(known)}{nearest(str(value), known)}"
        )
