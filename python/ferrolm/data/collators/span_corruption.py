"""`SpanCorruptionCollator`: spans of a text become sentinels, and the target says what stood there.

Raffel et al. 2020, "T5", section 3.1.4, with the lengths and the draws of ``random_spans_noise_mask`` of its code. A block of
``tokens_length`` tokens becomes inputs of a fixed length and targets of another, the same for all blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ferrolm.data.batches import Batch
from ferrolm.data.collators.block_examples import BlockExamples
from ferrolm.data.collators.padding import Collator, Example, Ids, pad_rows, tensors
from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.tokenizers import Tokenizer

__all__ = ["SpanCorruptionCollator", "noise_mask", "span_corruption_lengths"]


def span_corruption_lengths(
    input_length: int, noise_density: float = 0.15, mean_span_length: float = 3.0
) -> tuple[int, int]:
    """How many tokens fill inputs of ``input_length``, and how long their targets are; both with an end token.

    >>> span_corruption_lengths(512)
    (568, 114)
    """

    def lengths(tokens: int) -> tuple[int, int]:
        noise, spans = _noise(tokens, noise_density, mean_span_length)
        return tokens - noise + spans + 1, noise + spans + 1

    _check(noise_density, mean_span_length)
    if input_length < lengths(2)[0]:
        raise InvalidArgumentError(f"input_length is {input_length}, expected {lengths(2)[0]} or more")
    tokens = 2
    while lengths(tokens + 1)[0] <= input_length:
        tokens += 1
    return tokens, lengths(tokens)[1]


def _check(noise_density: float, mean_span_length: float) -> None:
    if not 0 < noise_density < 1 or mean_span_length < 1:
        raise InvalidArgumentError(
            f"noise_density is {noise_density} and mean_span_length {mean_span_length}, "
            "expected more than 0 and less than 1, and 1 or more"
        )


def _noise(tokens: int, density: float, mean: float) -> tuple[int, int]:
    """Tokens that are noise, one at least and not all, and the spans that they make, between which others stand."""
    noise = min(max(round(tokens * density), 1), tokens - 1)
    return noise, min(max(round(noise / mean), 1), tokens - noise)


def noise_mask(
    rows: int,
    length: int,
    random: np.random.Generator,
    noise_density: float = 0.15,
    mean_span_length: float = 3.0,
) -> npt.NDArray[np.bool_]:
    """Which tokens are noise, bool [rows, length]: as many spans and as many tokens in each row, none at its start.

    All ways to cut noise and the rest into so many spans are equally likely.

    >>> noise_mask(1, 12, np.random.default_rng(0), 0.3, 2.0).astype(int).tolist()
    [[0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1]]
    """
    if length < 2:
        raise InvalidArgumentError(f"{length} tokens, expected 2 or more to hide one of")
    noise, spans = _noise(length, noise_density, mean_span_length)
    kept, hidden = (_parts(rows, count, spans, random) for count in (length - noise, noise))
    ends = np.stack([kept, hidden], axis=2).reshape(rows, 2 * spans).cumsum(1)
    changes = np.zeros((rows, length), np.int64)
    np.put_along_axis(changes, ends[:, :-1], 1, axis=1)
    mask: npt.NDArray[np.bool_] = changes.cumsum(1) % 2 == 1
    return mask


def _parts(rows: int, count: int, parts: int, random: np.random.Generator) -> Ids:
    """``count`` cut into ``parts`` of one or more, at random: [rows, parts]."""
    cuts = random.permuted(np.tile(np.arange(count - 1) < parts - 1, (rows, 1)), axis=1)
    places = np.nonzero(cuts)[1].reshape(rows, parts - 1) + 1
    return np.diff(places, axis=1, prepend=0, append=count)


class SpanCorruptionCollator(Collator):
    """Batches for `T5ForConditionalGeneration` from text without labels.

    >>> import ferrolm
    >>> from ferrolm.tokenizers import models, pre_tokenizers
    >>> names = ["<pad>", "</s>", *"abcdefgh", "<extra_id_1>", "<extra_id_0>"]
    >>> tokenizer = ferrolm.Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}))
    >>> collate = SpanCorruptionCollator(tokenizer, noise_density=0.5, mean_span_length=2.0)
    >>> batch = collate([{"input_ids": np.arange(2, 10)}], np.random.default_rng(0))
    >>> [tokenizer.id_to_token(number) for number in batch["input_ids"][0].tolist()]
    ['a', 'b', '<extra_id_0>', 'f', 'g', '<extra_id_1>', '</s>']
    >>> [tokenizer.id_to_token(number) for number in batch["labels"][0].tolist()]
    ['<extra_id_0>', 'c', 'd', 'e', '<extra_id_1>', 'h', '</s>']
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        noise_density: float = 0.15,
        mean_span_length: float = 3.0,
        first_sentinel_id: int | None = None,
        num_sentinels: int | None = None,
        end_token: str | None = "</s>",
        pad_to_multiple_of: int = 1,
    ) -> None:
        """Settings of `Collator`, the noise and its sentinels.

        Args:
            tokenizer, pad_to_multiple_of: see `Collator`.
            noise_density: share of the tokens that are hidden.
            mean_span_length: in tokens.
            first_sentinel_id: the sentinel of the first span; those of the next count down from it. By default the ids of
                ``<extra_id_0>``, ``<extra_id_1>`` and so on.
            num_sentinels: spans at most; given with ``first_sentinel_id``.
            end_token: ends inputs and targets; None for nothing.
        """
        super().__init__(tokenizer, pad_to_multiple_of=pad_to_multiple_of, token_type_ids=False)
        _check(noise_density, mean_span_length)
        self.noise_density, self.mean_span_length = noise_density, mean_span_length
        if first_sentinel_id is None:
            first_sentinel_id, num_sentinels = _sentinels(tokenizer)
        self.first_sentinel_id = first_sentinel_id
        self.num_sentinels = first_sentinel_id + 1 if num_sentinels is None else num_sentinels
        end = None if end_token is None else tokenizer.token_to_id(end_token)
        if end is None and end_token is not None:
            raise InvalidArgumentError(f"end_token {end_token!r} is not in the tokenizer's vocabulary")
        self._end: list[int] = [] if end is None else [end]

    def blocks(self, tokens: npt.NDArray[Any], input_length: int = 512) -> BlockExamples:
        """The tokens of a token file, in blocks that become inputs of ``input_length`` with their sentinels and end."""
        length, _ = span_corruption_lengths(input_length, self.noise_density, self.mean_span_length)
        return BlockExamples(tokens, length)

    def encode(self, texts: Sequence[str]) -> list[Example]:
        """Examples of texts, one for each, without special tokens; those of fewer than two tokens are left out."""
        rows = self.tokenizer.encode_ids_batch(list(texts), add_special_tokens=False)
        return [{"input_ids": row.astype(np.int32)} for row in rows if len(row) > 1]

    def __call__(self, examples: Sequence[Example], random: np.random.Generator) -> Batch:
        """``input_ids`` and ``attention_mask`` [rows, time], ``labels`` [rows, target time], -100 after their ends.

        Raises `InvalidArgumentError` for an example of less than two tokens or of more spans than there are sentinels.
        """
        lengths = np.fromiter((len(example["input_ids"]) for example in examples), np.int64, len(examples))
        inputs: list[Any] = [None] * len(examples)
        targets: list[Any] = [None] * len(examples)
        for length in np.unique(lengths).tolist():  # rows of one length are made together: blocks all have it
            rows = np.flatnonzero(lengths == length).tolist()
            ids = np.stack([examples[row]["input_ids"] for row in rows]).astype(np.int64)
            mask = noise_mask(len(rows), length, random, self.noise_density, self.mean_span_length)
            both = self._with_sentinels(ids, mask), self._with_sentinels(ids, ~mask)
            for row, source, target in zip(rows, *both, strict=True):
                inputs[row], targets[row] = source, target
        arrays = self._inputs([{"input_ids": row} for row in inputs])
        arrays["labels"] = pad_rows(targets, -100, multiple_of=self._multiple)
        return tensors(arrays)

    def _with_sentinels(self, ids: Ids, hidden: npt.NDArray[np.bool_]) -> Ids:
        """The rows with each span that is hidden, as many in each row, replaced by its sentinel, and the end."""
        first = hidden.copy()
        first[:, 1:] &= ~hidden[:, :-1]
        numbers = first.cumsum(1) - 1
        spans = int(numbers[0, -1]) + 1
        if spans > self.num_sentinels:
            raise InvalidArgumentError(
                f"an example of {ids.shape[1]} tokens has {spans} spans, but there are {self.num_sentinels} sentinels"
            )
        shown = np.where(first, self.first_sentinel_id - numbers, ids)[~hidden | first].reshape(len(ids), -1)
        return np.hstack([shown, np.tile(np.array(self._end, np.int64), (len(ids), 1))])


def _sentinels(tokenizer: Tokenizer) -> tuple[int, int]:
    """The id of ``<extra_id_0>`` and how many follow it, counting down."""
    first = tokenizer.token_to_id("<extra_id_0>")
    if first is None:
        raise InvalidArgumentError("the tokenizer has no <extra_id_0>: expected a first_sentinel_id")
    count = 1
    while first >= count and tokenizer.token_to_id(f"<extra_id_{count}>") == first - count:
        count += 1
    return first, count
