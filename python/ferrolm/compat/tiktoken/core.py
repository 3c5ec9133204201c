"""`Encoding`: text to tokens and back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidEncodingError, UnknownNameError

__all__ = ["Encoding"]

_Allowed = Literal["all"] | AbstractSet[str]
_Disallowed = Literal["all"] | Collection[str]
_Result = TypeVar("_Result")

_NONE: frozenset[str] = frozenset()


class Encoding:
    """Ranks of tokens, a pattern that cuts text into pieces, and special tokens.

    Args:
        name: what it is called.
        pat_str: a regular expression; text that it does not match has no tokens.
        mergeable_ranks: ids by token, as bytes; the lower the id, the earlier its parts merge.
        special_tokens: ids by special token.
        explicit_n_vocab: if given, how many tokens there have to be, special ones included.

    Raises `InvalidArgumentError` (a `ValueError`) naming the argument. Encoding methods take ``allowed_special``, the
    special tokens that a text may have (``"all"`` of them, or a set), and ``disallowed_special``, those that raise
    `InvalidArgumentError` when it has them: by default all others. Whatever is in neither is ordinary text.
    Lone surrogates are encoded as U+FFFD, pairs of them as the character that they mean.
    """

    def __init__(
        self,
        name: str,
        *,
        pat_str: str,
        mergeable_ranks: dict[bytes, int],
        special_tokens: dict[str, int],
        explicit_n_vocab: int | None = None,
    ) -> None:
        core = _rust.RankEncoding(mergeable_ranks, list(special_tokens.items()), pat_str)
        self._fill(name, pat_str, special_tokens, core, explicit_n_vocab)
        self.__dict__["_mergeable_ranks"] = mergeable_ranks

    def _fill(
        self,
        name: str,
        pat_str: str,
        special_tokens: Mapping[str, int],
        core: _rust.RankEncoding,
        explicit_n_vocab: int | None = None,
    ) -> None:
        self.name = name
        self._pat_str = pat_str
        self._special_tokens = dict(special_tokens)
        self._special_token_values = set(special_tokens.values())
        self._core_bpe = core
        count, bound = core.sizes()
        self.max_token_value: int = max(bound - 1, max(special_tokens.values(), default=0))
        if explicit_n_vocab:
            found = (count + len(special_tokens), self.max_token_value + 1)
            if found != (explicit_n_vocab, explicit_n_vocab):
                raise InvalidArgumentError(
                    f"explicit_n_vocab: found {found[0]} tokens with ids below {found[1]}, "
                    f"expected {explicit_n_vocab} of both"
                )

    @functools.cached_property
    def _mergeable_ranks(self) -> dict[bytes, int]:
        return self._core_bpe.mergeable_ranks()

    def __repr__(self) -> str:
        return f"<Encoding {self.name!r}>"

    # Encoding

    def encode_ordinary(self, text: str) -> list[int]:
        """Tokens of ``text``; special tokens in it are ordinary text."""
        try:
            return self._core_bpe.encode_ordinary(text)
        except InvalidEncodingError:
            return self._core_bpe.encode_ordinary(_without_surrogates(text))

    def encode(
        self, text: str, *, allowed_special: _Allowed = _NONE, disallowed_special: _Disallowed = "all"
    ) -> list[int]:
        """Tokens of ``text``."""
        try:
            return self._core_bpe.encode(text, allowed_special, disallowed_special)
        except InvalidEncodingError:
            return self._core_bpe.encode(_without_surrogates(text), allowed_special, disallowed_special)

    def encode_to_numpy(
        self, text: str, *, allowed_special: _Allowed = _NONE, disallowed_special: _Disallowed = "all"
    ) -> npt.NDArray[np.uint32]:
        """Tokens of ``text``, uint32 [tokens]."""
        try:
            return self._core_bpe.encode_array(text, allowed_special, disallowed_special)
        except InvalidEncodingError:
            return self._core_bpe.encode_array(_without_surrogates(text), allowed_special, disallowed_special)

    def encode_ordinary_batch(self, text: Sequence[str], *, num_threads: int = 8) -> list[list[int]]:
        """Tokens of each text, on the threads of `ferrolm.set_num_threads`; special tokens are ordinary text."""
        return _repaired(self._core_bpe.encode_ordinary_batch, text)

    def encode_batch(
        self,
        text: Sequence[str],
        *,
        num_threads: int = 8,
        allowed_special: _Allowed = _NONE,
        disallowed_special: _Disallowed = "all",
    ) -> list[list[int]]:
        """Tokens of each text, on the threads of `ferrolm.set_num_threads`."""
        encode = functools.partial(
            self._core_bpe.encode_batch,
            allowed_special=allowed_special,
            disallowed_special=disallowed_special,
        )
        return _repaired(encode, text)

    def encode_with_unstable(
        self, text: str, *, allowed_special: _Allowed = _NONE, disallowed_special: _Disallowed = "all"
    ) -> tuple[list[int], list[list[int]]]:
        """The tokens of ``text`` that no further text changes, and sequences that may follow them.

        Each of those spells the rest of ``text``, and perhaps more.
        """
        try:
            return self._core_bpe.encode_with_unstable(text, allowed_special, disallowed_special)
        except InvalidEncodingError:
            text = _without_surrogates(text)
            return self._core_bpe.encode_with_unstable(text, allowed_special, disallowed_special)

    def encode_single_token(self, text_or_bytes: str | bytes) -> int:
        """The token of just this text, special or not; raises `UnknownNameError` (a `KeyError`) if there is none."""
        token = text_or_bytes.encode() if isinstance(text_or_bytes, str) else text_or_bytes
        index = self._core_bpe.encode_single_token(token)
        if index is None:
            raise UnknownNameError(f"{text_or_bytes!r} is not a token of {self.name}")
        return index

    # Decoding

    def decode_bytes(self, tokens: Sequence[int]) -> bytes:
        """The bytes of the tokens; raises `UnknownNameError` (a `KeyError`) for an id that no token has."""
        return self._core_bpe.decode_bytes(tokens)

    def decode(self, tokens: Sequence[int], errors: str = "replace") -> str:
        """The text of the tokens; ``errors`` says what becomes of bytes that are not UTF-8, as in `bytes.decode`."""
        return self._core_bpe.decode_bytes(tokens).decode("utf-8", errors=errors)

    def decode_single_token_bytes(self, token: int) -> bytes:
        """The bytes of one token, special or not."""
        return self._core_bpe.decode_single_token_bytes(token)

    def decode_tokens_bytes(self, tokens: Sequence[int]) -> list[bytes]:
        """The bytes of each token."""
        return self._core_bpe.decode_tokens_bytes(tokens)

    def decode_with_offsets(self, tokens: Sequence[int]) -> tuple[str, list[int]]:
        """The text of the tokens, and for each the index of the character that has its first byte.

        Raises `UnicodeDecodeError` if the text is not UTF-8.
        """
        text, offsets = self._core_bpe.decode_with_offsets(tokens)
        return text.decode("utf-8"), offsets

    def decode_batch(
        self, batch: Sequence[Sequence[int]], *, errors: str = "replace", num_threads: int = 8
    ) -> list[str]:
        """The text of each sequence of tokens."""
        return [text.decode("utf-8", errors=errors) for text in self._core_bpe.decode_bytes_batch(batch)]

    def decode_bytes_batch(self, batch: Sequence[Sequence[int]], *, num_threads: int = 8) -> list[bytes]:
        """The bytes of each sequence of tokens."""
        return self._core_bpe.decode_bytes_batch(batch)

    # The vocabulary

    def token_byte_values(self) -> list[bytes]:
        """The bytes of all tokens that are not special, sorted."""
        return self._core_bpe.token_byte_values()

    @property
    def eot_token(self) -> int:
        """The token ``<|endoftext|>``."""
        return self._special_tokens["<|endoftext|>"]

    @functools.cached_property
    def special_tokens_set(self) -> set[str]:
        """The special tokens."""
        return set(self._special_tokens)

    def is_special_token(self, token: int) -> bool:
        """Whether ``token`` is special."""
        return token in self._special_token_values

    @property
    def n_vocab(self) -> int:
        """One more than the largest token."""
        return self.max_token_value + 1

    # What users of tiktoken call though it is private there

    def _encode_single_piece(self, text_or_bytes: str | bytes) -> list[int]:
        piece = text_or_bytes.encode() if isinstance(text_or_bytes, str) else text_or_bytes
        return self._core_bpe.encode_single_piece(piece)

    def _encode_bytes(self, text: bytes) -> list[int]:
        return self._core_bpe.encode_bytes(text)

    # Pickling and copying

    def __getstate__(self) -> object:
        from ferrolm.compat.tiktoken import registry

        if registry.ENCODINGS.get(self.name) is self:
            return self.name
        return {
            "name": self.name,
            "pat_str": self._pat_str,
            "mergeable_ranks": self._mergeable_ranks,
            "special_tokens": self._special_tokens,
        }

    def __setstate__(self, state: object) -> None:
        from ferrolm.compat.tiktoken import registry

        if isinstance(state, str):
            self.__dict__.update(registry.get_encoding(state).__dict__)
        elif isinstance(state, dict):
            Encoding.__init__(self, **state)

    def __copy__(self) -> Encoding:
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Encoding:
        return self.__copy__()  # nothing in it changes


def _without_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _repaired(encode: Callable[[Sequence[str]], _Result], texts: Sequence[str]) -> _Result:
    if isinstance(texts, Iterator):
        texts = list(texts)
    try:
        return encode(texts)
    except InvalidEncodingError:
        return encode([_without_surrogates(text) for text in texts])


def of_core(
    name: str, pat_str: str, special_tokens: Mapping[str, int], core: _rust.RankEncoding, size: int | None
) -> Encoding:
    """The encoding of a core that is made already."""
    encoding = Encoding.__new__(Encoding)
    encoding._fill(name, pat_str, special_tokens, core, size)
    return encoding
