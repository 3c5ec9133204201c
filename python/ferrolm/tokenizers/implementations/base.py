"""What the tokenizers with ready-made parts have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from ferrolm._rust import Encoding
from ferrolm.errors import InvalidArgumentError
from ferrolm.tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from ferrolm.tokenizers.added_token import AddedToken
from ferrolm.tokenizers.tokenizer import Tokenizer

__all__ = ["BaseTokenizer"]

_Path = str | os.PathLike[str]
_Token = str | AddedToken


class BaseTokenizer:
    """A `Tokenizer` and the parameters that it was made with; its methods are those of the `Tokenizer`.

    >>> from ferrolm.tokenizers import Tokenizer, models
    >>> BaseTokenizer(Tokenizer(models.BPE({"a": 0}, [])), {"model": "BPE"})
    Tokenizer(vocabulary_size=1, model=BPE)
    """

    def __init__(self, tokenizer: Tokenizer, parameters: dict[str, Any] | None = None) -> None:
        self._tokenizer = tokenizer
        self._parameters = parameters or {}

    def __repr__(self) -> str:
        parameters = ", ".join(f"{name}={value}" for name, value in self._parameters.items())
        return f"Tokenizer(vocabulary_size={self._tokenizer.get_vocab_size()}, {parameters})"

    # Vocabulary

    def num_special_tokens_to_add(self, is_pair: bool) -> int:
        return self._tokenizer.num_special_tokens_to_add(is_pair)

    def get_vocab(self, with_added_tokens: bool = True) -> dict[str, int]:
        return self._tokenizer.get_vocab(with_added_tokens=with_added_tokens)

    def get_vocab_size(self, with_added_tokens: bool = True) -> int:
        return self._tokenizer.get_vocab_size(with_added_tokens=with_added_tokens)

    def get_added_tokens_decoder(self) -> dict[int, AddedToken]:
        return self._tokenizer.get_added_tokens_decoder()

    def token_to_id(self, token: str) -> int | None:
        return self._tokenizer.token_to_id(token)

    def id_to_token(self, id: int) -> str | None:
        return self._tokenizer.id_to_token(id)

    def add_tokens(self, tokens: Sequence[_Token]) -> int:
        return self._tokenizer.add_tokens(tokens)

    def add_special_tokens(self, special_tokens: Sequence[_Token]) -> int:
        return self._tokenizer.add_special_tokens(special_tokens)

    def _add_known(self, *tokens: _Token) -> None:
        """Make those tokens special that the vocabulary has."""
        known = [str(token) for token in tokens if self._tokenizer.token_to_id(str(token)) is not None]
        self._tokenizer.add_special_tokens(known)

    # Settings

    def enable_padding(
        self,
        direction: str = "right",
        pad_to_multiple_of: int | None = None,
        pad_id: int = 0,
        pad_type_id: int = 0,
        pad_token: str = "[PAD]",
        length: int | None = None,
    ) -> None:
        self._tokenizer.enable_padding(
            direction=direction,
            pad_to_multiple_of=pad_to_multiple_of,
            pad_id=pad_id,
            pad_type_id=pad_type_id,
            pad_token=pad_token,
            length=length,
        )

    def no_padding(self) -> None:
        self._tokenizer.no_padding()

    @property
    def padding(self) -> dict[str, Any] | None:
        return self._tokenizer.padding

    def enable_truncation(self, max_length: int, stride: int = 0, strategy: str = "longest_first") -> None:
        self._tokenizer.enable_truncation(max_length, stride=stride, strategy=strategy)

    def no_truncation(self) -> None:
        self._tokenizer.no_truncation()

    @property
    def truncation(self) -> dict[str, Any] | None:
        return self._tokenizer.truncation

    # Encoding

    def normalize(self, sequence: str) -> str:
        normalizer = self._tokenizer.normalizer
        return sequence if normalizer is None else normalizer.normalize_str(sequence)

    def encode(
        self,
        sequence: Any,
        pair: Any = None,
        is_pretokenized: bool = False,
        add_special_tokens: bool = True,
    ) -> Encoding:
        _given(sequence, "sequence")
        return self._tokenizer.encode(sequence, pair, is_pretokenized, add_special_tokens)

    def encode_batch(
        self, inputs: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[Encoding]:
        _given(inputs, "inputs")
        return self._tokenizer.encode_batch(inputs, is_pretokenized, add_special_tokens)

    async def async_encode_batch(
        self, inputs: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[Encoding]:
        _given(inputs, "inputs")
        return await self._tokenizer.async_encode_batch(inputs, is_pretokenized, add_special_tokens)

    async def async_encode_batch_fast(
        self, inputs: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[Encoding]:
        _given(inputs, "inputs")
        return await self._tokenizer.async_encode_batch_fast(inputs, is_pretokenized, add_special_tokens)

    def post_process(
        self, encoding: Encoding, pair: Encoding | None = None, add_special_tokens: bool = True
    ) -> Encoding:
        return self._tokenizer.post_process(encoding, pair, add_special_tokens)

    # Decoding

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        _given(ids, "ids")
        return self._tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)

    def decode_batch(self, sequences: Sequence[Sequence[int]], skip_special_tokens: bool = True) -> list[str]:
        _given(sequences, "sequences")
        return self._tokenizer.decode_batch(sequences, skip_special_tokens=skip_special_tokens)

    async def async_decode_batch(
        self, sequences: Sequence[Sequence[int]], skip_special_tokens: bool = True
    ) -> list[str]:
        _given(sequences, "sequences")
        return await self._tokenizer.async_decode_batch(sequences, skip_special_tokens)

    # Saving and training

    def save_model(self, directory: _Path, prefix: str | None = None) -> list[str]:
        """Write the files of the model, such as ``vocab.txt``; gives their paths."""
        return self._tokenizer.model.save(directory, prefix)

    def save(self, path: _Path, pretty: bool = True) -> None:
        """Write a ``tokenizer.json``."""
        self._tokenizer.save(path, pretty)

    def to_str(self, pretty: bool = False) -> str:
        return self._tokenizer.to_str(pretty)

    def _train(self, files: _Path | Sequence[_Path], trainer: trainers.Trainer) -> None:
        several = [files] if isinstance(files, str | os.PathLike) else files
        self._tokenizer.train(several, trainer)

    def _train_from_iterator(
        self, iterator: Iterable[Any], trainer: trainers.Trainer, length: int | None
    ) -> None:
        self._tokenizer.train_from_iterator(iterator, trainer, length)

    # Parts

    @property
    def model(self) -> models.Model:
        return self._tokenizer.model

    @model.setter
    def model(self, model: models.Model) -> None:
        self._tokenizer.model = model

    @property
    def normalizer(self) -> normalizers.Normalizer | None:
        return self._tokenizer.normalizer

    @normalizer.setter
    def normalizer(self, normalizer: normalizers.Normalizer | None) -> None:
        self._tokenizer.normalizer = normalizer

    @property
    def pre_tokenizer(self) -> pre_tokenizers.PreTokenizer | None:
        return self._tokenizer.pre_tokenizer

    @pre_tokenizer.setter
    def pre_tokenizer(self, pre_tokenizer: pre_tokenizers.PreTokenizer | None) -> None:
        self._tokenizer.pre_tokenizer = pre_tokenizer

    @property
    def post_processor(self) -> processors.PostProcessor | None:
        return self._tokenizer.post_processor

    @post_processor.setter
    def post_processor(self, post_processor: processors.PostProcessor | None) -> None:
        self._tokenizer.post_processor = post_processor

    @property
    def decoder(self) -> decoders.Decoder | None:
        return self._tokenizer.decoder

    @decoder.setter
    def decoder(self, decoder: decoders.Decoder | None) -> None:
        self._tokenizer.decoder = decoder


def _given(value: Any, argument: str) -> None:
    if value is None:
        raise InvalidArgumentError(f"{argument}: found None, expected a value")


def chain(parts: list[normalizers.Normalizer]) -> normalizers.Normalizer | None:
    """One normalizer of several, of one, or none."""
    if len(parts) > 1:
        return normalizers.Sequence(parts)
    return parts[0] if parts else None
