"""Several texts in one row, with little padding and without one seeing the other: `PackedExamples`, `PackingCollator`.

A batch has ``document_ids``, by which `CausalLM.forward` starts positions anew and hides other texts. Which texts share a row is
chosen by best fit, longest first, as in Ding et al. 2024, "Fewer Truncations Improve Language Modeling": at most 11/9 of the rows
that would be needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ferrolm.data.batches import Batch
from ferrolm.data.collators.padding import Example, Ids, example_lengths, tensors
from ferrolm.errors import InvalidArgumentError

__all__ = ["PackedExamples", "PackingCollator", "pack_lengths"]


def pack_lengths(lengths: npt.ArrayLike, capacity: int) -> list[Ids]:
    """Which items share a row of ``capacity``: for each row the numbers of its items, int64.

    Each goes, the longest first, where least room is left after it. Takes about 1 µs an item. Raises `InvalidArgumentError`
    for an item that is longer than a row, or empty.

    >>> [row.tolist() for row in pack_lengths([2, 5, 3, 4, 1], 6)]
    [[1, 4], [3, 0], [2]]
    """
    sizes = np.asarray(lengths, np.int64)
    wrong = np.flatnonzero((sizes > capacity) | (sizes < 1))
    if len(wrong):
        first = int(wrong[0])
        raise InvalidArgumentError(
            f"item {first} has length {sizes[first]}, expected 1 to {capacity}, the capacity"
        )
    rows: list[list[int]] = []
    by_room: list[list[int]] = [[] for _ in range(capacity + 1)]  # numbers of the rows with so much room
    rooms = 0  # bit r is set where there is such a row
    order = np.argsort(-sizes, kind="stable")
    for item, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        fitting = rooms >> size
        if fitting:
            room = size + (fitting & -fitting).bit_length() - 1
            row = by_room[room].pop()
            if not by_room[room]:
                rooms &= ~(1 << room)
            rows[row].append(item)
        else:
            room, row = capacity, len(rows)
            rows.append([item])
        by_room[room - size].append(row)
        rooms |= 1 << (room - size)
    return [np.array(row, np.int64) for row in rows]


class PackedExamples(Sequence[list[Example]]):
    """Examples in rows: element ``i`` is the list of those that share row ``i``.

    An example has ``input_ids`` and, where not all tokens are to be learnt, ``labels`` of the same length, -100 where they are
    not. It takes up a place less than it has tokens, because the last is no input; those of a single token are left out.

    >>> packed = PackedExamples([{"input_ids": [1, 2, 3]}, {"input_ids": [4, 5]}, {"input_ids": [6, 7, 8]}], capacity=4)
    >>> [[example["input_ids"] for example in row] for row in packed]
    [[[1, 2, 3], [6, 7, 8]], [[4, 5]]]
    """

    def __init__(
        self, examples: Sequence[Example], capacity: int, *, lengths: npt.ArrayLike | None = None
    ) -> None:
        """``capacity``: of a row, in inputs; ``lengths``: tokens of each example, where counting them here would take long.

        Raises `InvalidArgumentError` for an example of more than ``capacity + 1`` tokens.
        """
        self.examples, self.capacity = examples, capacity
        inputs = (example_lengths(examples) if lengths is None else np.asarray(lengths, np.int64)) - 1
        kept = np.flatnonzero(inputs > 0)
        if len(inputs) and int(inputs.max()) > capacity:
            number = int(inputs.argmax())
            raise InvalidArgumentError(
                f"example {number} has {inputs[number] + 1} tokens, expected {capacity + 1} at most for a capacity of {capacity}"
            )
        rows = [kept[row] for row in pack_lengths(inputs[kept], capacity)]
        self._order = np.concatenate(rows) if rows else kept
        self._offsets = np.cumsum([0, *(len(row) for row in rows)])
        self.input_count = int(inputs[kept].sum())

    @property
    def fill(self) -> float:
        """The share of the places that are no padding."""
        return self.input_count / max(1, len(self) * self.capacity)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> list[Example]: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[Example]]: ...
    def __getitem__(self, index: int | slice) -> list[Example] | list[list[Example]]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        start, stop = self._offsets[index % len(self) :][:2]
        return [self.examples[number] for number in self._order[start:stop].tolist()]

    def __iter__(self) -> Iterator[list[Example]]:
        return (self[index] for index in range(len(self)))


class PackingCollator:
    """Batches for a `CausalLM` of rows of `PackedExamples`; all are ``capacity`` wide.

    >>> batch = PackingCollator(5)([[{"input_ids": [1, 2, 3]}, {"input_ids": [4, 5]}]])
    >>> batch["input_ids"].tolist(), batch["shift_labels"].tolist(), batch["document_ids"].tolist()
    ([[1, 2, 4, 0, 0]], [[2, 3, 5, -100, -100]], [[0, 0, 1, -1, -1]])
    """

    def __init__(self, capacity: int, pad_token_id: int = 0) -> None:
        """``capacity``: places of a row. ``pad_token_id``: of those that are left, which are not scored and not seen."""
        self.capacity, self.pad_token_id = capacity, pad_token_id

    def __call__(self, rows: Sequence[Sequence[Example]], random: np.random.Generator | None = None) -> Batch:
        """int64 [rows, capacity]: ``input_ids``; ``shift_labels``, the token after each; ``document_ids``, -1 for padding.

        The last token of a text is no input and the first no label, so that none is predicted from another text. Nothing
        is random here.
        """
        shape = (len(rows), self.capacity)
        ids = np.full(shape, self.pad_token_id, np.int64)
        labels, documents = np.full(shape, -100, np.int64), np.full(shape, -1, np.int64)
        for row, examples in enumerate(rows):
            counts = [len(example["input_ids"]) - 1 for example in examples]
            used = sum(counts)
            if used > self.capacity:
                raise InvalidArgumentError(
                    f"row {row} has {used} inputs, more than the capacity of {self.capacity}"
                )
            ids[row, :used] = _joined([example["input_ids"][:-1] for example in examples])
            labels[row, :used] = _joined(
                [
                    (example["labels"] if "labels" in example else example["input_ids"])[1:]
                    for example in examples
                ]
            )
            documents[row, :used] = np.repeat(np.arange(len(examples)), counts)
        return tensors({"input_ids": ids, "shift_labels": labels, "document_ids": documents})


def _joined(parts: list[Any]) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
