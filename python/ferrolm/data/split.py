"""Examples into parts for training, validation and test."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np

from ferrolm.data._proportions import fair_order, whole_shares
from ferrolm.errors import InvalidArgumentError

__all__ = ["split"]

_Example = TypeVar("_Example")


def split(
    examples: Sequence[_Example],
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    *,
    stratify: Callable[[_Example], Hashable] | None = None,
) -> tuple[list[_Example], ...]:
    """Parts of the examples, at random and the same for a seed; each keeps the order of the examples.

    Args:
        examples: all of them.
        fractions: of each part, above 0 and of sum 1; sizes are off by less than one example.
        seed: another one makes other parts.
        stratify: the class of an example; each part gets its share of each class, give or take two examples.

    Raises:
        InvalidArgumentError: fractions that are no such numbers, or a part that would be empty.

    >>> train, test = split(range(10), (0.8, 0.2), stratify=lambda number: number % 2)
    >>> train, test
    ([0, 1, 3, 4, 6, 7, 8, 9], [2, 5])
    """
    if not fractions or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise InvalidArgumentError(f"fractions are {tuple(fractions)}, expected numbers above 0 of sum 1")
    sizes = whole_shares(fractions, len(examples))
    if min(sizes) == 0:
        raise InvalidArgumentError(
            f"fractions {tuple(fractions)} of {len(examples)} examples leave a part empty"
        )
    order = np.random.default_rng(seed).permutation(len(examples)).tolist()
    if stratify is not None:
        classes: dict[Hashable, int] = {}
        numbers = [classes.setdefault(stratify(example), len(classes)) for example in examples]
        order.sort(key=lambda index: numbers[index])
    # Going through one class after the other, the parts take turns: at the end of each class all have their shares of it.
    part_of = np.empty(len(examples), dtype=np.int64)
    part_of[order] = fair_order(sizes)
    return tuple(
        [examples[index] for index in np.flatnonzero(part_of == part).tolist()] for part in range(len(sizes))
    )
