"""`TextClassificationPipeline`: labels of texts and of pairs of texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.pipelines.base import PipelineSettings, check_choice, check_count
from ferrolm.generation.pipelines.encoder_pipeline import EncoderPipeline, texts_and_pairs
from ferrolm.generation.pipelines.text_encoder import Row

__all__ = ["TextClassificationPipeline", "TextClassificationSettings", "softmax"]

_FUNCTIONS = ("sigmoid", "softmax", "none")
# Not given: the best label alone, in transformers' older shape.
_BEST: Any = ""


@dataclass(frozen=True, kw_only=True)
class TextClassificationSettings(PipelineSettings):
    """top_k: so many labels of each text, the best first; None for all. Given, each text gets a list.

    function_to_apply: from logits to scores, "softmax", "sigmoid" or "none"; by default none for a regression, the sigmoid
    for a single label and for texts that may have several, else the softmax. truncation: cut texts that are too long, to
    ``max_length`` tokens or what fits the model.
    """

    top_k: int | None = _BEST
    function_to_apply: str | None = None
    truncation: bool | str | None = None
    max_length: int | None = None

    def __post_init__(self) -> None:
        if self.top_k not in (None, _BEST):
            check_count("top_k", self.top_k)
        if self.function_to_apply is not None:
            check_choice("function_to_apply", self.function_to_apply, _FUNCTIONS)
        if self.max_length is not None and not self.truncation:
            raise InvalidArgumentError(
                f"max_length is {self.max_length} without truncation=True, which it needs"
            )


class TextClassificationPipeline(EncoderPipeline[TextClassificationSettings]):
    """Labels of texts: ``pipeline("text-classification")``, also called "sentiment-analysis".

    An input is a text, or ``{"text": ..., "text_pair": ...}``. A text gives ``[{"label": ..., "score": ...}]``, a pair the
    dictionary alone, and several a list of dictionaries; with ``top_k``, each gives a list.
    """

    task = "text-classification"
    head = "text-classification"
    settings_class: ClassVar[type[PipelineSettings]] = TextClassificationSettings

    def __call__(self, inputs: Any, *, batch_size: int | None = None, **settings: Any) -> Any:
        """Labels of a text or of each of several; see `TextClassificationSettings` and `Pipeline`."""
        result = super().__call__(inputs, batch_size=batch_size, **settings)
        # transformers looks whether the call has a top_k, not whether the pipeline was made with one.
        return [result] if isinstance(inputs, str) and "top_k" not in settings else result

    def _prepare(self, items: list[Any], settings: TextClassificationSettings) -> list[list[Row]]:
        texts, pairs = texts_and_pairs(items, self.task)
        rows = self.encoder.encode(
            texts, pairs, truncation=settings.truncation, max_length=settings.max_length
        )
        self.encoder.check_lengths([row for own in rows for row in own], "pass truncation=True to cut it")
        return rows

    def _forward(self, rows: list[Row], settings: TextClassificationSettings) -> list[NDArray[np.float32]]:
        return list(self.model(**self.encoder.inputs(rows)).logits.float().cpu().numpy())

    def _finish(
        self, item: Any, rows: list[Row], outputs: list[Any], settings: TextClassificationSettings
    ) -> Any:
        scores = _scores(outputs[0], settings.function_to_apply or self._function())
        labels = self.encoder.labels
        if settings.top_k is _BEST:
            best = int(scores.argmax())
            return {"label": labels[best], "score": float(scores[best])}
        order = np.argsort(-scores, kind="stable")[: settings.top_k].tolist()
        return [{"label": labels[number], "score": float(scores[number])} for number in order]

    def _function(self) -> str:
        problem = getattr(self.model.config, "problem_type", None)
        if problem == "regression":
            return "none"
        several = problem == "multi_label_classification" or len(self.encoder.labels) == 1
        return "sigmoid" if several else "softmax"


def _scores(logits: NDArray[np.float32], function: str) -> NDArray[np.float32]:
    if function == "softmax":
        return softmax(logits)
    if function == "sigmoid":
        # Of half the logit, so that a large one does not overflow.
        return (0.5 + 0.5 * np.tanh(logits / 2)).astype(np.float32)
    return logits


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the last dimension.

    >>> softmax(np.zeros((1, 4), np.float32)).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]
