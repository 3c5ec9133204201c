"""Token files: the ids of many documents in one binary file that is opened by memory mapping.

Layout, little-endian:

    ======  =====  ==============================================================================
    offset  bytes  content
    ======  =====  ==============================================================================
    0       8      magic ``FERROTOK``
    8       4      version, 1
    12      4      bytes per token: 2 (uint16) or 4 (uint32)
    16      8      number of tokens n
    24      8      number of documents d
    32      8      bytes of UTF-8 text that the tokens stand for (for bits per byte)
    40      32     SHA-256 of the tokenizer's JSON, or zeros
    72      4      CRC-32 of everything after the header
    76      4      CRC-32 of the 76 bytes before
    80             tokens, then zeros up to a multiple of 8, then document offsets int64[d + 1]
    ======  =====  ==============================================================================

Document i is ``tokens[offsets[i]:offsets[i + 1]]``, its end-of-text token included.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from ferrolm._files import open_file
from ferrolm.data._atomic import replace_file
from ferrolm.errors import FerrolmError, FileAccessError, InvalidArgumentError, InvalidFileError

__all__ = ["TokenFile", "TokenFileWriter", "write_token_file"]

MAGIC = b"FERROTOK"
VERSION = 1
_HEADER = struct.Struct("<8sIIQQQ32sI")
HEADER_SIZE = _HEADER.size + 4
_DTYPES: dict[int, np.dtype[Any]] = {2: np.dtype("<u2"), 4: np.dtype("<u4")}
# Characters of text per call of the tokenizer: enough to keep all threads busy, little memory.
_BATCH_CHARACTERS = 1 << 22


class _Ragged(Protocol):
    @property
    def ids(self) -> npt.NDArray[np.uint32]: ...
    @property
    def offsets(self) -> npt.NDArray[np.int64]: ...


class _BatchTokenizer(Protocol):
    """What `write_token_file` needs of a tokenizer; `ferrolm.Tokenizer` has it."""

    def encode_ids_batch(self, texts: list[str], /, *, add_special_tokens: bool = ...) -> _Ragged: ...
    def get_vocab_size(self, with_added_tokens: bool = ...) -> int: ...
    def token_to_id(self, token: str, /) -> int | None: ...
    def to_str(self, pretty: bool = ...) -> str: ...


@dataclass(frozen=True)
class _Header:
    token_bytes: int
    tokens: int
    documents: int
    text_bytes: int
    tokenizer_hash: bytes
    checksum: int

    def pack(self) -> bytes:
        head = _HEADER.pack(
            MAGIC, VERSION, self.token_bytes, self.tokens, self.documents, self.text_bytes,
            self.tokenizer_hash, self.checksum,
        )  # fmt: skip
        return head + struct.pack("<I", zlib.crc32(head))

    @property
    def offsets_at(self) -> int:
        return HEADER_SIZE + _padded(self.tokens * self.token_bytes)

    @property
    def file_size(self) -> int:
        return self.offsets_at + 8 * (self.documents + 1)

    @classmethod
    def parse(cls, path: Path, raw: bytes, file_size: int) -> _Header:
        if len(raw) < HEADER_SIZE or raw[:8] != MAGIC:
            raise InvalidFileError(f"{path}: not a token file (it should start with {MAGIC.decode()})")
        _, version, token_bytes, *rest = _HEADER.unpack_from(raw)
        if version != VERSION:
            raise InvalidFileError(f"{path}: token file of version {version}, expected {VERSION}")
        if struct.unpack_from("<I", raw, _HEADER.size)[0] != zlib.crc32(raw[: _HEADER.size]):
            raise InvalidFileError(f"{path}: the header does not match its checksum")
        header = cls(token_bytes, *rest)
        if token_bytes not in _DTYPES:
            raise InvalidFileError(f"{path}: {token_bytes} bytes per token, expected 2 or 4")
        if header.file_size != file_size:
            message = f"{path}: {file_size} bytes, but its header says {header.file_size}; is it truncated?"
            raise InvalidFileError(message)
        return header


def _padded(size: int) -> int:
    return (size + 7) // 8 * 8


@dataclass(frozen=True)
class TokenLayout:
    """How a file of a vocabulary is written: the width of its tokens, and what its header says."""

    vocab_size: int
    width: int
    tokenizer_hash: bytes

    @classmethod
    def for_vocabulary(cls, vocab_size: int, tokenizer_hash: str = "") -> TokenLayout:
        """2 bytes per token up to a ``vocab_size`` of 65,536, else 4."""
        if not 0 < vocab_size <= 1 << 32:
            raise InvalidArgumentError(f"vocab_size must be in [1, 2**32], not {vocab_size}")
        raw = bytes.fromhex(tokenizer_hash) if tokenizer_hash else bytes(32)
        if len(raw) != 32:
            raise InvalidArgumentError(f"tokenizer_hash must have 64 hexadecimal digits: {tokenizer_hash!r}")
        return cls(vocab_size, 2 if vocab_size <= 1 << 16 else 4, raw)

    def pack(self, ids: npt.NDArray[Any]) -> bytes:
        """The bytes of ids. Raises `InvalidArgumentError` for one outside the vocabulary."""
        if ids.size and not (int(ids.min()) >= 0 and int(ids.max()) < self.vocab_size):
            found = int(ids.min()) if int(ids.min()) < 0 else int(ids.max())
            raise InvalidArgumentError(f"token id {found} is outside the vocabulary of {self.vocab_size}")
        return ids.astype(_DTYPES[self.width], copy=False).tobytes()

    def padding(self, tokens: int) -> bytes:
        """What follows so many tokens."""
        return bytes(_padded(tokens * self.width) - tokens * self.width)

    def checksum(self, data: bytes, before: int) -> int:
        """The checksum of what had the checksum ``before``, with ``data`` after it."""
        return zlib.crc32(data, before)

    def header(self, tokens: int, documents: int, text_bytes: int, checksum: int) -> bytes:
        """The header of a file of so many tokens and documents."""
        return _Header(self.width, tokens, documents, text_bytes, self.tokenizer_hash, checksum).pack()


class TokenFile:
    """A token file, opened by memory mapping; opening reads the header and the document offsets alone.

    ``tokens``: uint16 or uint32 [count]; ``offsets``: int64 [documents + 1]; both read-only views of the file, which
    must not be shortened while it is open (writers replace files, they do not rewrite them).

    >>> import tempfile; path = tempfile.mkdtemp() + "/example.tokens"
    >>> with TokenFileWriter(path, vocab_size=100) as writer:
    ...     writer.add([1, 2, 3], text_bytes=5)
    >>> file = TokenFile(path)
    >>> file.tokens.tolist(), file.document_count, file.text_bytes
    ([1, 2, 3], 1, 5)
    """

    def __init__(self, path: str | PathLike[str], *, verify: bool = False) -> None:
        """``verify``: read everything and compare with the checksum. Raises `InvalidFileError`."""
        self.path = Path(path)
        try:
            with open_file(self.path) as file:
                size = os.fstat(file.fileno()).st_size
                self._header = _Header.parse(self.path, file.read(HEADER_SIZE), size)
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FerrolmError:
            raise
        except OSError as error:
            raise FileAccessError(f"cannot read {self.path}: {error}") from error
        header = self._header
        dtype = _DTYPES[header.token_bytes]
        self.tokens: npt.NDArray[Any] = np.frombuffer(self._map, dtype, header.tokens, HEADER_SIZE)
        self.offsets: npt.NDArray[np.int64] = np.frombuffer(
            self._map, "<i8", header.documents + 1, header.offsets_at
        )
        self._check_offsets()
        if verify:
            self.verify()

    def _check_offsets(self) -> None:
        offsets = self.offsets
        if offsets[0] != 0 or offsets[-1] != len(self.tokens) or (np.diff(offsets) < 0).any():
            raise InvalidFileError(
                f"{self.path}: the document offsets do not rise from 0 to {len(self.tokens)}"
            )

    def verify(self) -> None:
        """Raise `InvalidFileError` unless the content matches the checksum in the header."""
        with memoryview(self._map) as view:
            if zlib.crc32(view[HEADER_SIZE:]) != self._header.checksum:
                raise InvalidFileError(f"{self.path}: the content does not match its checksum")

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return (
            f"TokenFile({str(self.path)!r}, tokens={len(self)}, documents={self.document_count}, "
            f"dtype={self.tokens.dtype}, text_bytes={self.text_bytes})"
        )

    @property
    def document_count(self) -> int:
        return self._header.documents

    @property
    def text_bytes(self) -> int:
        """Bytes of UTF-8 text that the tokens stand for."""
        return self._header.text_bytes

    @property
    def tokenizer_hash(self) -> str:
        """SHA-256 of the JSON of the tokenizer that made the file, in hexadecimal; empty if none is named."""
        raw = self._header.tokenizer_hash
        return raw.hex() if any(raw) else ""

    def document(self, index: int) -> npt.NDArray[Any]:
        """The ids of document ``index``."""
        if not 0 <= index < self.document_count:
            raise InvalidArgumentError(f"document {index} of {self.document_count}")
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]


class TokenFileWriter:
    """Writes a token file document by document; the file appears under its name when the writer is closed.

    Leaving the ``with`` block by an exception leaves what was there before.
    """

    def __init__(self, path: str | PathLike[str], vocab_size: int, tokenizer_hash: str = "") -> None:
        """``vocab_size`` decides the width: 2 bytes per token up to 65,536, else 4."""
        self.path = Path(path)
        self._layout = TokenLayout.for_vocabulary(vocab_size, tokenizer_hash)
        self._offsets = [0]
        self._text_bytes = 0
        self._checksum = 0
        self._target = replace_file(self.path)
        self._file = self._target.__enter__()
        self._file.write(bytes(HEADER_SIZE))

    def add(self, ids: npt.ArrayLike, text_bytes: int = 0) -> None:
        """Append one document. Raises `InvalidArgumentError` for an id outside the vocabulary."""
        self.add_batch(np.asarray(ids, dtype=np.int64), [0, np.size(ids)], text_bytes)

    def add_batch(self, ids: npt.NDArray[Any], offsets: npt.ArrayLike, text_bytes: int = 0) -> None:
        """Append documents: ids [total], offsets [documents + 1]; ``text_bytes`` of all of them together."""
        self._write(self._layout.pack(ids))
        ends = np.asarray(offsets, dtype=np.int64)[1:] + self._offsets[-1]
        self._offsets.extend(ends.tolist())
        self._text_bytes += text_bytes

    def _write(self, data: bytes) -> None:
        self._checksum = self._layout.checksum(data, self._checksum)
        self._file.write(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._target.__exit__(kind, error, trace)
            return
        try:
            self._finish()
        except BaseException as failure:
            # The temporary file goes, as for a failure within the block.
            self._target.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._target.__exit__(None, None, None)

    def _finish(self) -> None:
        tokens = self._offsets[-1]
        self._write(self._layout.padding(tokens))
        self._write(np.asarray(self._offsets, dtype="<i8").tobytes())
        documents = len(self._offsets) - 1
        self._file.seek(0)
        self._file.write(self._layout.header(tokens, documents, self._text_bytes, self._checksum))


def write_token_file(
    path: str | PathLike[str],
    documents: Iterable[str],
    tokenizer: _BatchTokenizer,
    *,
    end_of_text: str | None = "<|endoftext|>",
) -> TokenFile:
    """Tokenize ``documents`` into a token file at ``path`` and open it.

    Each document ends with the token ``end_of_text`` (None for nothing). Special tokens are not added otherwise.
    """
    vocab_size = tokenizer.get_vocab_size()
    end: npt.NDArray[np.uint32] | None = None
    if end_of_text is not None:
        end_id = tokenizer.token_to_id(end_of_text)
        if end_id is None:
            raise InvalidArgumentError(f"end_of_text {end_of_text!r} is not in the tokenizer's vocabulary")
        end = np.array([end_id], dtype=np.uint32)
    with TokenFileWriter(path, vocab_size, tokenizer_hash(tokenizer)) as writer:
        for texts in _batches(documents):
            ragged = tokenizer.encode_ids_batch(texts, add_special_tokens=False)
            ids, offsets = ragged.ids, ragged.offsets
            if end is not None:
                ids = np.insert(ids, offsets[1:], end[0])
                offsets = offsets + np.arange(len(offsets))
            writer.add_batch(ids, offsets, sum(len(text.encode()) for text in texts))
    return TokenFile(path)


def tokenizer_hash(tokenizer: _BatchTokenizer) -> str:
    """SHA-256 of the tokenizer's JSON, in hexadecimal."""
    import hashlib

    return hashlib.sha256(tokenizer.to_str().encode()).hexdigest()


def _batches(documents: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document)
        if characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
