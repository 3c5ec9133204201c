"""Text and ids piece by piece, so that they need not fit into memory."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ferrolm.data.sources import file_errors, open_content
from ferrolm.errors import InvalidTypeError, MissingFileError
from ferrolm.ngram._inputs import Ids, Text, as_uint32, decode, text_or_ids

__all__ = ["Source", "open_source", "text_pieces"]

# Sentences that are looked at together.
_GROUP = 1 << 14


class Source(NamedTuple):
    """A source of text or ids.

    ``pieces`` have about ``size`` bytes each, always cut at the same places; the second number of each is how many
    bytes of the files have been read. ``total``: the size of all files, None if there are none.
    """

    over_ids: bool
    pieces: Iterator[tuple[Text | Ids, int]]
    total: int | None
    description: str


def open_source(source: Any, size: int) -> Source:
    """``source`` as `ferrolm.ngram.count` takes it, or an open binary file, or several paths."""
    if isinstance(source, os.PathLike):
        return _files([Path(source)], size)
    if hasattr(source, "read"):
        blocks = _blocks(source, getattr(source, "name", "the text"), size)
        return Source(False, ((block, 0) for block in blocks), None, "a stream")
    if isinstance(source, str | bytes | bytearray | memoryview):
        stream = io.BytesIO(source.encode() if isinstance(source, str) else source)
        return Source(False, ((block, 0) for block in _blocks(stream, "the text", size)), None, "a text")
    if isinstance(source, np.ndarray) or hasattr(source, "offsets"):
        return Source(True, ((ids, 0) for ids in _arrays(source, size)), None, "arrays")
    if not isinstance(source, Iterable):
        raise InvalidTypeError(f"expected text or ids, found {type(source).__name__}")
    items = iter(source)
    first = list(islice(items, 1))
    if first and isinstance(first[0], os.PathLike):
        return _files([Path(item) for item in chain(first, items)], size)
    over_ids = bool(first) and not isinstance(first[0], str | bytes)
    groups = _groups(chain(first, items), size)
    return Source(over_ids, ((text_or_ids(group), 0) for group in groups), None, "sentences")


def text_pieces(source: Any, size: int = 1 << 24) -> Iterator[str]:
    """The text of a file, perhaps compressed, or of an open binary file, in pieces of whole lines."""
    for piece, _ in open_source(source, size).pieces:
        assert isinstance(piece, str)
        yield piece


def _files(paths: list[Path], size: int) -> Source:
    for path in paths:
        if not path.exists():
            raise MissingFileError(f"cannot read {path}: it does not exist")
    about = [path.stat() for path in paths]
    names = (
        f"{str(path)!a} {stat.st_size} {stat.st_mtime_ns}" for path, stat in zip(paths, about, strict=True)
    )
    total = sum(stat.st_size for stat in about)
    return Source(False, _file_pieces(paths, size), total, ", ".join(names))


def _file_pieces(paths: list[Path], size: int) -> Iterator[tuple[Text, int]]:
    before = 0
    for path in paths:
        with file_errors(path), open_content(path) as (raw, content):
            for block in _blocks(content, str(path), size):
                yield block, before + raw.tell()
        before += path.stat().st_size


def _blocks(stream: Any, name: str, size: int) -> Iterator[str]:
    """The text in blocks of whole lines."""
    lines = 0
    while block := stream.read(size):
        block += stream.readline()
        yield decode(block, name, lines)
        lines += block.count(b"\n")


def _arrays(source: Any, size: int) -> Iterator[Ids]:
    """Documents of arrays, a few at a time, so that only those are copied."""
    if isinstance(source, np.ndarray) and source.ndim == 2:
        rows = max(1, size // 4 // max(1, source.shape[1]))
        for start in range(0, len(source), rows):
            yield _ids(source[start : start + rows])
        return
    if isinstance(source, np.ndarray):
        yield _ids(source)
        return
    offsets = np.ascontiguousarray(source.offsets, dtype=np.int64)
    first = 0
    while first < len(offsets) - 1:
        last = max(first + 1, int(np.searchsorted(offsets, offsets[first] + size // 4, side="right")) - 1)
        ids = as_uint32(np.asarray(source.ids[offsets[first] : offsets[last]]), "ids")
        yield Ids(ids, offsets[first : last + 1] - offsets[first])
        first = last


def _ids(array: Any) -> Ids:
    ids = text_or_ids(array)
    assert isinstance(ids, Ids)
    return ids


def _groups(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Sentences in groups of about ``size`` bytes."""
    group: list[Any] = []
    total = 0
    for item in items:
        group.append(item)
        total += len(item) if hasattr(item, "__len__") else 8
        if total >= size or len(group) >= _GROUP:
            yield group
            group, total = [], 0
    if group:
        yield group
