"""`TokenClassificationCollator`: words with a label each, spread to the tokens of the words, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ferrolm.data.batches import Batch
from ferrolm.data.collators.padding import (
    Collator,
    Example,
    Ids,
    label_number,
    optional_numbers,
    pad_rows,
    tensors,
)
from ferrolm.data.collators.spelling import pad_letters, spelling
from ferrolm.errors import InvalidArgumentError, ShapeError

if TYPE_CHECKING:
    from ferrolm.tokenizers import Tokenizer

__all__ = ["TokenClassificationCollator"]


class TokenClassificationCollator(Collator):
    """Batches for `BertForTokenClassification`: a word's label goes to its first token, -100 (not scored) elsewhere.

    >>> import ferrolm
    >>> from ferrolm.tokenizers import models
    >>> tokenizer = ferrolm.Tokenizer(models.WordPiece({"[PAD]": 0, "[UNK]": 1, "new": 2, "##er": 3, "york": 4}, unk_token="[UNK]"))
    >>> collate = TokenClassificationCollator(tokenizer, label_names=["O", "B-LOC", "I-LOC"])
    >>> examples = collate.encode([["newer", "york"]], labels=[["B-LOC", "I-LOC"]])
    >>> collate(examples)["input_ids"].tolist(), collate(examples)["labels"].tolist()
    ([[2, 3, 4]], [[1, -100, 2]])
    >>> collate.word_labels(examples[0], [1, 0, 2])
    ['B-LOC', 'I-LOC']
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        label_names: Sequence[str] | None = None,
        label_all: bool = False,
        max_length: int | None = None,
        pad_to_multiple_of: int = 1,
        token_type_ids: bool = True,
        case_types: bool = False,
        characters: bool = False,
    ) -> None:
        """Settings of `Collator`, and the labels.

        Args:
            tokenizer, max_length, pad_to_multiple_of, token_type_ids: see `Collator`.
            label_names: those of labels 0, 1, ...; labels may then be names.
            label_all: score all tokens of a word. After the first, ``B-X`` becomes ``I-X`` where there is such a name.
            case_types: the token type of a word with a capital letter is 1, which an uncased tokenizer does not tell; for models
                whose configuration has ``case_token_types``.
            characters: make ``character_ids``, int64 [rows, time, letters], of the word that each token is of: code points,
                at most the first 24, 0 after the last and at special tokens; for models that have a ``character_size``.

        Raises `InvalidArgumentError` for case_types without token_type_ids.
        """
        if case_types and not token_type_ids:
            raise InvalidArgumentError("case_types is set, but the model takes no token_type_ids")
        super().__init__(
            tokenizer,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            token_type_ids=token_type_ids,
        )
        self.label_names = None if label_names is None else list(label_names)
        self.label_all = label_all
        self.case_types, self.characters = case_types, characters
        names = self.label_names or []
        inside = {number: "I-" + name[2:] for number, name in enumerate(names) if name.startswith("B-")}
        # By label: what its word's further tokens have.
        self._further = np.array(
            [
                names.index(inside[number]) if inside.get(number) in names else number
                for number in range(len(names))
            ],
            np.int64,
        )

    def encode(
        self, texts: Sequence[Sequence[str]], labels: Sequence[Sequence[Any]] | None = None
    ) -> list[Example]:
        """Examples of texts that are split into words; labels: a name or a number for each word.

        An example keeps ``word_ids``, the word of each token, -1 for special tokens. A word of no token (white space) and those
        beyond ``max_length`` have no place in it. Raises `InvalidArgumentError` where labels and words differ in number.
        """
        encoded = self._encode([list(words) for words in texts], is_split_into_words=True)
        examples = self._examples(encoded)
        for example, encoding in zip(examples, encoded.encodings, strict=True):
            example["word_ids"] = optional_numbers(encoding.word_ids)
        for example, words in zip(examples, texts, strict=True):
            example |= spelling(
                words, example["word_ids"], case_types=self.case_types, characters=self.characters
            )
        if labels is not None:
            if len(labels) != len(examples):
                raise InvalidArgumentError(f"labels: found {len(labels)} rows for {len(examples)} texts")
            for row, (words, given) in enumerate(zip(texts, labels, strict=True)):
                if len(words) != len(given):
                    raise InvalidArgumentError(
                        f"labels: text {row} has {len(words)} words, but {len(given)} labels"
                    )
                numbers = np.array([label_number(label, self.label_names) for label in given], np.int64)
                examples[row]["labels"] = self._spread(numbers, examples[row]["word_ids"])
        return examples

    def _spread(self, labels: Ids, word_ids: npt.NDArray[np.int32]) -> Ids:
        first = _first_tokens(word_ids)
        if not len(labels):
            return np.full(len(word_ids), -100, np.int64)
        spread = labels[word_ids]
        if self.label_all:
            further = self._further[spread] if len(self._further) else spread
            return np.where(word_ids < 0, -100, np.where(first, spread, further))
        return np.where(first, spread, -100)

    def word_labels(self, example: Example, predicted: npt.ArrayLike) -> list[Any]:
        """The label of each word of an example, by name where there are names: that of its first token.

        predicted: numbers of labels, [time], padding allowed. Words beyond ``max_length`` have none.
        """
        numbers = np.asarray(predicted)
        first = _first_tokens(example["word_ids"])
        if numbers.ndim != 1 or len(numbers) < len(first):
            raise ShapeError(f"predicted has shape {list(numbers.shape)}, expected [{len(first)}] or more")
        chosen = numbers[: len(first)][first].tolist()
        names = self.label_names
        return chosen if names is None else [names[number] for number in chosen]

    def __call__(self, examples: Sequence[Example], random: np.random.Generator | None = None) -> Batch:
        """What a model reads, and ``labels`` int64 [rows, time]; nothing is random here."""
        arrays = self._inputs(examples)
        if self.characters:
            arrays["character_ids"] = pad_letters(
                [example["character_ids"] for example in examples], arrays["input_ids"].shape[1]
            )
        if "labels" in examples[0]:
            arrays["labels"] = pad_rows(
                [example["labels"] for example in examples], -100, multiple_of=self._multiple
            )
        return tensors(arrays)


def _first_tokens(word_ids: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    before = np.concatenate([[-1], word_ids[:-1]])
    first: npt.NDArray[np.bool_] = (word_ids >= 0) & (word_ids != before)
    return first
