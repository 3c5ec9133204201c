"""The docstrings of the house as Markdown.

Doctests are plain lines there that begin with ``>>>``, which Markdown takes for quotations; parameters and fields may be told in
running text, ``name: what it is``, which becomes a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import griffe

PROMPT = re.compile(r"^\s*>>> ")
SECTION = re.compile(r"^(Args|Attributes):$", re.MULTILINE)
NAMES = re.compile(r"(?:(?<=\n)|(?<=[.;)] ))(\w+(?:, \w+)*): ")


class Docstrings(griffe.Extension):
    """Changes docstrings before they are parsed."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Called in the end, when the members of all are known."""
        for obj in within(pkg):
            if (
                obj.docstring
                and (obj.is_class or obj.is_function)
                and not SECTION.search(obj.docstring.value)
            ):
                known = (
                    set(obj.attributes) if obj.is_class else {parameter.name for parameter in obj.parameters}
                )
                obj.docstring.value = listed(obj.docstring.value, known)


def within(obj: griffe.Object) -> Iterator[griffe.Object]:
    """All that an object has in itself, imported names apart."""
    for member in obj.members.values():
        if not member.is_alias:
            yield member
            yield from within(member)


def listed(text: str, known: set[str]) -> str:
    """The docstring with an item of a list for each ``name: ...`` whose names are known."""

    def item(match: re.Match[str]) -> str:
        names = match[1].split(", ")
        if not known.issuperset(names):
            return match[0]
        return "\n\n- " + ", ".join(f"`{name}`" for name in names) + ": "

    prose, fence, code = text.partition("```")
    return NAMES.sub(item, prose) + fence + code


def fenced(text: str) -> str:
    """The docstring with its doctests in blocks.

    A doctest within a section ("Raises:" and so on) of Google's style is indented there, and so is its block.
    """
    lines: list[str] = []
    indent: str | None = None
    for line in text.split("\n"):
        if indent is None and PROMPT.match(line):
            indent = line[: len(line) - len(line.lstrip())]
            if lines and lines[-1].strip():
                lines.append("")
            lines.append(f"{indent}```pycon")
        elif indent is not None and not line.strip():
            lines.append(f"{indent}```")
            indent = None
        lines.append(line)
    if indent is not None:
        lines.append(f"{indent}```")
    return "\n".join(lines)
