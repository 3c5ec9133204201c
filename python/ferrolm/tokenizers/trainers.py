"""Trainers: learning a tokenizer's vocabulary from text."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ferrolm._rust import BpeWordCounter
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.tokenizers import models, pre_tokenizers
from ferrolm.tokenizers.added_token import AddedToken, from_tuple, token_tuple

if TYPE_CHECKING:
    from ferrolm.tokenizers.tokenizer import Tokenizer

__all__ = ["BpeTrainer", "Trainer"]

# Characters of text per call into Rust: enough to keep all threads busy.
_BATCH_CHARACTERS = 1 << 23


class Trainer:
    """Base class of trainers."""


class BpeTrainer(Trainer):
    """Learns byte-pair encoding; the settings and the results are those of ``tokenizers.trainers.BpeTrainer``.

    Args:
        vocab_size: size of the final vocabulary, special tokens and alphabet included.
        min_frequency: count that a pair must have to be merged.
        show_progress: say on a terminal what is being done.
        special_tokens: str or `AddedToken`; they get the first ids.
        limit_alphabet: largest number of characters in the alphabet; the rarest are left out.
        initial_alphabet: characters that are in it even if the text has none (of longer strings, the first one).
        continuing_subword_prefix: written before every symbol that does not start a word.
        end_of_word_suffix: written after every symbol that ends a word.
        max_token_length: largest number of characters in a token.

    Equal counts are decided by the smaller ids, so the result is deterministic. With a prefix or suffix the
    `tokenizers` package numbers symbols in the order of a hash table, different in every run; here it is that of
    the words.

    >>> from ferrolm.tokenizers import Tokenizer, models, pre_tokenizers, trainers
    >>> tokenizer = Tokenizer(models.BPE())
    >>> tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    >>> trainer = trainers.BpeTrainer(vocab_size=10, show_progress=False)
    >>> tokenizer.train_from_iterator(["low lower lowest low"], trainer)
    >>> tokenizer.encode("lowlo").tokens
    ['low', 'lo']
    """

    def __init__(
        self,
        *,
        vocab_size: int = 30000,
        min_frequency: int = 0,
        show_progress: bool = True,
        special_tokens: Sequence[str | AddedToken] = (),
        limit_alphabet: int | None = None,
        initial_alphabet: Sequence[str] = (),
        continuing_subword_prefix: str | None = None,
        end_of_word_suffix: str | None = None,
        max_token_length: int | None = None,
    ) -> None:
        self.vocab_size = _natural("vocab_size", vocab_size)
        self.min_frequency = _natural("min_frequency", min_frequency)
        self.show_progress = show_progress
        self.special_tokens = [from_tuple(token_tuple(token, special=True)) for token in special_tokens]
        self.limit_alphabet = None if limit_alphabet is None else _natural("limit_alphabet", limit_alphabet)
        self.initial_alphabet = [text[0] for text in initial_alphabet if text]
        self.continuing_subword_prefix = continuing_subword_prefix
        self.end_of_word_suffix = end_of_word_suffix
        self.max_token_length = (
            None if max_token_length is None else _natural("max_token_length", max_token_length)
        )

    def __repr__(self) -> str:
        return f"BpeTrainer({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def _finish(self, tokenizer: Tokenizer, counter: BpeWordCounter) -> None:
        """Learn from the counted words and make the result the model of ``tokenizer``."""
        self._report(f"{len(counter):,} different words; merging up to {self.vocab_size:,} tokens")
        tokens, merges = counter.train(
            vocab_size=self.vocab_size,
            min_frequency=self.min_frequency,
            special_tokens=[token.content for token in self.special_tokens],
            limit_alphabet=self.limit_alphabet,
            initial_alphabet=self.initial_alphabet,
            continuing_subword_prefix=self.continuing_subword_prefix or "",
            end_of_word_suffix=self.end_of_word_suffix or "",
            max_token_length=self.max_token_length,
        )
        options = tokenizer.get_model().options()
        options["continuing_subword_prefix"] = self.continuing_subword_prefix
        options["end_of_word_suffix"] = self.end_of_word_suffix
        pairs = [(tokens[left], tokens[right]) for left, right in merges]
        tokenizer.model = models.BPE({token: index for index, token in enumerate(tokens)}, pairs, **options)
        tokenizer.add_special_tokens(self.special_tokens)
        self._report(f"learnt {len(tokens):,} tokens, {len(merges):,} merges")

    def _report(self, message: str) -> None:
        if self.show_progress and sys.stderr.isatty():
            print(message, file=sys.stderr)


def train_from_texts(
    tokenizer: Tokenizer, texts: Iterable[str] | Iterable[Sequence[str]], trainer: Trainer | None
) -> None:
    """What `Tokenizer.train_from_iterator` does."""
    chosen = _chosen(trainer)
    counter = _counter(tokenizer, by_line=False)
    for batch in _batches(texts):
        counter.add(batch)
    chosen._finish(tokenizer, counter)


def train_from_files(
    tokenizer: Tokenizer, files: Iterable[str | os.PathLike[str]], trainer: Trainer | None
) -> None:
    """What `Tokenizer.train` does."""
    chosen = _chosen(trainer)
    # One path is an iterable too, of its characters.
    if isinstance(files, str | os.PathLike):
        raise InvalidTypeError(f"files: found {type(files).__name__}, expected a list of paths")
    counter = _counter(tokenizer, by_line=True)
    for file in files:
        counter.add_file(file)
    chosen._finish(tokenizer, counter)


def _chosen(trainer: Trainer | None) -> BpeTrainer:
    if trainer is None:
        return BpeTrainer()
    if not isinstance(trainer, BpeTrainer):
        raise InvalidTypeError(f"trainer: found {type(trainer).__name__}, expected BpeTrainer")
    return trainer


def _counter(tokenizer: Tokenizer, by_line: bool) -> BpeWordCounter:
    part = tokenizer.pre_tokenizer
    if not isinstance(part, pre_tokenizers.ByteLevel):
        raise InvalidArgumentError(
            f"the tokenizer's pre_tokenizer is {part!r}, training needs pre_tokenizers.ByteLevel"
        )
    return BpeWordCounter(add_prefix_space=part.add_prefix_space, split=part.use_regex, by_line=by_line)


def _natural(name: str, value: int) -> int:
    if value < 0:
        raise InvalidArgumentError(f"{name} must not be negative: {value}")
    return value


def _batches(texts: Iterable[str] | Iterable[Sequence[str]]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for item in texts:
        for text in (item,) if isinstance(item, str) else item:
            if not isinstance(text, str):
                raise InvalidTypeError(f"iterator: found {type(text).__name__}, expected str or lists of str")
            batch.append(text)
            characters += len(text)
        if characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
