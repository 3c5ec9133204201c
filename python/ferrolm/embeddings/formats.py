"""A file of words and named arrays: what `KeyedVectors.save` and `GloVe.save` write.

::

    "FERROVEC"  magic                                           8 bytes
    version, length of the head                                 2 × u32
    head: JSON, padded with spaces                              UTF-8
    CRC-32 of all before                                        u32, then zeros up to a multiple of 64
    the arrays, little-endian, each from a multiple of 64 on    the head has their places and their CRC-32

The head: ``{"kind", "metadata", "arrays": {name: {"dtype", "shape", "offset", "crc32"}}}``. Words are two arrays, their
UTF-8 (``words``) and the length of each in bytes (``word_lengths``). Nothing in a file is run, and nothing is reserved
before its place was found to lie within the file.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ferrolm._files import open_file
from ferrolm.errors import FerrolmError, FileAccessError, InvalidArgumentError, InvalidFileError

__all__ = ["read_arrays", "write_arrays"]

_MAGIC = b"FERROVEC"
_VERSION = 1
_ALIGNMENT = 64
_FIXED = struct.Struct("<8sII")
_CHECKSUM = struct.Struct("<I")
#: A head is a few hundred bytes for each array.
_LONGEST_HEAD = 1 << 20
_DTYPES = {name: np.dtype(name) for name in ("<f4", "<i8", "<u4", "|u1")}


def write_arrays(
    path: str | PathLike[str],
    kind: str,
    words: Sequence[str],
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write words, arrays (float32, int64, uint32 or uint8) and JSON values, whole or not at all."""
    from ferrolm.data._atomic import replace_file  # here, because that room takes a while to import

    encoded = [_encoded(word) for word in words]
    parts: dict[str, NDArray[Any]] = {
        "word_lengths": np.fromiter(map(len, encoded), np.dtype("<u4"), len(encoded)),
        "words": np.frombuffer(b"".join(encoded), np.dtype("|u1")),
        **{
            name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for name, array in arrays.items()
        },
    }
    described, offset = {}, 0
    for name, array in parts.items():
        checksum = zlib.crc32(array.data.cast("B") if array.size else b"")
        described[name] = {
            "dtype": array.dtype.newbyteorder("<").str,
            "shape": list(array.shape),
            "offset": offset,
            "crc32": checksum,
        }
        offset += _padded(array.nbytes)
    # Offsets count from the end of the head, so that they do not depend on its length.
    head = json.dumps({"kind": kind, "metadata": dict(metadata or {}), "arrays": described}).encode()
    front = _FIXED.pack(_MAGIC, _VERSION, len(head)) + head
    front += _CHECKSUM.pack(zlib.crc32(front))
    with replace_file(Path(path)) as file:
        file.write(front.ljust(_padded(len(front)), b"\0"))
        for array in parts.values():
            file.write(array.data.cast("B") if array.size else b"")
            file.write(bytes(_padded(array.nbytes) - array.nbytes))


def read_arrays(
    path: str | PathLike[str], kind: str, *, mapped: Collection[str] = ()
) -> tuple[list[str], dict[str, NDArray[Any]], dict[str, Any]]:
    """Words, arrays and metadata of a file that `write_arrays` wrote.

    Args:
        path: the file.
        kind: what was said when it was written; another one is an error.
        mapped: names of arrays that become read-only maps of the file's pages instead of copies. Their checksums are
            not looked at, which would read them whole, and the file must not be changed while they are used.

    Raises:
        InvalidFileError: another kind of file, or one that is truncated or damaged.
        MissingFileError: there is no such file.
    """
    path = Path(path)
    try:
        with open_file(path) as file:
            size = path.stat().st_size
            start, head = _read_head(file, path, kind, size)
            arrays = {
                name: _read_array(file, path, name, entry, start, size, name in mapped)
                for name, entry in head["arrays"].items()
            }
            _check_gaps(file, path, start, head["arrays"].values(), size)
    except FerrolmError:
        raise
    except OSError as error:
        raise FileAccessError(f"cannot read {path}: {error.strerror}") from error
    return _read_words(path, arrays), arrays, head["metadata"]


