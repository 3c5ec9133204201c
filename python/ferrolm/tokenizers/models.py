"""Models: what turns a piece of text into tokens."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError
from ferrolm.tokenizers._part import literal

__all__ = ["BPE", "Model", "Token"]

_Path = str | os.PathLike[str]


class Token(NamedTuple):
    """A token of a piece: its id, its text, and the bytes of the piece that it covers."""

    id: int
    value: str
    offsets: tuple[int, int]

    def as_tuple(self) -> tuple[int, str, tuple[int, int]]:
        return (self.id, self.value, self.offsets)


class Model(_rust.TokenizerModel):
    """Base class of models."""


class BPE(Model):
    """Byte-pair encoding.

    Args:
        vocab: ids by token.
        merges: pairs of tokens, in the order in which they merge.
        dropout: only None and 0 are supported.
        unk_token: stands for characters that are not in the vocabulary; without it they vanish.
        continuing_subword_prefix: precedes every character but the first of a piece.
        end_of_word_suffix: follows the last character of a piece.
        fuse_unk: neighbouring unknown characters share one unknown token.
        byte_fallback: unknown characters become ``<0xNN>`` tokens when all their bytes have one.
        ignore_merges: a piece that is a token is that token, whatever the merges make of it.

    >>> BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]).tokenize("abb")
    [Token(id=2, value='ab', offsets=(0, 2)), Token(id=1, value='b', offsets=(2, 3))]
    """

    _attached: Callable[[Any], None] | None = None

    def __new__(
        cls,
        vocab: Mapping[str, int] | None = None,
        merges: Sequence[tuple[str, str]] | None = None,
        *,
        dropout: float | None = None,
        unk_token: str | None = None,
        continuing_subword_prefix: str | None = None,
        end_of_word_suffix: str | None = None,
        fuse_unk: bool = False,
        byte_fallback: bool = False,
        ignore_merges: bool = False,
        cache_capacity: int | None = None,
    ) -> BPE:
        if (vocab is None) != (merges is None):
            raise InvalidArgumentError("vocab and merges: found one of them, expected both or neither")
        options: _rust.BpeOptions = {
            "dropout": dropout,
            "unk_token": unk_token,
            "continuing_subword_prefix": continuing_subword_prefix,
            "end_of_word_suffix": end_of_word_suffix,
            "fuse_unk": fuse_unk,
            "byte_fallback": byte_fallback,
            "ignore_merges": ignore_merges,
        }
        return super().__new__(cls, dict(vocab or {}), list(merges or ()), options)

    @staticmethod
    def read_file(vocab: _Path, merges: _Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
        """The vocabulary of a ``vocab.json`` and the merges of a ``merges.txt``."""
        return _rust.read_vocab_and_merges(Path(vocab), Path(merges))

    @classmethod
    def from_file(cls, vocab: _Path, merges: _Path, **options: Any) -> BPE:
        """The model of a ``vocab.json`` and a ``merges.txt``."""
        return cls(*cls.read_file(vocab, merges), **options)

    def save(self, folder: _Path, prefix: str | None = None) -> list[str]:
        """Write ``vocab.json`` and ``merges.txt`` into ``folder``; their paths."""
        return [str(path) for path in self.save_files(Path(folder), prefix)]

    def tokenize(self, sequence: str) -> list[Token]:
        """The tokens of one piece."""
        return [Token(*token) for token in self.token_tuples(sequence)]

    def _set(self, **option: Any) -> None:
        self.set_options(self.options() | option)  # type: ignore[arg-type]
        if self._attached is not None:
            self._attached(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.vocab(), self.merges(), self.options())

    def __repr__(self) -> str:
        """The options and the first tokens and merges."""
        options = ", ".join(f"{name}={literal(value)}" for name, value in self.options().items())
        vocab = ", ".join(f"{literal(token)}:{index}" for token, index in islice(self.vocab().items(), 5))
        merges = ", ".join(f"({literal(left)}, {literal(right)})" for left, right in self.merges()[:5])
        return f"BPE({options}, vocab={{{vocab}, ...}}, merges=[{merges}, ...])"

    __str__ = __repr__

    @property
    def dropout(self) -> float | None:
        return self.options()["dropout"]

    @dropout.setter
    def dropout(self, value: float | None) -> None:
        self._set(dropout=value)

    @property
    def unk_token(self) -> str | None:
        return self.options()["unk_token"]

    @unk_token.setter
    def unk_token(self, value: str | None) -> None:
        self._set(unk_token=value)

    @property
    def continuing_subword_prefix(self) -> str | None:
        return self.options()["continuing_subword_prefix"]

    @continuing_subword_prefix.setter
    def continuing_subword_prefix(self, value: str | None) -> None:
        self._set(continuing_subword_prefix=value)

    @property
    def end_of_word_suffix(self) -> str | None:
        return self.options()["end_of_word_suffix"]

    @end_of_word_suffix.setter
    def end_of_word_suffix(self, value: str | None) -> None:
        self._set(end_of_word_suffix=value)

    @property
    def fuse_unk(self) -> bool:
        return self.options()["fuse_unk"]

    @fuse_unk.setter
    def fuse_unk(self, value: bool) -> None:
        self._set(fuse_unk=value)

    @property
    def byte_fallback(self) -> bool:
        return self.options()["byte_fallback"]

    @byte_fallback.setter
    def byte_fallback(self, value: bool) -> None:
        self._set(byte_fallback=value)

    @property
    def ignore_merges(self) -> bool:
        return self.options()["ignore_merges"]

    @ignore_merges.setter
    def ignore_merges(self, value: bool) -> None:
        self._set(ignore_merges=value)


def _rebuild(vocab: dict[str, int], merges: list[tuple[str, str]], options: dict[str, Any]) -> BPE:
    return BPE(vocab, merges, **options)


def wrap(part: _rust.TokenizerModel) -> BPE:
    """The object of the right class for the model of a tokenizer."""
    model = BPE()
    model.share(part)
    return model
