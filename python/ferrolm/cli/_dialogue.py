"""A dialogue with a model: its messages, what of them still fits, and the settings of the answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrolm.cli._generation import SETTINGS, generation_settings, new_seed
from ferrolm.errors import InvalidArgumentError, InvalidFileError, MissingFileError, nearest

if TYPE_CHECKING:
    from ferrolm.generation import ChatTemplate, LanguageModel, Stream

__all__ = ["Dialogue"]

# Tokens whose keys and values are kept.
_MOST_KEPT = 32_768


class Dialogue:
    """What has been said, and how the next answer is made.

    messages: as for `ChatTemplate.render`. seed: of the last answer; None for one that was not drawn.
    """

    def __init__(
        self,
        model: LanguageModel,
        template: ChatTemplate,
        values: Mapping[str, Any],
        system: str = "",
        draft: Any = None,
    ) -> None:
        self.model, self.template, self.values, self.draft = model, template, dict(values), draft
        self.system = system
        self.messages: list[dict[str, Any]] = []
        self.seed: int | None = None
        self._next_seed = values.get("seed")
        self._read = self._cache()

    def answer(self, text: str) -> Stream:
        """Say something; the answer comes as a stream, and has to be given to `heard`."""
        self.messages.append({"role": "user", "content": text})
        try:
            return self._stream(self.prompt())
        except Exception:
            self.messages.pop()
            raise

    def heard(self, text: str) -> None:
        """What the model answered."""
        self.messages.append({"role": "assistant", "content": text})

    def prompt(self) -> tuple[list[int], int]:
        """The ids of what has been said, and how many of the oldest messages are left out, as they have no room."""
        longest = self.model._shape.n_positions
        room = longest - min(self.values.get("max_new_tokens") or longest, longest // 4)
        for left_out in range(len(self.messages)):
            if self.messages[left_out]["role"] != "user":
                continue  # a dialogue begins with the user
            ids = self._ids(self.messages[left_out:])
            if len(ids) <= room:
                return ids, left_out
        raise InvalidArgumentError(
            f"the message has {len(ids)} tokens with its beginning, at most {room} fit the model beside an answer"
        )

    def undo(self) -> bool:
        """Take back the last message and its answer; whether there was one."""
        users = [place for place, message in enumerate(self.messages) if message["role"] == "user"]
        if users:
            del self.messages[users[-1] :]
        return bool(users)

    def set(self, name: str, value: str) -> None:
        """Change a setting; the value as one would write it after a flag."""
        name = name.replace("-", "_")
        if name not in SETTINGS:
            raise InvalidArgumentError(
                f"unknown setting {name!r}{nearest(name, SETTINGS)}; known: {', '.join(SETTINGS)}"
            )
        try:
            found = SETTINGS[name][0](value)
        except ValueError:
            raise InvalidArgumentError(
                f"{name} is {value!r}, expected {'a whole number' if SETTINGS[name][0] is int else 'a number'}"
            ) from None
        values = {**self.values, name: found}
        self.model.defaults.updated(**generation_settings(values))  # raises for what is out of range
        self.values = values
        if name == "seed":
            self._next_seed = found

    def save(self, path: Path) -> None:
        """Write the messages as JSON, for `load`, or for a server."""
        from ferrolm.data._atomic import replace_file

        text = json.dumps(self._with_system(self.messages), ensure_ascii=False, indent=2)
        with replace_file(path) as file:
            file.write(text.encode() + b"\n")

    def load(self, path: Path) -> None:
        """Go on with what `save` wrote."""
        try:
            messages = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise MissingFileError(f"{path} does not exist") from None
        except ValueError as error:
            raise InvalidFileError(f"{path} is not JSON: {error}") from None
        if not isinstance(messages, list) or not all(
            isinstance(each, dict) and {"role", "content"} <= each.keys() for each in messages
        ):
            raise InvalidFileError(f"{path} is no list of messages with role and content")
        self.system = ""
        if messages and messages[0]["role"] == "system":
            self.system = messages.pop(0)["content"]
        self.messages = messages

    def _stream(self, prompt: tuple[list[int], int]) -> Stream:
        settings = generation_settings(self.values)
        settings["stop"] = [*settings.get("stop", ()), *self.template.stop]
        self.seed = None
        if settings["do_sample"]:
            self.seed = settings["seed"] = new_seed() if self._next_seed is None else self._next_seed
        stream = self.model.stream(prompt[0], draft=self.draft, **settings, **self._read)
        if self._next_seed is not None:
            self._next_seed += 1
        return stream

    def _cache(self) -> dict[str, Any]:
        """What keeps the dialogue from being read from its beginning for each answer."""
        from ferrolm.generation import PrefixCache
        from ferrolm.models import CausalLM

        if self.draft is not None or not isinstance(getattr(self.model, "model", None), CausalLM):
            return {}  # a draft reads by itself, and an n-gram model has nothing to keep
        return {"prefix_cache": PrefixCache(min(2 * self.model._shape.n_positions, _MOST_KEPT))}

    def _ids(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        text = self.template.render(self._with_system(messages), add_generation_prompt=True)
        special = not self.template.begins_itself
        ids: list[int] = self.model.tokenizer.encode_list(text, special)
        return ids

    def _with_system(self, messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [*([{"role": "system", "content": self.system}] if self.system else []), *messages]
