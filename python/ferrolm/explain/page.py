"""`report_html`: explanations as one page: a file that refers to nothing, to look at in any browser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from os import PathLike
from pathlib import Path

from ferrolm.data._atomic import replace_file
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.explain.explanation import Explanation

__all__ = ["report_html", "save_report"]

_TEMPLATE = Path(__file__).with_name("page.html")


def report_html(explanations: Sequence[Explanation], *, title: str | None = None) -> str:
    """A page with these explanations, one below the other, to point at and to go through with the keyboard.

    Styles, scripts and data are in it; it asks nobody for anything. Texts may come from anywhere: none can become markup or
    script. title: by default that of a single explanation.

    Raises `InvalidArgumentError` without explanations, and `LimitError` for one that is too large for a page.

    >>> import numpy as np
    >>> from ferrolm.explain import Surprisals
    >>> page = report_html([Surprisals(["a", "</script><b>"], np.array([1.0, 7.0]))])
    >>> "</script><b>" in page, "://" in page
    (False, False)
    """
    if not explanations:
        raise InvalidArgumentError("explanations is empty, expected one or more")
    for each in explanations:
        if not isinstance(each, Explanation):
            raise InvalidTypeError(f"explanations has a {type(each).__name__}, expected explanations")
    views = [each._view() for each in explanations]
    if title is None:
        title = views[0]["title"] if len(views) == 1 else "Explanations"
    text = json.dumps({"views": views}, separators=(",", ":"))  # ASCII: other characters are escaped
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    # Cut before the title is filled in, which may say anything.
    head, tail = _TEMPLATE.read_text(encoding="utf-8").split("{{data}}")
    head = head.replace("{{title}}", escape(title))
    return head + safe + tail


def save_report(
    explanations: Sequence[Explanation], path: str | PathLike[str], *, title: str | None = None
) -> Path:
    """Write the page of `report_html`, whole or not at all; returns the path."""
    target = Path(path)
    page = report_html(explanations, title=title)
    with replace_file(target) as file:
        file.write(page.encode("utf-8", "replace"))
    return target
