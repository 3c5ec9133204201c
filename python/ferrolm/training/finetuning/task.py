"""`Task`: what fine-tuning has to know of each kind of task, and what the kinds share."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ferrolm.data import Batch, TextPair, example_lengths
from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.models import PretrainedModel, locate
from ferrolm.models.config import read_config
from ferrolm.tokenizers import Tokenizer
from ferrolm.training.finetuning.settings import FinetuningConfig
from ferrolm.training.finetuning.starting_embeddings import starting_embeddings
from ferrolm.training.objectives import ModelLoss, Objective
from ferrolm.training.precision import autocast
from ferrolm.training.smoothing import LabelSmoothing

__all__ = [
    "Task",
    "TaskEvaluation",
    "build_from_settings",
    "find_format",
    "load_pretrained",
    "one_target_each",
    "predict",
]

# Endings of files -> their format, where a task reads several.
_ENDINGS = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".conllu": "conllu", ".conll": "conll", ".bio": "conll",
    ".json": "squad",
}  # fmt: skip


class Task(ABC):
    """One kind of task: it reads examples, makes the model, turns examples into batches, and measures.

    `learn` is called once, with the training examples, before the model is made.
    """

    # The figure that decides, and all those an evaluation gives.
    metric: str
    metrics: tuple[str, ...]
    # Figures that are better when they are lower.
    lower_is_better: tuple[str, ...] = ("validation_loss",)
    # Whether an example is a text with a row of its own, which may be changed at random.
    augments = True

    def __init__(self, config: FinetuningConfig, tokenizer: Tokenizer) -> None:
        self.config = config
        self.tokenizer = tokenizer
        if config.task.metric:
            if config.task.metric not in self.metrics:
                known = ", ".join(self.metrics)
                raise UnknownNameError(
                    f"task.metric is {config.task.metric!r}, expected one of {known}{nearest(config.task.metric, self.metrics)}"
                )
            self.metric = config.task.metric

    @abstractmethod
    def read(self, path: str) -> list[Any]:
        """The examples of a file or folder."""

    def learn(self, examples: list[Any]) -> None:  # noqa: B027 - most tasks have nothing to learn before
        """Take from the training examples what the model must know: the names of the labels."""

    def stratify(self, example: Any) -> Any:
        """The class of an example, of which training and validation get their shares."""
        return None

    @abstractmethod
    def build(self) -> PretrainedModel:
        """The model that is to be trained."""

    @property
    @abstractmethod
    def collate(self) -> Any:
        """A `ferrolm.data.Collator`, which makes batches of what `encode` gives."""

    @abstractmethod
    def encode(self, examples: list[Any]) -> list[Any]:
        """Examples as rows of tokens; a row for each, or several."""

    def training_examples(self, examples: list[Any]) -> list[Any]:
        """What is learnt of the examples, where those of a file are not what a row is made of."""
        return examples

    def lengths(self, rows: list[Any]) -> Any:
        """Of rows, int64 [rows] or [rows, kinds]: those of like length make a batch."""
        return example_lengths(rows)

    @abstractmethod
    def measure(self, model: Any, examples: list[Any], precision: str) -> dict[str, float]:
        """Figures of a model in evaluation mode on examples."""

    @property
    def vocab_size(self) -> int:
        """Of a model for the tokenizer, whose ids may have gaps."""
        return max(self.tokenizer.get_vocab().values()) + 1

    def build_recurrent(self, kind: Any, **fixed: Any) -> PretrainedModel:
        """A recurrent model of the settings, which may name embeddings to begin with."""
        settings = dict(self.config.model)
        source = settings.pop("embeddings", None)
        if source is not None:
            vectors = starting_embeddings(str(source), self.tokenizer, self.config.training.seed)
            fixed |= {"embeddings": vectors, "embedding_size": vectors.shape[1]}
        return build_from_settings(settings, {"ferrolm-lstm": kind}, vocab_size=self.vocab_size, **fixed)

    @property
    def smooths(self) -> bool:
        """Whether the loss is the cross entropy of classes, whose labels can be smoothed."""
        return False

    def objective(self) -> Objective:
        """What is minimized; raises `InvalidArgumentError` for a ``task.label_smoothing`` that has no meaning."""
        smoothing = self.config.task.label_smoothing
        if not smoothing:
            return ModelLoss()
        if not self.smooths:
            raise InvalidArgumentError(
                f"task.label_smoothing is {smoothing}, but this task has no single classes to smooth: expected 0"
            )
        return LabelSmoothing(smoothing)

    @property
    def has_token_types(self) -> bool:
        """Whether the encoder tells the second text from the first: a BERT does, its relatives and an LSTM do not."""
        settings = self.config.model
        if "checkpoint" not in settings:
            return bool(settings.get("type") == "bert")
        config = read_config(locate(settings["checkpoint"]) / "config.json")
        return bool(config.get("model_type") == "bert")

    def save_tokenizer(self, folder: Path) -> None:
        """Write what makes rows of texts, as in training, beside the model."""
        self.tokenizer.save(str(folder / "tokenizer.json"))

    def head_parameters(self, model: nn.Module) -> list[str]:
        """Names of the parameters outside the encoder; none of a model that has no part of that name."""
        names = [name for name, _ in model.named_parameters()]
        outside = [name for name in names if not name.startswith("bert.")]
        return outside if len(outside) < len(names) else []


class TaskEvaluation:
    """An `Evaluation` of a task on examples that it has read."""

    def __init__(self, task: Task, examples: list[Any]) -> None:
        self._task = task
        self._examples = examples
        self.metric = task.metric
        self.higher_is_better = task.metric not in task.lower_is_better

    @torch.no_grad()
    def __call__(self, model: nn.Module, precision: str = "float32") -> Mapping[str, float]:
        was_training = model.training
        model.eval()
        try:
            return self._task.measure(model, self._examples, precision)
        finally:
            model.train(was_training)


def predict(
    model: nn.Module, rows: Sequence[Any], collate: Callable[..., Batch], batch_size: int, precision: str
) -> Iterator[tuple[list[int], Batch, Any]]:
    """Numbers of rows, their batch on the CPU, and the model's output, batch after batch, shortest rows first."""
    device = next(model.parameters()).device
    order = np.argsort(example_lengths(rows), kind="stable").tolist()
    for start in range(0, len(order), batch_size):
        numbers = order[start : start + batch_size]
        batch = collate([rows[number] for number in numbers])
        with autocast(device, precision):
            output = model(**{name: tensor.to(device) for name, tensor in batch.items()})
        yield numbers, batch, output


