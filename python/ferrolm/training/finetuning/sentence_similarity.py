"""Embeddings of sentences that belong together."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ferrolm.data import (
    ContrastivePairsCollator,
    TextClassificationCollator,
    TextPair,
    read_jsonl_pairs,
)
from ferrolm.data.readers.tables import Column, read_rows
from ferrolm.models import BertForSentenceEmbedding, PretrainedModel, locate
from ferrolm.tokenizers import Tokenizer
from ferrolm.training.contrastive import InBatchNegatives
from ferrolm.training.finetuning.pairs import column, read_pairs, source_columns
from ferrolm.training.finetuning.settings import FinetuningConfig
from ferrolm.training.finetuning.task import (
    Task,
    build_from_settings,
    find_format,
    load_pretrained,
    one_target_each,
    predict,
)
from ferrolm.training.objectives import Objective

__all__ = ["SentenceSimilarity"]


@dataclass(frozen=True, slots=True)
class TextTriple(TextPair):
    """A source, what belongs to it, and texts that look as if they did (hard negatives)."""

    negatives: tuple[str, ...] = ()


class SentenceSimilarity(Task):
    """An encoder whose pooled states are near for a source and its target, and far for the targets of others (InfoNCE).

    Figures: ``accuracy``, how often the own target is the nearest of all, and ``mrr``, the mean of one over its rank.
    """

    metrics = ("accuracy", "mrr")
    metric = "mrr"

    def __init__(self, config: FinetuningConfig, tokenizer: Tokenizer) -> None:
        super().__init__(config, tokenizer)
        has_types = self.has_token_types
        self._collate = ContrastivePairsCollator(
            tokenizer, max_length=config.data.max_length, token_type_ids=has_types
        )
        self._alone = TextClassificationCollator(
            tokenizer, max_length=config.data.max_length, token_type_ids=has_types
        )

    def read(self, path: str) -> list[TextPair]:
        data = self.config.data
        if not data.negative:
            return read_pairs(path, data)
        if find_format(path, data.format, ("tsv", "jsonl")) == "tsv":
            return _triples(path, (*source_columns(data), column(data.negative)), data.encoding)
        others = read_jsonl_pairs(path, data.source, data.negative)
        return [
            TextTriple(pair.source, pair.targets, other.targets)
            for pair, other in zip(read_pairs(path, data), others, strict=True)
        ]

    def build(self) -> PretrainedModel:
        settings = self.config.model
        if "checkpoint" in settings:
            folder = locate(settings["checkpoint"])
            model: Any = load_pretrained(
                {**settings, "checkpoint": folder}, BertForSentenceEmbedding.from_pretrained
            )
        else:
            kinds = dict.fromkeys(("bert", "roberta", "distilbert"), BertForSentenceEmbedding)
            model = build_from_settings(settings, kinds, vocab_size=self.vocab_size)
        model.pooling = self.config.task.pooling or "mean"
        return model  # type: ignore[no-any-return]

    @property
    def collate(self) -> ContrastivePairsCollator:
        return self._collate

    def training_examples(self, examples: list[TextPair]) -> list[TextPair]:
        return one_target_each(examples)

    def encode(self, examples: list[TextPair]) -> list[Any]:
        negatives = [each.negatives for each in examples if isinstance(each, TextTriple)] or None
        return self._collate.encode(
            [each.source for each in examples], [each.target for each in examples], negatives
        )

    def objective(self) -> Objective:
        super().objective()
        return InBatchNegatives(temperature=self.config.task.temperature)

    def head_parameters(self, model: Any) -> list[str]:
        return []

    def measure(self, model: Any, examples: list[TextPair], precision: str) -> dict[str, float]:
        sources = self._alone.encode([each.source for each in examples])
        targets = self._alone.encode([each.target for each in examples])
        similarities = self._embed(model, sources, precision) @ self._embed(model, targets, precision).T
        own = similarities.diagonal()[:, None]
        ranks = (similarities > own).sum(-1) + 1
        return {"accuracy": (ranks == 1).float().mean().item(), "mrr": (1.0 / ranks).mean().item()}

    def _embed(self, model: Any, rows: list[Any], precision: str) -> torch.Tensor:
        found: list[Any] = [None] * len(rows)
        for numbers, _, output in predict(
            model, rows, self._alone, self.config.training.batch_size, precision
        ):
            for number, row in zip(numbers, output.embeddings.float().cpu(), strict=True):
                found[number] = row
        return torch.nn.functional.normalize(torch.stack(found), dim=-1)


def _triples(path: str, columns: tuple[Column, Column, Column], encoding: str) -> list[TextPair]:
    """The rows of a table with tabs that have all three texts."""
    rows = read_rows(
        Path(path), columns, header=None, delimiter="\t", quoting=csv.QUOTE_NONE, encoding=encoding
    )
    return [
        TextTriple(source, (target,), (negative,))
        for _, (source, target, negative) in rows
        if source and target and negative
    ]
