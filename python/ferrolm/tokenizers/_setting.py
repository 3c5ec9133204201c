"""Settings of trainers: attributes that are checked whenever they are set."""

from __future__ import annotations

import json
import numbers
import operator
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, overload

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.tokenizers.added_token import AddedToken, from_tuple, token_tuple

__all__ = [
    "Setting",
    "alphabet",
    "boolean",
    "describe",
    "json_state",
    "natural",
    "optional",
    "positive",
    "progress_format",
    "real",
    "special_tokens",
    "strings",
    "text",
]

Value = TypeVar("Value")

# What the formats are called in the JSON of the `tokenizers` package.
_FORMATS = {"indicatif": "Indicatif", "json": "JsonLines", "silent": "Silent"}
# A longer list is shown by its beginning.
_SHOWN = 100


class Setting(Generic[Value]):
    """An attribute whose values pass through ``check(name, value)``."""

    def __init__(self, check: Callable[[str, Any], Value]) -> None:
        self._check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[Value]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...
    def __get__(self, instance: object, owner: type) -> Any:
        return self if instance is None else instance.__dict__[self._name]

    def __set__(self, instance: object, value: Any) -> None:
        instance.__dict__[self._name] = self._check(self._name, value)


def natural(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise InvalidTypeError(f"{name}: found {type(value).__name__}, expected int") from None
    if number < 0:
        raise InvalidArgumentError(f"{name} must not be negative: {number}")
    return number


def positive(name: str, value: Any) -> int:
    number = natural(name, value)
    if number == 0:
        raise InvalidArgumentError(f"{name} must be at least 1: 0")
    return number


def real(name: str, value: Any) -> float:
    if not isinstance(value, numbers.Real):
        raise InvalidTypeError(f"{name}: found {type(value).__name__}, expected float")
    return float(value)


def boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidTypeError(f"{name}: found {type(value).__name__}, expected bool")
    return value


def text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidTypeError(f"{name}: found {type(value).__name__}, expected str")
    return value


def optional(check: Callable[[str, Any], Value]) -> Callable[[str, Any], Value | None]:
    return lambda name, value: None if value is None else check(name, value)


def _elements(name: str, value: Any) -> Iterable[Any]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidTypeError(f"{name}: found {type(value).__name__}, expected a list")
    return value


def strings(name: str, value: Any) -> list[str]:
    return [text(name, element) for element in _elements(name, value)]


def special_tokens(name: str, value: Any) -> list[AddedToken]:
    tokens = _elements(name, value)
    return [from_tuple(token_tuple(token, special=True)) for token in tokens]


def alphabet(name: str, value: Any) -> list[str]:
    """The first characters of the strings, each once."""
    return list(dict.fromkeys(element[0] for element in strings(name, value) if element))


def progress_format(name: str, value: Any) -> str:
    """An unknown name is that of the bar, as in the `tokenizers` package."""
    return text(name, value) if value in _FORMATS else "indicatif"


def json_state(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as the `tokenizers` package writes them."""

    def convert(name: str, value: Any) -> Any:
        if name == "progress_format":
            return _FORMATS[value]
        return [token.__getstate__() for token in value] if name == "special_tokens" else value

    return {name: convert(name, value) for name, value in settings.items()}


def describe(name: str, settings: dict[str, Any]) -> str:
    """``Name(setting=value, ...)`` as the `tokenizers` package prints it."""

    def literal(value: Any) -> str:
        match value:
            case str():
                return f'"{value}"'
            case list():
                shown = [literal(element) for element in value[:_SHOWN]]
                return f"[{', '.join(shown + ['...'] * (len(value) > _SHOWN))}]"
            case float():
                return repr(value).removesuffix(".0")
            case AddedToken():
                return describe("AddedToken", value.__getstate__())
            case dict():
                return json.dumps(value)
        return repr(value)

    def field(key: str, value: Any) -> str:
        return f"{key}={_FORMATS[value] if key == 'progress_format' else literal(value)}"

    return f"{name}({', '.join(field(*item) for item in settings.items())})"
