"""Vectors by word: neighbours, analogies, and the files that word2vec and its successors exchange."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import (
    InvalidArgumentError,
    InvalidFileError,
    MissingFileError,
    ShapeError,
    UnknownNameError,
    nearest,
)

__all__ = ["KeyedVectors", "WordPairResult"]

Key = str | NDArray[np.float32]


@dataclass(frozen=True)
class WordPairResult:
    """Agreement of cosine similarities with people's judgements of pairs of words."""

    pearson: float
    spearman: float
    #: Share of the pairs that have an unknown word and were left out, 0 to 1.
    out_of_vocabulary: float
    pairs: int


class KeyedVectors:
    """Vectors by word, with the names of gensim's ``KeyedVectors``.

    Args:
        keys: the words, all different.
        vectors: (len(keys), size), float32; kept without a copy.
        counts: how often each word occurred, if known.

    Attributes:
        index_to_key: the words by row.
        key_to_index: the rows by word.
        vectors: (words, size), float32.

    >>> wv = KeyedVectors(["north", "south", "east"], np.array([[0, 1], [0, -1], [1, 0.1]]))
    >>> wv.most_similar("north", topn=1)[0][0]
    'east'
    >>> round(float(wv.similarity("north", "south")), 3), "west" in wv
    (-1.0, False)
    """

    def __init__(
        self, keys: Sequence[str], vectors: NDArray[Any], counts: NDArray[np.int64] | None = None
    ) -> None:
        self.index_to_key = list(keys)
        self.vectors: NDArray[np.float32] = np.ascontiguousarray(vectors, dtype=np.float32)
        self.counts = counts
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
    def vector_size(self) -> int:
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, key: object) -> bool:
        return key in self.key_to_index

    def __repr__(self) -> str:
        return f"KeyedVectors(words={len(self)}, vector_size={self.vector_size})"

    def index_of(self, key: str) -> int:
        """The row of a word; `UnknownNameError` (a `KeyError`) proposes the nearest spelling if there is none."""
        try:
            return self.key_to_index[key]
        except KeyError:
            hint = nearest(str(key), self.index_to_key[:50_000])
            raise UnknownNameError(f"the word {key!r} has no vector{hint}") from None

    def __getitem__(self, key: str | Sequence[str]) -> NDArray[np.float32]:
        """The vector of a word, or (n, size) of several."""
        rows: int | list[int] = (
            self.index_of(key) if isinstance(key, str) else [self.index_of(word) for word in key]
        )
        found: NDArray[np.float32] = self.vectors[rows]
        return found

    @cached_property
    def _units(self) -> NDArray[np.float32]:
        """The vectors at length 1; those of length 0 stay."""
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        return np.divide(self.vectors, np.where(lengths == 0, 1, lengths), dtype=np.float32)

    def similarity(self, first: str, second: str) -> float:
        """The cosine of two words' vectors, -1 to 1."""
        return float(self._units[self.index_of(first)] @ self._units[self.index_of(second)])

    def most_similar(
        self,
        positive: Key | Iterable[Key] = (),
        negative: Key | Iterable[Key] = (),
        topn: int = 10,
        restrict_vocab: int | None = None,
    ) -> list[tuple[str, float]]:
        """The words nearest (by cosine) to the mean of unit vectors, those of ``negative`` counted backwards.

        Args:
            positive: words or vectors, or one of either. With king and woman here and man among ``negative``,
                this answers the analogy (3CosAdd).
            negative: likewise.
            topn: how many to return; words that were asked about are not among them.
            restrict_vocab: look at this many first (most frequent) words only.

        Raises:
            UnknownNameError: a word has no vector.

        >>> wv = KeyedVectors(["a", "b", "c"], np.eye(3))
        >>> wv.most_similar(positive=["a"], negative=["b"], topn=1)
        [('c', 0.0)]
        """
        if topn < 1:
            raise InvalidArgumentError(f"topn is {topn}: expected at least 1")
        asked = [*((key, 1.0) for key in _listed(positive)), *((key, -1.0) for key in _listed(negative))]
        if not asked:
            raise InvalidArgumentError("positive and negative are empty: expected a word or a vector")
        mean = np.mean([self._unit(key) * sign for key, sign in asked], axis=0)
        known = [self.index_of(key) for key, _ in asked if isinstance(key, str)]
        return self._nearest(mean, topn, known, restrict_vocab)

    def similar_by_vector(
        self, vector: NDArray[Any], topn: int = 10, restrict_vocab: int | None = None
    ) -> list[tuple[str, float]]:
        """The words nearest (by cosine) to a vector."""
        return self.most_similar(
            positive=[np.asarray(vector, np.float32)], topn=topn, restrict_vocab=restrict_vocab
        )

    def _unit(self, key: Key) -> NDArray[np.float32]:
        if isinstance(key, str):
            unit: NDArray[np.float32] = self._units[self.index_of(key)]
            return unit
        if key.shape != (self.vector_size,):
            raise ShapeError(f"a vector has shape {key.shape}: expected ({self.vector_size},)")
        length = float(np.linalg.norm(key))
        return np.asarray(key / length if length else key, np.float32)

    def _nearest(
        self, vector: NDArray[np.float32], topn: int, but: list[int], restrict_vocab: int | None
    ) -> list[tuple[str, float]]:
        length = float(np.linalg.norm(vector))
        similarities = self._units[:restrict_vocab] @ (vector / length if length else vector)
        similarities[[index for index in but if index < len(similarities)]] = -np.inf
        count = min(topn, len(similarities))
        best = np.argpartition(-similarities, count - 1)[:count]
        best = best[np.lexsort((best, -similarities[best]))]
        return [(self.index_to_key[i], float(similarities[i])) for i in best if similarities[i] > -np.inf]

    def evaluate_word_pairs(
        self, pairs: str | PathLike[str] | Iterable[tuple[str, str, float]], lowercase: bool = True
    ) -> WordPairResult:
        """Compare similarities with people's, as in WordSim-353 or SimLex-999.

        Args:
            pairs: a file of ``word<tab>word<tab>score`` lines (``#`` starts a comment), or such triples.
            lowercase: also try a word in lower case if it is unknown as it stands.

        Raises:
            InvalidFileError: a line of another form; the message has its number.
            InvalidArgumentError: fewer than two pairs are known.
        """
        triples = _read_pairs(pairs) if isinstance(pairs, (str, PathLike)) else list(pairs)
        rows = [
            (self._find(one, lowercase), self._find(other, lowercase), score) for one, other, score in triples
        ]
        known = [row for row in rows if row[0] is not None and row[1] is not None]
        if len(known) < 2:
            raise InvalidArgumentError(
                f"pairs has {len(triples)} pairs, {len(known)} of them known: expected 2 or more"
            )
        first, second, scores = np.array(known, dtype=np.float64).T
        ours = np.einsum(
            "ij,ij->i", self._units[first.astype(np.int64)], self._units[second.astype(np.int64)]
        ).astype(np.float64)
        return WordPairResult(
            pearson=float(np.corrcoef(ours, scores)[0, 1]),
            spearman=float(np.corrcoef(_ranks(ours), _ranks(scores))[0, 1]),
            out_of_vocabulary=1 - len(known) / len(triples),
            pairs=len(known),
        )

    def _find(self, word: str, lowercase: bool) -> int | None:
        index = self.key_to_index.get(word)
        return self.key_to_index.get(word.lower()) if index is None and lowercase else index

    def save_word2vec_format(self, path: str | PathLike[str], binary: bool = False) -> None:
        """Write the vectors for other programs, whole or not at all.

        Raises:
            InvalidArgumentError: a word could not be read back (white space in the binary form, line feeds).
            FileAccessError: the file cannot be written.
        """
        _rust.save_word_vectors(path, self.index_to_key, self.vectors, binary)

    @classmethod
    def load_word2vec_format(
        cls,
        path: str | PathLike[str],
        binary: bool = False,
        limit: int | None = None,
        no_header: bool = False,
    ) -> KeyedVectors:
        """Read vectors that word2vec, gensim, fastText (``.vec``) or GloVe (``no_header=True``) wrote.

        Args:
            path: the file; compressed ones must be unpacked first.
            binary: which of the two forms it has.
            limit: read this many vectors at most.
            no_header: the first line has no counts (text only).

        Raises:
            InvalidFileError: the content does not fit the header; the message names the line or byte.
            MissingFileError: there is no such file.
        """
        if binary and no_header:
            raise InvalidArgumentError(
                "no_header is True with binary=True: expected a header in binary files"
            )
        words, vectors = _rust.load_word_vectors(path, binary, no_header, limit)
        return cls(words, vectors)


def _listed(keys: Key | Iterable[Key]) -> list[Key]:
    if isinstance(keys, str) or (isinstance(keys, np.ndarray) and keys.ndim == 1):
        return [keys]
    return list(keys)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + ends - 1) / 2)[inverse]


def _read_pairs(path: str | PathLike[str]) -> list[tuple[str, str, float]]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise MissingFileError(f"cannot read {path}: {error.strerror}") from None
    pairs = []
    for number, line in enumerate(lines, start=1):
        fields = line.split("\t")
        if not line.strip() or line.startswith("#"):
            continue
        try:
            first, second, score = fields[0].strip(), fields[1].strip(), float(fields[2])
        except (IndexError, ValueError):
            message = (
                f"{path}: line {number} is {line[:80]!r}: expected two words and a number, separated by tabs"
            )
            raise InvalidFileError(message) from None
        pairs.append((first, second, score))
    return pairs
