"""How many guesses of a draft to verify: as many as their right ones save more than they cost.

A pass over g guesses costs ``1 + cost * g`` passes over one token and gives 1 + a1 + a1 a2 + ... tokens, where ``ai`` is how
often guess i is right if those before it are. These frequencies are learned while the text is made. A guess that is not
verified teaches too, because the token that is drawn tells whether it was right: a draft that is of no use is
listened to at no cost, until it is.
"""

from __future__ import annotations

from collections import defaultdict

__all__ = ["Acceptance"]

# A guess counts half as much as one that came this many guesses later.
_HALF_LIFE = 24
_FADE = 0.5 ** (1 / _HALF_LIFE)
# Guesses that are thought to have been seen, and the right ones among them: first guesses, and those after a right one.
_PRIOR = 2.0
_PRIOR_RIGHT = {False: 0.8, True: 1.4}


class Acceptance:
    """The frequencies of one text, by source of the guesses, and apart for guesses that follow a right one.

    >>> acceptance = Acceptance(cost=0.1)
    >>> for _ in range(20):
    ...     acceptance.note("model", right=False)
    >>> acceptance.length("model", most=5)
    0
    >>> for _ in range(20):
    ...     acceptance.note("model", right=True)
    >>> acceptance.length("model", most=5)
    5
    """

    def __init__(self, cost: float) -> None:
        self._cost = cost
        self._seen: defaultdict[tuple[str, bool], list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._follows = False

    def length(self, source: str, most: int) -> int:
        """How many of ``most`` guesses give most tokens for their cost; 0 if none does."""
        best, best_rate = 0, 1.0
        tokens, reached = 1.0, 1.0
        for length in range(1, most + 1):
            reached *= self._frequency(source, self._follows if length == 1 else True)
            tokens += reached
            rate = tokens / (1.0 + self._cost * length)
            if rate > best_rate:
                best, best_rate = length, rate
        return best

    def note(self, source: str, right: bool) -> None:
        """The next guess, all before it having been right, was right or not; verified or not."""
        seen = self._seen[source, self._follows]
        seen[0] = seen[0] * _FADE + right
        seen[1] = seen[1] * _FADE + 1.0
        self._follows = right

    def _frequency(self, source: str, follows: bool) -> float:
        right, seen = self._seen[source, follows]
        return (right + _PRIOR_RIGHT[follows]) / (seen + _PRIOR)
