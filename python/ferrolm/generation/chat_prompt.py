"""From messages to a prompt and to the settings of its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.chat_template import ChatTemplate
from ferrolm.generation.plan import Ids
from ferrolm.tokenizers import Tokenizer

__all__ = ["chat_prompt", "template_of"]


def template_of(template: ChatTemplate | None) -> ChatTemplate:
    """The template, if there is one."""
    if template is None:
        raise InvalidArgumentError(
            "the model has no chat_template: set one, as ChatTemplate.plain(), or continue a text by generate"
        )
    return template


def chat_prompt(
    template: ChatTemplate,
    tokenizer: Tokenizer,
    messages: Sequence[Mapping[str, Any]],
    settings: dict[str, Any],
) -> tuple[Ids, dict[str, Any]]:
    """The prompt, and the settings without those of the template and with the strings that end an answer."""
    settings = dict(settings)
    goes_on = settings.pop("continue_final_message", False)
    of_template: dict[str, Any] = {
        name: settings.pop(name) for name in ("tools", "documents") if name in settings
    }
    text = template.render(
        messages, add_generation_prompt=not goes_on, continue_final_message=goes_on, **of_template
    )
    ids = tokenizer.encode_ids(text, add_special_tokens=not template.begins_itself).astype(np.int64)
    if template.stop:
        name = "stop" if "stop" in settings else "stop_strings"
        own = settings.get(name) or ()
        settings[name] = (*((own,) if isinstance(own, str) else own), *template.stop)
    return ids, settings