def one_target_each(examples: Sequence[TextPair]) -> list[TextPair]:
    """Sources that have several targets once for each of them: evaluations take the best, a model learns all."""
    return [replace(each, targets=(target,)) for each in examples for target in each.targets]


def find_format(path: str, given: str, known: Sequence[str]) -> str:
    """The format of a file or folder of examples: the one that the settings name, or by its ending."""
    if given and given not in known:
        raise UnknownNameError(
            f"data.format is {given!r}, expected one of {', '.join(known)}{nearest(given, known)}"
        )
    if given:
        return given
    file = Path(path.partition(",")[0])
    if "," in path:
        found = "parallel"
    elif file.is_dir():
        found = "folder"
    else:
        endings = [ending for ending in file.suffixes if ending in _ENDINGS]
        found = _ENDINGS[endings[-1]] if endings else ""
    if found not in known:
        raise InvalidArgumentError(
            f"{path}: the format is not known by its name; set data.format to one of {', '.join(known)}"
        )
    return found


def build_from_settings(
    settings: Mapping[str, Any], kinds: Mapping[str, Any], **fixed: Any
) -> PretrainedModel:
    """A model with random weights of ``model.type`` among ``kinds`` (a class for each), with ``fixed`` settings besides.

    ``embeddings``, where it is among ``fixed``, is no setting but the array that a recurrent model begins with.
    """
    given = dict(settings)
    parts = {"embeddings": fixed.pop("embeddings")} if "embeddings" in fixed else {}
    kind = given.pop("type", "")
    if kind not in kinds:
        raise UnknownNameError(
            f"model.type is {kind!r}, expected one of {', '.join(kinds)} for this task, or a model.checkpoint"
            f"{nearest(str(kind), kinds)}"
        )
    architecture = kinds[kind]
    known = set(architecture.config_class.__dataclass_fields__) - {"extra", "model_type"}
    for name in given:
        if name not in known:
            raise UnknownNameError(f"unknown setting model.{name}{nearest(name, known)}")
    model_type = (
        {"model_type": kind} if "model_type" in architecture.config_class.__dataclass_fields__ else {}
    )
    model: PretrainedModel = architecture(
        architecture.config_class.from_dict({**model_type, **fixed, **given}), **parts
    )
    return model


def load_pretrained(
    settings: Mapping[str, Any], load: Any, *, changeable: bool = True, **changes: Any
) -> PretrainedModel:
    """The model of ``model.checkpoint``; other settings of [model] change its configuration (dropout, for example), where
    they are ``changeable``: those of encoders. Weights are float32, whatever the file has: small steps vanish in 16 bits.
    """
    given = {name: value for name, value in settings.items() if name != "checkpoint"}
    if given and not changeable:
        raise InvalidArgumentError(
            f"model.{next(iter(given))} is set beside model.checkpoint, which has its own settings for this task"
        )
    with warnings.catch_warnings():
        # A head that the checkpoint does not have is what fine-tuning is for.
        warnings.filterwarnings("ignore", message=".*newly initialized")
        model: PretrainedModel = load(settings["checkpoint"], **{**changes, **given})
    return model.float()
