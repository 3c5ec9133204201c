"""Trainers: learning a tokenizer's vocabulary from text, with the names of ``tokenizers.trainers``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ferrolm._rust import BpeWordCounter
from ferrolm.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["BpeTrainer", "TrainedBpe", "byte_level_bpe_json", "train_bpe", "train_bpe_from_files"]

# Characters of text per call into Rust: enough to keep all threads busy.
_BATCH_CHARACTERS = 1 << 23


class _AddedToken(Protocol):
    @property
    def content(self) -> str: ...


@dataclass(kw_only=True)
class BpeTrainer:
    """Settings of BPE training; names, defaults and results are those of ``tokenizers.trainers.BpeTrainer``.

    vocab_size: size of the final vocabulary, special tokens and alphabet included. min_frequency: count that a pair
    must have to be merged. special_tokens: str or AddedToken; they get the first ids. limit_alphabet: largest
    number of characters in the alphabet. initial_alphabet: characters that are in it even if the text has none
    (of longer strings, the first character). continuing_subword_prefix, end_of_word_suffix: written before symbols
    that do not start, after symbols that end a word. max_token_length: largest number of characters in a token.

    Equal counts are decided by the smaller ids, so the result is deterministic. With a prefix or suffix ``tokenizers``
    numbers the alphabet in the order of a hash table, different in every run; here the order is that of the words.

    >>> BpeTrainer(vocab_size=300, special_tokens=["<|endoftext|>"]).vocab_size
    300
    """

    vocab_size: int = 30000
    min_frequency: int = 0
    show_progress: bool = True
    special_tokens: Sequence[str | _AddedToken] = ()
    limit_alphabet: int | None = None
    initial_alphabet: Sequence[str] = ()
    continuing_subword_prefix: str | None = None
    end_of_word_suffix: str | None = None
    max_token_length: int | None = None

    def __post_init__(self) -> None:
        for name in ("vocab_size", "min_frequency", "limit_alphabet", "max_token_length"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InvalidArgumentError(f"{name} must not be negative: {value}")
        self.initial_alphabet = [text[0] for text in self.initial_alphabet if text]

    def _learn(self, counter: BpeWordCounter) -> TrainedBpe:
        self._report(f"{len(counter):,} different words; merging up to {self.vocab_size:,} tokens")
        tokens, merges = counter.train(
            vocab_size=self.vocab_size,
            min_frequency=self.min_frequency,
            special_tokens=[_content(token) for token in self.special_tokens],
            limit_alphabet=self.limit_alphabet,
            initial_alphabet=list(self.initial_alphabet),
            continuing_subword_prefix=self.continuing_subword_prefix or "",
            end_of_word_suffix=self.end_of_word_suffix or "",
            max_token_length=self.max_token_length,
        )
        self._report(f"learnt {len(tokens):,} tokens, {len(merges):,} merges")
        vocabulary = {token: index for index, token in enumerate(tokens)}
        return TrainedBpe(vocabulary, [(tokens[left], tokens[right]) for left, right in merges])

    def _report(self, message: str) -> None:
        if self.show_progress and sys.stderr.isatty():
            print(message, file=sys.stderr)


@dataclass(frozen=True)
class TrainedBpe:
    """``vocab``: ids by token; ``merges``: pairs of tokens, in order. Tokens are spelled as in GPT-2's files."""

    vocab: dict[str, int]
    merges: list[tuple[str, str]]


def train_bpe(
    texts: Iterable[str] | Iterable[Sequence[str]],
    trainer: BpeTrainer,
    *,
    add_prefix_space: bool = False,
    use_regex: bool = True,
) -> TrainedBpe:
    """Learn a byte-level BPE from ``texts``, strings or lists of strings, each pre-tokenized as GPT-2 does.

    The words of all texts are counted in parallel, in memory. Ctrl-C is answered. Raises `InvalidArgumentError` if there is
    no text.

    >>> trained = train_bpe(["low lower lowest low"], BpeTrainer(vocab_size=10))
    >>> trained.merges
    [('l', 'o')]
    """
    counter = BpeWordCounter(add_prefix_space=add_prefix_space, split=use_regex)
    for batch in _batches(texts):
        counter.add(batch)
    return trainer._learn(counter)


def train_bpe_from_files(
    files: Iterable[str | os.PathLike[str]],
    trainer: BpeTrainer,
    *,
    add_prefix_space: bool = False,
    use_regex: bool = True,
) -> TrainedBpe:
    """Learn a byte-level BPE from text files; every line, with its end, is a sequence, as in ``tokenizers``."""
    counter = BpeWordCounter(add_prefix_space=add_prefix_space, split=use_regex, by_line=True)
    for file in files:
        counter.add_file(file)
    return trainer._learn(counter)


def byte_level_bpe_json(
    trained: TrainedBpe, special_tokens: Iterable[str | _AddedToken] = (), *, add_prefix_space: bool = False
) -> str:
    """The tokenizer.json of a byte-level BPE with GPT-2's pre-tokenizer and decoder.

    >>> trained = train_bpe(["low lower lowest low"], BpeTrainer(vocab_size=10))
    >>> json.loads(byte_level_bpe_json(trained))["model"]["merges"]
    [['l', 'o']]
    """
    flags = ("single_word", "lstrip", "rstrip", "normalized")
    added = [
        {
            "id": trained.vocab[_content(token)],
            "content": _content(token),
            **{flag: bool(getattr(token, flag, False)) for flag in flags},
            "special": True,
        }
        for token in special_tokens
    ]
    byte_level: dict[str, Any] = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {**byte_level, "add_prefix_space": add_prefix_space},
        "post_processor": None,
        "decoder": {**byte_level, "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": trained.vocab,
            "merges": trained.merges,
        },
    }
    return json.dumps(content, ensure_ascii=False, indent=None, separators=(",", ":"))


def _content(token: str | _AddedToken) -> str:
    return token if isinstance(token, str) else token.content


def _batches(texts: Iterable[str] | Iterable[Sequence[str]]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for item in texts:
        for text in (item,) if isinstance(item, str) else item:
            if not isinstance(text, str):
                raise InvalidTypeError(
                    f"texts must be strings or lists of strings, found {type(text).__name__}"
                )
            batch.append(text)
            characters += len(text)
        if characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
