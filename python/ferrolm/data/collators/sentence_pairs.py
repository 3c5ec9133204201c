"""`SentencePairCollator`: whether one segment follows another, and which tokens are masked, from documents of sentences.

The segments of Devlin et al. 2018, "BERT" (next sentence), as their ``create_pretraining_data.py`` makes them, and of Lan et al.
2019, "ALBERT" (sentence order). What that script writes to disk once is here drawn anew for each batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from ferrolm.data.batches import Batch
from ferrolm.data.collators.masked_language_modeling import Masking
from ferrolm.data.collators.padding import Collator, pad_rows, tensors
from ferrolm.data.collators.sentence_documents import SentenceDocuments
from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.tokenizers import Tokenizer

__all__ = ["SegmentRange", "SentencePairCollator"]

# First sentence, the one after the last, and how many tokens the two segments should have.
SegmentRange = tuple[int, int, int]
_Span = tuple[int, int]


class SentencePairCollator(Collator):
    """Batches for `BertForPreTraining`: ``[CLS] first [SEP] second [SEP]`` with masked tokens.

    ``next_sentence_label`` is 0 where the second segment follows the first. Where it does not, in one half of the rows, it is 1:
    the second is one of another document ("next_sentence"), or the two have changed places ("sentence_order").

    >>> import ferrolm
    >>> from ferrolm.tokenizers import models, pre_tokenizers
    >>> tokenizer = ferrolm.Tokenizer(models.WordLevel({letter: number for number, letter in enumerate("abcdef")}))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> tokenizer.add_special_tokens(["[PAD]", "[CLS]", "[SEP]", "[MASK]"])
    4
    >>> documents = SentenceDocuments.encode(tokenizer, [["a b", "c"], ["d", "e f"]])
    >>> collate = SentencePairCollator(tokenizer, documents, max_length=8)
    >>> batch = collate(collate.examples(), np.random.default_rng(1))
    >>> batch["input_ids"].tolist(), batch["next_sentence_label"].tolist()
    ([[7, 0, 1, 8, 2, 8], [7, 9, 8, 4, 5, 8]], [0, 0])
    >>> batch["token_type_ids"].tolist()
    [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]]
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        documents: SentenceDocuments,
        *,
        task: Literal["next_sentence", "sentence_order"] = "next_sentence",
        max_length: int = 128,
        short_seq_probability: float = 0.1,
        whole_words: bool = False,
        probability: float = 0.15,
        cls_token: str = "[CLS]",
        sep_token: str = "[SEP]",
        mask_token: str | None = None,
        pad_to_multiple_of: int = 1,
    ) -> None:
        """Settings of `Collator` and `Masking`, and the segments.

        Args:
            tokenizer, pad_to_multiple_of: see `Collator`.
            documents: two or more for "next_sentence".
            task: what the second segment is where it does not follow the first.
            max_length: tokens of a row at most, with the three special ones.
            short_seq_probability: of a row that is made shorter than it could be, so that a model sees such too.
            whole_words: mask all tokens of a word, or none; `SentenceDocuments` were then encoded with their words.
            probability, mask_token: see `Masking`.
            cls_token, sep_token: at the start, and after each segment.
        """
        super().__init__(tokenizer, max_length=max_length, pad_to_multiple_of=pad_to_multiple_of)
        if task not in ("next_sentence", "sentence_order"):
            raise InvalidArgumentError(f"task is {task!r}, expected 'next_sentence' or 'sentence_order'")
        if max_length < 5:
            raise InvalidArgumentError(
                f"max_length is {max_length}, expected 5 or more: two tokens and three special ones"
            )
        if task == "next_sentence" and len(documents) < 2:
            raise InvalidArgumentError(
                f"{len(documents)} documents, expected 2 or more to draw a segment of another"
            )
        if whole_words and documents.words is None:
            raise InvalidArgumentError(
                "documents have no words: expected SentenceDocuments.encode(..., words=True)"
            )
        self.documents, self.task, self.whole_words = documents, task, whole_words
        self._room = max_length - 3
        self._short = short_seq_probability
        self._masking = Masking.of(tokenizer, mask_token, probability=probability)
        self._cls, self._sep = (self._id(name) for name in (cls_token, sep_token))

    def _id(self, token: str) -> int:
        number = self.tokenizer.token_to_id(token)
        if number is None:
            raise InvalidArgumentError(f"{token!r} is not in the tokenizer's vocabulary")
        return number

    def examples(self, seed: int = 0) -> list[SegmentRange]:
        """All sentences in ranges that fill a row each, in their order.

        A range ends with its document. For "sentence_order", which takes two sentences, a document's last alone is left out.
        """
        random = np.random.default_rng(seed)
        ranges: list[SegmentRange] = []
        least = 1 if self.task == "next_sentence" else 2
        for document in range(len(self.documents)):
            start, end = self.documents.sentences_of(document)
            while end - start >= least:
                target = self._room
                if random.random() < self._short:
                    target = int(random.integers(2, self._room + 1))
                stop = self.documents.filled(start, end, target, least)
                ranges.append((start, stop, target))
                start = stop
        if not ranges:
            raise InvalidArgumentError("no document has two sentences, which sentence_order needs")
        return ranges

    def __call__(self, examples: Sequence[SegmentRange], random: np.random.Generator) -> Batch:
        """What `BertForPreTraining` takes, int64: [rows, time], and ``next_sentence_label`` [rows]."""
        pairs = [self._pair(example, random) for example in examples]
        tokens, special = self.documents.ids, np.array([self._cls, self._sep])
        cls, sep = special[:1], special[1:]
        rows = [np.concatenate([cls, tokens[slice(*a)], sep, tokens[slice(*b)], sep]) for a, b, _ in pairs]
        arrays = self._inputs([{"input_ids": row} for row in rows])
        firsts = np.array([a[1] - a[0] + 2 for a, _, _ in pairs])[:, None]
        second = np.arange(arrays["input_ids"].shape[1]) >= firsts
        arrays["token_type_ids"] = second * arrays["attention_mask"]
        words = self._words(pairs) if self.whole_words else None
        arrays["input_ids"], arrays["labels"] = self._masking(arrays["input_ids"], random, words)
        arrays["next_sentence_label"] = np.array([label for _, _, label in pairs], np.int64)
        return tensors(arrays)

    def _words(self, pairs: Sequence[tuple[_Span, _Span, int]]) -> npt.NDArray[np.int64]:
        words = self.documents.words
        assert words is not None
        none = np.array([-1])
        rows = [np.concatenate([none, words[slice(*a)], none, words[slice(*b)], none]) for a, b, _ in pairs]
        return pad_rows(rows, -1, multiple_of=self._multiple)

    def _pair(self, example: SegmentRange, random: np.random.Generator) -> tuple[_Span, _Span, int]:
        """Two stretches of the tokens, and 1 where the second does not follow the first."""
        start, stop, target = example
        middle = start + (1 if stop - start == 1 else int(random.integers(1, stop - start)))
        first, second = self.documents.tokens_of(start, middle), self.documents.tokens_of(middle, stop)
        changed = bool(random.random() < 0.5)
        if self.task == "sentence_order":
            first, second = self._cut(first, second, random)
            return (second, first, 1) if changed else (first, second, 0)
        if changed or middle == stop:
            changed = True
            second = self._elsewhere(start, target - (first[1] - first[0]), random)
        return (*self._cut(first, second, random), int(changed))

    def _elsewhere(self, sentence: int, target: int, random: np.random.Generator) -> _Span:
        """Sentences of another document, from one drawn on, until they have ``target`` tokens."""
        own = self.documents.document_of(sentence)
        other = int(random.integers(len(self.documents) - 1))
        first, end = self.documents.sentences_of(other + (other >= own))
        start = int(random.integers(first, end))
        return self.documents.tokens_of(start, self.documents.filled(start, end, max(target, 1), 1))

    def _cut(self, first: _Span, second: _Span, random: np.random.Generator) -> tuple[_Span, _Span]:
        """Both shortened to fit, the longer first; each token that goes does so from the front or the back."""
        sizes = [first[1] - first[0], second[1] - second[0]]
        excess = sum(sizes) - self._room
        if excess <= 0:
            return first, second
        uneven = min(excess, abs(sizes[0] - sizes[1]))
        rest = excess - uneven
        # Even, the second loses a token first.
        lost = [rest // 2, rest - rest // 2]
        lost[0 if sizes[0] > sizes[1] else 1] += uneven
        spans = []
        for (start, stop), count in zip((first, second), lost, strict=True):
            front = int(random.binomial(count, 0.5))
            spans.append((start + front, stop - (count - front)))
        return spans[0], spans[1]
