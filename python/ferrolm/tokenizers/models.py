"""Models: what turns a piece of text into tokens."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrolm import _rust
from ferrolm._rust import Token
from ferrolm.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ferrolm.tokenizers.trainers import Trainer

__all__ = ["BPE", "Model", "Unigram", "WordLevel", "WordPiece"]

_Path = str | os.PathLike[str]


class Model(_rust.TokenizerModel):
    """Base class of models; on its own an empty BPE.

    Models pickle and deep-copy. One that a tokenizer gave out changes that tokenizer when an option is changed.
    """

    _attached: Callable[[Any], None] | None = None

    def __new__(cls) -> Model:
        return super().__new__(cls, "BPE", {}, _BPE_OPTIONS)

    def tokenize(self, sequence: str) -> list[Token]:
        """The tokens of one piece.

        Raises:
            InvalidArgumentError: text is unknown and the vocabulary has no unknown token.
        """
        return [Token(*token) for token in self.token_tuples(sequence)]

    def save(self, folder: _Path, prefix: str | None = None, name: str | None = None) -> list[str]:
        """Write the model's files into ``folder``, their names preceded by ``prefix-``; their paths.

        BPE writes ``vocab.json`` and ``merges.txt``, WordPiece ``vocab.txt``, WordLevel ``vocab.json``, and Unigram
        ``unigram.json``. ``name`` is the former name of ``prefix``.
        """
        if name is not None:
            warnings.warn("name is the former name of prefix", DeprecationWarning, stacklevel=2)
            prefix = name if prefix is None else prefix
        return [str(path) for path in self.save_files(Path(folder), prefix)]

    def get_trainer(self) -> Trainer:
        """A trainer of this kind of model with default settings."""
        from ferrolm.tokenizers import trainers

        name = {"BPE": "BpeTrainer"}.get(self.kind(), f"{self.kind()}Trainer")
        trainer: Trainer = getattr(trainers, name)()
        return trainer

    def _option(self, name: str) -> Any:
        return self.options()[name]

    def _set(self, **option: Any) -> None:
        self.set_options(self.options() | option)
        if self._attached is not None:
            self._attached(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.to_json(), self.options())

    def __getstate__(self) -> bytes:
        return self.to_json().encode()

    def __setstate__(self, state: bytes) -> None:
        self.set_json(state.decode())

    def __repr__(self) -> str:
        """The options and the first hundred elements of each list."""
        return self.describe(99)

    def __str__(self) -> str:
        """The options and the first few elements of each list."""
        return self.describe(5)


def _rebuild(cls: type[Model], state: str, options: dict[str, Any]) -> Model:
    model = cls.__new__(cls)
    model.set_json(state)
    # What no file has: how to sample.
    model.set_options(options)
    return model


def _known(given: dict[str, Any], unknown: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given; others are ignored, but not silently."""
    if unknown:
        warnings.warn(f"ignored unknown options {', '.join(unknown)}", stacklevel=3)
    return given


_BPE_OPTIONS: dict[str, Any] = {
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}


