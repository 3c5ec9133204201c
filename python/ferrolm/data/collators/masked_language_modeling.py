"""`MaskedLanguageModelingCollator`: tokens are hidden anew for each batch, and are to be told from those around them.

Devlin et al. 2018, "BERT", section 3.1: of the chosen tokens eight in ten become the mask, one in ten another token, one stays.
Drawn for each batch as in Liu et al. 2019, "RoBERTa"; words as a whole as in the BERTs published in May 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ferrolm.data.batches import Batch
from ferrolm.data.collators.padding import Collator, Example, Ids, optional_numbers, pad_rows, tensors
from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.tokenizers import Tokenizer

__all__ = ["MaskedLanguageModelingCollator", "Masking", "special_ids"]

_MASKS = ("[MASK]", "<mask>")


def special_ids(tokenizer: Tokenizer) -> Ids:
    """The ids of the special tokens, int64, ascending."""
    found = [number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special]
    return np.array(sorted(found), np.int64)


class Masking:
    """Chooses tokens of a batch and hides them.

    >>> masking = Masking(mask_token_id=9, replacements=np.arange(8), special=np.array([8, 9]))
    >>> ids = np.array([[8, 3, 4, 5, 6, 8]])
    >>> inputs, labels = masking(ids, np.random.default_rng(4))
    >>> inputs.tolist(), labels.tolist()
    ([[8, 3, 4, 9, 6, 8]], [[-100, -100, -100, 5, -100, -100]])
    """

    def __init__(
        self,
        mask_token_id: int,
        replacements: npt.ArrayLike,
        special: npt.ArrayLike,
        *,
        probability: float = 0.15,
        mask_share: float = 0.8,
        random_share: float = 0.1,
    ) -> None:
        """What is drawn, and how often.

        Args:
            mask_token_id: what hides a token.
            replacements: ids of the tokens that may stand in for another.
            special: ids that are never chosen, padding among them.
            probability: of each token, or each word, to be chosen.
            mask_share, random_share: of the chosen tokens, those that are hidden and those replaced; the others stay.
        """
        if not 0 < probability < 1:
            raise InvalidArgumentError(f"probability is {probability}, expected more than 0 and less than 1")
        if mask_share < 0 or random_share < 0 or mask_share + random_share > 1:
            raise InvalidArgumentError(
                f"mask_share and random_share are {mask_share} and {random_share}, expected shares of 1 together"
            )
        self.mask_token_id = mask_token_id
        self._replacements, self._special = np.asarray(replacements, np.int64), np.asarray(special, np.int64)
        self._probability, self._mask_share, self._random_share = probability, mask_share, random_share

    @classmethod
    def of(cls, tokenizer: Tokenizer, mask_token: str | None = None, **shares: float) -> Masking:
        """With the ids of a tokenizer; mask_token: by default "[MASK]" or "<mask>", whichever it has."""
        names = _MASKS if mask_token is None else (mask_token,)
        known = [number for name in names if (number := tokenizer.token_to_id(name)) is not None]
        if not known:
            raise InvalidArgumentError(
                f"the tokenizer has no {' or '.join(names)}: expected a mask_token of its own"
            )
        special = special_ids(tokenizer)
        vocabulary = np.setdiff1d(np.arange(tokenizer.get_vocab_size()), [*special, known[0]])
        return cls(known[0], vocabulary, [*special, known[0]], **shares)

    def __call__(
        self, ids: Ids, random: np.random.Generator, words: npt.NDArray[Any] | None = None
    ) -> tuple[Ids, Ids]:
        """The ids [rows, time] with tokens hidden, and the labels: the hidden ids, -100 elsewhere.

        words: a number for each token; neighbours with the same are one word, chosen as a whole. Where the draw chooses no
        token, one is taken nevertheless: a batch without a target has no loss.
        """
        maskable = ~np.isin(ids, self._special)
        draws = random.random(ids.shape)
        if words is not None:
            draws = np.take_along_axis(draws, _word_of(words), axis=1)
        chosen = maskable & (draws < self._probability)
        if not chosen.any() and maskable.any():
            chosen = maskable & (draws == draws[maskable].min())
        how = random.random(ids.shape)
        others = random.choice(self._replacements, ids.shape)
        hidden = chosen & (how < self._mask_share)
        replaced = chosen & ~hidden & (how < self._mask_share + self._random_share)
        inputs = np.where(hidden, self.mask_token_id, np.where(replaced, others, ids))
        return inputs, np.where(chosen, ids, -100)


def _word_of(words: npt.NDArray[Any]) -> Ids:
    """The number of each token's word in its row, from 0."""
    starts = np.ones(words.shape, np.int64)
    starts[:, 1:] = words[:, 1:] != words[:, :-1]
    numbers: Ids = starts.cumsum(1) - 1
    return numbers


