"""Counting n-grams."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.ngram._inputs import Ids, text_or_ids
from ferrolm.ngram._limited import UNLIMITED, Limit, limit, run
from ferrolm.ngram._pieces import Source
from ferrolm.ngram._training import check_vocab_size

__all__ = ["NgramCounts", "count"]


def count(
    ids_or_texts: Any,
    orders: int | Iterable[int] = (1, 2, 3, 4, 5),
    *,
    markers: bool = False,
    vocab_size: int | None = None,
    memory: int | str | None = None,
    directory: str | os.PathLike[str] | None = None,
    temporary_directory: str | os.PathLike[str] | None = None,
    show_progress: bool | None = None,
) -> NgramCounts:
    """Count the n-grams of ``orders`` (each 1 to 64) within sentences or documents, never across their borders.

    ``ids_or_texts`` is text, split into words at ASCII white space: a string (one sentence a line), a path (such a
    file, UTF-8, perhaps ``.gz``) or an iterable of strings (one sentence each). Or it is token ids: an array (one
    document), a two-dimensional array (one document a row), an object with ``ids`` and ``offsets`` such as
    `ferrolm.RaggedIds`, or a list of lists of ids.

    One sort of all positions gives the n-grams of all orders; it runs on all threads with the same result for any
    number of them. Takes about 25 bytes of memory per token beside the result.

    With ``markers`` the sentence markers ``<s>`` and ``</s>`` are counted as well, as `NgramLM.from_counts` needs them;
    ids then need a ``vocab_size``, after which the markers are numbered.

    With ``memory`` the text may have any size: it is read piece by piece, and n-grams that do not fit into so many
    bytes (a number, or ``"2GB"``, or ``"50%"`` of the machine's) are sorted in files. The result is the same; its
    arrays are then mapped from a file. Beside ``memory`` the words themselves are kept, and a piece of input. The
    source may also be an open binary file, or several paths, also ``.bz2``, ``.xz`` and ``.zst``.

    - ``temporary_directory``: where the files go, by default where the system has temporary files. They have no
      names: nothing of them is left, even if the process is killed.
    - ``directory``: a new or empty directory for named files instead. Work that was interrupted or killed goes on
      where it was when it is called again with the same source and options; the directory is removed in the end.
    - ``show_progress``: bars on standard error; None: if that is a terminal.

    >>> counts = count([[7, 8, 7, 8], [8, 7]], orders=(1, 2))
    >>> counts[7, 8], counts[8, 8], counts.keys(2).tolist(), counts.values(2).tolist()
    (2, 0, [[7, 8], [8, 7]], [2, 2])
    """
    chosen = [orders] if isinstance(orders, int) else list(orders)
    for order in chosen:
        if not isinstance(order, int) or order < 1:
            raise InvalidArgumentError(f"orders has {order!r}, but orders are integers from 1 on")
    if vocab_size is not None and not markers:
        raise InvalidArgumentError(f"vocab_size is {vocab_size}, but only markers=True uses it")
    bounds = limit(memory, directory, temporary_directory, show_progress)
    if bounds is None and markers:
        bounds = UNLIMITED
    if bounds is not None:
        return _count_limited(ids_or_texts, chosen, markers, vocab_size, bounds)
    source = text_or_ids(ids_or_texts)
    if isinstance(source, Ids):
        return NgramCounts(_rust.NgramCounts.of_ids(source.ids, source.offsets, chosen))
    return NgramCounts(_rust.NgramCounts.of_text(source, chosen))


def _count_limited(
    source: Any, orders: list[int], markers: bool, vocab_size: int | None, bounds: Limit
) -> NgramCounts:
    def make(opened: Source) -> _rust.NgramTask:
        check_vocab_size(vocab_size, opened.over_ids)
        work = f"count orders {sorted(set(orders))} {markers} {vocab_size} of {opened.description}"
        place = (bounds.memory, bounds.directory, bounds.temporary_directory, work)
        return _rust.NgramTask.counting(orders, markers, opened.over_ids, vocab_size, *place)

    return NgramCounts(run(source, bounds, "counting", make).counts())


def _of_bytes(content: bytes) -> NgramCounts:
    return NgramCounts(_rust.NgramCounts.from_bytes(content))


class NgramCounts:
    """Distinct n-grams of some orders with how often each occurs; made by `count`, `load` or `merge`.

    N-grams are sorted by the numbers of their words; words are numbered as they first appear in the text.
    """

    def __init__(self, core: _rust.NgramCounts) -> None:
        self._core = core

    @property
    def orders(self) -> tuple[int, ...]:
        """The counted orders, rising."""
        return tuple(self._core.orders())

    @property
    def num_tokens(self) -> int:
        """How many words or ids were counted."""
        return self._core.tokens()

    @cached_property
    def words(self) -> list[str] | None:
        """The words by number, or None if ids were counted."""
        return self._core.words()

    def __len__(self) -> int:
        """The number of distinct n-grams of all orders together."""
        return sum(self._core.sizes())

    def keys(self, order: int) -> NDArray[np.uint32]:
        """The n-grams of ``order``, sorted: uint32 [n, order], a read-only view."""
        return self._core.arrays(order)[0].reshape(-1, order)

    def values(self, order: int) -> NDArray[np.uint64]:
        """How often each n-gram of ``order`` occurs, in the order of `keys`: uint64 [n], a read-only view."""
        return self._core.arrays(order)[1]

    def __getitem__(self, ngram: str | int | Sequence[str] | Sequence[int]) -> int:
        """How often ``ngram`` occurs, 0 if never: a tuple of words or ids, one id, or words separated by spaces."""
        if isinstance(ngram, int):
            ngram = (ngram,)
        if isinstance(ngram, str):
            ngram = tuple(ngram.split())
        if self.words is not None:
            if not all(isinstance(word, str) for word in ngram):
                raise InvalidTypeError(f"words were counted, but the n-gram is {ngram!r}")
            return self._core.get_words(list(ngram))  # type: ignore[arg-type]
        if not all(isinstance(number, int | np.integer) for number in ngram):
            raise InvalidTypeError(f"ids were counted, but the n-gram is {ngram!r}")
        if any(not 0 <= int(number) < 1 << 32 for number in ngram):
            return 0
        return self._core.get_ids([int(number) for number in ngram])

    def most_common(self, n: int = 10, order: int | None = None) -> list[tuple[tuple[Any, ...], int]]:
        """The ``n`` most frequent n-grams of ``order`` (default: the highest) with their counts.

        Ties come in the order of `keys`. N-grams are tuples of words, or of ids if ids were counted.
        """
        if n < 0:
            raise InvalidArgumentError(f"n is {n}, but must not be negative")
        order = self.orders[-1] if order is None else order
        keys, counts = self._core.most_common(n, order)
        words = self.words
        named: Sequence[Any] = keys if words is None else [words[number] for number in keys]
        return [(tuple(named[i * order : (i + 1) * order]), value) for i, value in enumerate(counts)]

    def at_least(self, count: int) -> NgramCounts:
        """The n-grams that occur at least ``count`` times; words keep their numbers.

        >>> sorted(count(["a b a b"], orders=(1, 2)).at_least(2).most_common(order=2))
        [(('a', 'b'), 2)]
        """
        if count < 0:
            raise InvalidArgumentError(f"count is {count}, but must not be negative")
        return NgramCounts(self._core.at_least(count))

    def merge(self, other: NgramCounts) -> NgramCounts:
        """The counts of both texts together, as if ``other``'s text had been counted after this one's.

        Both must have the same orders, and both words or both ids.

        >>> whole = count(["a b", "b c"], orders=2)
        >>> parts = count("a b", orders=2).merge(count("b c", orders=2))
        >>> parts == whole
        True
        """
        return NgramCounts(self._core.merge(other._core))

    def __eq__(self, other: object) -> bool:
        """Same orders, n-grams, counts and words."""
        if not isinstance(other, NgramCounts):
            return NotImplemented
        return (
            self.orders == other.orders
            and self.words == other.words
            and all(np.array_equal(self.keys(order), other.keys(order)) for order in self.orders)
            and all(np.array_equal(self.values(order), other.values(order)) for order in self.orders)
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return _of_bytes, (self._core.to_bytes(),)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a binary file (with a checksum), whole or not at all."""
        self._core.save(Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, mmap: bool = False) -> NgramCounts:
        """Read what `save` wrote; raises `InvalidFileError` if the file is damaged or of another kind.

        With ``mmap`` the file's pages are used in place: nothing is copied, but the file must not be changed or
        truncated while the counts live, which could end the process.
        """
        return cls(_rust.NgramCounts.load(Path(path), mmap))

    def __repr__(self) -> str:
        sizes = ", ".join(
            f"{order}: {size}" for order, size in zip(self.orders, self._core.sizes(), strict=True)
        )
        return f"NgramCounts({{{sizes}}}, num_tokens={self.num_tokens})"
