"""Tokens as HTML: what notebooks show for encodings and tokenizers. Everything that comes from outside is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["STYLE", "encoding_view", "labelled", "span", "table_view"]

# A view is one box with its own style: notebooks have no page to put it in. Colours of a palette that is told
# apart by the colour-blind, light enough for black text.
_COLOURS = ("#cfe3f5", "#fde3b8", "#cdeac9", "#f3cfe0", "#e0d6f2", "#d9e8d5")
STYLE = (
    ".ferrolm-text{font-family:monospace;white-space:pre-wrap;line-height:2;overflow-wrap:anywhere}"
    ".ferrolm-text .token{color:#000;border-radius:3px;padding:2px 0}"
    ".ferrolm-text .special{background:#ddd;color:#444;font-style:italic;border:1px dashed #888}"
    ".ferrolm-text .unknown{outline:2px solid #c00}"
    ".ferrolm-text .label{border-bottom:3px solid;padding-bottom:3px}"
    ".ferrolm-text .label::after{content:attr(data-label);font-size:70%;vertical-align:super;margin-left:2px}"
    + "".join(f".ferrolm-text .t{index}{{background:{colour}}}" for index, colour in enumerate(_COLOURS))
)

# Notebooks slow down with much markup.
_MOST_TOKENS = 2000


def span(text: str, index: int, title: str, classes: str = "") -> str:
    """A token in the colour of its place."""
    colour = f"t{index % len(_COLOURS)}"
    names = " ".join(filter(None, ("token", classes or colour)))
    return f'<span class="{names}" title="{html.escape(title)}">{html.escape(text)}</span>'


def labelled(inner: str, label: str, colour: str) -> str:
    """Markup under a label."""
    return (
        f'<span class="label" style="border-color:{colour}" data-label="{html.escape(label)}">{inner}</span>'
    )


def box(inner: str) -> str:
    return f'<style>{STYLE}</style><div class="ferrolm-text" dir="auto">{inner}</div>'


def encoding_view(encoding: Any) -> str:
    """The tokens of an `Encoding`, coloured in turn; hovering shows id, offsets and word."""
    rows = zip(
        encoding.tokens[:_MOST_TOKENS],
        encoding.ids,
        encoding.offsets,
        encoding.word_ids,
        encoding.special_tokens_mask,
        strict=False,
    )
    parts = []
    for index, (token, identifier, (start, end), word, special) in enumerate(rows):
        title = f"id {identifier}, characters {start} to {end}, word {word}"
        parts.append(span(token, index, title, "special" if special else ""))
    if (count := len(encoding)) > _MOST_TOKENS:
        parts.append(f" ... and {count - _MOST_TOKENS} more")
    return box("".join(parts))


def table_view(caption: str, rows: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> str:
    """A small table of names and values."""
    pairs = rows.items() if isinstance(rows, Mapping) else rows
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'><code>{html.escape(str(value))}</code></td></tr>"
        for name, value in pairs
    )
    return f"<table><caption>{html.escape(caption)}</caption>{cells}</table>"
