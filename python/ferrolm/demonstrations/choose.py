"""Selectors by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ferrolm.demonstrations.coverage import CoverageSelector
from ferrolm.demonstrations.diversity import DPPSelector, KMeansSelector
from ferrolm.demonstrations.selectors import (
    BM25Selector,
    MMRSelector,
    NearestSelector,
    RandomSelector,
    Selector,
)
from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest

__all__ = ["METHODS", "Method", "select", "selector"]

Method = Literal["random", "bm25", "coverage", "nearest", "mmr", "dpp", "k-means"]
METHODS = get_args(Method)
_KINDS: dict[str, type[Selector]] = {
    "random": RandomSelector,
    "bm25": BM25Selector,
    "coverage": CoverageSelector,
    "nearest": NearestSelector,
    "mmr": MMRSelector,
    "dpp": DPPSelector,
    "k-means": KMeansSelector,
}


def selector(pool: Sequence[str], method: Method = "bm25", **settings: Any) -> Selector:
    """The selector of a name, with the arguments of its class: ``seed``, ``embed``, ``relevance`` ...

    Raises:
        UnknownNameError: there is no such method.
        InvalidArgumentError: an argument is not one of the class, or ``embed`` is missing.
    """
    if method not in _KINDS:
        raise UnknownNameError(
            f"method {method!r} is not one of {', '.join(METHODS)}{nearest(method, METHODS)}"
        )
    try:
        return _KINDS[method](pool, **settings)
    except TypeError as error:
        raise InvalidArgumentError(f"method {method!r}: {str(error).partition(' ')[2]}") from None


def select(
    pool: Sequence[str], query: str, k: int, method: Method = "bm25", **settings: Any
) -> NDArray[np.int64]:
    """Positions in ``pool`` of the ``k`` best examples for one query, best first.

    For many queries make a `selector` once. Arguments and errors are those of `selector` and of `Selector.select`.

    >>> pool = ["a fine film", "a dull film", "the soup was cold", "what fine acting"]
    >>> [pool[position] for position in select(pool, "what a fine film!", 2)]
    ['a fine film', 'what fine acting']
    """
    return selector(pool, method, **settings).select(query, k)
