"""Doctests of docstrings become blocks of code.

The house writes a doctest as plain lines that begin with ``>>>``, which Markdown takes for quotations.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

PROMPT = re.compile(r"^\s*>>> ")


class DoctestBlocks(griffe.Extension):
    """Puts a fence around each doctest, from its first prompt to the next empty line."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)


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
