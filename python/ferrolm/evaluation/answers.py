"""Agreement of answers with true ones, as SQuAD's script has it (Rajpurkar et al. 2016)."""

from __future__ import annotations

import re
import string
from collections import Counter

__all__ = ["answer_f1", "normalized_answer"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalized_answer(text: str) -> str:
    """Lower case, without punctuation and articles, and with single spaces: SQuAD's script.

    >>> normalized_answer("The  Eiffel-Tower!")
    'eiffeltower'
    """
    bare = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def answer_f1(found: str, true: str) -> float:
    """F1 of the words of two answers; 1 where both are empty.

    >>> answer_f1("the big tower", "a tower in Paris")
    0.4
    """
    one, other = normalized_answer(found).split(), normalized_answer(true).split()
    if not one or not other:
        return float(one == other)
    shared = sum((Counter(one) & Counter(other)).values())
    return 2 * shared / (len(one) + len(other))
