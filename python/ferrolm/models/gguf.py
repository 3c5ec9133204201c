"""`GgufFile`: the settings and the tensors of a GGUF file, the format of llama.cpp, versions 2 and 3.

Magic and counts; keys with typed values; names, shapes and types of the tensors; then their numbers, each at a multiple of
``general.alignment``. Counts and lengths come from the file, so none is believed before as many bytes are there; nothing is
mapped, so that a file replaced meanwhile changes nothing. Format: docs/gguf.md of ggml. Needs no torch.
"""

from __future__ import annotations

import itertools
import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ferrolm._files import open_file
from ferrolm.errors import FileAccessError, InvalidFileError
from ferrolm.models.gguf_types import BLOCK_TYPES, OTHER_TYPES, BlockType

__all__ = ["GgufArray", "GgufFile", "GgufTensor"]

_MAGIC = b"GGUF"
# Far above what any model has; a file that claims more is damaged.
_MAX_KEYS, _MAX_TENSORS, _MAX_DEPTH, _MAX_DIMENSIONS = 1 << 16, 1 << 14, 4, 4
_MAX_NAME = 65535
_TEXT, _ARRAY = 8, 9
_SCALARS = dict(zip((*range(8), 10, 11, 12), ("<" + layout for layout in "BbHhIif?Qqd"), strict=True))
# Blocks that are read at once: a few MiB of numbers.
_CHUNK = 1 << 15


@dataclass(frozen=True)
class GgufArray:
    """An array among the keys. ``values`` only of numbers: tokens and merges are read by `Tokenizer.from_gguf`."""

    count: int
    values: NDArray[Any] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class GgufTensor:
    """Where a tensor is: its ``shape``, rows first as numpy has it, its type, and the byte of the file that it starts at."""

    name: str
    shape: tuple[int, ...]
    type: BlockType
    start: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size // self.type.numbers * self.type.nbytes


class GgufFile:
    """The header of a GGUF file, read and checked; `read` gives the numbers of a tensor.

    metadata: values by key, arrays as `GgufArray`. tensors: by name, in the order of the file. Raises `MissingFileError`,
    `FileAccessError`, and `InvalidFileError`, which names the file, the byte, what was found and what was expected.

    >>> import struct, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "empty.gguf"
    >>> _ = path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    >>> GgufFile(path)
    GgufFile(version=3, 0 keys, 0 tensors)
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with open_file(self.path) as file:
            try:
                self._read_header(_Source(file, self.path))
            except OSError as error:
                raise FileAccessError(f"cannot read {self.path}: {error.strerror}") from None

    def _read_header(self, source: _Source) -> None:
        magic = source.bytes(4)
        if magic != _MAGIC:
            source.fail(f"found {magic!r}, expected {_MAGIC!r}", 0)
        self.version = _version(source)
        counts = {"tensors": _MAX_TENSORS, "keys": _MAX_KEYS}
        tensors, keys = (_count(source, what, most) for what, most in counts.items())
        self.metadata: dict[str, Any] = {}
        for _ in range(keys):
            name = source.text(_MAX_NAME)
            if name in self.metadata:
                source.fail(f"found the key {name!r} a second time")
            self.metadata[name] = _value(source, source.scalar("<I"), 0)
        alignment = self.metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1 or alignment > 1 << 20:
            source.fail(f"general.alignment is {alignment!r}, expected an integer from 1 to {1 << 20}")
        infos = [_info(source) for _ in range(tensors)]
        start = -(-source.position // alignment) * alignment
        self.tensors = _placed(source, infos, start, alignment)

    def read(self, name: str) -> NDArray[Any]:
        """The tensor's numbers, in its shape: float16 where the file has those, else float32.

        Raises `InvalidFileError` where the file has become shorter, and `KeyError` for a name that is not in ``tensors``.
        """
        tensor = self.tensors[name]
        kind = tensor.type
        numbers = np.empty(tensor.size, dtype=kind.dtype)
        blocks = tensor.size // kind.numbers
        try:
            with self.path.open("rb") as file:
                file.seek(tensor.start)
                for first in range(0, blocks, _CHUNK):
                    count = min(_CHUNK, blocks - first)
                    raw = file.read(count * kind.nbytes)
                    if len(raw) < count * kind.nbytes:
                        raise InvalidFileError(f"{self.path} became shorter while {name} was read")
                    part = np.frombuffer(raw, dtype=np.uint8).reshape(count, kind.nbytes)
                    numbers[first * kind.numbers :][: count * kind.numbers] = kind.decode(part).reshape(-1)
        except OSError as error:
            raise FileAccessError(f"{self.path} cannot be read: {error}") from None
        return numbers.reshape(tensor.shape)

    def same_bytes(self, first: str, second: str) -> bool:
        """Whether two tensors are equal, byte by byte; ends at the first difference."""
        one, other = self.tensors[first], self.tensors[second]
        if (one.shape, one.type) != (other.shape, other.type):
            return False
        return all(a == b for a, b in zip(self._raw(one), self._raw(other), strict=True))

    def _raw(self, tensor: GgufTensor) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(tensor.start)
            for first in range(0, tensor.nbytes, 1 << 20):
                yield file.read(min(1 << 20, tensor.nbytes - first))

    def __repr__(self) -> str:
        return f"GgufFile(version={self.version}, {len(self.metadata)} keys, {len(self.tensors)} tensors)"


class _Source:
    """Reads forwards, never more than the file has."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path, self.position = file, path, 0
        self.size = os.fstat(file.fileno()).st_size

    def fail(self, message: str, at: int | None = None) -> None:
        raise InvalidFileError(f"{self._path}: byte {self.position if at is None else at}: {message}")

    def check(self, count: int) -> None:
        left = self.size - self.position
        if count > left:
            self.fail(f"expected {count} bytes, found {left}: the file is cut off or damaged")

    def bytes(self, count: int) -> bytes:
        self.check(count)
        found = self._file.read(count)
        if len(found) < count:
            self.fail(f"expected {count} bytes, found {len(found)}: the file became shorter")
        self.position += count
        return found

    def skip(self, count: int) -> None:
        self.check(count)
        self._file.seek(count, os.SEEK_CUR)
        self.position += count

    def scalar(self, layout: str) -> Any:
        return struct.unpack(layout, self.bytes(struct.calcsize(layout)))[0]

    def text(self, most: int | None = None) -> str:
        at, length = self.position, self.scalar("<Q")
        if most is not None and length > most:
            self.fail(f"found a name of {length} bytes, expected at most {most}", at)
        found = self.bytes(length)
        try:
            return found.decode()
        except UnicodeDecodeError:
            if most is None:
                return found.decode(errors="replace")  # a value may be anything; nobody reads such a one
            self.fail(f"found the name {found[:40]!r}, expected UTF-8", at)
            raise


