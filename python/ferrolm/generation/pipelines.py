"""`pipeline`: a task by its name, called and answering as in transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import torch

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError, nearest
from ferrolm.generation.language_model import Generation, LanguageModel
from ferrolm.generation.loading import load_model

__all__ = ["DEFAULT_MODEL", "TASKS", "TextGenerationPipeline", "pipeline"]

DEFAULT_MODEL = "ferrolm-tiny"
# What transformers' pipeline does when neither the call nor the checkpoint says otherwise.
_DEFAULTS = {"max_new_tokens": 256, "do_sample": True, "temperature": 0.7}
Results = list[dict[str, str]]


class TextGenerationPipeline:
    """Continues texts; made by ``pipeline("text-generation")``."""

    def __init__(self, model: LanguageModel, batch_size: int = 1) -> None:
        self.model = model
        self.batch_size = batch_size

    @overload
    def __call__(self, text_inputs: str, **settings: Any) -> Results: ...
    @overload
    def __call__(self, text_inputs: Sequence[str], **settings: Any) -> list[Results]: ...
    def __call__(
        self,
        text_inputs: str | Sequence[str],
        *,
        return_full_text: bool = True,
        batch_size: int | None = None,
        **settings: Any,
    ) -> Results | list[Results]:
        """Continue a text, or each of several.

        return_full_text: begin the result with the prompt. batch_size: prompts that the model sees at a time.
        settings: those of `LanguageModel.generate`; as in transformers, the pipeline draws (temperature 0.7) up to 256
        tokens by default. Returns ``[{"generated_text": ...}]``, with ``num_return_sequences`` entries, for a text
        and a list of those for several.
        """
        single = isinstance(text_inputs, str)
        texts = [text_inputs] if isinstance(text_inputs, str) else list(text_inputs)
        if not all(isinstance(text, str) for text in texts):
            raise InvalidTypeError(
                "text_inputs must be a text or several; chats need a chat template, which this task has not"
            )
        size = self.batch_size if batch_size is None else batch_size
        if size < 1:
            raise InvalidArgumentError(f"batch_size is {size}, expected a positive integer")
        results: list[Results] = []
        seeds = settings.get("seed")
        for first in range(0, len(texts), size):
            batch = texts[first : first + size]
            if isinstance(seeds, Sequence):
                settings["seed"] = seeds[first : first + size]
            for text, generations in zip(batch, self._generate(batch, settings), strict=True):
                start = text if return_full_text else ""
                results.append([{"generated_text": start + generation.text} for generation in generations])
        return results[0] if single else results

    def _generate(self, batch: list[str], settings: dict[str, Any]) -> list[list[Generation]]:
        changed = self.model.defaults.changed()
        defaults = {name: value for name, value in _DEFAULTS.items() if name not in changed}
        if "max_length" in settings:
            del defaults["max_new_tokens"]
        if settings.get("do_sample") is False or settings.get("params") is not None:
            defaults.pop("temperature", None)
        generations = self.model.generate(batch, **{**defaults, **settings})
        return [each if isinstance(each, list) else [each] for each in generations]

    def __repr__(self) -> str:
        return f"TextGenerationPipeline({self.model!r})"


TASKS = {"text-generation": TextGenerationPipeline}


def pipeline(
    task: str,
    model: LanguageModel | Path | str = DEFAULT_MODEL,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    batch_size: int = 1,
) -> TextGenerationPipeline:
    """The pipeline of a task: "text-generation".

    model: a `LanguageModel`, or what `load_model` takes with the arguments that follow. Raises `UnknownNameError`
    for another task.
    """
    if task not in TASKS:
        raise UnknownNameError(
            f"unknown task {task!r}, expected one of: {', '.join(TASKS)}{nearest(task, TASKS)}"
        )
    if not isinstance(model, LanguageModel):
        model = load_model(model, device=device, dtype=dtype, token=token, revision=revision)
    return TASKS[task](model, batch_size)
