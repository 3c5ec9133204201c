"""`ContrastivePairsCollator`: texts that belong together, and perhaps others that look as if they did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ferrolm.data.batches import Batch
from ferrolm.data.collators.padding import Collator, Example, tensors
from ferrolm.errors import InvalidArgumentError

__all__ = ["ContrastivePairsCollator"]


class ContrastivePairsCollator(Collator):
    """Batches for `ferrolm.training.InBatchNegatives`: anchors, their positives, and hard negatives if there are any.

    >>> import ferrolm
    >>> from ferrolm.tokenizers import models, pre_tokenizers
    >>> tokenizer = ferrolm.Tokenizer(models.WordLevel({"[PAD]": 0, "a": 1, "b": 2, "c": 3}))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> collate = ContrastivePairsCollator(tokenizer)
    >>> batch = collate(collate.encode(["a b", "c"], ["a", "c c"], [["b"], ["b b"]]))
    >>> batch["input_ids"].tolist(), batch["positive_input_ids"].tolist(), batch["negative_input_ids"].tolist()
    ([[1, 2], [3, 0]], [[1, 0], [3, 3]], [[[2, 0]], [[2, 2]]])
    """

    def encode(
        self,
        anchors: Sequence[str],
        positives: Sequence[str],
        negatives: Sequence[Sequence[str]] | None = None,
    ) -> list[Example]:
        """Examples of texts; negatives: for each anchor as many texts, which do not belong to it."""
        examples = self._examples(self._encode(anchors))
        self._check("positives", len(positives), len(anchors))
        for example, positive in zip(examples, self._examples(self._encode(positives)), strict=True):
            example["positive"] = positive
        if negatives is not None:
            self._check("negatives", len(negatives), len(anchors))
            count = len(negatives[0]) if negatives else 0
            if count == 0 or any(len(each) != count for each in negatives):
                found = sorted({len(each) for each in negatives})
                raise InvalidArgumentError(
                    f"negatives: found rows of {found} texts, expected as many for each anchor"
                )
            flat = self._examples(self._encode([text for each in negatives for text in each]))
            for row, example in enumerate(examples):
                example["negatives"] = flat[row * count : (row + 1) * count]
        return examples

    @staticmethod
    def _check(name: str, found: int, expected: int) -> None:
        if found != expected:
            raise InvalidArgumentError(f"{name}: found {found} rows for {expected} anchors")

    def __call__(self, examples: Sequence[Example], random: np.random.Generator | None = None) -> Batch:
        """The inputs of the anchors; those of the positives, their names after ``positive_``; those after ``negative_``.

        int64 [rows, time], each kind as wide as its longest; negatives [rows, negatives of each, time]. Nothing is random.
        """
        arrays = self._inputs(examples)
        others = {"positive": [example["positive"] for example in examples]}
        if "negatives" in examples[0]:
            others["negative"] = [other for example in examples for other in example["negatives"]]
        for kind, rows in others.items():
            for name, array in self._inputs(rows).items():
                shape = (len(examples), -1, array.shape[1]) if kind == "negative" else array.shape
                arrays[f"{kind}_{name}"] = array.reshape(shape)
        return tensors(arrays)
