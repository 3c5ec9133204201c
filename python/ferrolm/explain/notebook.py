"""Text whose colour is its surprisal, as a notebook shows it: markup without scripts."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferrolm.explain.surprisal import Surprisals

__all__ = ["body"]

FULL_COLOUR = 14.0
"""Bits at which the colour is at its strongest: one chance in 16,384."""

_STYLE = "font:16px/1.9 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere"


def body(surprisals: Surprisals) -> str:
    """A legend and the coloured text, as a part of a page."""
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
