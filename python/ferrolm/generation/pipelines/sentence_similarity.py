"""`SentenceSimilarityPipeline`: how near sentences are to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.pipelines.base import PipelineSettings
from ferrolm.generation.pipelines.encoder_pipeline import EncoderPipeline
from ferrolm.generation.pipelines.text_encoder import Row

__all__ = ["SentenceSimilarityPipeline", "SentenceSimilaritySettings"]


@dataclass(frozen=True, kw_only=True)
class SentenceSimilaritySettings(PipelineSettings):
    """truncation: cut sentences to what fits the model, which they are unless it is False."""

    truncation: bool = True


class SentenceSimilarityPipeline(EncoderPipeline[SentenceSimilaritySettings]):
    """Cosines of the embeddings of sentences: ``pipeline("sentence-similarity")``.

    An input is ``{"source_sentence": ..., "sentences": [...]}``, as the hub's API takes it, and gives a list of numbers from
    -1 to 1, one for each of the sentences.
    """

    task = "sentence-similarity"
    head = "sentence-similarity"
    settings_class: ClassVar[type[PipelineSettings]] = SentenceSimilaritySettings

    def _prepare(self, items: list[Any], settings: SentenceSimilaritySettings) -> list[list[Row]]:
        texts = [_sentences(item) for item in items]
        rows = self.encoder.encode(
            [text for own in texts for text in own], truncation=settings.truncation or None
        )
        flat = [row for (row,) in rows]
        self.encoder.check_lengths(flat, "leave truncation to True to have it cut")
        each = iter(flat)
        return [[next(each) for _ in own] for own in texts]

    def _forward(self, rows: list[Row], settings: SentenceSimilaritySettings) -> list[torch.Tensor]:
        return list(F.normalize(self.model(**self.encoder.inputs(rows)).embeddings.float(), dim=-1).cpu())

    def _finish(
        self, item: Any, rows: list[Row], outputs: list[torch.Tensor], settings: SentenceSimilaritySettings
    ) -> list[float]:
        source, *others = outputs
        found: list[float] = (torch.stack(others) @ source).tolist()
        return found


def _sentences(item: Any) -> list[str]:
    """The source and what it is compared with."""
    names = {"source_sentence", "sentences"}
    if not isinstance(item, Mapping) or item.keys() != names:
        raise InvalidTypeError(
            f"an input of sentence-similarity is {str(item)[:60]!r}, expected "
            "{'source_sentence': ..., 'sentences': [...]}"
        )
    texts = [item["source_sentence"], *item["sentences"]]
    if isinstance(item["sentences"], str) or not all(isinstance(text, str) for text in texts):
        raise InvalidTypeError("sentences and source_sentence must be a list of texts and a text")
    if len(texts) == 1:
        raise InvalidArgumentError("sentences is empty, expected one or more to compare")
    return texts
