"""`SentenceEmbedder`: what turns texts into vectors, and what the ways of doing so share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

__all__ = ["SentenceEmbedder", "cosine_similarity"]


@runtime_checkable
class SentenceEmbedder(Protocol):
    """Anything that embeds texts: averages of word vectors, an encoder, or an object of your own.

    >>> from ferrolm.embeddings import AverageEmbeddings, KeyedVectors
    >>> isinstance(AverageEmbeddings(KeyedVectors(["a"], np.ones((1, 2)))), SentenceEmbedder)
    True
    """

    @property
    def size(self) -> int:
        """Length of the vectors."""
        ...

    def encode(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int = ...,
        normalize: bool | None = None,
        progress: bool = False,
    ) -> NDArray[np.float32]:
        """One vector for each text, float32 [texts, size]; [size] for a single string.

        Args:
            texts: a text, or several.
            batch_size: texts at a time; vectors do not depend on it, but for their last digits.
            normalize: bring vectors to length 1; None leaves that to the embedder.
            progress: show a bar on standard error (needs tqdm).
        """
        ...


def cosine_similarity(first: ArrayLike, second: ArrayLike) -> NDArray[np.float32]:
    """Cosines between all rows of two arrays: float32 [rows of first, rows of second], -1 to 1.

    Args:
        first: (rows, size), or (size,) for one row.
        second: likewise. A row of zeros has cosine 0 with everything.

    Raises:
        ShapeError: the rows have different lengths.

    >>> cosine_similarity([[1, 0], [3, 3]], [0, 2]).round(3).tolist()
    [[0.0], [0.7070000171661377]]
    """
    left, right = rows_of(first, "first"), rows_of(second, "second")
    if left.shape[1] != right.shape[1]:
        raise ShapeError(
            f"first has rows of {left.shape[1]} numbers, second of {right.shape[1]}: expected equal lengths"
        )
    found: NDArray[np.float32] = unit_rows(left) @ unit_rows(right).T
    return found


def rows_of(embeddings: ArrayLike, name: str) -> NDArray[np.float32]:
    """An array of embeddings as float32 [rows, size]."""
    array = np.asarray(embeddings, dtype=np.float32)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2:
        raise ShapeError(f"{name} has shape {array.shape}: expected (rows, size) or (size,)")
    return array


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1; those of length 0 stay."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    unit: NDArray[np.float32] = np.divide(rows, np.where(lengths == 0, 1, lengths), dtype=np.float32)
    return unit


def listed(texts: str | Sequence[str], batch_size: int) -> list[str]:
    """The texts of a call of ``encode``, checked."""
    if batch_size < 1:
        raise InvalidArgumentError(f"batch_size is {batch_size}: expected at least 1")
    found = [texts] if isinstance(texts, str) else list(texts)
    wrong = next((number for number, text in enumerate(found) if not isinstance(text, str)), None)
    if wrong is not None:
        raise InvalidTypeError(
            f"texts[{wrong}] is {found[wrong]!r:.60} ({type(found[wrong]).__name__}): expected a string"
        )
    return found


def bar(total: int, shown: bool) -> Any:
    """A progress bar over texts, or something that takes its calls and shows nothing."""
    if not shown:
        return _NoBar()
    return require("tqdm", "torch", "a progress bar").tqdm(total=total, unit="text", unit_scale=True)


class _NoBar:
    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def update(self, count: int) -> None:
        """Nothing."""
