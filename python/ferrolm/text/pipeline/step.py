"""A step of a pipeline: what it is, and how ``name:key=value`` becomes one."""

from __future__ import annotations

import inspect
import types
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol, Union, get_args, get_origin, get_type_hints, runtime_checkable

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError, nearest
from ferrolm.text.pipeline.document import Document

__all__ = [
    "FunctionStep",
    "MemoryStep",
    "Step",
    "make_step",
    "on_text",
    "register",
    "registered",
    "split_steps",
]

DocumentFunction = Callable[[Document], Document | None]


@runtime_checkable
class Step(Protocol):
    """Anything with a name that is called with a document and gives it back, changed or not, or None to remove it.

    A step that removes says why by `Document.remove`. It may be called in another process, and in any order.
    """

    @property
    def name(self) -> str:
        """What the report calls it."""

    def __call__(self, document: Document) -> Document | None: ...


class MemoryStep(ABC):
    """A step that remembers what it saw, as deduplication does: it sees all documents, in order, in one process.

    It keeps a journal, so that an interrupted run goes on with the same memory: what `take_journal` gave, joined in
    order, is given to `restore` of a fresh step.
    """

    name: str

    @abstractmethod
    def fresh(self) -> MemoryStep:
        """The same step with an empty memory."""

    @abstractmethod
    def process(self, documents: Sequence[Document]) -> list[Document | None]:
        """The documents in order, None for each that is removed."""

    @abstractmethod
    def take_journal(self) -> bytes:
        """What was learnt since the last call."""

    @abstractmethod
    def restore(self, journal: IO[bytes]) -> None:
        """Learn what an earlier step learnt."""


@dataclass(frozen=True)
class FunctionStep:
    """A function on documents under a name."""

    name: str
    function: DocumentFunction

    def __call__(self, document: Document) -> Document | None:
        return self.function(document)


@dataclass(frozen=True)
class _TextFunction:
    function: Callable[[str], str | None]

    def __call__(self, document: Document) -> Document | None:
        text = self.function(document.text)
        if text is None:
            return document.remove("removed")
        document.text = text
        return document


def on_text(function: Callable[[str], str | None], name: str | None = None) -> Step:
    """A step of a function on strings; where it returns None, the document is removed.

    >>> step = on_text(str.swapcase)
    >>> step.name, step(Document("Tea")).text
    ('swapcase', 'tEA')
    """
    return FunctionStep(name or _name_of(function), _TextFunction(function))


# Name -> what makes the step from its parameters.
_FACTORIES: dict[str, Callable[..., DocumentFunction | MemoryStep]] = {}


def register(
    name: str,
) -> Callable[[Callable[..., DocumentFunction | MemoryStep]], Callable[..., DocumentFunction | MemoryStep]]:
    """Make a function that takes parameters and gives a step known under ``name``; its docstring is shown to users."""

    def remember(
        factory: Callable[..., DocumentFunction | MemoryStep],
    ) -> Callable[..., DocumentFunction | MemoryStep]:
        _FACTORIES[name] = factory
        return factory

    return remember


def registered() -> dict[str, Callable[..., Any]]:
    """The factories of all steps by name."""
    return dict(_FACTORIES)


def split_steps(text: str) -> list[str]:
    """The steps of ``a,b:x=1,y=2,c``: a piece ``key=value`` without a colon before it belongs to the step before.

    >>> split_steps("html,length:min=20,max=900,dedup:near")
    ['html', 'length:min=20,max=900', 'dedup:near']
    """
    steps: list[str] = []
    for piece in (piece.strip() for piece in text.split(",")):
        if not piece:
            continue
        if steps and "=" in piece and ":" not in piece.partition("=")[0]:
            steps[-1] += ("," if ":" in steps[-1] else ":") + piece
        else:
            steps.append(piece)
    return steps


def make_step(step: str | Step | MemoryStep | DocumentFunction) -> Step | MemoryStep:
    """A step of its description, or of a function on documents.

    ``"name"``, ``"name:value"`` (the first parameter) or ``"name:key=value,key=value"``; lists are joined by ``+``.

    Raises:
        UnknownNameError: there is no step or parameter of that name.
        InvalidArgumentError: a value that the step cannot use.

    >>> make_step("length:min=3")(Document("ab")) is None
    True
    """
    if isinstance(step, MemoryStep):
        return step.fresh()
    if isinstance(step, str):
        return _from_description(step)
    if not callable(step):
        raise InvalidTypeError(f"a step is {type(step).__name__}, expected a name or a function")
    if isinstance(getattr(step, "name", None), str):
        return step  # type: ignore[return-value]
    return FunctionStep(_name_of(step), step)


def _name_of(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _from_description(description: str) -> Step | MemoryStep:
    name, _, rest = description.partition(":")
    if name not in _FACTORIES:
        raise UnknownNameError(
            f"there is no step {name!r}{nearest(name, _FACTORIES)}; the steps are {', '.join(_FACTORIES)} (lists are "
            "joined by +, as in language:en+fr)"
        )
    factory = _FACTORIES[name]
    made = factory(**_parameters(description, factory, [piece for piece in rest.split(",") if piece]))
    if isinstance(made, MemoryStep):
        made.name = description
        return made
    return FunctionStep(description, made)


def _parameters(description: str, factory: Callable[..., Any], pieces: Iterable[str]) -> dict[str, Any]:
    parameters = inspect.signature(factory).parameters
    signature = [key for key, parameter in parameters.items() if parameter.kind != parameter.VAR_KEYWORD]
    anything = len(signature) < len(parameters)
    hints = get_type_hints(factory)
    values: dict[str, Any] = {}
    for piece in pieces:
        key, equals, value = piece.partition("=")
        if not equals:
            key, value = next(iter(signature), ""), piece
        if key not in signature and not anything:
            known = ", ".join(signature) or "none"
            raise UnknownNameError(
                f"step {description!r}: no parameter {key!r}{nearest(key, signature)}; there are: {known}"
            )
        if key in values:
            raise InvalidArgumentError(
                f"step {description!r}: {key} is given twice; lists are joined by +, as in language:en+fr"
            )
        values[key] = _value(description, key, value, hints[key] if key in signature else None)
    return values


def _value(description: str, key: str, text: str, kind: Any) -> Any:
    if kind is None:  # a threshold of somebody else's, who says what is wrong
        kind = bool if text.lower() in {"true", "false"} else int if text.lstrip("-").isdigit() else float
    if get_origin(kind) in (Union, types.UnionType):  # "int | None"
        kind = next(member for member in get_args(kind) if member is not type(None))
    if get_origin(kind) is tuple:
        return tuple(part for part in text.split("+") if part)
    if kind is bool:
        if text.lower() in {"true", "yes", "1", "false", "no", "0"}:
            return text.lower() in {"true", "yes", "1"}
        raise InvalidArgumentError(f"step {description!r}: {key} is {text!r}, expected true or false")
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise InvalidArgumentError(f"step {description!r}: {key} is {text!r}, expected {what}") from None
    return text