class BPE(Model):
    """Byte-pair encoding.

    Args:
        vocab: ids by token, or the path of a ``vocab.json``.
        merges: pairs of tokens, in the order in which they merge, or the path of a ``merges.txt``.
        cache_capacity: accepted for code that sets it; what is cached here needs no setting.
        dropout: probability from 0 to 1 of skipping a merge, anew at each call (BPE-dropout).
        unk_token: stands for characters that are not in the vocabulary; without it they vanish.
        continuing_subword_prefix: precedes every character but the first of a piece.
        end_of_word_suffix: follows the last character of a piece.
        fuse_unk: neighbouring unknown characters share one unknown token.
        byte_fallback: unknown characters become ``<0xNN>`` tokens when all their bytes have one.
        ignore_merges: a piece that is a token is that token, whatever the merges make of it.

    Raises:
        InvalidArgumentError: a merge whose parts or whose result are not in the vocabulary, or a wrong dropout.

    >>> BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]).tokenize("abb")
    [Token(2, 'ab', (0, 2)), Token(1, 'b', (2, 3))]
    """

    def __new__(
        cls,
        vocab: Mapping[str, int] | _Path | None = None,
        merges: Sequence[tuple[str, str]] | _Path | None = None,
        *,
        cache_capacity: int | None = None,
        dropout: float | None = None,
        unk_token: str | None = None,
        continuing_subword_prefix: str | None = None,
        end_of_word_suffix: str | None = None,
        fuse_unk: bool | None = False,
        byte_fallback: bool | None = False,
        ignore_merges: bool | None = False,
        **unknown: Any,
    ) -> BPE:
        if (vocab is None) != (merges is None):
            raise InvalidArgumentError("`vocab` and `merges` must be both specified")
        if isinstance(vocab, str | os.PathLike) != isinstance(merges, str | os.PathLike):
            raise InvalidArgumentError("vocab and merges: found one path, expected two or none")
        if isinstance(vocab, str | os.PathLike):
            vocab = _rust.read_vocab_json(Path(vocab))
        if isinstance(merges, str | os.PathLike):
            merges = _rust.read_merges(Path(merges))
        options = {
            "dropout": dropout,
            "unk_token": unk_token,
            "continuing_subword_prefix": continuing_subword_prefix,
            "end_of_word_suffix": end_of_word_suffix,
            "fuse_unk": bool(fuse_unk),
            "byte_fallback": bool(byte_fallback),
            "ignore_merges": bool(ignore_merges),
        }
        options = _known(options, unknown)
        return _rust.TokenizerModel.__new__(cls, "BPE", dict(vocab or {}), options, list(merges or ()))

    @staticmethod
    def read_file(vocab: _Path, merges: _Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
        """The vocabulary of a ``vocab.json`` and the merges of a ``merges.txt``."""
        return _rust.read_vocab_json(Path(vocab)), _rust.read_merges(Path(merges))

    @classmethod
    def from_file(cls, vocab: _Path, merges: _Path, **options: Any) -> BPE:
        """The model of a ``vocab.json`` and a ``merges.txt``."""
        return cls(vocab, merges, **options)

    def _clear_cache(self) -> None:
        """Nothing: what is cached belongs to the tokenizer."""

    def _resize_cache(self, capacity: int) -> None:
        """Nothing: what is cached belongs to the tokenizer, and is bounded."""

    @property
    def dropout(self) -> float | None:
        value: float | None = self._option("dropout")
        return value

    @dropout.setter
    def dropout(self, value: float | None) -> None:
        self._set(dropout=value)

    @property
    def unk_token(self) -> str | None:
        value: str | None = self._option("unk_token")
        return value

    @unk_token.setter
    def unk_token(self, value: str | None) -> None:
        self._set(unk_token=value)

    @property
    def continuing_subword_prefix(self) -> str | None:
        value: str | None = self._option("continuing_subword_prefix")
        return value

    @continuing_subword_prefix.setter
    def continuing_subword_prefix(self, value: str | None) -> None:
        self._set(continuing_subword_prefix=value)

    @property
    def end_of_word_suffix(self) -> str | None:
        value: str | None = self._option("end_of_word_suffix")
        return value

    @end_of_word_suffix.setter
    def end_of_word_suffix(self, value: str | None) -> None:
        self._set(end_of_word_suffix=value)

    @property
    def fuse_unk(self) -> bool:
        return bool(self._option("fuse_unk"))

    @fuse_unk.setter
    def fuse_unk(self, value: bool) -> None:
        self._set(fuse_unk=value)

    @property
    def byte_fallback(self) -> bool:
        return bool(self._option("byte_fallback"))

    @byte_fallback.setter
    def byte_fallback(self, value: bool) -> None:
        self._set(byte_fallback=value)

    @property
    def ignore_merges(self) -> bool:
        return bool(self._option("ignore_merges"))

    @ignore_merges.setter
    def ignore_merges(self, value: bool) -> None:
        self._set(ignore_merges=value)


class WordPiece(Model):
    """The longest token that a word begins with, then the longest that its rest begins with, and so on.

    Args:
        vocab: ids by token, or the path of a ``vocab.txt``.
        unk_token: the one token of words that are not made of tokens.
        max_input_chars_per_word: words of more characters are unknown.
        continuing_subword_prefix: precedes tokens that do not begin a word.

    >>> [token.value for token in WordPiece({"token": 0, "##izer": 1, "##s": 2, "[UNK]": 3}).tokenize("tokenizers")]
    ['token', '##izer', '##s']
    """

    def __new__(
        cls,
        vocab: Mapping[str, int] | _Path | None = None,
        *,
        unk_token: str = "[UNK]",
        max_input_chars_per_word: int = 100,
        continuing_subword_prefix: str = "##",
        **unknown: Any,
    ) -> WordPiece:
        if isinstance(vocab, str | os.PathLike):
            vocab = _rust.read_vocab_txt(Path(vocab))
        options = {
            "unk_token": unk_token,
            "max_input_chars_per_word": max_input_chars_per_word,
            "continuing_subword_prefix": continuing_subword_prefix,
        }
        options = _known(options, unknown)
        return _rust.TokenizerModel.__new__(cls, "WordPiece", dict(vocab or {}), options)

    @staticmethod
    def read_file(vocab: _Path) -> dict[str, int]:
        """The vocabulary of a ``vocab.txt``: one token a line, its id the number of the line."""
        return _rust.read_vocab_txt(Path(vocab))

    @classmethod
    def from_file(cls, vocab: _Path, **options: Any) -> WordPiece:
        """The model of a ``vocab.txt``."""
        return cls(vocab, **options)

    @property
    def unk_token(self) -> str:
        return str(self._option("unk_token"))

    @unk_token.setter
    def unk_token(self, value: str) -> None:
        self._set(unk_token=value)

    @property
    def continuing_subword_prefix(self) -> str:
        return str(self._option("continuing_subword_prefix"))

    @continuing_subword_prefix.setter
    def continuing_subword_prefix(self, value: str) -> None:
        self._set(continuing_subword_prefix=value)

    @property
    def max_input_chars_per_word(self) -> int:
        return int(self._option("max_input_chars_per_word"))

    @max_input_chars_per_word.setter
    def max_input_chars_per_word(self, value: int) -> None:
        self._set(max_input_chars_per_word=value)


class WordLevel(Model):
    """A word is a token, or unknown.

    Args:
        vocab: ids by word, or the path of a ``vocab.json``.
        unk_token: the token of words that are not in the vocabulary.

    >>> WordLevel({"hello": 0, "<unk>": 1}).tokenize("world")
    [Token(1, '<unk>', (0, 5))]
    """

    def __new__(
        cls, vocab: Mapping[str, int] | _Path | None = None, unk_token: str | None = None
    ) -> WordLevel:
        if isinstance(vocab, str | os.PathLike):
            vocab = _rust.read_vocab_json(Path(vocab))
        options = {"unk_token": "<unk>" if unk_token is None else unk_token}
        return _rust.TokenizerModel.__new__(cls, "WordLevel", dict(vocab or {}), options)

    @staticmethod
    def read_file(vocab: _Path) -> dict[str, int]:
        """The vocabulary of a ``vocab.json``."""
        return _rust.read_vocab_json(Path(vocab))

    @classmethod
    def from_file(cls, vocab: _Path, unk_token: str | None = None) -> WordLevel:
        """The model of a ``vocab.json``."""
        return cls(vocab, unk_token)

    @property
    def unk_token(self) -> str:
        return str(self._option("unk_token"))

    @unk_token.setter
    def unk_token(self, value: str) -> None:
        self._set(unk_token=value)


class Unigram(Model):
    """The pieces of a text with the largest sum of scores; or ways to cut it that are drawn at random.

    Args:
        vocab: pieces and their scores (log probabilities), ids are their places; by default ``<unk>`` alone.
        unk_id: place of the unknown token, without which unknown text is an error.
        byte_fallback: unknown text becomes ``<0xNN>`` tokens when all its bytes have one.
        alpha: unless None or 0, draw from all ways to cut a text, smoothed by this exponent (0 to 1).
        nbest_size: draw from so many best ways only, at most 16384 of them.

    >>> pieces = [("<unk>", 0.0), ("a", -1.0), ("b", -1.5), ("ab", -2.0)]
    >>> [token.value for token in Unigram(pieces, unk_id=0).tokenize("abac")]
    ['ab', 'a', 'c']
    """

    def __new__(
        cls,
        vocab: Sequence[tuple[str, float]] | None = None,
        unk_id: int | None = None,
        byte_fallback: bool | None = None,
        alpha: float | None = None,
        nbest_size: int | None = None,
    ) -> Unigram:
        if vocab is None:
            if unk_id is not None:
                raise InvalidArgumentError("vocab: found None with an unk_id, expected pieces and scores")
            # As in the `tokenizers` package, an empty model has no byte fallback.
            vocab, unk_id, byte_fallback = [("<unk>", 0.0)], 0, False
        options = {
            "unk_id": unk_id,
            "byte_fallback": bool(byte_fallback),
            "alpha": alpha,
            "nbest_size": nbest_size,
        }
        return _rust.TokenizerModel.__new__(cls, "Unigram", vocab, options)

    def _clear_cache(self) -> None:
        """Nothing: what is cached belongs to the tokenizer."""

    def _resize_cache(self, capacity: int) -> None:
        """Nothing: what is cached belongs to the tokenizer, and is bounded."""

    @property
    def alpha(self) -> float | None:
        value: float | None = self._option("alpha")
        return value

    @alpha.setter
    def alpha(self, value: float | None) -> None:
        self._set(alpha=value)

    @property
    def nbest_size(self) -> int | None:
        value: int | None = self._option("nbest_size")
        return value

    @nbest_size.setter
    def nbest_size(self, value: int | None) -> None:
        self._set(nbest_size=value)


_KINDS: dict[str, type[Model]] = {
    "BPE": BPE,
    "WordPiece": WordPiece,
    "WordLevel": WordLevel,
    "Unigram": Unigram,
}


def wrap(part: _rust.TokenizerModel) -> Model:
    """The object of the right class for the model of a tokenizer."""
    cls = _KINDS[part.kind()]
    model = cls.__new__(cls)
    model.share(part)
    return model
