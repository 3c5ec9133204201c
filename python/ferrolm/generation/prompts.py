"""What may be a prompt: a text or its token ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.plan import Ids
from ferrolm.tokenizers import Tokenizer

__all__ = ["Prompt", "ids_of", "is_ids"]

Prompt = str | Sequence[int] | NDArray[np.integer[Any]]


def is_ids(value: Any) -> bool:
    """Whether this is one prompt of ids, not several prompts.

    >>> is_ids([5, 6]), is_ids(np.array([5, 6])), is_ids([[5, 6]]), is_ids("text")
    (True, True, False, False)
    """
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and (value.dtype.kind in "iu" or not value.size)
    return (
        isinstance(value, Sequence)
        and bool(value)
        and all(isinstance(item, int | np.integer) for item in value)
    )


def ids_of(prompt: Prompt, tokenizer: Tokenizer, vocab_size: int, *, add_special_tokens: bool) -> Ids:
    """The ids of a prompt, int64; raises for what is neither a text nor ids below ``vocab_size``."""
    if isinstance(prompt, str):
        return tokenizer.encode_ids(prompt, add_special_tokens=add_special_tokens).astype(np.int64)
    if not is_ids(prompt):
        raise InvalidTypeError(f"prompt is {type(prompt).__name__}, expected text or token ids")
    ids = np.asarray(prompt, dtype=np.int64)
    if len(ids) and not 0 <= ids.min() <= ids.max() < vocab_size:
        raise InvalidArgumentError(
            f"prompt has ids from {ids.min()} to {ids.max()}, expected 0 to {vocab_size - 1}"
        )
    return ids
