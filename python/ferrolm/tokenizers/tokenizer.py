"""The tokenizer: a pipeline from text to ids and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt

from ferrolm.tokenizers import _training, decoders, models, normalizers, pre_tokenizers, processors, trainers
from ferrolm.tokenizers._interface import Interface
from ferrolm.tokenizers._texts import encode_ragged
from ferrolm.tokenizers.added_token import AddedToken, from_tuple, token_tuple
from ferrolm.tokenizers.batch import BatchEncoding
from ferrolm.tokenizers.loading import Found, find
from ferrolm.tokenizers.ragged import RaggedIds

if TYPE_CHECKING:
    from ferrolm.data import TokenFile

__all__ = ["Tokenizer"]

_Path = str | os.PathLike[str]


class Tokenizer(Interface):
    """A pipeline from text to ids and back, with the methods of `tokenizers.Tokenizer`, and arrays besides.

    Made by `from_file`, `from_pretrained`, `from_str`, or from a model and further parts:

    >>> from ferrolm.tokenizers import models, pre_tokenizers
    >>> vocab = {character: index for index, character in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    >>> tokenizer = Tokenizer.from_bpe(vocab | {"ab": 256}, [("a", "b")], special_tokens=["<|end|>"])
    >>> ids = tokenizer.encode_ids("abba<|end|>")
    >>> ids.dtype, len(ids), tokenizer.decode(ids, skip_special_tokens=False)
    (dtype('uint32'), 4, 'abba<|end|>')

    Texts are `str`, or `bytes` in UTF-8. Text that is not Unicode (lone surrogates, other bytes) raises
    `InvalidEncodingError`. Calls may run in several threads; a change of a part is seen by later calls.
    """

    def __new__(cls, model: models.Model) -> Self:
        return super().__new__(cls, model)

    # Making and saving

    @classmethod
    def _empty(cls) -> Self:
        return cls.__new__(cls, models.BPE())

    @classmethod
    def from_file(cls, path: _Path) -> Self:
        """The tokenizer of a ``tokenizer.json``.

        Raises `MissingFileError`, or `InvalidFileError` naming the place and what was found there.
        """
        tokenizer = cls._empty()
        tokenizer.load_file(Path(path))
        return tokenizer

    @classmethod
    def from_str(cls, json: str) -> Self:
        """The tokenizer of the text of a ``tokenizer.json``."""
        return cls.from_buffer(json.encode())

    @classmethod
    def from_buffer(cls, buffer: bytes) -> Self:
        """The tokenizer of the bytes of a ``tokenizer.json``."""
        tokenizer = cls._empty()
        tokenizer.load_json(bytes(buffer), "tokenizer.json")
        return tokenizer

    @classmethod
    def from_bpe(
        cls,
        vocab: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
        *,
        special_tokens: Iterable[str | AddedToken] = (),
        add_prefix_space: bool = False,
    ) -> Self:
        """Byte-level BPE as GPT-2 has it, of a vocabulary spelled in byte characters and its merges."""
        tokenizer = cls(models.BPE(vocab, merges))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
        tokenizer.add_special_tokens(list(special_tokens))
        return tokenizer

    @classmethod
    def from_pretrained(cls, identifier: _Path, revision: str = "main", token: str | None = None) -> Self:
        """The tokenizer in a folder, or of a repository of the Hugging Face hub, or of a file of any format.

        Takes the first that is there of ``tokenizer.json``; ``vocab.json`` and ``merges.txt`` (GPT-2's or RoBERTa's);
        ``vocab.txt`` (BERT's); a ``.tiktoken`` file; ``tekken.json``; a ``.model`` file. Settings in
        ``tokenizer_config.json`` and ``special_tokens_map.json`` beside a vocabulary are followed. An existing folder
        is never looked up on the hub. Raises `MissingFileError` if nothing is found.
        """
        found = find(identifier, revision, token)
        if found.format == "tiktoken":
            return cls.from_tiktoken(found.files[0])
        return cls._from_found(found)

    @classmethod
    def _from_found(cls, found: Found) -> Self:
        if found.format == "tokenizer.json":
            return cls.from_file(found.files[0])
        tokenizer = cls._empty()
        merges = found.files[1] if len(found.files) > 1 else None
        if found.format == "vocab.json" and merges is None:
            merges = found.files[0].with_name("merges.txt")
        tokenizer.load_format(found.format, found.files[0], merges)
        return tokenizer

    @classmethod
    def from_tiktoken(
        cls,
        path: _Path,
        pattern: str | None = None,
        special_tokens: Mapping[str, int] | Iterable[str] = (),
    ) -> Self:
        """Byte-level BPE of a ``.tiktoken`` file (also Llama 3's ``tokenizer.model``).

        Args:
            path: lines of a token in base64 and its rank, which is its id.
            pattern: what cuts text into pieces: a regular expression as tiktoken writes it, or a name (``gpt2``,
                ``r50k_base``, ``p50k_base``, ``cl100k_base``, ``o200k_base``, ``llama3``, ``qwen2``, ``tekken``). None
                takes the one of the file's name.
            special_tokens: ids by special token, or the tokens alone, which then get the ids after the others.

        Raises `InvalidFileError` naming the line, `InvalidArgumentError` for a pattern that is neither.
        """
        path = Path(path)
        tokenizer = cls._empty()
        named = special_tokens.items() if isinstance(special_tokens, Mapping) else ()
        tokenizer.load_format("tiktoken", path, None, path.stem if pattern is None else pattern, list(named))
        if not isinstance(special_tokens, Mapping):
            tokenizer.add_special_tokens(list(special_tokens))
        return tokenizer

    @classmethod
    def from_sentencepiece(cls, path: _Path) -> Self:
        """The tokenizer of a SentencePiece ``.model`` file (BPE or Unigram); ids are those of `sentencepiece`.

        Unigram adds scores in double precision, as the `tokenizers` package does; `sentencepiece` adds in single
        precision from the start of the text on, so that rounding decides there between ways of nearly equal sums.

        Nothing is put around a text, and control symbols like ``</s>`` in a text are text: set
        ``encode_special_tokens = False`` to have them matched. Raises `InvalidFileError` naming the place.
        """
        return cls._from_found(Found("sentencepiece", [Path(path)]))

    @classmethod
    def from_gguf(cls, path: _Path) -> Self:
        """The tokenizer inside a GGUF file; its tensors are not read.

        Raises `InvalidFileError` naming the place, or the kind of tokenizer that is not supported.
        """
        return cls._from_found(Found("gguf", [Path(path)]))

    @classmethod
    def from_tekken(cls, path: _Path) -> Self:
        """The tokenizer of Mistral's ``tekken.json``; nothing is put around a text."""
        return cls._from_found(Found("tekken", [Path(path)]))

    def to_str(self, pretty: bool = False) -> str:
        """The text of a ``tokenizer.json`` that describes this tokenizer."""
        return self.to_json(pretty)

    def save(self, path: _Path, pretty: bool = True) -> None:
        """Write a ``tokenizer.json``, whole or not at all; the `tokenizers` package loads it too."""
        self.save_file(Path(path), pretty)

    def save_tiktoken(self, path: _Path) -> None:
        """Write the tokens of a byte-level vocabulary as a ``.tiktoken`` file; added tokens are left out.

        Raises `InvalidArgumentError` for a vocabulary that is not spelled in byte characters.
        """
        self.save_tiktoken_file(Path(path))

    def __reduce__(self) -> tuple[Any, ...]:
        state = (self.to_json(False), self.encode_special_tokens, self._pad_token)
        return _rebuild, (type(self), *state)

    def __getstate__(self) -> bytes:
        """The state as JSON, in the form of the `tokenizers` package."""
        return self.to_json(False).encode()

    def __copy__(self) -> Self:
        copy = self._empty()
        copy.copy_from(self)
        copy._pad_token = self._pad_token
        return copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    # Parts

    @property
    def model(self) -> models.Model:
        """The model; options that are changed on it change this tokenizer."""
        model = models.wrap(self.get_model())
        model._attached = self.set_model
        return model

    @model.setter
    def model(self, model: models.Model) -> None:
        self.set_model(model)

    @property
    def normalizer(self) -> normalizers.Normalizer | None:
        """The normalizer; settings that are changed on it change this tokenizer."""
        return cast("normalizers.Normalizer | None", self._wrapped("normalizer", normalizers.wrap))

    @normalizer.setter
    def normalizer(self, part: normalizers.Normalizer | None) -> None:
        self._set_part("normalizer", part)

    @property
    def pre_tokenizer(self) -> pre_tokenizers.PreTokenizer | None:
        """The pre-tokenizer; settings that are changed on it change this tokenizer."""
        return cast("pre_tokenizers.PreTokenizer | None", self._wrapped("pre_tokenizer", pre_tokenizers.wrap))

    @pre_tokenizer.setter
    def pre_tokenizer(self, part: pre_tokenizers.PreTokenizer | None) -> None:
        self._set_part("pre_tokenizer", part)

    @property
    def post_processor(self) -> processors.PostProcessor | None:
        """The post-processor; settings that are changed on it change this tokenizer."""
        return cast("processors.PostProcessor | None", self._wrapped("post_processor", processors.wrap))

    @post_processor.setter
    def post_processor(self, part: processors.PostProcessor | None) -> None:
        self._set_part("post_processor", part)

    @property
    def decoder(self) -> decoders.Decoder | None:
        """The decoder; settings that are changed on it change this tokenizer."""
        return cast("decoders.Decoder | None", self._wrapped("decoder", decoders.wrap))

    @decoder.setter
    def decoder(self, part: decoders.Decoder | None) -> None:
        self._set_part("decoder", part)

    # Vocabulary

    def add_tokens(self, tokens: Sequence[str | AddedToken]) -> int:
        """Add tokens; those that the model does not know get new ids. Returns how many were added."""
        return self.add_token_tuples([token_tuple(token, special=False) for token in tokens])

    def add_special_tokens(self, tokens: Sequence[str | AddedToken]) -> int:
        """Add tokens that decoding can leave out."""
        return self.add_token_tuples([token_tuple(token, special=True) for token in tokens])

    def _added(self) -> dict[int, AddedToken]:
        return {index: from_tuple(values) for index, values in self.added_token_tuples()}

    def get_added_tokens_decoder(self) -> dict[int, AddedToken]:
        """The added tokens by id."""
        return self._added()

    @property
    def encode_special_tokens(self) -> bool:
        """Whether special tokens in text are encoded like ordinary text."""
        return self.get_encode_special_tokens()

    @encode_special_tokens.setter
    def encode_special_tokens(self, value: bool) -> None:
        self.set_encode_special_tokens(value)

    # Training

    def train(self, files: Iterable[_Path], trainer: trainers.Trainer | None = None) -> None:
        """Learn the vocabulary of the model from text files; every line, with its end, is a text of its own.

        See `train_from_iterator`. Raises `MissingFileError`, `InvalidEncodingError`, or `InvalidArgumentError` where there is no text.
        """
        _training.train_from_files(self, files, trainer)

    def train_from_iterator(
        self,
        iterator: Iterable[str] | Iterable[Sequence[str]],
        trainer: trainers.Trainer | None = None,
        length: int | None = None,
    ) -> None:
        """Learn the vocabulary of the model from texts, or lists of texts, on all threads.

        Args:
            iterator: texts, lists of them, or a numpy or Arrow array of strings; it is read in batches.
            trainer: by default the one of the model, see `ferrolm.tokenizers.models.Model.get_trainer`.
            length: number of texts, for the progress bar.

        Ctrl-C stops it within a tenth of a second; the tokenizer is then as it was, as after any error. Raises
        `InvalidArgumentError` where the trainer is not one of the model, or where there is no text.
        """
        _training.train_from_texts(self, iterator, trainer, length)

    # Settings

    @property
    def truncation(self) -> dict[str, Any] | None:
        """What `enable_truncation` was given, or None."""
        settings = self.truncation_settings()
        return settings and dict(
            zip(("max_length", "stride", "strategy", "direction"), settings, strict=True)
        )

    @property
    def padding(self) -> dict[str, Any] | None:
        """What `enable_padding` was given, or None."""
        names = ("length", "pad_to_multiple_of", "pad_id", "pad_token", "pad_type_id", "direction")
        settings = self.padding_settings()
        return settings and dict(zip(names, settings, strict=True))

    # Encoding and decoding

    def encode_ids_batch(
        self, texts: Any, add_special_tokens: bool = True, *, separator: str | None = None
    ) -> RaggedIds:
        r"""Ids of many texts in one flat array, on all threads; neither truncated nor padded.

        Args:
            texts: texts; an Arrow or numpy array of strings; or, with ``separator``, one buffer (str, bytes,
                memoryview, memory-mapped file, array of bytes) of many documents. Text in Arrow arrays and buffers
                is not copied. A file that is mapped must not be shortened meanwhile.
            add_special_tokens: add what the post-processor adds, to each text.
            separator: what ends a document in a buffer; it belongs to none.

        >>> from ferrolm.tokenizers import models
        >>> tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
        >>> tokenizer.encode_ids_batch(["ab", "", "b"]).tolist()
        [[0, 1], [], [1]]
        >>> tokenizer.encode_ids_batch(b"ab\n\nb\n", separator="\n").tolist()
        [[0, 1], [], [1]]
        """
        return RaggedIds(*encode_ragged(self, texts, add_special_tokens, separator))

    def count_tokens(
        self, texts: Any, add_special_tokens: bool = True, *, separator: str | None = None
    ) -> npt.NDArray[np.int64]:
        """Number of tokens of each text, int64 [texts]; ``texts`` as in `encode_ids_batch`."""
        return np.diff(encode_ragged(self, texts, add_special_tokens, separator)[1])

    def encode_file(
        self,
        source: _Path | Iterable[_Path],
        target: _Path,
        *,
        field: str = "text",
        separator: str | None = None,
        end_of_text: str | None = None,
        add_special_tokens: bool = False,
        resume: bool = True,
        show_progress: bool | None = None,
    ) -> TokenFile:
        """Tokenize files into a token file (uint16 or uint32, see `ferrolm.data.TokenFile`) and open it.

        Args:
            source: a file or several: ``.txt``, ``.jsonl``, either with ``.gz`` or ``.zst`` after it, or ``.parquet``.
            target: the token file; it appears when all is done. Meanwhile ``.NAME.partial`` stands beside it: a call
                with the same files and options takes up from there after an interruption, losing at most ten seconds.
            field: key of JSON lines, or column of Parquet, that has the text.
            separator: what ends a document in text; without it a text file is one document.
            end_of_text: token to put after each document.
            add_special_tokens: add what the post-processor adds, to each document.
            resume: False starts anew.
            show_progress: by default on a terminal only.

        Raises `MissingFileError`, `InvalidFileError` or `InvalidEncodingError` naming file and place.
        """
        from ferrolm.data.encode_file import encode_file

        return encode_file(
            self,
            source,
            target,
            field=field,
            separator=separator,
            end_of_text=end_of_text,
            add_special_tokens=add_special_tokens,
            resume=resume,
            show_progress=show_progress,
        )

    def __call__(self, text: Any, text_pair: Any = None, **options: Any) -> BatchEncoding:
        """Model inputs of one text or several, see `Batching.batch`."""
        return self.batch(text, text_pair, **options)


def _rebuild(
    cls: type[Tokenizer], state: str, encode_special_tokens: bool, pad_token: str | None
) -> Tokenizer:
    tokenizer = cls.from_str(state)
    tokenizer.encode_special_tokens = encode_special_tokens
    tokenizer._pad_token = pad_token
    return tokenizer
