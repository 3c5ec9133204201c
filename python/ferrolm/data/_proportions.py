"""Orders in which things take turns so that each has its share at any time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

__all__ = ["fair_order", "whole_shares"]


def whole_shares(weights: Sequence[float | Fraction], total: int) -> list[int]:
    """Whole numbers with the sum ``total`` in proportion to ``weights``, by the largest remainders."""
    exact = [Fraction(weight) for weight in weights]
    quotas = [weight * total / sum(exact) for weight in exact]
    shares = [int(quota) for quota in quotas]
    remainders = sorted(range(len(shares)), key=lambda one: (shares[one] - quotas[one], one))
    for one in remainders[: total - sum(shares)]:
        shares[one] += 1
    return shares


def fair_order(counts: Sequence[int], ties: Sequence[int] | None = None) -> npt.NDArray[np.int64]:
    """Numbers 0 ... k - 1, each as often as ``counts`` says, int64 [sum(counts)].

    After any prefix of n, number i has occurred n * counts[i] / sum(counts) times, give or take less than 1: the chairman
    assignment of Tijdeman (1980, Discrete Mathematics 32). ``ties``: who comes first where several could, a permutation.

    >>> fair_order([2, 1, 1]).tolist()
    [0, 1, 2, 0]
    """
    total, known = sum(counts), [number for number, count in enumerate(counts) if count]
    rank = list(range(len(counts))) if ties is None else [list(ties).index(i) for i in range(len(counts))]
    if len(known) < 2:
        return np.full(total, known[0] if known else 0, dtype=np.int64)
    order = np.empty(total, dtype=np.int64)
    done = [0] * len(counts)
    # In units of 1 / (total * slack), so that all is whole: a turn may be taken slack - 1 of slack parts ahead of its time.
    slack = 2 * len(known) - 2
    for turn in range(total):
        # Those for whom a turn now is not too early; of them the one that has to have it first.
        open_to = [i for i in known if slack * (counts[i] * (turn + 1) - total * done[i]) >= total]
        chosen = min(open_to, key=lambda i: (_deadline(counts[i], done[i], total, slack), rank[i]))
        order[turn] = chosen
        done[chosen] += 1
    return order


def _deadline(count: int, done: int, total: int, slack: int) -> int:
    """The last turn after which ``done + 1`` turns are still not late."""
    return -(-(total * (slack * (done + 1) - 1)) // (slack * count))
