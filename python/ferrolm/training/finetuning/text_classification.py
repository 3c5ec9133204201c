"""Classes, several labels or numbers of texts and pairs of texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ferrolm.data import (
    LabelNames,
    TextClassificationCollator,
    TextExample,
    read_csv,
    read_jsonl,
    read_labeled_files,
    read_tsv,
)
from ferrolm.errors import InvalidArgumentError
from ferrolm.evaluation import accuracy, f1
from ferrolm.models import BertForSequenceClassification, LSTMClassifier, PretrainedModel, load, locate
from ferrolm.tokenizers import Tokenizer
from ferrolm.training.finetuning.pairs import column
from ferrolm.training.finetuning.settings import FinetuningConfig
from ferrolm.training.finetuning.task import Task, build_from_settings, find_format, load_pretrained, predict

__all__ = ["TextClassification"]

_KINDS = {
    "ferrolm-lstm": LSTMClassifier, "bert": BertForSequenceClassification, "roberta": BertForSequenceClassification,
    "distilbert": BertForSequenceClassification,
}  # fmt: skip
_FIGURES = {
    "single_label_classification": ("accuracy", "f1", "validation_loss"),
    "multi_label_classification": ("f1", "accuracy", "validation_loss"),
    "regression": ("validation_loss", "correlation"),
}


class TextClassification(Task):
    """An encoder with a pooled head, or an `LSTMClassifier`.

    Figures: ``accuracy`` (of texts with several labels: all right), ``f1`` (macro average; of several labels micro), for numbers the
    mean squared error as ``validation_loss`` and Pearson's ``correlation``.
    """

    def __init__(self, config: FinetuningConfig, tokenizer: Tokenizer) -> None:
        self._problem = config.task.problem_type
        if self._problem not in _FIGURES:
            raise InvalidArgumentError(
                f"task.problem_type is {self._problem!r}, expected one of {', '.join(_FIGURES)}"
            )
        self.metrics = _FIGURES[self._problem]
        self.metric = self.metrics[0]
        super().__init__(config, tokenizer)
        self._labels: LabelNames | None = None
        self._collate: TextClassificationCollator | None = None

    def read(self, path: str) -> list[TextExample]:
        data = self.config.data
        kind = find_format(path, data.format, ("csv", "tsv", "jsonl", "folder"))
        if kind == "folder":
            return list(read_labeled_files(path, encoding=data.encoding))
        numeric = self._problem == "regression"
        pair = data.text_pair or None
        if kind == "jsonl":
            return list(read_jsonl(path, data.text, pair, data.label, numeric=numeric))
        separator = data.label_separator or None
        if self._problem == "multi_label_classification" and separator is None:
            raise InvalidArgumentError(
                "data.label_separator is empty, but texts of a table may have several labels"
            )
        read = read_csv if kind == "csv" else read_tsv
        columns = [None if name is None else column(name) for name in (data.text, pair, data.label)]
        return list(
            read(path, *columns, numeric=numeric, label_separator=separator, encoding=data.encoding)  # type: ignore[arg-type]
        )

    def learn(self, examples: list[TextExample]) -> None:
        if self._problem != "regression":
            self._labels = LabelNames.of(example.label for example in examples)  # type: ignore[misc]
        self._collate = TextClassificationCollator(
            self.tokenizer, label_names=None if self._labels is None else list(self._labels),
            problem_type=self._problem, max_length=self.config.data.max_length, token_type_ids=self.has_token_types,
        )  # fmt: skip

    def stratify(self, example: TextExample) -> Any:
        return example.label if isinstance(example.label, str) else None

    def build(self) -> PretrainedModel:
        settings, labels = self.config.model, self._labels
        names: dict[str, Any] = (
            {"num_labels": 1} if labels is None else {"id2label": labels.id2label, "num_labels": len(labels)}
        )
        if "checkpoint" in settings:
            folder = locate(settings["checkpoint"])
            return load_pretrained(
                {**settings, "checkpoint": folder}, lambda path, **changes: load(path, "text-classification", **changes),
                problem_type=self._problem, classifier_pooling=self.config.task.pooling or "cls", **names,
            )  # fmt: skip
        recurrent = settings.get("type") == "ferrolm-lstm"
        if recurrent and self._problem != "single_label_classification":
            raise InvalidArgumentError(
                "an LSTMClassifier has one class for each text: task.problem_type must say so"
            )
        if recurrent:
            return self.build_recurrent(LSTMClassifier, **names)
        fixed = {
            **names, "problem_type": self._problem, "classifier_pooling": self.config.task.pooling or "cls",
            "vocab_size": self.vocab_size,
        }  # fmt: skip
        return build_from_settings(settings, _KINDS, **fixed)

    @property
    def collate(self) -> TextClassificationCollator:
        assert self._collate is not None  # made by `learn`
        return self._collate

    def encode(self, examples: list[TextExample]) -> list[Any]:
        pairs = [example.text_pair or "" for example in examples] if self.config.data.text_pair else None
        return self.collate.encode(
            [example.text for example in examples], pairs, [example.label for example in examples]
        )

    @property
    def smooths(self) -> bool:
        return self._problem == "single_label_classification"

    def measure(self, model: Any, examples: list[TextExample], precision: str) -> dict[str, float]:
        rows = self.encode(examples)
        logits: list[Any] = [None] * len(rows)
        labels: list[Any] = [None] * len(rows)
        for numbers, batch, output in predict(
            model, rows, self.collate, self.config.training.batch_size, precision
        ):
            for number, row, label in zip(numbers, output.logits.float().cpu(), batch["labels"], strict=True):
                logits[number], labels[number] = row, label
        return self._figures(torch.stack(logits), torch.stack(labels))

    def _figures(self, logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
        if self._problem == "single_label_classification":
            predicted = logits.argmax(-1).numpy()
            return {
                "accuracy": accuracy(predicted, labels.numpy(), resamples=0).value,
                "f1": f1(predicted, labels.numpy(), resamples=0).value,
                "validation_loss": F.cross_entropy(logits, labels).item(),
            }
        if self._problem == "regression":
            numbers, true_numbers = logits.flatten().numpy(), labels.flatten().numpy()
            varied = numbers.std() > 0 and true_numbers.std() > 0
            correlation = float(np.corrcoef(numbers, true_numbers)[0, 1]) if varied else 0.0
            return {
                "validation_loss": F.mse_loss(logits.flatten(), labels.flatten()).item(),
                "correlation": correlation,
            }
        chosen, true = logits > 0, labels > 0.5
        both = (chosen & true).sum().item()
        return {
            "f1": 2 * both / max(1, int(chosen.sum() + true.sum())),
            "accuracy": (chosen == true).all(-1).float().mean().item(),
            "validation_loss": F.binary_cross_entropy_with_logits(logits, labels).item(),
        }
