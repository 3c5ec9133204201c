"""`LikelihoodClassificationPipeline`: zero-shot classification by a language model.

A label is as likely as the model finds its hypothesis after the text. Hypotheses that are likely after any text are favoured
by that, so that what they score after nothing is taken off (Holtzman et al. 2021, "Surface Form Competition", domain
conditional PMI), unless another ``normalization`` is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.language_model import LanguageModel
from ferrolm.generation.loading import load_model
from ferrolm.generation.pipelines.base import PipelineSettings, check_choice
from ferrolm.generation.pipelines.text_classification import softmax
from ferrolm.generation.pipelines.zero_shot_classification import (
    LabelScoring,
    ZeroShotClassificationSettings,
    check_text,
)
from ferrolm.generation.scoring import continuation_scores
from ferrolm.tokenizers import Tokenizer

__all__ = ["LikelihoodClassificationPipeline", "LikelihoodClassificationSettings"]

_NORMALIZATIONS = ("prior", "length", "none")


@dataclass(frozen=True, kw_only=True)
class LikelihoodClassificationSettings(ZeroShotClassificationSettings):
    """Beside those of `ZeroShotClassificationSettings`: separator, between text and hypothesis.

    normalization: what a label scores, from the log-probability of its hypothesis after the text: "prior" takes off that of the
    hypothesis alone, "length" divides by its tokens, "none" leaves it. With ``multi_label``, which needs "prior", a label's
    probability is above 0.5 where the text makes the hypothesis likelier.
    """

    separator: str = "\n"
    normalization: str = "prior"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("normalization", self.normalization, _NORMALIZATIONS)
        if self.multi_label and self.normalization != "prior":
            raise InvalidArgumentError(
                f"normalization is {self.normalization!r} with multi_label=True, expected 'prior': nothing else says "
                "of a label by itself whether it is true"
            )


@dataclass(frozen=True)
class _Scored:
    """An ending that is scored after its context, both ids."""

    context: NDArray[np.int64]
    ending: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.context) + len(self.ending)


class LikelihoodClassificationPipeline(LabelScoring[LikelihoodClassificationSettings]):
    """Labels that are named when asked: ``pipeline("zero-shot-classification")`` with a language model.

    Results are those of `ZeroShotClassificationPipeline`. Texts that do not fit the model lose their beginning.
    """

    task = "zero-shot-classification"
    settings_class: ClassVar[type[PipelineSettings]] = LikelihoodClassificationSettings

    def __init__(self, model: LanguageModel, **options: Any) -> None:
        super().__init__(**options)
        self.model = model

    @property
    def tokenizer(self) -> Tokenizer:
        tokenizer: Tokenizer = self.model.tokenizer
        return tokenizer

    @classmethod
    def load(
        cls, folder: Path, tokenizer: Tokenizer | None, dtype: Any, device: torch.device | str | None, **options: Any
    ) -> Self:  # fmt: skip
        """With the model of a checkpoint folder; options are those of the pipeline."""
        return cls(load_model(folder, device=device, dtype=dtype, tokenizer=tokenizer), **options)

    def _prepare(self, items: list[Any], settings: LikelihoodClassificationSettings) -> list[list[_Scored]]:
        hypotheses = settings.hypotheses
        contexts = [self._ids(check_text(item) + settings.separator, special=True) for item in items]
        endings = [self._ids(hypothesis) for hypothesis in hypotheses]
        rows = [[self._row(context, ending) for ending in endings] for context in contexts]
        if settings.normalization == "prior":
            alone = self._ids(settings.separator, special=True)
            for own in rows:
                own.extend(self._row(alone, ending) for ending in endings)
        return rows

    def _ids(self, text: str, special: bool = False) -> NDArray[np.int64]:
        return self.tokenizer.encode_ids(text, add_special_tokens=special).astype(np.int64)

    def _row(self, context: NDArray[np.int64], ending: NDArray[np.int64]) -> _Scored:
        config = self.model.model.config
        if not len(ending):
            raise InvalidArgumentError(
                "a hypothesis has no tokens, expected a hypothesis_template and labels that have some"
            )
        if not len(context):
            # Something must come before the first token that is scored.
            candidates = (config.bos_token_id, *config.eos_token_ids)
            context = np.array([token for token in candidates if token is not None][:1], np.int64)
        if len(ending) >= config.n_positions:
            raise InvalidArgumentError(
                f"a hypothesis has {len(ending)} tokens, expected less than the model's {config.n_positions} (n_positions)"
            )
        return _Scored(context, ending)

    def _forward(
        self, rows: list[_Scored], settings: LikelihoodClassificationSettings
    ) -> list[NDArray[np.float32]]:
        """For each row the sum of its log-probabilities and their number, in nats."""
        found = continuation_scores(
            self.model.model, [row.context for row in rows], [row.ending for row in rows]
        )
        return [np.array([each.logprob, each.num_tokens], np.float32) for each in found]

    def _scores(
        self, outputs: NDArray[np.float32], settings: LikelihoodClassificationSettings
    ) -> NDArray[np.float32]:
        count = len(settings.labels)
        scores = outputs[:count, 0]
        if settings.normalization == "prior":
            scores = scores - outputs[count:, 0]
        elif settings.normalization == "length":
            scores = scores / outputs[:count, 1]
        if settings.multi_label or (count == 1 and settings.normalization == "prior"):
            return (0.5 + 0.5 * np.tanh(scores / 2)).astype(np.float32)
        return softmax(scores)
