"""The options of `NgramLM.train`, brought into the forms that the core reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram._inputs import Ids, Text, read_text

Smoothing: TypeAlias = Literal["kneser-ney", "witten-bell", "absolute", "add-k", "stupid-backoff"]
Vocabulary: TypeAlias = str | os.PathLike[str] | Iterable[str] | Iterable[int]


class Options(NamedTuple):
    """What the core is told, in its order."""

    order: int
    method: tuple[str, list[float]]
    thresholds: list[int]
    interpolate_unigrams: bool
    discount_fallback: tuple[float, float, float] | None
    vocabulary: Text | None


def options(
    order: int,
    method: tuple[str, list[float]],
    prune: int | Sequence[int],
    interpolate_unigrams: bool,
    discount_fallback: tuple[float, float, float] | None,
    vocabulary: Vocabulary | None,
) -> Options:
    """The options of training, once each is found to fit the core's types."""
    check_fallback(discount_fallback)
    words = vocabulary_text(vocabulary)
    return Options(order, method, thresholds(order, prune), interpolate_unigrams, discount_fallback, words)


def method(
    smoothing: str,
    discount: float | Sequence[float] | None,
    k: float | None,
    backoff_factor: float | None,
) -> tuple[str, list[float]]:
    """The method's name and its numbers; options of other methods are refused."""
    given = {"discount": discount, "k": k, "backoff_factor": backoff_factor}
    own = {"absolute": "discount", "add-k": "k", "stupid-backoff": "backoff_factor"}.get(smoothing)
    for name, value in given.items():
        if value is not None and name != own:
            raise InvalidArgumentError(f"{name} is {value}, but the smoothing is {smoothing!r}")
    if smoothing == "absolute":
        if discount is None:
            return smoothing, []
        numbers = [float(discount)] if isinstance(discount, int | float) else [float(d) for d in discount]
        if not numbers:
            raise InvalidArgumentError("discount is empty, but must be one number or one for each order")
        return smoothing, numbers
    if smoothing == "add-k":
        return smoothing, [1.0 if k is None else float(k)]
    if smoothing == "stupid-backoff":
        return smoothing, [0.4 if backoff_factor is None else float(backoff_factor)]
    return smoothing, []


def vocabulary_text(vocabulary: Vocabulary | None) -> Text | None:
    """The words of a vocabulary as text: the content of a file, or words (ids: their digits)."""
    if vocabulary is None:
        return None
    if isinstance(vocabulary, str | os.PathLike):
        return read_text(Path(vocabulary))
    items: list[str] = []
    for number, item in enumerate(vocabulary):
        if not isinstance(item, str | int | np.integer):
            raise InvalidTypeError(f"vocabulary: item {number} is {type(item).__name__}, expected str or int")
        items.append(str(item))
    return items


def thresholds(order: int, prune: int | Sequence[int]) -> list[int]:
    """The pruning thresholds, once they and the order are found to fit the core's types."""
    chosen = [prune] if isinstance(prune, int) else list(prune)
    if order < 1 or any(not isinstance(t, int) or not 0 <= t < 1 << 32 for t in chosen):
        raise InvalidArgumentError(
            f"order is {order} and prune {prune}, but must be positive and not negative"
        )
    return chosen


def check_fallback(discounts: tuple[float, float, float] | None) -> None:
    """Raise unless the discounts are ones that counts of 1, 2 and 3 can have."""
    if discounts is None:
        return
    if len(discounts) != 3 or any(not 0 <= d <= j for j, d in enumerate(discounts, 1)):
        message = f"discount_fallback is {discounts}, but must be three numbers in 0 to 1, 0 to 2 and 0 to 3"
        raise InvalidArgumentError(message)


def vocab_size_of(source: Ids, vocab_size: int | None) -> int:
    """The given size, or the largest id plus one."""
    check_vocab_size(vocab_size, over_ids=True)
    if vocab_size is None:
        return int(source.ids.max()) + 1 if len(source.ids) else 0
    return vocab_size


def check_vocab_size(vocab_size: int | None, over_ids: bool) -> None:
    """Raise unless there is none, or one for ids that fits the core's type."""
    if vocab_size is None:
        return
    if not over_ids:
        raise InvalidArgumentError("vocab_size is for models over ids, but text was given")
    if not 0 <= vocab_size < 1 << 32:
        raise InvalidArgumentError(f"vocab_size is {vocab_size}, but must fit into 32 bits")
