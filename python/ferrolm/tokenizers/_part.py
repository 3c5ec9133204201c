"""What the Python objects of tokenizer parts have in common: their settings are their JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Part", "describe", "from_json", "literal"]

Any_Part = TypeVar("Any_Part", bound="Part")


class Part:
    """A part with settings. One that a tokenizer gave out changes that tokenizer when it is changed."""

    _attached: Callable[[Any], None] | None = None

    def to_json(self) -> str:
        raise NotImplementedError  # the extension's class, first among the bases of a part, has it

    def set_json(self, json: str) -> None:
        raise NotImplementedError  # as above

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.to_json())
        return state

    def _get(self, name: str) -> Any:
        return self._state()[name]

    def _set(self, name: str, value: Any) -> None:
        self.set_json(json.dumps(self._state() | {name: value}))
        if self._attached is not None:
            self._attached(self)

    def __getstate__(self) -> bytes:
        return self.to_json().encode()

    def __reduce__(self) -> tuple[Any, ...]:
        return from_json, (type(self), self.to_json())

    def __repr__(self) -> str:
        return describe(self._state())

    __str__ = __repr__


def from_json(cls: type[Any_Part], state: str) -> Any_Part:
    """A part of class ``cls`` with the settings of its JSON."""
    part: Any_Part = cls.__new__(cls)
    part.set_json(state)
    return part


def describe(state: dict[str, Any]) -> str:
    """``Name(setting=value, ...)`` of a state with a type."""
    fields = ", ".join(f"{name}={literal(value)}" for name, value in state.items() if name != "type")
    return f"{state['type']}({fields})"


def literal(value: Any) -> str:
    """A value as the `tokenizers` package prints it: strings in double quotes."""
    match value:
        case str():
            return f'"{value}"'
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case dict() if "type" in value:
            return describe(value)
        case dict():
            return f"{{{', '.join(f'{literal(name)}:{literal(item)}' for name, item in value.items())}}}"
    return repr(value)
