"""Labels of words: parts of speech, entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ferrolm.data import (
    LabeledWords,
    LabelNames,
    TokenClassificationCollator,
    read_conll,
    read_conllu,
)
from ferrolm.evaluation import entity_figures
from ferrolm.models import BertForTokenClassification, BiLSTMTagger, PretrainedModel, load, locate
from ferrolm.models.config import read_config
from ferrolm.models.heads import BertCrfForTokenClassification
from ferrolm.tokenizers import Tokenizer
from ferrolm.training.finetuning.settings import FinetuningConfig
from ferrolm.training.finetuning.task import Task, build_from_settings, find_format, load_pretrained, predict
from ferrolm.training.objectives import ModelLoss, Objective

__all__ = ["TokenClassification"]


class TokenClassification(Task):
    """An encoder with a head on each word's first token, or a `BiLSTMTagger`; with a CRF if ``task.crf``.

    Figures: ``accuracy`` of words; where labels are entities (BIO), ``f1``, ``precision`` and ``recall`` of whole entities, as
    seqeval and conlleval count them.
    """

    metrics = ("f1", "precision", "recall", "accuracy")
    metric = "accuracy"

    def __init__(self, config: FinetuningConfig, tokenizer: Tokenizer) -> None:
        super().__init__(config, tokenizer)
        self._labels: LabelNames | None = None
        self._collate: TokenClassificationCollator | None = None

    def read(self, path: str) -> list[LabeledWords]:
        data = self.config.data
        if find_format(path, data.format, ("conll", "conllu")) == "conll":
            return list(read_conll(path, encoding=data.encoding))
        column = "upos" if data.label == "label" else data.label
        return [sentence.labeled(column) for sentence in read_conllu(path)]

    def learn(self, examples: list[LabeledWords]) -> None:
        self._labels = LabelNames.of(example.labels for example in examples)
        if self._has_entities and not self.config.task.metric:
            self.metric = "f1"
        data = self.config.data
        self._collate = TokenClassificationCollator(
            self.tokenizer, label_names=list(self._labels), label_all=data.label_all, max_length=data.max_length,
            token_type_ids=self.has_token_types, case_types=self._model_setting("case_token_types"),
            characters=bool(self._model_setting("character_size")),
        )  # fmt: skip

    def _model_setting(self, name: str) -> Any:
        """What the model will have, by [model] or by its checkpoint's config.json; False where neither says."""
        settings = self.config.model
        if name in settings or "checkpoint" not in settings:
            return settings.get(name, False)
        return read_config(locate(settings["checkpoint"]) / "config.json").get(name, False)

    @property
    def _has_entities(self) -> bool:
        names = list(self.labels)
        return "O" in names and any(name.startswith("B-") for name in names)

    @property
    def labels(self) -> LabelNames:
        assert self._labels is not None  # made by `learn`
        return self._labels

    def build(self) -> PretrainedModel:
        settings = self.config.model
        names: dict[str, Any] = {"id2label": self.labels.id2label, "num_labels": len(self.labels)}
        crf = self.config.task.crf
        encoder = BertCrfForTokenClassification if crf else BertForTokenClassification
        if "checkpoint" in settings:
            folder = locate(settings["checkpoint"])
            make = (
                encoder.from_pretrained
                if crf
                else lambda path, **changes: load(path, "token-classification", **changes)
            )
            return load_pretrained({**settings, "checkpoint": folder}, make, **names)
        if settings.get("type") == "ferrolm-lstm":
            return self.build_recurrent(BiLSTMTagger, tag_decoder="crf" if crf else "softmax", **names)
        kinds = {"ferrolm-lstm": BiLSTMTagger, **dict.fromkeys(("bert", "roberta", "distilbert"), encoder)}
        return build_from_settings(settings, kinds, vocab_size=self.vocab_size, **names)

    @property
    def smooths(self) -> bool:
        return not self.config.task.crf

    def objective(self) -> Objective:
        chosen = super().objective()
        return (
            ModelLoss(per_row=True) if self.config.task.crf else chosen
        )  # a CRF's loss is the mean over sentences

    @property
    def collate(self) -> TokenClassificationCollator:
        assert self._collate is not None  # made by `learn`
        return self._collate

    def encode(self, examples: list[LabeledWords]) -> list[Any]:
        known = [self._known(example.labels) for example in examples]
        return self.collate.encode([example.words for example in examples], known)

    def _known(self, labels: Sequence[str]) -> list[str]:
        # A label that training has not seen cannot be predicted: any other is as wrong; the true ones are kept for the figures.
        return [label if label in self.labels else self.labels[0] for label in labels]

    def measure(self, model: Any, examples: list[LabeledWords], precision: str) -> dict[str, float]:
        rows = self.encode(examples)
        predicted: list[list[str]] = [[] for _ in rows]
        for numbers, batch, output in predict(
            model, rows, self.collate, self.config.training.batch_size, precision
        ):
            classes = self._decode(model, batch, output)
            for number, row in zip(numbers, classes, strict=True):
                predicted[number] = self._words(rows[number], row, len(examples[number].words))
        return self._figures(predicted, [list(example.labels) for example in examples])

    def _decode(self, model: Any, batch: Any, output: Any) -> list[list[int]]:
        if isinstance(model, BiLSTMTagger):
            read = {name: tensor.to(model.device) for name, tensor in batch.items() if name != "labels"}
            found = model.decode(**read)
        elif isinstance(model, BertCrfForTokenClassification):
            scored = (batch["labels"] != -100).to(output.logits.device)
            found = model.decode(output.logits, scored)
        else:
            found = output.logits.argmax(-1)
        rows: list[list[int]] = found.cpu().tolist()
        return rows

    def _words(self, row: Any, classes: list[int], count: int) -> list[str]:
        """A label for each word of a sentence; words beyond ``max_length`` get the first one, ``O`` of entities."""
        # Tokens that no one asked about may have no class.
        found = self.collate.word_labels(row, [max(0, number) for number in classes])
        return [*found, *[self.labels[0]] * (count - len(found))]

    def _figures(self, predicted: list[list[str]], true: list[list[str]]) -> dict[str, float]:
        pairs = [
            pair for row, other in zip(predicted, true, strict=True) for pair in zip(row, other, strict=True)
        ]
        right = sum(one == other for one, other in pairs)
        figures = entity_figures(predicted, true) if self._has_entities else {}
        return {**figures, "accuracy": right / max(1, len(pairs))}
