"""Documents from text files and JSON lines, plain or gzipped, and the choice of those that are held out."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from ferrolm.errors import (
    FileAccessError,
    InvalidArgumentError,
    InvalidEncodingError,
    InvalidFileError,
    MissingFileError,
)

__all__ = ["choose_held_out", "iter_documents"]


def iter_documents(paths: Iterable[str | PathLike[str]], field: str = "text") -> Iterator[str]:
    """The documents of ``paths``, one after the other, in order.

    A ``.jsonl`` file has one JSON object per line, whose ``field`` is a document; any other file is one document of
    UTF-8 text. Either may end in ``.gz``. Line ends are kept as they are.

    Raises `MissingFileError` or `FileAccessError` for files that cannot be read, `InvalidEncodingError` for text
    that is not UTF-8, and `InvalidFileError`, naming the line, for JSON that is not as described.
    """
    for name in paths:
        path = Path(name)
        is_lines = path.name.removesuffix(".gz").endswith(".jsonl")
        try:
            with _open(path) as file:
                if is_lines:
                    yield from _json_documents(path, file, field)
                else:
                    yield file.read()
        except FileNotFoundError as error:
            raise MissingFileError(f"cannot read {path}: it does not exist") from error
        except UnicodeDecodeError as error:
            message = f"{path}: not UTF-8 at byte {error.start} of what was being read: {error.reason}"
            raise InvalidEncodingError(message) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InvalidFileError(f"{path}: not a complete gzip file: {error}") from error
        except OSError as error:
            raise FileAccessError(f"cannot read {path}: {error}") from error


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _json_documents(path: Path, lines: Iterable[str], field: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise InvalidFileError(f"{path}, line {number}: not JSON: {error}") from error
        text = record.get(field) if isinstance(record, dict) else None
        if not isinstance(text, str):
            message = f"{path}, line {number}: expected an object with a string under {field!r}"
            raise InvalidFileError(message)
        yield text


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
