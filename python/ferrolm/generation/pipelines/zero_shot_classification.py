"""`ZeroShotClassificationPipeline`: labels that are named when asked; by an encoder that knows what follows from a text.

Yin, Hay and Roth 2019: a label is as likely as it is that the text entails "This example is {label}." A language model takes
the place of the encoder in `ferrolm.generation.pipelines.zero_shot_likelihood`.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.pipelines.base import BatchedPipeline, PipelineSettings, SettingsT
from ferrolm.generation.pipelines.encoder_pipeline import EncoderPipeline
from ferrolm.generation.pipelines.text_classification import softmax
from ferrolm.generation.pipelines.text_encoder import Row, TextEncoder

__all__ = [
    "LabelScoring",
    "ZeroShotClassificationPipeline",
    "ZeroShotClassificationSettings",
    "check_text",
]


@dataclass(frozen=True, kw_only=True)
class ZeroShotClassificationSettings(PipelineSettings):
    """candidate_labels: a list, or a text with commas between them. hypothesis_template: with ``{}`` where a label goes.

    multi_label: several labels may be true, each of which has a probability of its own; otherwise they sum to 1.
    """

    candidate_labels: str | Sequence[str] | None = None
    hypothesis_template: str = "This example is {}."
    multi_label: bool = False

    def __post_init__(self) -> None:
        if self.candidate_labels is not None and not self.labels:
            raise InvalidArgumentError("candidate_labels is empty, expected one or more labels")
        if self.hypothesis_template.format("a") == self.hypothesis_template:
            raise InvalidArgumentError(
                f"hypothesis_template is {self.hypothesis_template!r}, expected {{}} in it, where a label goes"
            )

    @property
    def labels(self) -> list[str]:
        if self.candidate_labels is None:
            raise InvalidArgumentError("candidate_labels is missing: name the labels to choose from")
        if isinstance(self.candidate_labels, str):
            return [label.strip() for label in self.candidate_labels.split(",") if label.strip()]
        return list(self.candidate_labels)

    @property
    def hypotheses(self) -> list[str]:
        return [self.hypothesis_template.format(label) for label in self.labels]


class LabelScoring(BatchedPipeline[SettingsT]):
    """What the ways of zero-shot classification share: the call and the results."""

    def __call__(
        self, inputs: Any = None, candidate_labels: Any = None, *, sequences: Any = None, batch_size: int | None = None,
        **settings: Any,
    ) -> Any:  # fmt: skip
        """The labels of a text, or of each of several, the likeliest first; see the settings and `Pipeline`."""
        if candidate_labels is not None:
            settings["candidate_labels"] = candidate_labels
        given = inputs if sequences is None else sequences
        if given is None or (inputs is not None and sequences is not None):
            raise InvalidTypeError(
                "zero-shot-classification takes a text or several, as inputs or as sequences"
            )
        return super().__call__(given, batch_size=batch_size, **settings)

    def _finish(self, item: Any, rows: list[Any], outputs: list[Any], settings: Any) -> dict[str, Any]:
        scores = self._scores(np.stack(outputs), settings)
        # Of equals the last comes first, as in transformers.
        order = scores.argsort()[::-1].tolist()
        labels = settings.labels
        return {
            "sequence": item,
            "labels": [labels[number] for number in order],
            "scores": [float(scores[number]) for number in order],
        }

    @abstractmethod
    def _scores(self, outputs: NDArray[np.float32], settings: Any) -> NDArray[np.float32]:
        """A probability for each label, of what the model made of the rows, which are as many or more."""


class ZeroShotClassificationPipeline(
    LabelScoring[ZeroShotClassificationSettings], EncoderPipeline[ZeroShotClassificationSettings]
):
    """Labels that are named when asked: ``pipeline("zero-shot-classification")`` with an encoder for inference.

    Its labels must have one that begins with "entail"; without, the last one is taken, with a warning. A text gives
    ``{"sequence", "labels", "scores"}``, the likeliest label first, several texts a list of those.
    """

    task = "zero-shot-classification"
    head = "text-classification"
    settings_class: ClassVar[type[PipelineSettings]] = ZeroShotClassificationSettings

    def __init__(self, encoder: TextEncoder, **options: Any) -> None:
        super().__init__(encoder, **options)
        names = encoder.labels
        found = [number for number, name in enumerate(names) if name.lower().startswith("entail")]
        self._entailment = found[0] if found else len(names) - 1
        if not found:
            warnings.warn(
                f"no label begins with 'entail' among {', '.join(names)}: {names[-1]} is taken for it",
                stacklevel=2,
            )

    def _prepare(self, items: list[Any], settings: ZeroShotClassificationSettings) -> list[list[Row]]:
        hypotheses = settings.hypotheses
        texts = [check_text(item) for item in items for _ in hypotheses]
        limit = None if self.encoder.max_length is None else "only_first"
        rows = iter(self.encoder.encode(texts, hypotheses * len(items), truncation=limit))
        return [[next(rows)[0] for _ in hypotheses] for _ in items]

    def _forward(
        self, rows: list[Row], settings: ZeroShotClassificationSettings
    ) -> list[NDArray[np.float32]]:
        return list(self.model(**self.encoder.inputs(rows)).logits.float().cpu().numpy())

    def _scores(
        self, outputs: NDArray[np.float32], settings: ZeroShotClassificationSettings
    ) -> NDArray[np.float32]:
        if not settings.multi_label and len(outputs) > 1:
            return softmax(outputs[:, self._entailment])
        # Of an encoder for inference the contradiction is the first label, or the last.
        contradiction = -1 if self._entailment == 0 else 0
        return softmax(outputs[:, [contradiction, self._entailment]])[:, 1]


def check_text(item: Any) -> str:
    """The text; raises for what is none."""
    if not isinstance(item, str):
        raise InvalidTypeError(
            f"an input of zero-shot-classification is {str(item)[:60]!r} ({type(item).__name__}), expected a text"
        )
    if not item:
        raise InvalidArgumentError("an input of zero-shot-classification is empty, expected a text")
    return item
