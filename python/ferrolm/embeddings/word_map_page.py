"""A map of words as a page: one file with nothing to download, for pointing, moving, zooming and searching."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ferrolm.data._atomic import replace_file
from ferrolm.embeddings.word_map import WordMap

__all__ = ["PALETTE", "palette_index", "save_page", "word_map_html"]

PALETTE = (
    "#2f6fd0",
    "#d1541f",
    "#2b8a57",
    "#a6449b",
    "#b08400",
    "#c4314b",
    "#1b8a99",
    "#7a5bd0",
    "#6b7a1e",
    "#8a5a3c",
)
"""Colours of groups, which are told apart on white and on black."""

_TEMPLATE = Path(__file__).with_name("word_map.html")


def word_map_html(drawn: WordMap, title: str = "Map of words") -> str:
    """The page as a text. Words may come from anywhere: none of them can become markup or script.

    >>> from ferrolm.embeddings import KeyedVectors, word_map
    >>> wv = KeyedVectors(["</script><b>", "b", "c"], np.eye(3))
    >>> page = word_map_html(word_map(wv))
    >>> "</script><b>" in page, "://" in page
    (False, False)
    """
    # Cut before the title is filled in, which may say anything.
    head, tail = _TEMPLATE.read_text(encoding="utf-8").split("{{data}}")
    return head.replace("{{title}}", escape(title)) + _data(drawn) + tail


def save_page(drawn: WordMap, path: Path, title: str) -> None:
    """Write the page, whole or not at all."""
    page = word_map_html(drawn, title)
    with replace_file(path) as file:
        file.write(page.encode("utf-8", "replace"))


def palette_index(drawn: WordMap) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the groups, the largest first, and the number of each word's; no names where there are no groups."""
    if drawn.groups is None:
        return [], np.zeros(len(drawn), np.int64)
    names, inverse, counts = np.unique(np.array(drawn.groups, dtype=object), return_inverse=True, return_counts=True)  # fmt: skip
    order = np.argsort(-counts, kind="stable")
    return [str(names[place]) for place in order], np.argsort(order, kind="stable")[inverse]


def _data(drawn: WordMap) -> str:
    """What the script reads, as JSON that cannot end its element."""
    low, high = drawn.coordinates.min(0), drawn.coordinates.max(0)
    # Into a square of side 1, both axes at one scale.
    places = (drawn.coordinates - (low + high) / 2) / max(float((high - low).max()), 1e-12)
    names, index = palette_index(drawn)
    content = {
        "words": drawn.words,
        "x": np.round(places[:, 0].astype(float), 5).tolist(),
        "y": np.round(places[:, 1].astype(float), 5).tolist(),
        "group": index.tolist(),
        "groups": names,
        "palette": PALETTE,
        "neighbours": drawn.neighbours.tolist(),
        "similarities": np.round(drawn.similarities.astype(float), 3).tolist(),
        "method": drawn.method,
    }
    text = json.dumps(content, separators=(",", ":"))  # ASCII: other characters are escaped
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
