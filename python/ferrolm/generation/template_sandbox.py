"""Where a chat template runs: Jinja in an immutable sandbox, with an end to its loops and to its output.

A template comes with a checkpoint that somebody else made. The sandbox keeps it from Python's insides; what it does not do is
bounded here: each turn of a loop and each call of a macro is a step, and neither the text nor any string on the way to
it may become longer than `MAX_CHARACTERS`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from ferrolm._extras import require
from ferrolm.errors import LimitError

require("jinja2", extra="torch", purpose="a chat template")

from jinja2 import Template, nodes, pass_eval_context  # noqa: E402
from jinja2.exceptions import SecurityError, TemplateError  # noqa: E402
from jinja2.ext import Extension, loopcontrols  # noqa: E402
from jinja2.nodes import EvalContext  # noqa: E402
from jinja2.parser import Parser  # noqa: E402
from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: E402
from jinja2.utils import Namespace  # noqa: E402

__all__ = ["MAX_CHARACTERS", "MAX_STEPS", "RefusedError", "Rendering", "Sandbox"]

MAX_STEPS = 50_000
MAX_CHARACTERS = 16_000_000
# A field of a format that is wider than any that pads text.
_WIDE = re.compile(r"\d{5}")
_current: ContextVar[Rendering] = ContextVar("rendering")


class RefusedError(TemplateError):
    """What a template raises by ``raise_exception``."""


class Rendering:
    """One text that is being made: its pieces so far, and where what the assistant says lies in it."""

    def __init__(self) -> None:
        self.generated: list[tuple[int, int]] = []
        self._length = 0
        self._steps = 0

    def run(self, template: Template, variables: Mapping[str, Any]) -> str:
        token = _current.set(self)
        try:
            return "".join(self._pieces(template.generate(**variables)))
        finally:
            _current.reset(token)

    def step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise LimitError(f"it loops more than {MAX_STEPS:,} times")

    def say(self, text: str) -> str:
        self.generated.append((self._length, self._length + len(text)))
        return text

    def _pieces(self, pieces: Iterator[str]) -> Iterator[str]:
        for piece in pieces:
            self._length += len(piece)
            _check_length(self._length)
            yield piece


def _check_length(length: int) -> None:
    if length > MAX_CHARACTERS:
        raise LimitError(f"it makes a text of more than {MAX_CHARACTERS:,} characters")


class _Counted(Extension):
    """Counts the steps, and knows the blocks ``{% generation %}`` around what the assistant says."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("generation"), [], [], body).set_lineno(line)

    @pass_eval_context
    def generation(self, context: EvalContext, caller: Callable[[], str]) -> str:
        return _current.get().say(caller())

    def step(self) -> str:
        _current.get().step()
        return ""

    def join(self, *parts: Any) -> str:
        """``~``, whose operands may be long."""
        texts = [str(part) for part in parts]
        _check_length(sum(map(len, texts)))
        return "".join(texts)

    def watch(self, tree: nodes.Template) -> nodes.Template:
        """Put a step at the beginning of each loop and macro, and `join` in place of ``~``."""
        for kind in (nodes.For, nodes.Macro, nodes.CallBlock):
            for node in tree.find_all(kind):
                step = nodes.ExprStmt(self.call_method("step", lineno=node.lineno), lineno=node.lineno)
                node.body.insert(0, step)  # type: ignore[attr-defined]
        joined: nodes.Template = self._joined(tree)
        return joined

    def _joined(self, node: Any) -> Any:
        for name, value in node.iter_fields():
            if isinstance(value, nodes.Node):
                setattr(node, name, self._joined(value))
            elif isinstance(value, list):
                value[:] = [self._joined(each) if isinstance(each, nodes.Node) else each for each in value]
        if not isinstance(node, nodes.Concat):
            return node
        return self.call_method("join", node.nodes, lineno=node.lineno)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment in which templates are compiled; what they may call is what they may in transformers."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        self._counted = _Counted(self)
        self.extensions[_Counted.identifier] = self._counted
        self.filters["tojson"] = _to_json
        self.filters = {name: _bounded(function) for name, function in self.filters.items()}
        del self.globals["lipsum"]  # random texts, of any length
        self.globals |= {
            "raise_exception": _refuse,
            "strftime_now": _strftime_now,
            "dict": _Dictionaries(),
            "namespace": _Namespace,
        }

    def template(self, source: str, filename: str) -> Template:
        """Compile; errors and tracebacks name ``filename``."""
        code = self.compile(source, filename, filename)
        template: Template = Template.from_code(self, code, self.make_globals(None))
        return template

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return self._counted.watch(super()._parse(source, name, filename))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str) and attr in ("expandtabs", "translate", "format_map"):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            _check_length(_size(left) * _times(right))
            _check_length(_size(right) * _times(left))
        elif operator == "+":
            _check_length(_size(left) + _size(right))
        elif operator == "**":
            _check_arguments((left, right))
            _check_length(len(str(left)) * max(int(right), 1))
        elif isinstance(left, str):
            _check_format(left, right if isinstance(right, tuple) else (right,))
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        method = getattr(function, "__wrapped__", function)  # Jinja wraps `str.format`
        owner, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
        if isinstance(owner, str):
            _check_method(owner, name, args, kwargs)
        return super().call(context, function, *args, **kwargs)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 0


def _times(value: Any) -> int:
    return max(value, 0) if isinstance(value, int) else 0


def _check_arguments(values: Any) -> None:
    for value in values:
        if isinstance(value, int) and abs(value) > MAX_CHARACTERS:
            raise LimitError(f"it computes with {value}, at most {MAX_CHARACTERS:,} is allowed")


def _check_format(text: str, values: Any) -> None:
    _check_arguments(values)
    if _WIDE.search(text):
        raise LimitError("it formats fields of more than 9,999 characters")


def _check_method(text: str, name: str, args: Any, kwargs: Mapping[str, Any]) -> None:
    """How long the result of a method of a string could be."""
    values = [*args, *kwargs.values()]
    _check_arguments(values)
    if name == "format":
        _check_format(text, values)
    elif name == "replace" and len(values) >= 2 and all(isinstance(each, str) for each in values[:2]):
        _check_length(len(text) + text.count(values[0]) * len(values[1]))
    elif name == "join" and values:
        _check_length(len(text) * _size(values[0]))


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that refuses enormous arguments, and what makes a long text of two."""

    @functools.wraps(function)  # keeps the mark by which Jinja passes a filter its context
    def call(*args: Any, **kwargs: Any) -> Any:
        texts = [each for each in args if isinstance(each, str)]
        name = function.__name__.removeprefix("do_").removeprefix("sync_do_")
        if texts:
            _check_method(texts[0], name, texts[1:], kwargs)
        _check_arguments(each for each in [*args, *kwargs.values()] if isinstance(each, int))
        if name == "join" and texts:
            _check_length(len(texts[-1]) * max(map(_size, args)))
        return function(*args, **kwargs)

    return call


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Plain JSON: Jinja's own escapes characters for HTML."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _refuse(message: str) -> None:
    raise RefusedError(str(message))


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)


class _Dictionaries:
    """``dict`` without the attributes of the class, which lead out of the sandbox."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


class _Namespace(Namespace):
    """``namespace``, without names that begin with an underscore."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, *rest = args
        values = dict(*rest, **kwargs)
        for name in values:
            _check_name(name)
        Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"the name {name!r} of a namespace begins with an underscore")
