"""In which order examples are shown: by similarity, or by what the model makes of the order (Lu et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice, permutations
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.demonstrations.balance import label_entropy
from ferrolm.errors import InvalidArgumentError

__all__ = ["Entropy", "by_entropy", "by_similarity", "candidate_orders"]

Entropy = Literal["global", "local"]


def by_similarity(selected: ArrayLike, scores: ArrayLike, *, ascending: bool = True) -> NDArray[np.int64]:
    """The selected positions by their scores; ascending puts the most similar one last, next to the query.

    scores: of the selected ones, the same shape.

    >>> by_similarity([4, 7, 9], [0.5, 0.9, 0.1]).tolist()
    [9, 4, 7]
    """
    positions = np.asarray(selected, np.int64)
    order = np.argsort(np.asarray(scores, np.float64), kind="stable")
    return positions[order if ascending else order[::-1]]


def candidate_orders(count: int, limit: int = 24, *, seed: int = 0) -> list[tuple[int, ...]]:
    """Different orders of ``count`` examples: all if there are at most ``limit``, else that many at random.

    >>> len(candidate_orders(3)), len(candidate_orders(8, 10)), len(set(candidate_orders(8, 10)))
    (6, 10, 10)
    """
    if count < 0 or limit < 1:
        raise InvalidArgumentError(f"count is {count} and limit {limit}, expected at least 0 and 1")
    few = list(islice(permutations(range(min(count, 8))), limit + 1)) if count <= 8 else []
    if few and len(few) <= limit:
        return few
    generator = np.random.default_rng(seed)
    found: dict[tuple[int, ...], None] = {}
    while len(found) < limit:
        found[tuple(generator.permutation(count).tolist())] = None
    return list(found)


def by_entropy(
    orders: Sequence[Sequence[int]],
    probabilities: Callable[[Sequence[int]], ArrayLike],
    entropy: Entropy = "global",
) -> list[tuple[int, ...]]:
    """Orders of examples, the best first, by how varied the answers to probes are: no labels are needed.

    An order that makes the model say one label to everything is a bad one. "global" (GlobalE) is the entropy of the labels
    predicted for all probes; "local" (LocalE) the mean entropy of each prediction's probabilities.

    Args:
        orders: as `candidate_orders` gives them.
        probabilities: of the labels for some probe queries after examples in a given order, (probes, labels). The paper's
            probes are texts that the model writes itself after the examples.
        entropy: which of the two.

    >>> answers = {(0, 1): [[0.9, 0.1], [0.8, 0.2]], (1, 0): [[0.7, 0.3], [0.4, 0.6]]}
    >>> by_entropy([(0, 1), (1, 0)], lambda order: answers[tuple(order)])
    [(1, 0), (0, 1)]
    """
    if entropy not in get_args(Entropy):
        raise InvalidArgumentError(f"entropy is {entropy!r}, expected one of {', '.join(get_args(Entropy))}")
    measured = []
    for place, order in enumerate(orders):
        table = np.asarray(probabilities(order), np.float64)
        if entropy == "global":
            value = label_entropy(table.argmax(axis=1).tolist())
        else:
            value = float(-(table * np.log2(np.maximum(table, 1e-300))).sum(axis=1).mean())
        measured.append((-value, place, tuple(order)))
    return [order for _, _, order in sorted(measured)]