class MaskedLanguageModelingCollator(Collator):
    """Batches for `BertForMaskedLM`, of texts, or of blocks of a token file (`BlockExamples`).

    >>> import ferrolm
    >>> from ferrolm.tokenizers import models, pre_tokenizers
    >>> tokenizer = ferrolm.Tokenizer(models.WordLevel({"a": 0, "b": 1, "c": 2}))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> tokenizer.add_special_tokens(["[PAD]", "[MASK]"])
    2
    >>> collate = MaskedLanguageModelingCollator(tokenizer, probability=0.4)
    >>> batch = collate(collate.encode(["a b c a b c", "c b"]), np.random.default_rng(0))
    >>> batch["input_ids"].tolist()
    [[0, 4, 4, 4, 1, 2], [2, 1, 3, 3, 3, 3]]
    >>> batch["labels"].tolist()
    [[-100, 1, 2, 0, -100, -100], [-100, -100, -100, -100, -100, -100]]
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        probability: float = 0.15,
        whole_words: bool = False,
        mask_token: str | None = None,
        mask_share: float = 0.8,
        random_share: float = 0.1,
        max_length: int | None = None,
        pad_to_multiple_of: int = 1,
        token_type_ids: bool = True,
    ) -> None:
        """Settings of `Collator` and of `Masking`.

        Args:
            tokenizer, max_length, pad_to_multiple_of, token_type_ids: see `Collator`.
            probability, mask_token, mask_share, random_share: see `Masking`. A token that replaces another is never special.
            whole_words: choose all tokens of a word, or none; the words are those of the pre-tokenizer.
        """
        super().__init__(
            tokenizer,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            token_type_ids=token_type_ids,
        )
        self.whole_words = whole_words
        self.masking = Masking.of(
            tokenizer, mask_token, probability=probability, mask_share=mask_share, random_share=random_share
        )

    def encode(self, texts: Sequence[str], text_pairs: Sequence[str] | None = None) -> list[Example]:
        """Examples of texts, or of pairs of them; with ``word_ids`` for ``whole_words``."""
        encoded = self._encode(texts, text_pairs)
        examples = self._examples(encoded)
        if self.whole_words:
            for example, encoding in zip(examples, encoded.encodings, strict=True):
                example["word_ids"] = optional_numbers(encoding.word_ids)
        return examples

    def __call__(self, examples: Sequence[Example], random: np.random.Generator) -> Batch:
        """What a model reads, with tokens hidden, and ``labels`` int64 [rows, time].

        Raises `InvalidArgumentError` for examples without ``word_ids`` where words are to be chosen.
        """
        arrays = self._inputs(examples)
        words = None
        if self.whole_words:
            if any("word_ids" not in example for example in examples):
                raise InvalidArgumentError("an example has no word_ids, which whole_words needs: see encode")
            rows = [example["word_ids"] for example in examples]
            words = pad_rows(rows, -1, multiple_of=self._multiple)
        arrays["input_ids"], arrays["labels"] = self.masking(arrays["input_ids"], random, words)
        return tensors(arrays)
