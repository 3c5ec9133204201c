"""Files of word vectors on the command line: which form one has, and which its name asks for."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ferrolm.errors import FileAccessError, InvalidFileError, MissingFileError

if TYPE_CHECKING:
    from ferrolm.embeddings import KeyedVectors

__all__ = ["load_vectors", "save_vectors"]

_LOOKED_AT = 1 << 16


def load_vectors(path: str, limit: int | None = None) -> KeyedVectors:
    """Read vectors of whichever form: ferrolm's, word2vec's text or binary, GloVe's.

    Raises `InvalidFileError` for what is none of them.
    """
    from ferrolm.embeddings import KeyedVectors

    start = _beginning(path)
    line, _, rest = start.partition(b"\n")
    fields = line.split()
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        binary = not _is_row(rest.partition(b"\n")[0], int(fields[1]))
        return KeyedVectors.load_word2vec_format(path, binary=binary, limit=limit)
    if len(fields) > 2 and _is_row(line, len(fields) - 1):
        return KeyedVectors.load_word2vec_format(path, no_header=True, limit=limit)
    found = KeyedVectors.load(path)
    if limit is None or limit >= len(found):
        return found
    counts = None if found.counts is None else found.counts[:limit]
    return KeyedVectors(found.index_to_key[:limit], found.vectors[:limit], counts)


def save_vectors(vectors: KeyedVectors, path: str) -> None:
    """Write vectors: ``.txt`` and ``.vec`` as text and ``.bin`` as word2vec's binary, for other programs; else ferrolm's form."""
    ending = Path(path).suffix
    if ending in (".txt", ".vec", ".bin"):
        vectors.save_word2vec_format(path, binary=ending == ".bin")
    else:
        vectors.save(path)


def _beginning(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            start = file.read(_LOOKED_AT)
        if start.startswith(b"\x1f\x8b"):
            with gzip.open(path) as unpacked:
                start = unpacked.read(_LOOKED_AT)
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist: expected a file of word vectors") from None
    except OSError as error:
        raise FileAccessError(f"cannot read {path}: {error.strerror or error}") from None
    except (EOFError, zlib.error) as error:
        raise InvalidFileError(f"{path} is compressed, and damaged: {error}") from None
    if not start:
        raise InvalidFileError(f"{path} is empty: expected word vectors")
    return start


def _is_row(line: bytes, size: int) -> bool:
    """Whether this is a word and so many numbers; of a line that is cut off, as many as there are."""
    fields = line.split()
    try:
        numbers = [float(field) for field in fields[1:4]]
    except ValueError:
        return False
    return len(numbers) > 0 and len(fields) <= size + 1
