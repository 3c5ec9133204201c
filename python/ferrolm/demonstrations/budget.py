"""As many examples as fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["within_budget"]


def within_budget(
    selected: ArrayLike, pool: Sequence[str], count_tokens: Callable[[Sequence[str]], ArrayLike], budget: int
) -> NDArray[np.int64]:
    """Those of the ``selected`` examples, in their order, whose tokens together fit ``budget``.

    An example that no longer fits is passed over, and shorter ones after it are still taken.

    Args:
        selected: positions in ``pool``, best first.
        pool: the texts.
        count_tokens: from texts to their numbers of tokens, such as ``Tokenizer.count_tokens``.
        budget: tokens for all examples together.

    >>> pool = ["a b c", "d e f g h", "i j"]
    >>> within_budget([0, 1, 2], pool, lambda texts: [len(text.split()) for text in texts], 5).tolist()
    [0, 2]
    """
    if budget < 0:
        raise InvalidArgumentError(f"budget is {budget} tokens, expected at least 0")
    positions = np.asarray(selected, dtype=np.int64)
    if not positions.size:
        return positions
    counts = np.asarray(count_tokens([pool[position] for position in positions]))
    if counts.shape != positions.shape:
        raise ShapeError(f"count_tokens gave shape {counts.shape} for {positions.size} texts")
    fits = []
    for count in counts.tolist():
        fits.append(count <= budget)
        budget -= count if fits[-1] else 0
    return positions[fits]
