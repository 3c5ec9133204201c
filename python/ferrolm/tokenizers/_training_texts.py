"""Iterables of texts, a few megabytes at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ferrolm.errors import InvalidTypeError

__all__ = ["batches"]

# Characters of text per call into Rust: enough to keep all threads busy.
_BATCH_CHARACTERS = 1 << 23
# Elements of an Arrow array that are made Python strings at once.
_ARROW_ELEMENTS = 1 << 14


def batches(texts: Any) -> Iterator[list[str]]:
    """Lists of texts, of a few megabytes each, of an iterable of texts, of lists of them, or of an Arrow array."""
    batch: list[str] = []
    characters = 0
    for item in _items(texts):
        for text in (item,) if isinstance(item, str) else _elements(item):
            if not isinstance(text, str):
                raise _wrong(text)
            batch.append(text)
            characters += len(text)
        if characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _items(texts: Any) -> Iterable[Any]:
    if isinstance(texts, str):
        raise InvalidTypeError("iterator: found str, expected an iterable of texts")
    if not hasattr(texts, "to_pylist"):
        return _elements(texts)
    starts = range(0, len(texts), _ARROW_ELEMENTS)
    return (texts.slice(start, _ARROW_ELEMENTS).to_pylist() for start in starts)


def _elements(item: Any) -> Iterable[Any]:
    if hasattr(item, "to_pylist"):
        elements: list[Any] = item.to_pylist()
        return elements
    if isinstance(item, bytes) or not isinstance(item, Iterable):
        raise _wrong(item)
    return item


def _wrong(item: object) -> InvalidTypeError:
    return InvalidTypeError(f"iterator: found {type(item).__name__}, expected str or lists of str")
