"""Corpora as arrays of units, words or tokens, for `ferrolm.explain.PassageIndex`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ferrolm.data import TokenFile
from ferrolm.errors import FileAccessError, InvalidArgumentError, InvalidTypeError, MissingFileError
from ferrolm.tokenizers import Tokenizer

__all__ = ["Corpus", "TextCorpus", "TokenCorpus", "is_token_file", "read_corpus"]

Units = NDArray[np.uint32]
Places = NDArray[np.int64]
_MAGIC = b"FERROTOK"
_BYTES_AT_ONCE = 1 << 22
# ASCII letters small; letters, digits, the apostrophe, and bytes of other characters, of which `_in_word` takes some back.
_LOWER = np.arange(256, dtype=np.uint8)
_LOWER[ord("A") : ord("Z") + 1] += 32
_IN_WORD = np.zeros(256, bool)
for _letters in (b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0123456789'", bytes(range(128, 256))):  # fmt: skip
    _IN_WORD[list(_letters)] = True


class Corpus(Protocol):
    """``units`` [n] of all documents, of which document i has those from ``offsets[i]`` to ``offsets[i + 1]``."""

    unit: str

    @property
    def units(self) -> NDArray[Any]: ...
    @property
    def offsets(self) -> Places: ...

    def of_text(self, text: str) -> tuple[Units, Places, Places]:
        """The units of another text, and where each begins and ends in it, in characters."""
        ...

    def verified(self, text: str, first: Places, place: Places, length: Places) -> NDArray[np.bool_]:
        """Which spans of that text and of the corpus are equal, not by their hashes alone."""
        ...

    def around(self, document: int, cuts: tuple[int, int, int, int]) -> tuple[str, str, str, int, int]:
        """The texts between the four units, and where in the document the middle one begins and ends."""
        ...


def read_corpus(
    corpus: TokenFile | str | PathLike[str] | Sequence[str], tokenizer: Tokenizer | None
) -> Corpus:
    """The corpus of a token file, a text file or texts; see `PassageIndex`."""
    if isinstance(corpus, str | PathLike):
        path = Path(corpus)
        if not is_token_file(path):
            _without(tokenizer, str(path))
            return TextCorpus.of_file(_content(path))
        corpus = TokenFile(path)
    if isinstance(corpus, TokenFile):
        if tokenizer is None:
            raise InvalidArgumentError(
                "tokenizer is None, but the corpus is a token file: pass the one that made it"
            )
        return TokenCorpus(corpus, tokenizer)
    if not isinstance(corpus, Sequence) or not all(isinstance(text, str) for text in corpus):
        raise InvalidTypeError(
            f"corpus is {type(corpus).__name__}, expected a token file, the path of a file, or texts"
        )
    _without(tokenizer, "corpus")
    return TextCorpus.of_texts(corpus)


def _without(tokenizer: Tokenizer | None, name: str) -> None:
    if tokenizer is not None:
        raise InvalidArgumentError(
            f"tokenizer is given, but {name} is text, which is compared word by word: expected a token file"
        )


def is_token_file(path: Path) -> bool:
    """By how it begins. Raises `MissingFileError` and `FileAccessError`."""
    return _content(path, most=len(_MAGIC)) == _MAGIC


def _content(path: Path, most: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist") from None
    except OSError as error:
        raise FileAccessError(f"cannot read {path}: {error}") from None


class TokenCorpus:
    """A token file."""

    unit = "token"

    def __init__(self, file: TokenFile, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.units: NDArray[Any] = file.tokens
        self.offsets: Places = np.asarray(file.offsets, np.int64)

    def of_text(self, text: str) -> tuple[Units, Places, Places]:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2)
        return np.array(encoding.ids, np.uint32), offsets[:, 0], offsets[:, 1]

    def verified(self, text: str, first: Places, place: Places, length: Places) -> NDArray[np.bool_]:
        """By comparison: a span grows by equal tokens, but its seeds are hashes."""
        units = self.of_text(text)[0]
        return np.array(
            [
                np.array_equal(units[f : f + size], self.units[p : p + size])
                for f, p, size in zip(first.tolist(), place.tolist(), length.tolist(), strict=True)
            ],
            bool,
        )

    def around(self, document: int, cuts: tuple[int, int, int, int]) -> tuple[str, str, str, int, int]:
        before, match, after = (
            self._tokenizer.decode(self.units[low:high].tolist(), skip_special_tokens=False)
            for low, high in pairwise(cuts)
        )
        start = int(self.offsets[document])
        return before, match, after, cuts[1] - start, cuts[2] - start


class TextCorpus:
    """Texts in UTF-8, and a hash of each word."""

    unit = "word"

    def __init__(self, content: bytes, bounds: Places) -> None:
        """bounds: [documents + 1], the bytes at which documents begin."""
        self._content = content
        self._bounds = bounds
        self.units, self._starts, self._ends = _words(content)
        self.offsets = np.searchsorted(self._starts, bounds).astype(np.int64)

    @classmethod
    def of_file(cls, content: bytes) -> TextCorpus:
        """With documents that blank lines separate."""
        data = np.frombuffer(content, np.uint8)
        newline = data == ord("\n")
        begins = np.flatnonzero(newline[:-1] & newline[1:]) + 2 if len(data) else np.zeros(0, np.int64)
        inner = begins[(begins < len(data))]
        inner = inner[data[inner] != ord("\n")]
        first = [0] if not len(inner) or inner[0] else []
        return cls(content, np.concatenate([first, inner, [len(data)]]).astype(np.int64))

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> TextCorpus:
        """With a line end between them, so that no word spans two."""
        encoded = [text.encode("utf-8", "replace") + b"\n" for text in texts]
        return cls(b"".join(encoded), np.cumsum([0, *map(len, encoded)]).astype(np.int64))

    def of_text(self, text: str) -> tuple[Units, Places, Places]:
        content = text.encode("utf-8", "replace")
        units, starts, ends = _words(content)
        # From bytes to characters: those that begin one, up to there.
        begins = np.frombuffer(content, np.uint8) & 0xC0 != 0x80
        characters = np.concatenate([[0], np.cumsum(begins)])
        return units, characters[starts], characters[ends]

    def verified(self, text: str, first: Places, place: Places, length: Places) -> NDArray[np.bool_]:
        """By the words themselves."""
        content = text.encode("utf-8", "replace")
        _, starts, ends = _words(content)
        asked = [content[s:e].lower() for s, e in zip(starts.tolist(), ends.tolist(), strict=True)]
        return np.array(
            [
                asked[f : f + size] == self._own_words(p, size)
                for f, p, size in zip(first.tolist(), place.tolist(), length.tolist(), strict=True)
            ],
            bool,
        )

    def _own_words(self, place: int, size: int) -> list[bytes]:
        bounds = zip(
            self._starts[place : place + size].tolist(),
            self._ends[place : place + size].tolist(),
            strict=True,
        )
        return [self._content[start:end].lower() for start, end in bounds]

    def around(self, document: int, cuts: tuple[int, int, int, int]) -> tuple[str, str, str, int, int]:
        begin = int(self._bounds[document])
        low, first = int(self._starts[cuts[0]]), int(self._starts[cuts[1]])
        last, high = int(self._ends[cuts[2] - 1]), int(self._ends[cuts[3] - 1])
        before, match, after = (
            self._content[start:end].decode("utf-8", "replace")
            for start, end in ((low, first), (first, last), (last, high))
        )
        start = len(self._content[begin:first].decode("utf-8", "replace"))
        return before, match, after, start, start + len(match)


def _words(content: bytes) -> tuple[Units, Places, Places]:
    """A hash of each word in small letters, and where it begins and ends, in bytes."""
    data = np.frombuffer(content, np.uint8)
    starts, ends = _bounds(data)
    hashes = np.empty(len(starts), np.uint32)
    first = 0
    while first < len(starts):
        # Whole words, some megabytes of them.
        last = int(np.searchsorted(starts, starts[first] + _BYTES_AT_ONCE))
        hashes[first:last] = _word_hashes(data, starts[first:last], ends[first:last])
        first = last
    return hashes, starts, ends


def _bounds(data: NDArray[np.uint8]) -> tuple[Places, Places]:
    """Where runs of word bytes begin and end."""
    starts, ends = [], []
    inside = False
    for low in range(0, len(data), _BYTES_AT_ONCE):
        flags = _in_word(data, low, min(low + _BYTES_AT_ONCE, len(data)))
        changes = np.flatnonzero(np.diff(flags, prepend=inside)) + low
        opening = 1 if inside else 0  # the first change ends a word that came in
        starts.append(changes[opening::2])
        ends.append(changes[1 - opening :: 2])
        inside = bool(flags[-1])
    if inside:
        ends.append(np.array([len(data)]))
    none = [np.zeros(0, np.int64)]
    return np.concatenate(starts or none), np.concatenate(ends or none)


def _in_word(data: NDArray[np.uint8], low: int, high: int) -> NDArray[np.bool_]:
    """Which bytes belong to words; a character's bytes may lie on both sides of the bounds."""
    before, after = max(low - 2, 0), min(high + 2, len(data))
    near = data[before:after]
    flags = _IN_WORD[near]
    following = near[1:]
    # U+0080 to U+00BF: signs of Latin-1. U+2000 to U+206F: dashes, quotation marks, spaces. U+3000 to U+303F: those of CJK.
    (latin,) = np.nonzero(near[:-1] == 0xC2)
    wide = (near[:-1] == 0xE2) & ((following == 0x80) | (following == 0x81))
    (wide_places,) = np.nonzero(wide | ((near[:-1] == 0xE3) & (following == 0x80)))
    for places, size in ((latin, 2), (wide_places, 3)):
        for step in range(size):
            flags[np.minimum(places + step, len(near) - 1)] = False
    return flags[low - before : high - before]


def _word_hashes(data: NDArray[np.uint8], starts: Places, ends: Places) -> Units:
    """A polynomial of the bytes of each word, mixed."""
    low, high = int(starts[0]), int(ends[-1])
    letters = _LOWER[data[low:high]].astype(np.uint64)
    lengths = ends - starts
    # The place within its word of each byte; bytes between words count for nothing.
    place = np.arange(high - low) - np.repeat(starts - low, np.diff(np.append(starts, high)))
    powers = _POWERS[place & 63]
    powers[place >= np.repeat(lengths, np.diff(np.append(starts, high)))] = 0
    with np.errstate(over="ignore"):
        sums = np.add.reduceat(letters * powers, starts - low)
        mixed = (sums ^ (sums >> np.uint64(31))) * np.uint64(0xD6E8FEB86659FD93)
    top: Units = (mixed >> np.uint64(32)).astype(np.uint32)
    return top


def _powers() -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        return np.cumprod(np.full(64, 0x9E3779B97F4A7C15, np.uint64), dtype=np.uint64)


_POWERS = _powers()
