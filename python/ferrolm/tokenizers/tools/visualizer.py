"""A text with its tokens and, if there are any, annotations."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ferrolm.errors import InvalidArgumentError, MissingExtraError
from ferrolm.tokenizers.tools.markup import box, labelled, span

__all__ = ["Annotation", "EncodingVisualizer"]


@dataclass(frozen=True)
class Annotation:
    """A label of the characters from ``start`` to before ``end``."""

    start: int
    end: int
    label: str


class EncodingVisualizer:
    """Shows texts with their tokens in turn of colours, and labels of parts of them.

    Args:
        tokenizer: anything whose ``encode`` gives an `Encoding`.
        default_to_notebook: show in the notebook, which needs IPython, rather than return HTML.
        annotation_converter: makes an `Annotation` of what is given as annotations.

    >>> from ferrolm.tokenizers import Tokenizer, models
    >>> show = EncodingVisualizer(Tokenizer(models.BPE({"a": 0, "<": 1}, [])), default_to_notebook=False)
    >>> page = show("a<", annotations=[Annotation(0, 1, "letter")])
    >>> 'data-label="letter"' in page, "&lt;" in page
    (True, True)
    """

    def __init__(
        self,
        tokenizer: Any,
        default_to_notebook: bool = True,
        annotation_converter: Callable[[Any], Annotation] | None = None,
    ) -> None:
        if default_to_notebook:
            _display()
        self.tokenizer = tokenizer
        self.default_to_notebook = default_to_notebook
        self.annotation_converter = annotation_converter

    def __call__(
        self,
        text: str,
        annotations: Sequence[Any] | None = None,
        default_to_notebook: bool | None = None,
    ) -> str | None:
        """HTML of ``text``; shown, with None returned, in a notebook.

        Raises `InvalidArgumentError` for an annotation that is not inside the text.
        """
        convert = self.annotation_converter
        converted = [
            annotation if convert is None else convert(annotation) for annotation in annotations or ()
        ]
        page = box("".join(_markup(text, self.tokenizer.encode(text), converted)))
        show = self.default_to_notebook if default_to_notebook is None else default_to_notebook
        if not show:
            return page
        display = _display()
        display.display(display.HTML(page))
        return None

    @staticmethod
    def calculate_label_colors(annotations: Sequence[Annotation]) -> dict[str, str]:
        """A colour for each label, the same ones for the same labels."""
        labels = sorted({annotation.label for annotation in annotations})
        step = 360 / max(len(labels), 1)
        return {label: f"hsl({round(10 + index * step) % 360},50%,45%)" for index, label in enumerate(labels)}


def _display() -> Any:
    try:
        return importlib.import_module("IPython.display")
    except ModuleNotFoundError as error:
        message = "showing in a notebook needs IPython; without, pass default_to_notebook=False to get HTML"
        raise MissingExtraError(message, name=error.name) from None


def _markup(text: str, encoding: Any, annotations: Sequence[Annotation]) -> Iterator[str]:
    """Runs of characters with the same token, and around them those with the same annotation."""
    tokens: list[list[int]] = [[] for _ in text]
    for index in range(len(encoding)):
        start, end = encoding.token_to_chars(index) or (0, 0)
        for character in range(start, end):
            tokens[character].append(index)
    notes: list[int | None] = [None] * len(text)
    for index, annotation in enumerate(annotations):
        if not 0 <= annotation.start <= annotation.end <= len(text):
            raise InvalidArgumentError(
                f"annotations[{index}]: found {annotation.start} to {annotation.end}, expected parts of {len(text)} characters"
            )
        notes[annotation.start : annotation.end] = [index] * (annotation.end - annotation.start)
    names, ids = encoding.tokens, encoding.ids
    colours = EncodingVisualizer.calculate_label_colors(annotations)

    def run(characters: list[int]) -> str:
        content = text[characters[0] : characters[-1] + 1]
        shared = tokens[characters[0]]
        if not shared:
            return span(content, 0, "no token", "none")
        title = ", ".join(f"{names[token]} (id {ids[token]})" for token in shared)
        unknown = any(mark in names[shared[0]].lower() for mark in ("unk", "oov"))
        return span(content, shared[0], title, "unknown" if unknown else "")

    for note, group in groupby(range(len(text)), key=notes.__getitem__):
        inner = "".join(run(list(part)) for _, part in groupby(group, key=tokens.__getitem__))
        yield (
            inner
            if note is None
            else labelled(inner, annotations[note].label, colours[annotations[note].label])
        )
