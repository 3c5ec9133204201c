"""Model inputs of one text or many, with the arguments of `transformers`."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterable
from typing import Any, Self

import numpy as np

from ferrolm import _rust
from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["BatchEncoding", "Batching"]

_PADDING = {
    False: None,
    None: None,
    "do_not_pad": None,
    True: "longest",
    "longest": "longest",
    "max_length": "max_length",
}
_TRUNCATION = {
    False: None,
    None: None,
    "do_not_truncate": None,
    True: "longest_first",
    "longest_first": "longest_first",
    "only_first": "only_first",
    "only_second": "only_second",
}
_PAD_TOKENS = ("<pad>", "[PAD]", "<|pad|>", "<|padding|>")


class BatchEncoding(UserDict[str, Any]):
    """A dictionary of model inputs whose entries are attributes too.

    >>> BatchEncoding({"input_ids": [1, 2]}).input_ids
    [1, 2]
    """

    encodings: list[_rust.Encoding] | None = None

    def __getattr__(self, name: str) -> Any:
        if name != "data" and name in self.data:
            return self.data[name]
        raise AttributeError(f"no input named {name!r}")

    def to(self, device: Any) -> Self:
        """Move the tensors to a device of torch; returns the same object."""
        self.data = {name: value.to(device) for name, value in self.data.items()}
        return self


class Batching(_rust.Tokenizer):
    """The part of `Tokenizer` that makes model inputs."""

    _pad_token: str | None = None

    @property
    def pad_token(self) -> str | None:
        """The token that `batch` pads with: what was set, that of the padding settings, or a usual one."""
        settings = self.padding_settings()
        if self._pad_token is not None or settings is not None:
            return self._pad_token if self._pad_token is not None else settings and settings[3]
        return next((token for token in _PAD_TOKENS if self.token_to_id(token) is not None), None)

    @pad_token.setter
    def pad_token(self, token: str | None) -> None:
        if token is not None and self.token_to_id(token) is None:
            raise InvalidArgumentError(f"pad_token: {token!r} is not in the vocabulary; add it first")
        self._pad_token = token

    @property
    def pad_token_id(self) -> int | None:
        """The id of `pad_token`."""
        token = self.pad_token
        settings = self.padding_settings()
        if self._pad_token is None and settings is not None:
            return settings[2]
        return None if token is None else self.token_to_id(token)

    def batch(
        self,
        text: Any,
        text_pair: Any = None,
        *,
        add_special_tokens: bool = True,
        padding: bool | str | None = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        truncation_side: str = "right",
        return_tensors: str | None = None,
        return_token_type_ids: bool = False,
        return_attention_mask: bool = True,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
    ) -> BatchEncoding:
        """Model inputs of a text, or of a sequence of texts.

        Args:
            text: a text, or a sequence of them; words instead of texts with ``is_split_into_words``.
            text_pair: second texts, as many.
            add_special_tokens: add what the post-processor adds.
            padding: ``True`` or ``"longest"`` pads to the longest, ``"max_length"`` to ``max_length``.
            truncation: ``True`` or ``"longest_first"``, ``"only_first"``, ``"only_second"``: cut to ``max_length``.
            max_length: in tokens, special ones included.
            stride: tokens that overflowing parts repeat.
            is_split_into_words: texts come as lists of words.
            pad_to_multiple_of: lengths to pad to are rounded up to a multiple.
            padding_side: ``"right"`` or ``"left"``; by default that of the padding settings.
            truncation_side: where tokens are cut.
            return_tensors: ``"np"`` for int64 arrays [batch, time], ``"pt"`` for torch tensors, else lists.
            return_token_type_ids: add ``token_type_ids``.
            return_attention_mask: add ``attention_mask``, 1 for tokens and 0 for padding.
            return_overflowing_tokens: rows for what truncation cut off, and ``overflow_to_sample_mapping``.
            return_special_tokens_mask: add ``special_tokens_mask``.
            return_offsets_mapping: add ``offset_mapping``, characters of each token.
            return_length: add ``length`` of each row.

        One text without ``return_tensors`` gives flat lists.
        """
        single = isinstance(text, (str, bytes)) or (is_split_into_words and _is_words(text))
        first = [text] if single else list(text)
        second = None if text_pair is None else [text_pair] if single else list(text_pair)
        if second is not None and len(second) != len(first):
            raise InvalidArgumentError(f"text_pair: found {len(second)} texts for {len(first)}")
        work = self._with_settings(
            _choice("padding", padding, _PADDING),
            _choice("truncation", truncation, _TRUNCATION),
            max_length,
            stride,
            pad_to_multiple_of,
            padding_side,
            truncation_side,
        )
        inputs = first if second is None else list(zip(first, second, strict=True))
        encodings = work.encode_many(inputs, is_split_into_words, add_special_tokens, True)
        samples = list(range(len(encodings)))
        if return_overflowing_tokens:
            parts = [[encoding, *encoding.overflowing] for encoding in encodings]
            samples = [index for index, rows in enumerate(parts) for _ in rows]
            encodings = [row for rows in parts for row in rows]
        data: dict[str, Any] = {"input_ids": [encoding.ids for encoding in encodings]}
        if return_token_type_ids:
            data["token_type_ids"] = [encoding.type_ids for encoding in encodings]
        if return_attention_mask:
            data["attention_mask"] = [encoding.attention_mask for encoding in encodings]
        if return_special_tokens_mask:
            data["special_tokens_mask"] = [encoding.special_tokens_mask for encoding in encodings]
        if return_offsets_mapping:
            data["offset_mapping"] = [encoding.offsets for encoding in encodings]
        if return_length:
            data["length"] = [len(encoding) for encoding in encodings]
        if return_overflowing_tokens:
            data["overflow_to_sample_mapping"] = samples
        if single and return_tensors is None and not return_overflowing_tokens:
            data = {name: rows[0] for name, rows in data.items()}
        batch = BatchEncoding({name: _tensor(name, rows, return_tensors) for name, rows in data.items()})
        batch.encodings = encodings
        return batch

    def _with_settings(
        self,
        padding: str | None,
        truncation: str | None,
        max_length: int | None,
        stride: int,
        pad_to_multiple_of: int | None,
        padding_side: str | None,
        truncation_side: str,
    ) -> _rust.Tokenizer:
        """A tokenizer with the same parts and the settings of one call."""
        if (truncation is not None or padding == "max_length") and max_length is None:
            raise InvalidArgumentError("max_length: is missing; truncation and padding='max_length' need it")
        settings = self.padding_settings()
        work = self.sibling()
        work.no_padding()
        work.no_truncation()
        if truncation is not None and max_length is not None:
            work.enable_truncation(max_length, stride, truncation, truncation_side)
        if padding is not None:
            pad_token, pad_id = self.pad_token, self.pad_token_id
            if pad_token is None or pad_id is None:
                raise InvalidArgumentError(
                    "padding: the tokenizer has no padding token; set one, for example "
                    "tokenizer.pad_token = '<|endoftext|>'"
                )
            work.enable_padding(
                direction=padding_side or (settings[5] if settings else "right"),
                pad_id=pad_id,
                pad_type_id=settings[4] if settings else 0,
                pad_token=pad_token,
                length=max_length if padding == "max_length" else None,
                pad_to_multiple_of=pad_to_multiple_of,
            )
        return work


def _is_words(text: Any) -> bool:
    return isinstance(text, Iterable) and all(isinstance(word, (str, bytes)) for word in text)


def _choice(name: str, value: Any, choices: dict[Any, str | None]) -> str | None:
    if not isinstance(value, (bool, str, type(None))) or value not in choices:
        expected = ", ".join(repr(choice) for choice in choices if choice is not None)
        raise InvalidArgumentError(f"{name}: found {value!r}, expected one of {expected}")
    return choices[value]


def _tensor(name: str, rows: Any, kind: str | None) -> Any:
    if kind is None:
        return rows
    if kind not in ("np", "pt"):
        raise InvalidArgumentError(f"return_tensors: found {kind!r}, expected 'np' or 'pt'")
    lengths = {len(row) for row in rows} if rows and isinstance(rows[0], list) else {0}
    if len(lengths) > 1:
        message = f"{name}: rows of {min(lengths)} to {max(lengths)} tokens make no array; pass padding=True or truncation"
        raise ShapeError(message)
    array = np.array(rows, np.int64)
    if kind == "np":
        return array
    return require("torch", extra="torch", purpose="return_tensors='pt'").from_numpy(array)
