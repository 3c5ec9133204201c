"""`Collator`: what the collators share, from texts to ids and from rows of ids to padded tensors.

A collator has ``encode``, which makes examples of what a user has, once, and is called with some of them and a generator for each
batch. Examples are dictionaries of small arrays, so that a list of them, a slice of one, or a sequence that reads them from a
disk serve alike. Padding is on the right, ids are int64, and ``attention_mask`` is 1 for tokens and 0 for padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ferrolm._extras import require
from ferrolm.data.batches import Batch
from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest

if TYPE_CHECKING:
    from ferrolm.tokenizers import Tokenizer

__all__ = [
    "Collator",
    "Example",
    "Ids",
    "example_lengths",
    "label_number",
    "optional_numbers",
    "pad_rows",
    "tensors",
]

Example: TypeAlias = dict[str, Any]
Ids: TypeAlias = npt.NDArray[np.int64]

# What examples keep their ids in: half of what a batch has them in.
_KEPT = np.int32


def pad_rows(rows: Sequence[Any], value: int = 0, *, multiple_of: int = 1, length: int = 0) -> Ids:
    """Rows of different lengths in one int64 array [rows, longest], ``value`` after their ends.

    The width is ``length`` at least, and rounded up to a multiple of ``multiple_of``.

    >>> pad_rows([[1, 2], [3]], -100).tolist()
    [[1, 2], [3, -100]]
    """
    lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
    width = -(-max(int(lengths.max(initial=0)), length) // multiple_of) * multiple_of
    padded = np.full((len(rows), width), value, np.int64)
    if len(rows):
        padded[np.arange(width) < lengths[:, None]] = np.concatenate(rows)
    return padded


def example_lengths(examples: Sequence[Example], name: str = "input_ids") -> Ids:
    """How many tokens examples have under ``name``, int64 [examples]: the ``lengths`` of `ExampleBatches`.

    >>> example_lengths([{"input_ids": [4, 5]}, {"input_ids": [6]}]).tolist()
    [2, 1]
    """
    return np.fromiter((len(example[name]) for example in examples), np.int64, len(examples))


def optional_numbers(values: Sequence[int | None]) -> npt.NDArray[np.int32]:
    """Numbers of which some are None, as in the ``word_ids`` of an `Encoding`, as an array with -1 there.

    >>> optional_numbers([None, 0, 1, 1, None]).tolist()
    [-1, 0, 1, 1, -1]
    """
    return np.nan_to_num(np.array(values, np.float64), nan=-1).astype(np.int32)


def tensors(arrays: dict[str, npt.NDArray[Any]]) -> Batch:
    """The arrays as tensors of torch, without copying."""
    torch = require("torch", extra="torch", purpose="collating batches")
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def label_number(label: Any, names: Sequence[str] | None) -> int:
    """The number of a label, given by it or by its name.

    Raises `UnknownNameError` for a name that is not among ``names`` and `InvalidArgumentError` for other numbers.
    """
    if isinstance(label, str):
        if names is None:
            raise InvalidArgumentError(f"label {label!r} is a name: expected label_names, or a number")
        if label not in names:
            shown = ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
            raise UnknownNameError(f"label {label!r} is none of {shown}{nearest(label, names)}")
        return names.index(label)
    number = int(label)
    if number != label or number < 0 or (names is not None and number >= len(names)):
        wanted = "0 or more" if names is None else f"0 to {len(names) - 1}"
        raise InvalidArgumentError(f"label is {label!r}, expected a whole number, {wanted}")
    return number


class Collator:
    """A tokenizer with the settings of how its ids become rows of a batch."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        max_length: int | None = None,
        pad_to_multiple_of: int = 1,
        token_type_ids: bool = True,
    ) -> None:
        """How texts become rows.

        Args:
            tokenizer: with a padding token; its post-processor adds the special tokens.
            max_length: tokens of a row at most, special ones included; what is more is cut on the right.
            pad_to_multiple_of: lengths of batches are rounded up to a multiple, of 8 for the units of a GPU.
            token_type_ids: False for models that refuse them (DistilBERT). Rows whose types are all 0 have none.
        """
        if pad_to_multiple_of < 1 or (max_length is not None and max_length < 1):
            raise InvalidArgumentError(
                f"max_length and pad_to_multiple_of must be positive, not {max_length} and {pad_to_multiple_of}"
            )
        self.tokenizer, self.max_length = tokenizer, max_length
        self._multiple, self._types = pad_to_multiple_of, token_type_ids

    @property
    def pad_token_id(self) -> int:
        """Of the tokenizer. Raises `InvalidArgumentError` where it has no padding token."""
        found = self.tokenizer.pad_token_id
        if found is None:
            raise InvalidArgumentError(
                "the tokenizer has no padding token; set one, for example tokenizer.pad_token = '<|endoftext|>'"
            )
        return found

    def _encode(self, texts: Sequence[Any], text_pairs: Sequence[Any] | None = None, **options: Any) -> Any:
        """A `BatchEncoding` of all texts, neither padded nor of more tokens than ``max_length``."""
        options.setdefault("truncation", self.max_length is not None)
        return self.tokenizer.batch(
            list(texts),
            None if text_pairs is None else list(text_pairs),
            max_length=self.max_length,
            return_token_type_ids=True,
            **options,
        )

    def _examples(self, encoded: Any) -> list[Example]:
        """Examples of a `BatchEncoding`, with what a model reads."""
        examples: list[Example] = []
        for ids, types in zip(encoded["input_ids"], encoded["token_type_ids"], strict=True):
            example = {"input_ids": np.array(ids, _KEPT)}
            if self._types and any(types):
                example["token_type_ids"] = np.array(types, np.int8)
            examples.append(example)
        return examples

    def _inputs(self, examples: Sequence[Example], name: str = "input_ids") -> dict[str, npt.NDArray[Any]]:
        """``input_ids``, ``attention_mask`` and, where a row has them, ``token_type_ids``: int64 [rows, longest]."""
        rows = [example[name] for example in examples]
        ids = pad_rows(rows, self.pad_token_id, multiple_of=self._multiple)
        lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        inputs = {
            "input_ids": ids,
            "attention_mask": (np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int64),
        }
        if any("token_type_ids" in example for example in examples):
            types = [
                example.get("token_type_ids", np.zeros(len(row), np.int8))
                for example, row in zip(examples, rows, strict=True)
            ]
            inputs["token_type_ids"] = pad_rows(types, multiple_of=self._multiple)
        return inputs
