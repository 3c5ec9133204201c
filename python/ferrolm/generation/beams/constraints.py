"""Words that must come: what ``force_words_ids`` and ``constraints`` say, and how far a text has got with it.

``force_words_ids`` is a list: of ids of a word that must come, ``[[5, 6], [7]]``, or of lists of words of which one must
come, ``[[[5, 6], [8]], [[7]]]``. ``constraints`` holds the same as `PhrasalConstraint` and `DisjunctiveConstraint`, those of
transformers 4 too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.config import GenerationConfig

__all__ = ["Constraints", "DisjunctiveConstraint", "PhrasalConstraint", "Progress"]

Trie = dict[int, Any]


@dataclass(frozen=True)
class PhrasalConstraint:
    """These tokens must come, one after the other."""

    token_ids: Sequence[int]


@dataclass(frozen=True)
class DisjunctiveConstraint:
    """One of these words must come."""

    token_ids: Sequence[Sequence[int]]


class Constraints:
    """All that must come, each as a trie of its words.

    >>> constraints = Constraints([[[5, 6], [8]], [[7]]], vocab_size=10)
    >>> progress = constraints.begin().after(5)
    >>> progress.next_tokens(), progress.bank, progress.after(6).after(7).is_complete
    ([6], 1, True)
    """

    def __init__(self, words: Sequence[Sequence[Sequence[int]]], vocab_size: int) -> None:
        self.tries = [_trie(each, vocab_size) for each in words]
        self.heights = [max(map(len, each)) for each in words]

    @classmethod
    def of(cls, config: GenerationConfig, vocab_size: int) -> Constraints | None:
        """What the settings ask for; None if that is nothing."""
        if config.constraints:
            given = [getattr(each, "token_ids", None) for each in config.constraints]
            if any(each is None for each in given):
                raise InvalidTypeError(
                    f"constraints is {config.constraints!r}, expected PhrasalConstraint and DisjunctiveConstraint"
                )
        else:
            given = list(config.force_words_ids or ())
        if not given:
            return None
        return cls([_words(each) for each in given], vocab_size)

    def begin(self) -> Progress:
        """Nothing has come."""
        return Progress(self, tuple(range(len(self.tries))), None, ())


@dataclass(frozen=True)
class Progress:
    """How far a text has got: what is ``pending``, and the word that it is within."""

    constraints: Constraints
    pending: tuple[int, ...]
    current: int | None
    prefix: tuple[int, ...]

    @property
    def is_complete(self) -> bool:
        return not self.pending and self.current is None

    @property
    def bank(self) -> int:
        """How much has come, in tokens, where a complete word counts as much as the longest one."""
        height = max(self.constraints.heights)
        done = len(self.constraints.tries) - len(self.pending) - (self.current is not None)
        within = 0
        if self.current is not None:
            within = height - (self.constraints.heights[self.current] - len(self.prefix))
        return done * height + within

    def next_tokens(self) -> list[int]:
        """Tokens that would bring it further."""
        if self.current is not None:
            return list(self._node())
        return [token for place in self.pending for token in self.constraints.tries[place]]

    def after(self, token: int) -> Progress:
        """With one token more. One that does not go on with a word within which the text was undoes that word."""
        if self.current is None:
            for place in self.pending:
                if token in self.constraints.tries[place]:
                    rest = tuple(other for other in self.pending if other != place)
                    return self._within(rest, place, (token,))
            return self
        if token in self._node():
            return self._within(self.pending, self.current, (*self.prefix, token))
        return Progress(self.constraints, (*self.pending, self.current), None, ())

    def _within(self, pending: tuple[int, ...], place: int, prefix: tuple[int, ...]) -> Progress:
        longer = Progress(self.constraints, pending, place, prefix)
        return longer if longer._node() else Progress(self.constraints, pending, None, ())

    def _node(self) -> Trie:
        assert self.current is not None
        node = self.constraints.tries[self.current]
        for token in self.prefix:
            node = node[token]
        return node


def _words(given: Any) -> list[list[int]]:
    """The words of one constraint, of which one has to come."""
    if not isinstance(given, list | tuple) or not given:
        raise InvalidTypeError(f"force_words_ids has {given!r}, expected ids of a word, or a list of words")
    words = [given] if isinstance(given[0], int | np.integer) else given
    if any(not isinstance(word, list | tuple) or not word for word in words):
        raise InvalidTypeError(f"force_words_ids has {given!r}, expected words of at least one id")
    return [[int(token) for token in word] for word in words]


def _trie(words: Sequence[Sequence[int]], vocab_size: int) -> Trie:
    root: Trie = {}
    for word in words:
        node = root
        for token in word:
            if not 0 <= token < vocab_size:
                raise InvalidArgumentError(f"force_words_ids has id {token}, expected 0 to {vocab_size - 1}")
            node = node.setdefault(token, {})
    if _leaves(root) != len(words):
        raise InvalidArgumentError(
            f"force_words_ids has {list(map(list, words))}, in which one word begins with another: the longer "
            "one would never count"
        )
    return root


def _leaves(node: Trie) -> int:
    return sum(map(_leaves, node.values())) if node else 1
