"""Documents from text, JSON lines and Parquet, and the choice of those that are held out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ferrolm.data.sources import read_batches
from ferrolm.errors import InvalidArgumentError

__all__ = ["choose_held_out", "iter_documents"]


def iter_documents(paths: Iterable[str | PathLike[str]], field: str = "text") -> Iterator[str]:
    """The documents of ``paths``, one after the other, in order.

    A ``.jsonl`` file has one JSON object per line, whose ``field`` is a document; a ``.parquet`` file has them in the
    column ``field``; any other file is one document of UTF-8 text. Text and JSON may end in ``.gz`` or ``.zst``. Line
    ends are kept as they are.

    Raises `MissingFileError` or `FileAccessError` for files that cannot be read, `InvalidEncodingError` for text
    that is not UTF-8, and `InvalidFileError`, naming the line, for content that is not as described.
    """
    for name in paths:
        for batch in read_batches(Path(name), field=field):
            if isinstance(batch.texts, list):
                yield from batch.texts
            else:
                yield from batch.texts.to_pylist()


def choose_held_out(sizes: npt.ArrayLike, fraction: float, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Which documents to hold out, so that they have about ``fraction`` of the whole size; bool[documents].

    Whole documents are drawn in a random order (from ``seed``) while they fit into the share. At least one is held
    out when ``fraction`` is above zero, and at least one is left.

    >>> choose_held_out([10, 10, 10, 10], 0.25, seed=1).sum()
    np.int64(1)
    """
    lengths = np.asarray(sizes, dtype=np.int64)
    if not 0.0 <= fraction < 1.0:
        raise InvalidArgumentError(f"fraction must be in [0, 1), not {fraction}")
    held_out = np.zeros(len(lengths), dtype=bool)
    if fraction == 0.0:
        return held_out
    if len(lengths) < 2:
        raise InvalidArgumentError(f"holding out a document needs at least two, found {len(lengths)}")
    budget = fraction * float(lengths.sum())
    order = np.random.default_rng(seed).permutation(len(lengths))
    for index in order[:-1]:
        if lengths[index] <= budget or not held_out.any():
            held_out[index] = True
            budget -= float(lengths[index])
    return held_out
