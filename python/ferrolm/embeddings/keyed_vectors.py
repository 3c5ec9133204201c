"""Vectors by word: looking them up, adding to them, and the files that word2vec and its successors exchange."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.embeddings import evaluation
from ferrolm.embeddings._similarities import Key, Similarities
from ferrolm.embeddings.evaluation import WordPairResult
from ferrolm.embeddings.formats import read_arrays, write_arrays
from ferrolm.errors import (
    FileAccessError,
    InvalidArgumentError,
    InvalidFileError,
    MissingFileError,
    ShapeError,
    UnknownNameError,
    nearest,
)

__all__ = ["Key", "KeyedVectors", "WordPairResult"]

_KIND = "vectors by word"
#: The attribute of a word that says how often it occurred.
_COUNT = "count"


class KeyedVectors(Similarities):
    """Vectors by word, with the names, arguments and results of gensim's ``KeyedVectors``.

    Args:
        keys: the words, all different.
        vectors: (len(keys), size), float32; kept without a copy.
        counts: how often each word occurred, if known.

    Attributes:
        index_to_key: the words by row.
        key_to_index: the rows by word.
        vectors: (words, size), float32. Who changes it in place calls ``fill_norms(force=True)`` afterwards.

    >>> wv = KeyedVectors(["north", "south", "east"], np.array([[0, 1], [0, -1], [1, 0.1]]))
    >>> wv.most_similar("north", topn=1)[0][0]
    'east'
    >>> round(wv.similarity("north", "south"), 3), "west" in wv
    (-1.0, False)
    """

    def __init__(
        self, keys: Sequence[str], vectors: NDArray[Any], counts: NDArray[Any] | None = None
    ) -> None:
        self.index_to_key = list(keys)
        self.vectors = vectors
        #: Values of other kinds for each word, by name.
        self.expandos: dict[str, NDArray[Any]] = {}
        if counts is not None:
            self.expandos[_COUNT] = np.asarray(counts, np.int64)
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.index_to_key):
            raise ShapeError(
                f"vectors have shape {self.vectors.shape}: expected ({len(self.index_to_key)}, size) for as many keys"
            )
        self.key_to_index = {key: index for index, key in enumerate(self.index_to_key)}
        if len(self.key_to_index) != len(self.index_to_key):
            raise InvalidArgumentError(
                f"keys has {len(self.index_to_key)} words, {len(self.key_to_index)} of them different: expected all to be"
            )

    @property
    def vectors(self) -> NDArray[np.float32]:
        return self._vectors

    @vectors.setter
    def vectors(self, vectors: NDArray[Any]) -> None:
        # asanyarray: a map of a file stays one.
        fits = isinstance(vectors, np.ndarray) and vectors.dtype == np.float32 and vectors.flags.c_contiguous
        self._vectors: NDArray[np.float32] = vectors if fits else np.ascontiguousarray(vectors, np.float32)
        self._norms: NDArray[np.float32] | None = None

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """How often each word occurred, if known."""
        return self.expandos.get(_COUNT)

    @property
    def norms(self) -> NDArray[np.float32]:
        """The lengths of the vectors."""
        if self._norms is None:
            self._norms = np.linalg.norm(self.vectors, axis=1).astype(np.float32, copy=False)
        return self._norms

    def fill_norms(self, force: bool = False) -> None:
        """Compute the lengths of the vectors, if they are not known; ``force``: again, after a change in place."""
        if force:
            self._norms = None
        _ = self.norms

    @property
    def vector_size(self) -> int:
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, key: object) -> bool:
        return self.has_index_for(key)

    def __repr__(self) -> str:
        return f"KeyedVectors(words={len(self)}, vector_size={self.vector_size})"

    def get_index(self, key: str | int, default: int | None = None) -> int:
        """The row of a word (a row is its own), else ``default``.

        Raises:
            UnknownNameError: no such word and no default; the message proposes the nearest spelling.
        """
        index = self.key_to_index.get(key) if isinstance(key, str) else None
        if index is not None:
            return index
        if isinstance(key, (int, np.integer)) and 0 <= key < len(self):
            return int(key)
        if default is not None:
            return default
        hint = nearest(str(key), self.index_to_key[:50_000])
        raise UnknownNameError(f"the word {key!r} has no vector{hint}")

    def has_index_for(self, key: object) -> bool:
        """Whether a word (or row) has a row."""
        return isinstance(key, (str, int, np.integer)) and self.get_index(cast("str | int", key), -1) >= 0

    def __getitem__(self, key: str | int | Iterable[str | int]) -> NDArray[np.float32]:
        """The vector of a word, or (n, size) of several."""
        if isinstance(key, (str, int, np.integer)):
            return self.get_vector(key)
        found: NDArray[np.float32] = self.vectors[[self.get_index(word) for word in key]]
        return found

    def get_vector(self, key: str | int, norm: bool = False) -> NDArray[np.float32]:
        """The vector of a word, read-only; with ``norm`` at length 1 (a vector of zeros stays)."""
        row = self.get_index(key)
        vector: NDArray[np.float32] = self.vectors[row]
        if norm:
            vector = vector / (self.norms[row] or np.float32(1))
        vector.setflags(write=False)
        return vector

    def get_normed_vectors(self) -> NDArray[np.float32]:
        """All vectors at length 1, (words, size): a copy."""
        lengths = self.norms[:, None]
        return np.divide(self.vectors, np.where(lengths == 0, 1, lengths), dtype=np.float32)

    def get_mean_vector(
        self,
        keys: Sequence[str | int | NDArray[Any]],
        weights: Sequence[float] | NDArray[Any] | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> NDArray[np.float32]:
        """The weighted mean of words' vectors, (size,).

        Args:
            keys: words, rows, or vectors, which are taken as they are.
            weights: one for each; the sum is divided by the sum of their sizes. 1 by default.
            pre_normalize: bring the vectors of words to length 1 before.
            post_normalize: bring the mean to length 1.
            ignore_missing: leave unknown words out instead of raising `UnknownNameError`.

        >>> wv = KeyedVectors(["a", "b"], np.array([[2, 0], [0, 1]]))
        >>> wv.get_mean_vector(["a", "b", "c"]).tolist()
        [0.5, 0.5]
        """
        if not len(keys):
            raise InvalidArgumentError("keys is empty: expected a word or a vector")
        weights = np.ones(len(keys), np.float32) if weights is None else np.asarray(weights, np.float32)
        if weights.shape != (len(keys),):
            raise ShapeError(f"weights have shape {weights.shape}: expected ({len(keys)},), one for each key")
        mean, total = np.zeros(self.vector_size, np.float32), np.float32(0)
        for key, weight in zip(keys, weights, strict=True):
            if isinstance(key, np.ndarray) or not ignore_missing or key in self:
                vector = (
                    self._vector(key) if isinstance(key, np.ndarray) else self.get_vector(key, pre_normalize)
                )
                mean += weight * vector.astype(np.float32, copy=False)
                total += abs(weight)
        mean /= total or np.float32(1)
        return mean / (np.linalg.norm(mean) or np.float32(1)) if post_normalize else mean

    def add_vector(self, key: str, vector: NDArray[Any]) -> int:
        """Add a word; returns its row. Many at once go faster by `add_vectors`."""
        self.add_vectors([key], np.asarray(vector)[None])
        return self.key_to_index[key]

    def add_vectors(
        self,
        keys: str | Sequence[str],
        weights: NDArray[Any] | Sequence[NDArray[Any]],
        extras: Mapping[str, NDArray[Any]] | None = None,
        replace: bool = False,
    ) -> None:
        """Add words and their vectors.

        Args:
            keys: the words.
            weights: (words, size).
            extras: values of each word by name, such as ``count``; words that come without get 0.
            replace: give words that are there already the new vector, instead of leaving theirs.

        >>> wv = KeyedVectors(["a"], np.array([[1.0, 2.0]]))
        >>> wv.add_vectors(["b", "a"], np.array([[3, 4], [5, 6]]))
        >>> wv["b"].tolist(), wv["a"].tolist()
        ([3.0, 4.0], [1.0, 2.0])
        """
        names = [keys] if isinstance(keys, str) else list(keys)
        rows = np.asarray(weights, np.float32).reshape(len(names), -1)
        extras = {name: np.asarray(values) for name, values in (extras or {}).items()}
        if rows.shape[1] != self.vector_size and len(names):
            raise ShapeError(f"weights have shape {rows.shape}: expected ({len(names)}, {self.vector_size})")
        for name, values in extras.items():
            if len(values) != len(names):
                raise ShapeError(f"extras[{name!r}] has {len(values)} values: expected {len(names)}")
        first = {name: place for place, name in reversed(list(enumerate(names)))}
        new = [
            place
            for name, place in sorted(first.items(), key=lambda item: item[1])
            if name not in self.key_to_index
        ]
        old = [place for place, name in enumerate(names) if name in self.key_to_index] if replace else []
        for name in {*self.expandos, *extras}:
            self._extend(name, extras.get(name), new, old, names)
        vectors = np.concatenate([self.vectors, rows[new]]) if new or old else self.vectors
        if old:
            vectors[[self.key_to_index[names[place]] for place in old]] = rows[old]
        self.vectors = vectors
        for place in new:
            self.key_to_index[names[place]] = len(self.index_to_key)
            self.index_to_key.append(names[place])

    def _extend(
        self, name: str, values: NDArray[Any] | None, new: list[int], old: list[int], names: list[str]
    ) -> None:
        own = self.expandos.get(name)
        if own is None and values is not None:
            own = np.zeros((len(self), *values.shape[1:]), values.dtype)
        if own is None:
            return
        more = np.zeros((len(new), *own.shape[1:]), own.dtype) if values is None else values[new]
        extended = np.concatenate([own, more.astype(own.dtype)])
        if values is not None and old:
            extended[[self.key_to_index[names[place]] for place in old]] = values[old]
        self.expandos[name] = extended

    def __setitem__(self, keys: str | Sequence[str], weights: NDArray[Any]) -> None:
        """Give words vectors, whether they had one or not."""
        self.add_vectors(keys, weights, replace=True)

    def set_vecattr(self, key: str, attr: str, val: Any) -> None:
        """Set a value of a word, such as its ``count``."""
        if attr not in self.expandos:
            self.expandos[attr] = np.zeros(len(self), np.asarray(val).dtype)
        self.expandos[attr][self.get_index(key)] = val

    def get_vecattr(self, key: str, attr: str) -> Any:
        """A value of a word, such as its ``count``."""
        if attr not in self.expandos:
            hint = nearest(attr, self.expandos)
            raise UnknownNameError(
                f"the words have no value {attr!r}{hint}: {sorted(self.expandos)} are known"
            )
        return self.expandos[attr][self.get_index(key)]

    def sort_by_descending_frequency(self) -> None:
        """Bring the words into the order of their counts, most frequent first; equals stay as they are."""
        if self.counts is None:
            raise InvalidArgumentError(
                "the words have no counts: expected them to sort by (counts=, or set_vecattr)"
            )
        order = np.argsort(-self.counts, kind="stable")
        self.index_to_key = [self.index_to_key[row] for row in order]
        self.key_to_index = {key: index for index, key in enumerate(self.index_to_key)}
        self.expandos = {name: values[order] for name, values in self.expandos.items()}
        self.vectors = self.vectors[order]

    def vectors_for_all(
        self, keys: Iterable[str], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> KeyedVectors:
        """Vectors of these words alone, in this order, as another object.

        Args:
            keys: words; unknown ones are left out, and what comes twice counts once.
            allow_inference: take words too that a subclass can make vectors for.
            copy_vecattrs: take counts and other values along.
        """
        among: Any = self if allow_inference else self.key_to_index
        words = [key for key in dict.fromkeys(keys) if key in among]
        rows = [self.get_vector(key) for key in words]
        found = KeyedVectors(words, np.array(rows, np.float32).reshape(len(words), self.vector_size))
        if copy_vecattrs:
            places = [
                (place, self.key_to_index[key]) for place, key in enumerate(words) if key in self.key_to_index
            ]
            for name, values in self.expandos.items():
                found.expandos[name] = np.zeros((len(words), *values.shape[1:]), values.dtype)
                for place, row in places:
                    found.expandos[name][place] = values[row]
        return found

    def unit_normalize_all(self) -> None:
        """Bring all vectors to length 1 for good."""
        self.vectors = self.get_normed_vectors()

    def evaluate_word_analogies(
        self,
        analogies: str | PathLike[str],
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[float, list[dict[str, Any]]]:
        """How many questions "a is to b as c is to what?" the vectors answer (3CosAdd, Mikolov et al. 2013).

        Args:
            analogies: a file of four words a line, in sections that begin with ``: NAME``.
            restrict_vocab: answer with these many first words alone, and only questions of them.
            case_insensitive: compare words in upper case; of several spellings the first (most frequent) counts.
            dummy4unknown: count questions with unknown words as wrong, instead of leaving them out.

        Returns:
            The share of right answers, 0 to 1, and for each section, and ``Total accuracy`` at the end, a dictionary of
            its name (``section``) and lists of the questions answered right (``correct``) and wrong (``incorrect``).

        Raises:
            InvalidFileError: a question before the first section; the message has the line.
        """
        return evaluation.evaluate_word_analogies(
            self, analogies, restrict_vocab, case_insensitive, dummy4unknown
        )

    def evaluate_word_pairs(
        self,
        pairs: str | PathLike[str] | Iterable[tuple[str, str, float]],
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> WordPairResult:
        """Compare similarities with people's, as in WordSim-353 or SimLex-999.

        Args:
            pairs: a file of ``word<tab>word<tab>score`` lines (``#`` starts a comment), or such triples.
            delimiter: what separates the fields.
            encoding: of the file.
            restrict_vocab: know these many first words only.
            case_insensitive: compare words in upper case; of several spellings the first (most frequent) counts.
            dummy4unknown: count pairs with unknown words as of similarity 0, instead of leaving them out.

        Returns:
            A `WordPairResult`, which unpacks into Pearson's and Spearman's coefficients, each with its p-value (nan
            without scipy), and the percentage of pairs with unknown words.

        Raises:
            InvalidFileError: a line of another form; the message has its number.
            InvalidArgumentError: fewer than two pairs are known.

        >>> wv = KeyedVectors(["a", "b", "c"], np.array([[1, 0], [0.9, 0.1], [0, 1]]))
        >>> wv.evaluate_word_pairs([("a", "b", 9), ("a", "c", 2), ("b", "c", 3)]).spearman > 0.99
        True
        """
        return evaluation.evaluate_word_pairs(
            self, pairs, delimiter, encoding, restrict_vocab, case_insensitive, dummy4unknown
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Write words, vectors and counts into one file for `load`, whole or not at all."""
        kept = {name: values for name, values in self.expandos.items() if values.dtype == np.int64}
        write_arrays(path, _KIND, self.index_to_key, {"vectors": self.vectors, **kept})

    @classmethod
    def load(cls, path: str | PathLike[str], mmap: Literal["r"] | None = None) -> Self:
        """Read what `save` wrote.

        Args:
            path: the file.
            mmap: "r" uses the file's pages in place: nothing is read before it is needed, several processes share one
                copy, and the vectors are read-only. The file must not be changed meanwhile, and the checksum of the
                vectors is not compared.

        Raises:
            InvalidFileError: another kind of file, or one that is truncated or damaged.
            MissingFileError: there is no such file.
        """
        if mmap not in (None, "r"):
            raise InvalidArgumentError(f"mmap is {mmap!r}: expected 'r' or None")
        words, arrays, _ = read_arrays(path, _KIND, mapped=["vectors"] if mmap else [])
        try:
            found = cls(words, arrays.pop("vectors"))
        except (KeyError, InvalidArgumentError) as error:
            raise InvalidFileError(f"{path} is damaged: {error}") from None
        found.expandos.update(arrays)
        return found

    def save_word2vec_format(
        self,
        fname: str | PathLike[str],
        fvocab: str | PathLike[str] | None = None,
        binary: bool = False,
        write_header: bool = True,
    ) -> None:
        """Write the vectors for other programs, whole or not at all; compressed if the name ends with ``.gz``.

        Args:
            fname: the file; words come by count if counts are known.
            fvocab: a second file for lines of a word and its count.
            binary: the form of word2vec's ``-binary 1``.
            write_header: begin with the number and the size of the vectors; GloVe's files do not.

        Raises:
            InvalidArgumentError: a word could not be read back (white space in the binary form, line feeds), or there
                are no counts for ``fvocab``.
            FileAccessError: the file cannot be written.
        """
        words, vectors, counts = self.index_to_key, self.vectors, self.counts
        if counts is not None and (np.diff(counts) > 0).any():
            order = np.argsort(-counts, kind="stable")
            words, vectors, counts = [words[row] for row in order], vectors[order], counts[order]
        if fvocab is not None:
            if counts is None:
                raise InvalidArgumentError("fvocab is given, but the words have no counts: expected them")
            from ferrolm.data._atomic import replace_file  # that room takes a while to import

            lines = (f"{word} {count}\n" for word, count in zip(words, counts, strict=True))
            with replace_file(Path(fvocab)) as file:
                file.writelines(line.encode() for line in lines)
        _rust.save_word_vectors(fname, words, np.ascontiguousarray(vectors), binary, write_header)

    @classmethod
    def load_word2vec_format(
        cls,
        fname: str | PathLike[str],
        fvocab: str | PathLike[str] | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        datatype: Any = np.float32,
        no_header: bool = False,
    ) -> Self:
        """Read vectors that word2vec, gensim, fastText (``.vec``) or GloVe (``no_header=True``) wrote.

        Args:
            fname: the file, also compressed by gzip.
            fvocab: a file of lines of a word and its count, for ``counts``.
            binary: which of the two forms it has.
            encoding: of the words: UTF-8 alone is read.
            unicode_errors: "strict", "replace" or "ignore", for words that are not UTF-8.
            limit: read this many vectors at most.
            datatype: of the values; they are kept as float32, after being rounded to a narrower type.
            no_header: the first line has no counts (text only).

        Raises:
            InvalidFileError: the content does not fit the header; the message names the line or byte.
            MissingFileError: there is no such file.
        """
        if binary and no_header:
            raise InvalidArgumentError(
                "no_header is True with binary=True: expected a header in binary files"
            )
        if encoding.lower().replace("-", "") != "utf8":
            raise InvalidArgumentError(f"encoding is {encoding!r}: expected 'utf8'")
        words, vectors = _rust.load_word_vectors(fname, binary, no_header, limit, unicode_errors)
        if np.dtype(datatype) != np.float32:
            vectors = vectors.astype(datatype).astype(np.float32)
        return cls(words, vectors, None if fvocab is None else _read_counts(fvocab, words))

    @classmethod
    def load_glove_format(cls, fname: str | PathLike[str], limit: int | None = None) -> Self:
        """Read vectors in GloVe's text form, with or without a header; also compressed by gzip."""
        return cls.load_word2vec_format(fname, limit=limit, no_header=not _has_header(Path(fname)))

    def intersect_word2vec_format(
        self, fname: str | PathLike[str], *, binary: bool = False, unicode_errors: str = "strict"
    ) -> int:
        """Take the vectors of a file for words that are here already; returns how many.

        Raises:
            InvalidArgumentError: the vectors of the file have another size.
        """
        other = KeyedVectors.load_word2vec_format(fname, binary=binary, unicode_errors=unicode_errors)
        if other.vector_size != self.vector_size:
            raise InvalidArgumentError(
                f"{fname} has vectors of size {other.vector_size}: expected {self.vector_size}"
            )
        shared = [word for word in other.index_to_key if word in self.key_to_index]
        if shared:
            vectors = np.array(self.vectors)
            vectors[[self.key_to_index[word] for word in shared]] = other[shared]
            self.vectors = vectors
        return len(shared)


def _has_header(path: Path) -> bool:
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            fields = file.readline(1 << 16).split()
    except FileNotFoundError as error:
        raise MissingFileError(f"cannot read {path}: {error.strerror}") from None
    except (OSError, EOFError) as error:
        raise FileAccessError(f"cannot read {path}: {error}") from error
    return len(fields) == 2 and all(field.isdigit() for field in fields)


def _read_counts(path: str | PathLike[str], words: list[str]) -> NDArray[np.int64]:
    counts = {}
    for number, line in enumerate(evaluation._lines(path), start=1):
        word, _, count = line.rpartition(" ")
        if not count.isdigit():
            raise InvalidFileError(f"{path}: line {number} is {line[:80]!r}: expected a word and its count")
        counts[word] = int(count)
    return np.array([counts.get(word, 0) for word in words], np.int64)
