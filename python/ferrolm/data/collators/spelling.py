"""What words look like, at each of their tokens: the case that an uncased tokenizer drops, and their letters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ferrolm.data.collators.padding import pad_rows

__all__ = ["case_types", "character_ids", "pad_characters"]

# Of a word at most: those of an address in the web are cut.
_LETTERS = 24


def case_types(words: Sequence[str], word_ids: NDArray[np.integer]) -> NDArray[np.int8]:
    """1 at the tokens of words with a capital letter, else 0: int8 [time]. word_ids: -1 at special tokens.

    >>> case_types(["Clara", "sings"], np.array([-1, 0, 0, 1, -1])).tolist()
    [0, 1, 1, 0, 0]
    """
    # The last one is that of special tokens, whose word is -1.
    return np.array([*(word != word.lower() for word in words), False], np.int8)[word_ids]


def character_ids(words: Sequence[str], word_ids: NDArray[np.integer]) -> NDArray[np.int32]:
    """Code points of the word that each token is of, at most 24, 0 after the last and at special tokens: int32 [time, letters].

    >>> character_ids(["is", "I"], np.array([-1, 0, 1])).tolist()
    [[0, 0], [105, 115], [73, 0]]
    """
    letters = [np.frombuffer(word[:_LETTERS].encode("utf-32-le"), np.uint32) for word in (*words, "")]
    return pad_rows(letters).astype(np.int32)[word_ids]


def pad_characters(rows: Sequence[NDArray[np.int32]], time: int) -> NDArray[np.int64]:
    """Letters [tokens, letters] of each row as int64 [rows, time, letters], padded with 0."""
    padded = np.zeros((len(rows), time, max(row.shape[1] for row in rows)), np.int64)
    for place, row in zip(padded, rows, strict=True):
        place[: row.shape[0], : row.shape[1]] = row
    return padded
