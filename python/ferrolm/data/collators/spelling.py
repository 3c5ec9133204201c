"""`spelling`: what the words of a text look like, at each of their tokens, for taggers whose tokenizer drops it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ferrolm.data.collators.padding import Ids, pad_rows

__all__ = ["pad_letters", "spelling"]

# Of a word at most: those of an address in the web are cut.
_LETTERS = 24


def spelling(
    words: Sequence[str], word_ids: npt.NDArray[Any], *, case_types: bool = False, characters: bool = False
) -> dict[str, npt.NDArray[Any]]:
    """What a model reads of the words beside their ids, by the name of its argument.

    word_ids: int [tokens], the word that each token is of, -1 for special tokens. ``token_type_ids``, int8 [tokens], where
    case_types: 1 for words with a capital letter (``case_token_types`` of `BertConfig`). ``character_ids``, int32
    [tokens, letters], where characters: the code points of the word, at most 24, and 0 (``character_size`` of `LSTMConfig`).

    >>> found = spelling(["Ann", "is"], np.array([-1, 0, 0, 1, -1]), case_types=True, characters=True)
    >>> found["token_type_ids"].tolist(), found["character_ids"].shape
    ([0, 1, 1, 0, 0], (5, 3))
    """
    found: dict[str, npt.NDArray[Any]] = {}
    # The last word is that of special tokens, -1.
    if case_types:
        found["token_type_ids"] = np.array([*(word != word.lower() for word in words), False], np.int8)[
            word_ids
        ]
    if characters:
        letters = [np.frombuffer(word[:_LETTERS].encode("utf-32-le"), np.uint32) for word in (*words, "")]
        found["character_ids"] = pad_rows(letters).astype(np.int32)[word_ids]
    return found


def pad_letters(rows: Sequence[npt.NDArray[np.int32]], time: int) -> Ids:
    """``character_ids`` of rows of different lengths as one int64 array [rows, time, letters], 0 where there are none."""
    padded = np.zeros((len(rows), time, max(row.shape[1] for row in rows)), np.int64)
    for place, row in zip(padded, rows, strict=True):
        place[: row.shape[0], : row.shape[1]] = row
    return padded
