"""A page of text whose colour is its surprisal; one file, nothing to download."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferrolm.explain.surprisal import Surprisals

__all__ = ["surprisal_html"]

FULL_COLOUR = 14.0
"""Bits at which the colour is at its strongest: one chance in 16,384."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body style="margin:2em auto;max-width:48em;padding:0 1em;background:#fff;color:#111">
{body}
</body>
</html>
"""
_STYLE = "font:16px/1.9 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere"


def surprisal_html(surprisals: Surprisals, *, title: str = "Surprisal") -> str:
    """An HTML page of the text: the stronger the colour of a piece, the less the model expected it.

    Pointing at a piece shows its bits and its probability. The page is self-contained: no scripts, no references.

    >>> import numpy as np
    >>> from ferrolm.explain import Surprisals
    >>> page = surprisal_html(Surprisals(["a", " <b>"], np.array([1.0, 7.0])))
    >>> "1.00 bits" in page, "&lt;b&gt;" in page, "<script" in page
    (True, True, False)
    """
    return _PAGE.format(title=escape(title), body=body(surprisals))


def body(surprisals: Surprisals) -> str:
    """The part between the tags of the page's body: a legend and the coloured text."""
    spans = "".join(_span(*pair) for pair in zip(surprisals.pieces, surprisals.bits.tolist(), strict=True))
    legend = "".join(_span(f" {bits:g} ", bits) for bits in (0.0, 2.0, 5.0, 8.0, 11.0, FULL_COLOUR))
    summary = f"{len(surprisals.pieces):,} pieces, {surprisals.total:,.1f} bits"
    if not math.isnan(surprisals.bits_per_byte):
        summary += f", {surprisals.bits_per_byte:.3f} bits per byte"
    return f'<p style="{_STYLE}">{summary}   bits: {legend}</p>\n<div style="{_STYLE}">{spans}</div>'


def _span(piece: str, bits: float) -> str:
    if math.isnan(bits):
        return f'<span title="not scored">{escape(piece)}</span>'
    strength = min(max(bits, 0.0) / FULL_COLOUR, 1.0)
    colour = f"rgba(214,69,0,{0.75 * strength:.2f})"
    return f'<span style="background:{colour}" title="{bits:.2f} bits, p = {2.0**-bits:.3g}">{escape(piece)}</span>'
