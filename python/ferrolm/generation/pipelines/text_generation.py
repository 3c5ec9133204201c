"""`TextGenerationPipeline`: continues texts, and dialogues, whose history it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.chat_template import ChatTemplate
from ferrolm.generation.language_model import LanguageModel, Prompt
from ferrolm.generation.output import Generation
from ferrolm.generation.pipelines.base import PipelineSettings
from ferrolm.generation.pipelines.writing import WritingPipeline, WritingSettings

__all__ = ["TextGenerationPipeline", "TextGenerationSettings"]

Chat = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class TextGenerationSettings(WritingSettings):
    """return_full_text: begin results with the prompt, or with the messages before. prefix: text before each prompt, which results do not
    have. handle_long_generation: "hole" leaves out the beginning of prompts that leave no room for the new tokens. add_special_tokens: around
    a text. Of dialogues: continue_final_message: go on with the last message, by default if it is the assistant's; tools, documents:
    for the chat template.
    """

    return_full_text: bool = True
    prefix: str = ""
    handle_long_generation: str | None = None
    add_special_tokens: bool = True
    continue_final_message: bool | None = None
    tools: Sequence[Any] | None = None
    documents: Sequence[Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.handle_long_generation not in (None, "hole"):
            raise InvalidArgumentError(
                f"handle_long_generation is {self.handle_long_generation!r}, expected None or 'hole'"
            )


class TextGenerationPipeline(WritingPipeline[TextGenerationSettings]):
    """Continues texts: ``pipeline("text-generation")``, also called "conversational".

    A text gives ``[{"generated_text": ...}]``, with ``num_return_sequences`` entries, several texts a list of those. A dialogue,
    a list of messages ``{"role": ..., "content": ...}``, gives the dialogue with the answer as another message, ready to be
    continued. As in transformers, up to 256 tokens are drawn at temperature 0.7 unless the call or the checkpoint says otherwise.

    chat_template: of dialogues, a `ChatTemplate`, or one as text or in a folder; by default the model's.
    """

    task = "text-generation"
    settings_class: ClassVar[type[PipelineSettings]] = TextGenerationSettings
    defaults: ClassVar[Mapping[str, Any]] = {"max_new_tokens": 256, "do_sample": True, "temperature": 0.7}

    def __init__(
        self, model: LanguageModel, batch_size: int | None = None, *, chat_template: ChatTemplate | Path | str | None = None, **settings: Any
    ) -> None:  # fmt: skip
        super().__init__(model, batch_size, **settings)
        self.chat_template: Any = model.chat_template
        if isinstance(chat_template, ChatTemplate):
            self.chat_template = chat_template
        elif chat_template is not None:
            self.chat_template = ChatTemplate.of(chat_template)

    def _is_one(self, inputs: Any, settings: TextGenerationSettings) -> bool:
        return isinstance(inputs, str) or _is_chat(inputs)

    def _prompt(self, item: Any, settings: TextGenerationSettings) -> Prompt:
        if _is_chat(item):
            text = self._rendered(item, settings)
            ids = self.tokenizer.encode_ids(text, add_special_tokens=not self.chat_template.begins_itself)
            return self._shortened(ids, settings)
        if not isinstance(item, str):
            raise InvalidTypeError(
                f"an input of text-generation is {str(item)[:60]!r} ({type(item).__name__}): "
                "text_inputs must be a text or several, or messages with role and content"
            )
        text = settings.prefix + item
        if settings.add_special_tokens and settings.handle_long_generation is None:
            return text
        return self._shortened(
            self.tokenizer.encode_ids(text, add_special_tokens=settings.add_special_tokens), settings
        )

    def _rendered(self, chat: Chat, settings: TextGenerationSettings) -> str:
        if self.chat_template is None:
            raise InvalidArgumentError(
                "the model has no chat template, by which messages become a text: "
                "give one to the pipeline as chat_template=..., or give it a text"
            )
        for message in chat:
            if not isinstance(message, Mapping) or "role" not in message:
                raise InvalidTypeError(
                    f"a message is {str(message)[:60]!r}, expected a dictionary with role and content"
                )
        goes_on = _continues(chat, settings)
        text: str = self.chat_template.render(
            chat, add_generation_prompt=not goes_on, continue_final_message=goes_on, tools=settings.tools,
            documents=settings.documents,
        )  # fmt: skip
        return text

    def _kind(self, item: Any) -> bool:
        return _is_chat(item)

    def _given(self, kind: bool, given: Mapping[str, Any]) -> dict[str, Any]:
        """With the strings that end an answer in dialogues."""
        ends = tuple(self.chat_template.stop) if kind and self.chat_template is not None else ()
        if not ends:
            return dict(given)
        name = "stop" if "stop" in given else "stop_strings"
        own = given.get(name) or ()
        return {**given, name: (*((own,) if isinstance(own, str) else own), *ends)}

    def _shortened(self, given_ids: Any, settings: TextGenerationSettings) -> Prompt:
        """With ``handle_long_generation="hole"``, the last ids that leave room for the tokens to come."""
        ids: NDArray[np.int64] = np.asarray(given_ids, np.int64)
        if settings.handle_long_generation is None:
            return ids
        positions = self.model.model.config.n_positions
        given = self._generate_settings(settings)
        new = given.get("max_new_tokens") or self.model.defaults.max_new_tokens
        if new is None:
            limit = given.get("max_length") or self.model.defaults.max_length or 0
            new = max(1, limit - len(ids))
        if new >= positions:
            raise InvalidArgumentError(
                f"{new} new tokens leave no room for a prompt in the model's {positions} positions (n_positions)"
            )
        return ids[-min(len(ids), positions - new) :] if len(ids) else ids

    def _record(
        self, item: Any, prompt: Prompt, written: Generation, settings: TextGenerationSettings
    ) -> dict[str, Any]:
        if settings.return_tensors or settings.return_text is False:
            before = self.tokenizer.encode_ids(prompt) if isinstance(prompt, str) else np.asarray(prompt)
            return {"generated_token_ids": [*before.tolist(), *written.ids.tolist()]}
        text = self._text(written, settings)
        if not settings.return_full_text:
            return {"generated_text": text}
        if isinstance(item, str):
            return {"generated_text": item + text}
        messages = list(item)
        if _continues(item, settings):
            last = messages.pop()
            return {"generated_text": [*messages, {**last, "content": last["content"] + text}]}
        return {"generated_text": [*messages, {"role": "assistant", "content": text}]}


def _is_chat(inputs: Any) -> bool:
    """Whether this is one dialogue and not several inputs."""
    return isinstance(inputs, list | tuple) and len(inputs) > 0 and isinstance(inputs[0], Mapping)


def _continues(chat: Chat, settings: TextGenerationSettings) -> bool:
    if settings.continue_final_message is None:
        return bool(chat[-1].get("role") == "assistant")
    return settings.continue_final_message
