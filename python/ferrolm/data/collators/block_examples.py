"""`BlockExamples`: a stream of tokens, cut into examples of equal length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ferrolm.data.collators.padding import Example
from ferrolm.errors import InvalidArgumentError

__all__ = ["BlockExamples"]


class BlockExamples(Sequence[Example]):
    """The tokens of a file in blocks, read when they are asked for; what is left at the end is not seen.

    A block may hold the end of one document and the start of the next. For `MaskedLanguageModelingCollator` and
    `SpanCorruptionCollator`; causal language models have `BlockSampler` and `PackedBatches`.

    >>> blocks = BlockExamples(np.arange(10), 4, before=[90], after=[91])
    >>> len(blocks), blocks[1]["input_ids"].tolist()
    (2, [90, 4, 5, 6, 7, 91])
    """

    def __init__(
        self,
        tokens: npt.NDArray[Any],
        length: int,
        *,
        before: Sequence[int] = (),
        after: Sequence[int] = (),
    ) -> None:
        """``tokens``: [count], may be memory-mapped; ``length``: of a block; ``before``, ``after``: ids put around each."""
        if length < 1 or len(tokens) < length:
            raise InvalidArgumentError(
                f"length is {length}, expected 1 to {len(tokens)}, the number of tokens"
            )
        self.tokens, self.length = tokens, length
        self._before, self._after = np.array(before, np.int32), np.array(after, np.int32)

    def __len__(self) -> int:
        return len(self.tokens) // self.length

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"block {index} of {len(self)}")
        start = index % len(self) * self.length
        block = self.tokens[start : start + self.length].astype(np.int32)
        return {"input_ids": np.concatenate([self._before, block, self._after])}

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))