def _version(source: _Source) -> int:
    version: int = source.scalar("<I")
    if version not in (2, 3):
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        note = ": files for big-endian machines are not read" if swapped in (2, 3) else ""
        source.fail(f"found version {version}, expected 2 or 3{note}", 4)
    return version


def _count(source: _Source, what: str, most: int) -> int:
    at, count = source.position, source.scalar("<Q")
    if count > most:
        source.fail(f"found {count} {what}, expected at most {most}", at)
    return int(count)


def _value(source: _Source, kind: int, depth: int) -> Any:
    if kind == _TEXT:
        return source.text()
    if kind == _ARRAY:
        return _array(source, depth)
    if kind not in _SCALARS:
        source.fail(f"found a value of type {kind}, expected 0 to 12", source.position - 4)
    return source.scalar(_SCALARS[kind])


def _array(source: _Source, depth: int) -> GgufArray:
    if depth >= _MAX_DEPTH:
        source.fail(f"found arrays more than {_MAX_DEPTH} deep")
    kind, count = source.scalar("<I"), source.scalar("<Q")
    if kind in _SCALARS:
        layout = np.dtype(_SCALARS[kind])
        return GgufArray(
            count, np.frombuffer(source.bytes(_needed(source, count, layout.itemsize)), dtype=layout)
        )
    if kind not in (_TEXT, _ARRAY):
        source.fail(f"found an array of type {kind}, expected 0 to 12", source.position - 12)
    # Each text takes 8 bytes at least and each array 12, so that the loop ends where the file does, whatever the count.
    source.check(_needed(source, count, 8))
    for _ in range(count):
        if kind == _TEXT:
            source.skip(source.scalar("<Q"))
        else:
            _array(source, depth + 1)
    return GgufArray(count)


def _needed(source: _Source, count: int, each: int) -> int:
    source.check(count * each)
    return count * each


def _info(source: _Source) -> tuple[int, str, tuple[int, ...], BlockType, int]:
    """Name, shape, type and offset of a tensor, and the byte where this is said."""
    at, name = source.position, source.text(_MAX_NAME)
    dimensions = source.scalar("<I")
    if not 1 <= dimensions <= _MAX_DIMENSIONS:
        source.fail(f"{name} has {dimensions} dimensions, expected 1 to {_MAX_DIMENSIONS}", at)
    shape = tuple(reversed(struct.unpack(f"<{dimensions}Q", source.bytes(8 * dimensions))))
    number = source.scalar("<I")
    kind = BLOCK_TYPES.get(number)
    if kind is None:
        known = ", ".join(each.name for each in BLOCK_TYPES.values())
        source.fail(f"{name} has type {OTHER_TYPES.get(number, number)}, expected one of {known}", at)
        raise AssertionError
    if shape[-1] % kind.numbers:
        source.fail(f"{name} has rows of {shape[-1]} numbers, expected a multiple of {kind.numbers}", at)
    return at, name, shape, kind, source.scalar("<Q")


def _placed(source: _Source, infos: list[Any], start: int, alignment: int) -> dict[str, GgufTensor]:
    """The tensors by name; each lies within the file, and none upon another, so that all take no more than the file."""
    placed: dict[str, GgufTensor] = {}
    for at, name, shape, kind, offset in infos:
        tensor = GgufTensor(name, shape, kind, start + offset)
        end = tensor.start + tensor.nbytes
        if name in placed:
            source.fail(f"found the tensor {name} a second time", at)
        if offset % alignment:
            source.fail(f"{name} has offset {offset}, expected a multiple of {alignment}", at)
        if end > source.size:
            source.fail(
                f"{name} ends at byte {end}, but the file has {source.size}: it is cut off or damaged", at
            )
        placed[name] = tensor
    ordered = sorted(placed.values(), key=lambda tensor: tensor.start)
    for tensor, following in itertools.pairwise(ordered):
        if tensor.start + tensor.nbytes > following.start:
            source.fail(f"the tensors {tensor.name} and {following.name} overlap", following.start)
    return placed
