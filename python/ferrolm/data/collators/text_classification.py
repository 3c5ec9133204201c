"""`TextClassificationCollator`: texts, or pairs of texts, with a class, several classes, or a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ferrolm.data.batches import Batch
from ferrolm.data.collators.padding import Collator, Example, label_number, tensors
from ferrolm.errors import InvalidArgumentError, nearest

if TYPE_CHECKING:
    from ferrolm.tokenizers import Tokenizer

__all__ = ["PROBLEM_TYPES", "TextClassificationCollator"]

PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")


class TextClassificationCollator(Collator):
    """Batches for `BertForSequenceClassification`; ``problem_type`` is what its configuration has under this name.

    >>> import ferrolm
    >>> from ferrolm.tokenizers import models, pre_tokenizers
    >>> tokenizer = ferrolm.Tokenizer(models.WordLevel({"[PAD]": 0, "bad": 1, "good": 2, "very": 3}))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> collate = TextClassificationCollator(tokenizer, label_names=["negative", "positive"])
    >>> examples = collate.encode(["very good", "bad"], labels=["positive", "negative"])
    >>> batch = collate(examples)
    >>> batch["input_ids"].tolist(), batch["attention_mask"].tolist(), batch["labels"].tolist()
    ([[3, 2], [1, 0]], [[1, 1], [1, 0]], [1, 0])
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        label_names: Sequence[str] | None = None,
        problem_type: str = "single_label_classification",
        max_length: int | None = None,
        pad_to_multiple_of: int = 1,
        token_type_ids: bool = True,
    ) -> None:
        """Settings of `Collator`, and the labels.

        Args:
            tokenizer, max_length, pad_to_multiple_of, token_type_ids: see `Collator`.
            label_names: those of labels 0, 1, ...; labels may then be names. Several labels for a text need them.
            problem_type: one of `PROBLEM_TYPES`.
        """
        super().__init__(
            tokenizer,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            token_type_ids=token_type_ids,
        )
        if problem_type not in PROBLEM_TYPES:
            raise InvalidArgumentError(
                f"problem_type is {problem_type!r}, expected one of {', '.join(PROBLEM_TYPES)}"
                f"{nearest(str(problem_type), PROBLEM_TYPES)}"
            )
        self.label_names = None if label_names is None else list(label_names)
        self.problem_type = problem_type
        if problem_type == "multi_label_classification" and self.label_names is None:
            raise InvalidArgumentError(f"label_names is None, expected the labels of a {problem_type}")

    def encode(
        self,
        texts: Sequence[str],
        text_pairs: Sequence[str] | None = None,
        labels: Iterable[Any] | None = None,
    ) -> list[Example]:
        """Examples of texts, or of pairs, which are cut to ``max_length`` from the longer of the two.

        labels: for each text a name or number of a class; several of them, in a list; or, for a regression, a number or a
        list of numbers. None for texts to be classified.
        """
        examples = self._examples(self._encode(texts, text_pairs))
        if labels is not None:
            given = list(labels)
            if len(given) != len(examples):
                raise InvalidArgumentError(f"labels: found {len(given)} for {len(examples)} texts")
            for example, label in zip(examples, given, strict=True):
                example["labels"] = self._label(label)
        return examples

    def _label(self, label: Any) -> Any:
        if self.problem_type == "single_label_classification":
            return label_number(label, self.label_names)
        if self.problem_type == "regression":
            return np.asarray(label, np.float32)
        assert self.label_names is not None
        if isinstance(label, str):
            raise InvalidArgumentError(f"label is {label!r}, expected a list of labels")
        several = np.zeros(len(self.label_names), np.float32)
        several[[label_number(each, self.label_names) for each in label]] = 1
        return several

    def __call__(self, examples: Sequence[Example], random: np.random.Generator | None = None) -> Batch:
        """``input_ids``, ``attention_mask``, ``token_type_ids`` where there are such, int64 [rows, time]; and ``labels``.

        Labels are int64 [rows], or float32 [rows] (a number) or [rows, labels]; nothing is random here.
        """
        arrays = self._inputs(examples)
        if "labels" in examples[0]:
            whole = self.problem_type == "single_label_classification"
            arrays["labels"] = np.array(
                [example["labels"] for example in examples], np.int64 if whole else np.float32
            )
        return tensors(arrays)
