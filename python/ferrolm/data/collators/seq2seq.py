"""`Seq2SeqCollator`: a source and the target that a model makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ferrolm.data.batches import Batch
from ferrolm.data.collators.padding import Collator, Example, pad_rows, tensors
from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.tokenizers import Tokenizer

__all__ = ["Seq2SeqCollator"]


class Seq2SeqCollator(Collator):
    """Batches for `Seq2SeqLM`, which makes the decoder's inputs of the labels.

    >>> import ferrolm
    >>> from ferrolm.tokenizers import models, pre_tokenizers
    >>> tokenizer = ferrolm.Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "a": 2, "b": 3}))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    >>> collate = Seq2SeqCollator(tokenizer, end_token="</s>")
    >>> batch = collate(collate.encode(["a b", "b"], ["b a", "b"]))
    >>> batch["input_ids"].tolist(), batch["labels"].tolist()
    ([[2, 3, 1], [3, 1, 0]], [[3, 2, 1], [3, 1, -100]])
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        target_tokenizer: Tokenizer | None = None,
        prefix: str = "",
        end_token: str | None = None,
        max_length: int | None = None,
        max_target_length: int | None = None,
        pad_to_multiple_of: int = 1,
    ) -> None:
        """Settings of `Collator`, and the target.

        Args:
            tokenizer, max_length, pad_to_multiple_of: see `Collator`.
            target_tokenizer: of the targets, by default the same.
            prefix: text before each source, such as ``"summarize: "`` for a T5.
            end_token: ends each source and target, also one that is cut; None where the post-processor adds it, as T5's does.
            max_target_length: of the targets, in tokens; None for ``max_length``.
        """
        super().__init__(
            tokenizer, max_length=max_length, pad_to_multiple_of=pad_to_multiple_of, token_type_ids=False
        )
        self.prefix, self.end_token = prefix, end_token
        self._targets = Collator(
            target_tokenizer or tokenizer,
            max_length=max_length if max_target_length is None else max_target_length,
            token_type_ids=False,
        )

    def encode(self, sources: Sequence[str], targets: Sequence[str] | None = None) -> list[Example]:
        """Examples of texts; targets: None for sources alone."""
        examples = self._ended(self, [self.prefix + source for source in sources])
        if targets is not None:
            if len(targets) != len(sources):
                raise InvalidArgumentError(f"targets: found {len(targets)} texts for {len(sources)}")
            for example, target in zip(examples, self._ended(self._targets, targets), strict=True):
                example["labels"] = target["input_ids"]
        return examples

    def _ended(self, collator: Collator, texts: Sequence[str]) -> list[Example]:
        examples = collator._examples(collator._encode(texts))
        if self.end_token is not None:
            end = collator.tokenizer.token_to_id(self.end_token)
            if end is None:
                raise InvalidArgumentError(
                    f"end_token {self.end_token!r} is not in the tokenizer's vocabulary"
                )
            keep = None if collator.max_length is None else collator.max_length - 1
            for example in examples:
                example["input_ids"] = np.append(example["input_ids"][:keep], np.int32(end))
        return examples

    def __call__(self, examples: Sequence[Example], random: np.random.Generator | None = None) -> Batch:
        """``input_ids`` and ``attention_mask`` [rows, source time], ``labels`` [rows, target time], -100 after their ends."""
        arrays = self._inputs(examples)
        if "labels" in examples[0]:
            arrays["labels"] = pad_rows(
                [example["labels"] for example in examples], -100, multiple_of=self._multiple
            )
        return tensors(arrays)
