"""`Text2TextGenerationPipeline`, `SummarizationPipeline`, `TranslationPipeline`: texts from texts, as in transformers 4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.language_model import Generation, Prompt
from ferrolm.generation.pipelines.base import PipelineSettings, check_count
from ferrolm.generation.pipelines.writing import WritingPipeline, WritingSettings

__all__ = [
    "SummarizationPipeline",
    "Text2TextGenerationPipeline",
    "Text2TextGenerationSettings",
    "TranslationPipeline",
    "TranslationSettings",
]


@dataclass(frozen=True, kw_only=True)
class Text2TextGenerationSettings(WritingSettings):
    """prefix: text before each source, by default what the checkpoint names for the task. truncation: cut sources to
    ``max_source_length`` tokens.
    """

    prefix: str | None = None
    truncation: bool = False
    max_source_length: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("max_source_length", self.max_source_length)


class Text2TextGenerationPipeline(WritingPipeline[Text2TextGenerationSettings]):
    """What an encoder-decoder makes of texts: ``pipeline("text2text-generation")``.

    A text gives ``[{"generated_text": ...}]``; several give a list of the dictionaries, or with ``num_return_sequences``
    above 1 a list of lists. ``task_specific_params`` of the checkpoint's config.json, as those of T5, are the defaults of
    their tasks. The tokens are searched with four beams, up to 256, unless the call or the checkpoint says otherwise.
    """

    task = "text2text-generation"
    result_name: ClassVar[str] = "generated"
    settings_class: ClassVar[type[PipelineSettings]] = Text2TextGenerationSettings
    defaults: ClassVar[Mapping[str, Any]] = {"max_new_tokens": 256, "num_beams": 4}

    _tasks: Mapping[str, Mapping[str, Any]]

    def __init__(self, model: Any, batch_size: int | None = None, **settings: Any) -> None:
        super().__init__(model, batch_size, **settings)
        config = model.model.config
        more = getattr(config, "extra", {})  # what a config.json has beyond the settings of a model
        self._tasks = getattr(config, "task_specific_params", None) or more.get("task_specific_params") or {}
        self._prefix = more.get("prefix") or ""

    def __call__(self, inputs: Any, *, batch_size: int | None = None, **settings: Any) -> Any:
        """What the model makes of a text, or of each of several; see `Text2TextGenerationSettings` and `Pipeline`."""
        results = super().__call__(inputs, batch_size=batch_size, **settings)
        if isinstance(inputs, list) and all(len(each) == 1 for each in results):
            return [each[0] for each in results]
        return results

    def _of_task(self, settings: Text2TextGenerationSettings) -> Mapping[str, Any]:
        """What config.json says of the task."""
        return self._tasks.get(self.task) or {}

    def _generate_settings(self, settings: Text2TextGenerationSettings) -> dict[str, Any]:
        known, given = self.model.defaults.__dataclass_fields__, settings.generate
        own = {
            name: value
            for name, value in self._of_task(settings).items()
            if name in known and name not in given
        }
        if given.keys() & {"max_new_tokens", "max_tokens"}:
            own.pop("max_length", None)
        if given.get("num_beams") == 1:  # what the checkpoint says of beams has no meaning then
            own = {
                name: value for name, value in own.items() if name not in ("early_stopping", "length_penalty")
            }
        return super()._generate_settings(settings.updated(generate={**own, **given}))

    def _prompt(self, item: Any, settings: Text2TextGenerationSettings) -> Prompt:
        if not isinstance(item, str):
            raise InvalidTypeError(
                f"an input of {self.task} is {str(item)[:60]!r} ({type(item).__name__}), expected a text"
            )
        prefix = settings.prefix
        if prefix is None:
            prefix = self._of_task(settings).get("prefix", self._prefix)
        source = prefix + item
        if not source:
            raise InvalidArgumentError(f"an input of {self.task} is empty, expected a text")
        if not settings.truncation:
            return source
        length = settings.max_source_length
        encoded = self.model.source_tokenizer.batch([source], truncation=True, max_length=length)
        return np.array(encoded["input_ids"][0], np.int64)

    def _record(
        self, item: Any, prompt: Prompt, written: Generation, settings: Text2TextGenerationSettings
    ) -> dict[str, Any]:
        if settings.return_tensors or settings.return_text is False:
            start = self.model.model.config.decoder_start_token_id
            return {f"{self.result_name}_token_ids": torch.tensor([start, *written.ids.tolist()])}
        return {f"{self.result_name}_text": self._text(written, settings)}


class SummarizationPipeline(Text2TextGenerationPipeline):
    """Summaries of texts: ``pipeline("summarization")``; results have "summary_text"."""

    task = "summarization"
    result_name = "summary"


@dataclass(frozen=True, kw_only=True)
class TranslationSettings(Text2TextGenerationSettings):
    """src_lang, tgt_lang: languages, which the checkpoint's settings are looked up by; those of the task
    "translation_en_to_fr" are "en" and "fr".
    """

    src_lang: str | None = None
    tgt_lang: str | None = None


class TranslationPipeline(Text2TextGenerationPipeline):
    """Translations of texts: ``pipeline("translation")`` or ``pipeline("translation_en_to_fr")``; results have
    "translation_text".
    """

    task = "translation"
    result_name = "translation"
    settings_class: ClassVar[type[PipelineSettings]] = TranslationSettings

    def _of_task(self, settings: Text2TextGenerationSettings) -> Mapping[str, Any]:
        assert isinstance(settings, TranslationSettings)
        # What is said of the languages, or of all of them, as `ferrolm finetune` does.
        name = f"translation_{settings.src_lang}_to_{settings.tgt_lang}"
        return self._tasks.get(name) or self._tasks.get("translation") or {}