def _encoded(word: str) -> bytes:
    try:
        return word.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"the word {word!r} cannot be written: {error.reason}") from None


def _padded(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT


def _check_gaps(
    file: IO[bytes], path: Path, start: int, entries: Iterable[dict[str, Any]], size: int
) -> None:
    """What no checksum covers is zeros between the arrays, and nothing comes after them."""
    end = start
    for entry in entries:
        length = math.prod(entry["shape"]) * _DTYPES[entry["dtype"]].itemsize
        end = start + entry["offset"] + _padded(length)
        file.seek(start + entry["offset"] + length)
        if any(file.read(_padded(length) - length)):
            raise InvalidFileError(f"{path} is damaged: there is something between its arrays")
    if size != end:
        raise InvalidFileError(f"{path} has {size} bytes: expected {end}, which its head tells")


def _read_head(file: IO[bytes], path: Path, kind: str, size: int) -> tuple[int, dict[str, Any]]:
    fixed = file.read(_FIXED.size)
    if len(fixed) < _FIXED.size or not fixed.startswith(_MAGIC):
        raise InvalidFileError(
            f"{path} begins with {fixed[:8]!r}: expected {_MAGIC!r}, as save() writes it "
            f"(load_word2vec_format reads the files of other programs)"
        )
    _, version, length = _FIXED.unpack(fixed)
    if version != _VERSION:
        raise InvalidFileError(f"{path} has version {version} of the format: expected {_VERSION}")
    if length > min(_LONGEST_HEAD, size):
        raise InvalidFileError(f"{path} has a head of {length} bytes in a file of {size}")
    rest = file.read(length + _CHECKSUM.size)
    front = fixed + rest[:length]
    if len(rest) < length + _CHECKSUM.size or rest[length:] != _CHECKSUM.pack(zlib.crc32(front)):
        raise InvalidFileError(f"{path} is damaged: the checksum of its head is wrong")
    head: dict[str, Any] = json.loads(rest[:length])
    if head["kind"] != kind:
        raise InvalidFileError(f"{path} has {head['kind']}: expected {kind}")
    start = _padded(len(front) + _CHECKSUM.size)
    if any(file.read(start - len(front) - _CHECKSUM.size)):
        raise InvalidFileError(f"{path} is damaged: there is something between its head and its arrays")
    return start, head


def _read_array(
    file: IO[bytes], path: Path, name: str, entry: dict[str, Any], start: int, size: int, mapped: bool
) -> NDArray[Any]:
    dtype, shape = _DTYPES.get(entry["dtype"]), tuple(entry["shape"])
    if dtype is None or min(shape, default=0) < 0:
        raise InvalidFileError(f"{path}: the array {name!r} has type {entry['dtype']} and shape {shape}")
    count = math.prod(shape)
    offset, length = start + entry["offset"], count * dtype.itemsize
    if entry["offset"] < 0 or offset + length > size:
        raise InvalidFileError(
            f"{path} is truncated: it has {size} bytes, and its array {name!r} ends at {offset + length}"
        )
    if mapped and count:
        return np.memmap(path, dtype, "r", offset, shape)
    file.seek(offset)
    array: NDArray[Any] = np.fromfile(file, dtype, count)
    if len(array) < count or (zlib.crc32(array.data.cast("B")) if count else 0) != entry["crc32"]:
        raise InvalidFileError(f"{path} is damaged: the checksum of its array {name!r} is wrong")
    return array.reshape(shape)


def _read_words(path: Path, arrays: dict[str, NDArray[Any]]) -> list[str]:
    try:
        text, lengths = arrays.pop("words").tobytes(), arrays.pop("word_lengths")
        ends = np.cumsum(lengths, dtype=np.int64).tolist()
        if (ends[-1] if ends else 0) != len(text):
            raise InvalidFileError(
                f"{path} is damaged: its words have {len(text)} bytes, expected {ends[-1:]}"
            )
        return [text[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]
    except (KeyError, UnicodeDecodeError) as error:
        raise InvalidFileError(f"{path} is damaged: its words cannot be read ({error})") from None
