"""A map of words as a picture."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ferrolm._extras import require
from ferrolm.data._atomic import replace_file
from ferrolm.embeddings.word_map import WordMap
from ferrolm.embeddings.word_map_page import PALETTE, palette_index

__all__ = ["save_plot"]


def save_plot(drawn: WordMap, path: Path, title: str, labels: int) -> None:
    """Draw ``drawn`` into ``path``, in the format that its ending names."""
    require("matplotlib", extra="plot", purpose="a map of words as a picture")
    # Drawn into a file: no window, whatever the settings of the user say.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    axis = figure.subplots()
    names, index = palette_index(drawn)
    for number, name in enumerate(names or [""]):
        own = index == number
        left, up = drawn.coordinates[own].T
        colour = PALETTE[number % len(PALETTE)]
        axis.scatter(left, up, s=9, color=colour, label=name, alpha=0.8, linewidths=0)
    axis.set(xticks=[], yticks=[], title=title)
    if names:
        # Words are not mathematics, whatever they contain.
        legend = axis.legend(
            loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize="small", markerscale=2
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
    axis.title.set_parse_math(False)
    with warnings.catch_warnings():
        # A script that no font here has is drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        canvas.draw()  # the layout decides where a word falls
        _label(drawn, axis, index, labels)
        with replace_file(path) as file:
            figure.savefig(file, format=path.suffix.removeprefix(".") or "png", dpi=150)


def _label(drawn: WordMap, axis: Any, index: Any, most: int) -> None:
    """Names of words, the first first, where they cover no other name."""
    places = axis.transData.transform(drawn.coordinates)
    taken = np.zeros((0, 4))
    for number, (word, (left, middle)) in enumerate(zip(drawn.words, places.tolist(), strict=True)):
        if len(taken) >= most:
            return
        # About the size of a name in 7 points at 100 dots per inch.
        box = np.array([left + 3, middle - 5, left + 6 + 6 * len(word), middle + 6])
        if ((box[:2] < taken[:, 2:]) & (box[2:] > taken[:, :2])).all(1).any():
            continue
        taken = np.concatenate([taken, box[None]])
        axis.annotate(
            word, drawn.coordinates[number], xytext=(3, 0), textcoords="offset points", va="center",
            fontsize=7, color=PALETTE[int(index[number]) % len(PALETTE)], parse_math=False, annotation_clip=True,
        )  # fmt: skip
