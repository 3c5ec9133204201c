"""`FeatureExtractionPipeline`: the states of an encoder, for each token or pooled for the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.pipelines.base import PipelineSettings, check_choice, check_names
from ferrolm.generation.pipelines.encoder_pipeline import EncoderPipeline, texts_and_pairs
from ferrolm.generation.pipelines.text_encoder import Row
from ferrolm.models.sentence_encoder import POOLINGS, pool

__all__ = ["FeatureExtractionPipeline", "FeatureExtractionSettings"]


@dataclass(frozen=True, kw_only=True)
class FeatureExtractionSettings(PipelineSettings):
    """return_tensors: tensors on the CPU in place of nested lists. truncation: cut texts that are too long.

    pooling: one vector for a text, the "mean" or "max" of its tokens or the first ("cls"), or "auto" for what the checkpoint
    says, a folder of sentence-transformers or of ``ferrolm finetune`` (else the mean); None for all tokens. normalize: give that vector the length 1; by default as the
    checkpoint says with "auto", else not. tokenize_kwargs: ``truncation`` and ``max_length`` of the text.
    """

    return_tensors: bool = False
    truncation: bool | str | None = None
    tokenize_kwargs: Mapping[str, Any] | None = None
    pooling: str | None = None
    normalize: bool | None = None

    def __post_init__(self) -> None:
        check_names(self.tokenize_kwargs or {}, ("truncation", "max_length", "add_special_tokens"))
        if self.truncation is not None and "truncation" in (self.tokenize_kwargs or {}):
            raise InvalidArgumentError("truncation is given twice: as an argument and in tokenize_kwargs")
        if self.pooling is not None:
            check_choice("pooling", self.pooling, ("auto", *POOLINGS))
        elif self.normalize is not None:
            raise InvalidArgumentError(f"normalize is {self.normalize} without pooling, which it needs")


class FeatureExtractionPipeline(EncoderPipeline[FeatureExtractionSettings]):
    """Hidden states of texts: ``pipeline("feature-extraction")``.

    A text gives its states [1, time, hidden_size] as nested lists, several a list of those; with ``pooling``, a vector
    [hidden_size] for each text.
    """

    task = "feature-extraction"
    # Reads any encoder and, beside it, how sentences are pooled.
    head = "sentence-similarity"
    settings_class: ClassVar[type[PipelineSettings]] = FeatureExtractionSettings

    def _prepare(self, items: list[Any], settings: FeatureExtractionSettings) -> list[list[Row]]:
        texts, pairs = texts_and_pairs(items, self.task)
        options = dict(settings.tokenize_kwargs or {})
        rows = self.encoder.encode(texts, pairs, **{"truncation": settings.truncation, **options})
        self.encoder.check_lengths([row for own in rows for row in own], "pass truncation=True to cut it")
        return rows

    def _forward(self, rows: list[Row], settings: FeatureExtractionSettings) -> list[torch.Tensor]:
        inputs = self.encoder.inputs(rows)
        output = self.model(**inputs)
        if settings.pooling is None:
            states = output.last_hidden_state.cpu()
            return [state[: len(row)] for state, row in zip(states, rows, strict=True)]
        return list(self._pooled(output, inputs.get("attention_mask"), settings).cpu())

    def _pooled(
        self, output: Any, mask: torch.Tensor | None, settings: FeatureExtractionSettings
    ) -> torch.Tensor:
        pooling, normalize = settings.pooling, settings.normalize
        if pooling == "auto":  # an encoder that is no `BertForSentenceEmbedding` says nothing
            pooling = getattr(self.model, "pooling", "mean")
            normalize = getattr(self.model, "normalize", True) if normalize is None else normalize
        pooled = pool(output.last_hidden_state, mask, str(pooling))
        return F.normalize(pooled, dim=-1) if normalize else pooled

    def _finish(
        self, item: Any, rows: list[Row], outputs: list[Any], settings: FeatureExtractionSettings
    ) -> Any:
        found = outputs[0] if settings.pooling is not None else outputs[0][None]
        return found if settings.return_tensors else found.tolist()
