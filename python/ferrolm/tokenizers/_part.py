"""What the Python objects of tokenizer parts have in common: their settings are their JSON."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, TypeVar

from ferrolm.tokenizers._shared_parts import changed

__all__ = ["LONG", "SHORT", "Limits", "Part", "describe", "from_json", "literal"]

Any_Part = TypeVar("Any_Part", bound="Part")


class Part:
    """A part with settings. One that tokenizers have changes them when it is changed."""

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
        changed()

    def __getstate__(self) -> bytes:
        return self.to_json().encode()

    def __reduce__(self) -> tuple[Any, ...]:
        return from_json, (type(self), self.to_json())

    def __repr__(self) -> str:
        return describe(self._state())

    def __str__(self) -> str:
        return describe(self._state(), SHORT)


def from_json(cls: type[Any_Part], state: str) -> Any_Part:
    """A part of class ``cls`` with the settings of its JSON, whatever arguments the class takes."""
    extension: Any = next(base for base in cls.__mro__ if base.__module__ == "ferrolm._rust")
    part: Any_Part = extension.__new__(cls, state)
    return part


class Limits(NamedTuple):
    """How much of a list or a string is shown."""

    elements: int
    characters: int | None


LONG = Limits(99, None)
SHORT = Limits(5, 100)
# Fields whose strings are names of choices, which the `tokenizers` package shows without quotes.
_CHOICES = frozenset({"behavior", "direction", "prepend_scheme", "strategy"})
# Fields that are tuples, which JSON does not know.
_TUPLES = frozenset({"cls", "sep"})
_VARIANTS = frozenset({"Regex", "Sequence", "SpecialToken", "String"})


def describe(state: dict[str, Any], limits: Limits = LONG) -> str:
    """``Name(setting=value, ...)`` of a state with a type."""
    return f"{state['type']}({_fields(state, limits)})"


def _fields(state: dict[str, Any], limits: Limits, choices: frozenset[str] = _CHOICES) -> str:
    def shown(name: str, value: Any) -> str:
        if name in choices and isinstance(value, str):
            return f"{name}={value}"
        if name in _TUPLES and isinstance(value, list):
            return f"{name}=({literal(value, limits)[1:-1]})"
        return f"{name}={literal(value, limits)}"

    return ", ".join(shown(name, value) for name, value in state.items() if name != "type")


def literal(value: Any, limits: Limits = LONG) -> str:
    """A value as the `tokenizers` package prints it: strings in double quotes, long lists cut."""
    match value:
        case str():
            cut = limits.characters is not None and len(value.encode()) > limits.characters
            return f'"{value[: limits.characters]}{"..." if cut else ""}"'
        case list():
            return f"[{', '.join(_cut([literal(item, limits) for item in value], limits))}]"
        case dict() if "type" in value:
            return describe(value, limits)
        case dict() if set(value) == {"id", "ids", "tokens"}:
            return f"SpecialToken({_fields(value, limits)})"
        case dict() if len(value) == 1 and (name := next(iter(value))) in _VARIANTS:
            inner = value[name]
            if isinstance(inner, str):
                return f"{name}({literal(inner, limits)})"
            choices = frozenset({"id"}) if name == "Sequence" else frozenset()
            return f"{name}({_fields(inner, limits, choices)})"
        case dict():
            items = [f"{literal(name, limits)}:{literal(item, limits)}" for name, item in value.items()]
            return f"{{{', '.join(_cut(items, limits))}}}"
    return repr(value)


def _cut(items: list[str], limits: Limits) -> list[str]:
    return [*items[: limits.elements], "..."] if len(items) > limits.elements else items
