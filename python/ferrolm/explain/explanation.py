"""`Explanation`: what every explanation can do: be drawn, be shown as a page, be printed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ferrolm._extras import require
from ferrolm.data._atomic import replace_file
from ferrolm.errors import UnknownNameError, nearest

__all__ = ["AGAINST", "FOR", "Explanation", "label_tokens", "shortened", "shown"]

FOR, AGAINST = "#c2500f", "#2f6fd0"
"""Colours of what speaks for and against, which are told apart by people who see no red or green."""

_FORMATS = ("png", "svg", "pdf")


class Explanation:
    """Base of the explanations; each of them is a frozen dataclass of arrays with the tokens that they belong to."""

    def plot(self, path: str | PathLike[str], **options: Any) -> Path:
        """Draw a picture: .png, .svg or .pdf, as the ending says; returns the path.

        options: of attention, ``layer`` and ``head``, by number, for one map in place of all; of a logit lens, ``last``: so
        many tokens, 24 by default.

        Raises `MissingExtraError` without matplotlib and `UnknownNameError` for another ending.
        """
        target = Path(path)
        ending = target.suffix.removeprefix(".").lower()
        if ending not in _FORMATS:
            raise UnknownNameError(
                f"path is {str(path)!r}, expected one that ends with .{', .'.join(_FORMATS)}{nearest(ending, _FORMATS)}"
            )
        require("matplotlib", extra="plot", purpose="an explanation as a picture")
        # Drawn into a file: no window, whatever the settings of the user say.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        draw: Any = self._draw
        draw(figure, **options)
        for axis in figure.axes:
            for text in (axis.title, *axis.texts, *axis.get_xticklabels(), *axis.get_yticklabels()):
                text.set_parse_math(False)  # tokens are not mathematics, whatever they contain
        with warnings.catch_warnings():
            # A script that no font here has is drawn as boxes.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            with replace_file(target) as file:
                figure.savefig(file, format=ending, dpi=130)
        return target

    def html_page(self, *, title: str | None = None) -> str:
        """The page of `report_html` with this explanation alone."""
        from ferrolm.explain.page import report_html

        return report_html([self], title=title)

    def save_html(self, path: str | PathLike[str], *, title: str | None = None) -> Path:
        """Write `html_page`, whole or not at all; returns the path."""
        from ferrolm.explain.page import save_report

        return save_report([self], path, title=title)

    def _draw(self, figure: Any) -> None:
        """Draw into an empty figure of matplotlib; options of a subclass have defaults."""
        raise NotImplementedError

    def _view(self) -> dict[str, Any]:
        """What the page shows, as values of JSON; ``kind`` says which of its views reads them."""
        raise NotImplementedError


def shown(token: str) -> str:
    r"""A token in one line, its white space visible.

    >>> shown(" a\n")
    '␣a⏎'
    """
    return token.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")


def shortened(token: str, most: int = 20) -> str:
    """`shown`, cut to ``most`` characters, so that a picture has room for more than one name.

    >>> shortened("incomprehensibilities", 8)
    'incompr…'
    """
    name = shown(token)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def label_tokens(axis: Any, tokens: Sequence[str], *, which: str = "x", most: int = 80) -> None:
    """Tokens as names of an axis' places, some of them where there are many."""
    step = max(1, -(-len(tokens) // most))
    places = list(range(0, len(tokens), step))
    names = [shortened(tokens[place]) for place in places]
    if which == "x":
        axis.set_xticks(places, names, rotation=90, fontsize=7)
    else:
        axis.set_yticks(places, names, fontsize=7)
