"""What users may hand over as text or ids, brought into the two forms that the core reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError, InvalidEncodingError, InvalidTypeError

Text: TypeAlias = str | list[str]


class Ids(NamedTuple):
    """Sequences of ids: sequence i is ``ids[offsets[i]:offsets[i + 1]]``."""

    ids: NDArray[np.uint32]
    offsets: NDArray[np.int64]


def text_or_ids(source: Any) -> Text | Ids:
    """A string of lines, a list of sentences, or `Ids`; raises `InvalidTypeError` for anything else."""
    if isinstance(source, str):
        return source
    if isinstance(source, bytes | bytearray | memoryview):
        return decode(bytes(source), "the text")
    if isinstance(source, os.PathLike):
        return read_text(Path(source))
    if isinstance(source, np.ndarray) or hasattr(source, "offsets"):
        return _ids_of_arrays(source)
    if not isinstance(source, Iterable):
        raise InvalidTypeError(f"expected text or ids, found {type(source).__name__}")
    items = list(source)
    if items and isinstance(items[0], os.PathLike):
        return "".join(read_text(Path(item)) for item in items)
    # An empty list is a text without sentences; the first item tells words from ids.
    if not items or isinstance(items[0], str):
        return _sentences(items)
    if isinstance(items[0], bytes):
        return [decode(item, f"sentence {number}") for number, item in enumerate(items)]
    return _ids_of_items(items)


def text_only(source: Any) -> Text:
    """As `text_or_ids`, for calls that take text alone."""
    text = text_or_ids(source)
    if isinstance(text, Ids):
        raise InvalidTypeError("expected text (a string or sentences), found ids")
    return text


def ids_only(source: Any) -> Ids:
    """As `text_or_ids`, for calls that take ids alone."""
    ids = text_or_ids(source)
    if isinstance(ids, Ids):
        return ids
    if isinstance(ids, list) and not ids:
        return Ids(np.zeros(0, np.uint32), np.zeros(1, np.int64))
    raise InvalidTypeError("expected ids (arrays or lists of integers), found text")


def _sentences(items: list[Any]) -> list[str]:
    for number, item in enumerate(items):
        if not isinstance(item, str):
            raise InvalidTypeError(f"sentence {number} is {type(item).__name__}, but the first one is str")
    return items


def _ids_of_arrays(source: Any) -> Ids:
    if not isinstance(source, np.ndarray):
        offsets = np.ascontiguousarray(source.offsets, dtype=np.int64)
        return Ids(as_uint32(np.asarray(source.ids), "ids"), offsets)
    if source.ndim == 2:
        rows, columns = source.shape
        offsets = np.arange(rows + 1, dtype=np.int64) * columns
        return Ids(as_uint32(source.ravel(), "ids"), offsets)
    ids = as_uint32(source, "ids")
    return Ids(ids, np.array([0, len(ids)], dtype=np.int64))


def _ids_of_items(items: list[Any]) -> Ids:
    if isinstance(items[0], int | np.integer):
        return _ids_of_arrays(as_uint32(np.asarray(items), "ids"))
    arrays = [as_uint32(np.asarray(item), f"sequence {number}") for number, item in enumerate(items)]
    offsets = np.zeros(len(arrays) + 1, dtype=np.int64)
    np.cumsum([len(array) for array in arrays], out=offsets[1:])
    return Ids(np.concatenate(arrays), offsets)


def as_uint32(array: NDArray[Any], name: str) -> NDArray[np.uint32]:
    """``array`` as contiguous uint32, refused if that would change a value."""
    if array.dtype == np.uint32 and array.ndim == 1:
        return np.ascontiguousarray(array)
    if array.size == 0:
        return np.zeros(0, np.uint32)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        message = f"{name}: expected integers in one dimension, found {array.dtype} with shape {array.shape}"
        raise InvalidArgumentError(message)
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= 1 << 32:
        raise InvalidArgumentError(
            f"{name}: ids must be 0 to {(1 << 32) - 1}, found {low if low < 0 else high}"
        )
    return np.ascontiguousarray(array, dtype=np.uint32)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, decompressed if its name ends in ``.gz``, ``.bz2``, ``.xz`` or ``.zst``."""
    from ferrolm.ngram._pieces import text_pieces

    return "".join(text_pieces(path))


def decode(text: bytes, name: str, lines_before: int = 0) -> str:
    """UTF-8 as a string; the error names the place."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = lines_before + text.count(b"\n", 0, error.start) + 1
        raise InvalidEncodingError(
            f"{name} is not UTF-8: byte {error.start} (line {line}): {error.reason}"
        ) from error
