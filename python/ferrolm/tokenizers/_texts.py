"""Batches of text that are not lists of `str`: Arrow and numpy arrays, and buffers with a separator."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["encode_ragged"]

Ragged = tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]


def encode_ragged(
    tokenizer: _rust.Tokenizer, texts: Any, add_special_tokens: bool, separator: str | None = None
) -> Ragged:
    """Ids and offsets of ``texts``, whatever holds them; text in buffers is not copied."""
    if separator is not None:
        return tokenizer.encode_separated(_buffer(texts), separator, add_special_tokens)
    if isinstance(texts, (memoryview, bytearray, mmap.mmap)):
        raise InvalidArgumentError("texts: a buffer of many documents needs separator=, such as '\\n'")
    # Arrow libraries (pyarrow, polars, arro3, ...) are recognised by what they offer, not imported for it.
    if hasattr(texts, "__arrow_c_array__") or hasattr(texts, "__arrow_c_stream__"):
        return _encode_arrow(tokenizer, texts, add_special_tokens)
    if isinstance(texts, np.ndarray):
        return tokenizer.encode_ragged(_numpy_texts(texts), add_special_tokens)
    return tokenizer.encode_ragged(texts, add_special_tokens)


def _buffer(texts: Any) -> Any:
    return texts.encode() if isinstance(texts, str) else texts


def _numpy_texts(texts: npt.NDArray[Any]) -> Iterable[str | bytes]:
    # "U", "S", objects, and numpy's own strings of variable width.
    if texts.ndim != 1 or texts.dtype.kind not in "USOT":
        found = f"{texts.dtype} {list(texts.shape)}"
        raise InvalidTypeError(f"texts: found an array of {found}, expected one row of strings")
    items: list[str | bytes] = texts.tolist()
    return items


def _encode_arrow(tokenizer: _rust.Tokenizer, texts: Any, add_special_tokens: bool) -> Ragged:
    from ferrolm._extras import require

    arrow: Any = require("pyarrow", "data", "reading an Arrow array")
    column = arrow.chunked_array(texts) if hasattr(texts, "__arrow_c_stream__") else arrow.array(texts)
    chunks = column.chunks if isinstance(column, arrow.ChunkedArray) else [column]
    parts = [_encode_arrow_chunk(tokenizer, arrow, chunk, add_special_tokens) for chunk in chunks]
    if len(parts) == 1:
        return parts[0]
    ids = np.concatenate([part[0] for part in parts]) if parts else np.empty(0, np.uint32)
    lengths = [np.diff(part[1]) for part in parts]
    return ids, np.concatenate([[0], *lengths]).cumsum(dtype=np.int64)


def _encode_arrow_chunk(
    tokenizer: _rust.Tokenizer, arrow: Any, chunk: Any, add_special_tokens: bool
) -> Ragged:
    if chunk.null_count:
        raise InvalidArgumentError(f"texts: {chunk.null_count} of {len(chunk)} are null, expected strings")
    if chunk.type not in (arrow.string(), arrow.large_string(), arrow.binary(), arrow.large_binary()):
        # Views and dictionaries are made into one buffer first; what holds no text is refused.
        try:
            chunk = chunk.cast(arrow.large_string())
        except arrow.ArrowException as error:
            raise InvalidTypeError(
                f"texts: found an Arrow array of {chunk.type}, expected strings"
            ) from error
    _, bounds, data = chunk.buffers()
    width = np.int64 if chunk.type in (arrow.large_string(), arrow.large_binary()) else np.int32
    if bounds is None or data is None:
        return tokenizer.encode_ragged([""] * len(chunk), add_special_tokens)
    offsets = np.frombuffer(bounds, width)[chunk.offset : chunk.offset + len(chunk) + 1]
    # pyarrow's buffers call their bytes signed.
    octets = np.frombuffer(data, np.uint8)
    return tokenizer.encode_buffer(octets, offsets.astype(np.int64, copy=False), add_special_tokens)
