"""GloVe: word vectors from how often words stand near each other."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust, num_threads
from ferrolm.embeddings._passes import read_corpus
from ferrolm.embeddings.formats import read_arrays, write_arrays
from ferrolm.embeddings.keyed_vectors import KeyedVectors
from ferrolm.errors import (
    InvalidArgumentError,
    InvalidFileError,
)

__all__ = ["GloVe"]

_KIND = "a GloVe model"
_UNITS = {
    "": 1,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "KI": 2**10,
    "MI": 2**20,
    "GI": 2**30,
    "TI": 2**40,
}
#: What a model is trained with, and keeps in its file.
_SETTINGS = (
    "vector_size",
    "window",
    "min_count",
    "x_max",
    "alpha",
    "learning_rate",
    "symmetric",
    "workers",
    "seed",
)

Progress = bool | Callable[[int, float], object]


class GloVe:
    """Global vectors (Pennington, Socher and Manning 2014), trained when the object is made.

    Pairs of words that stand near each other are counted first, those at distance d as 1/d. Then vectors w and c and
    biases are fitted so that w·c + b + b' is the logarithm of the count, by weighted least squares and AdaGrad.

    Args:
        sentences: an iterable of sentences, read once: lists of words, or strings, which are split at white space.
        corpus_file: instead of them, a UTF-8 text file with a sentence in each line.
        vector_size: length of the vectors.
        window: most words between which a pair counts.
        min_count: words that occur less often are dropped.
        x_max: pairs with this count or more have the full weight.
        alpha: the weight of the others is (count / x_max) to this power.
        learning_rate: of AdaGrad, for its first steps.
        epochs: passes over the pairs.
        symmetric: count the words after a word as well as those before it.
        memory_limit: for counting and for the pairs, in bytes or as "500MB", "2GiB"; beyond it, they go to temporary
            files. The sentences (4 bytes a word) and the parameters (8 bytes each) come on top. The vectors are as
            good, but pairs that do not fit are met in another order. At least 64 KiB.
        workers: threads; None for all. The result is the same for any number.
        seed: of everything random.
        progress: True for a line after each epoch on standard error, or a function of the epoch (from 1) and its loss.
        temporary_directory: where temporary files go; the system's place by default. They have no names and vanish
            with the process.

    Attributes:
        wv: the sums of word and context vectors, a `KeyedVectors` with the most frequent word first.
        losses: the mean weighted squared error, halved, of each epoch so far.
        num_pairs: pairs of words that were trained on last.

    Raises:
        InvalidArgumentError: a value out of range, or no word occurs ``min_count`` times.
        InvalidTypeError: a word that is no string.

    >>> sentences = ["the cat sat on the mat", "the dog sat on the rug"] * 50
    >>> model = GloVe(sentences, vector_size=8, min_count=1, epochs=3)
    >>> model.wv["cat"].shape, model.wv.index_to_key[0], model.num_pairs
    ((8,), 'the', 35)
    >>> model.losses[2] < model.losses[0]
    True
    """

    def __init__(
        self,
        sentences: Iterable[str | Iterable[str]] | None = None,
        *,
        corpus_file: str | PathLike[str] | None = None,
        vector_size: int = 100,
        window: int = 10,
        min_count: int = 5,
        x_max: float = 10.0,
        alpha: float = 0.75,
        learning_rate: float = 0.05,
        epochs: int = 15,
        symmetric: bool = True,
        memory_limit: int | str = "1GB",
        workers: int | None = 1,
        seed: int = 1,
        progress: Progress = False,
        temporary_directory: str | PathLike[str] | None = None,
    ) -> None:
        self.vector_size, self.window, self.min_count = vector_size, window, min_count
        self.x_max, self.alpha, self.learning_rate = x_max, alpha, learning_rate
        self.symmetric, self.seed = symmetric, seed
        self.workers = num_threads() if workers is None else workers
        self._check(epochs)
        room = _bytes(memory_limit)
        corpus = read_corpus(sentences, corpus_file, min_count)
        self.losses: list[float] = []
        words, counts = corpus.words, corpus.counts.astype(np.int64)
        parameters = _rust.GloveParameters(len(words), vector_size, seed)
        pairs = self._pairs(corpus, None, room, temporary_directory)
        del corpus  # the pairs have all that is needed of it
        self._fit(parameters, pairs, epochs, progress, words, counts)

    def train(
        self,
        sentences: Iterable[str | Iterable[str]] | None = None,
        *,
        corpus_file: str | PathLike[str] | None = None,
        epochs: int = 5,
        memory_limit: int | str = "1GB",
        progress: Progress = False,
        temporary_directory: str | PathLike[str] | None = None,
    ) -> list[float]:
        """Go on with these sentences, from the vectors and AdaGrad's sums as they are; returns the new losses.

        Words that the model does not know are passed over. Arguments are those of the class. If it is interrupted, the
        model keeps what it reached.

        >>> model = GloVe(["a b a c"] * 9, vector_size=4, min_count=1, epochs=2)
        >>> len(model.train(["c a b d"] * 9, epochs=3)), len(model.losses)
        (3, 5)
        """
        self._check(epochs)
        room = _bytes(memory_limit)
        words = self.wv.index_to_key
        corpus = read_corpus(sentences, corpus_file, 1)
        pairs = self._pairs(corpus, words, room, temporary_directory)
        parameters = _rust.GloveParameters.from_arrays(*self._arrays)
        before = len(self.losses)
        self._fit(parameters, pairs, epochs, progress, words, self.wv.counts)
        return self.losses[before:]

    @property
    def word_vectors(self) -> NDArray[np.float32]:
        """The vectors of words alone, (words, vector_size)."""
        return self._arrays[0][:, :-1]

    @property
    def context_vectors(self) -> NDArray[np.float32]:
        """The vectors of words as contexts of others, (words, vector_size)."""
        return self._arrays[2][:, :-1]

    @property
    def biases(self) -> NDArray[np.float32]:
        """The biases of words, (words,)."""
        return self._arrays[0][:, -1]

    @property
    def context_biases(self) -> NDArray[np.float32]:
        """The biases of words as contexts, (words,)."""
        return self._arrays[2][:, -1]

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model into one file for `load`, with what is needed to go on training, whole or not at all."""
        names = ("values", "squares", "context_values", "context_squares")
        arrays: dict[str, NDArray[Any]] = dict(zip(names, self._arrays, strict=True))
        if self.wv.counts is not None:
            arrays["count"] = self.wv.counts
        settings = {name: getattr(self, name) for name in _SETTINGS}
        metadata = {"settings": settings, "losses": self.losses, "num_pairs": self.num_pairs}
        write_arrays(path, _KIND, self.wv.index_to_key, arrays, metadata)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises:
            InvalidFileError: another kind of file, or one that is truncated or damaged.
            MissingFileError: there is no such file.
        """
        words, arrays, metadata = read_arrays(path, _KIND)
        model = cls.__new__(cls)
        try:
            for name in _SETTINGS:
                setattr(model, name, metadata["settings"][name])
            model.losses, model.num_pairs = list(metadata["losses"]), metadata["num_pairs"]
            model._take(
                [arrays[name] for name in ("values", "squares", "context_values", "context_squares")],
                words,
                arrays.get("count"),
            )
        except (KeyError, TypeError, InvalidArgumentError) as error:
            raise InvalidFileError(f"{path} is damaged: {error}") from None
        return model

    def __repr__(self) -> str:
        return f"GloVe(words={len(self.wv)}, vector_size={self.vector_size}, epochs={len(self.losses)})"

    def _check(self, epochs: int) -> None:
        for name in ("vector_size", "window", "min_count", "seed", "workers"):
            value = getattr(self, name)
            if value < 0 or value >= 1 << 32:
                raise InvalidArgumentError(f"{name} is {value}: expected a number from 0 to 2**32 - 1")
        if epochs < 0:
            raise InvalidArgumentError(f"epochs is {epochs}: expected a number not below 0")

    def _pairs(
        self,
        corpus: _rust.WordCorpus,
        vocabulary: list[str] | None,
        room: int,
        directory: str | PathLike[str] | None,
    ) -> _rust.WordPairs:
        return _rust.WordPairs(
            corpus,
            vocabulary=vocabulary,
            window=self.window,
            symmetric=self.symmetric,
            memory_limit=room,
            directory=directory,
            workers=self.workers,
            seed=self.seed,
        )

    def _fit(
        self,
        parameters: _rust.GloveParameters,
        pairs: _rust.WordPairs,
        epochs: int,
        progress: Progress,
        words: list[str],
        counts: NDArray[np.int64] | None,
    ) -> None:
        self.num_pairs = len(pairs)
        try:
            for _ in range(epochs):
                loss = parameters.epoch(
                    pairs,
                    x_max=self.x_max,
                    alpha=self.alpha,
                    learning_rate=self.learning_rate,
                    workers=self.workers,
                    seed=self.seed + len(self.losses),
                )
                self.losses.append(loss)
                if callable(progress):
                    progress(len(self.losses), loss)
                elif progress:
                    print(f"GloVe: epoch {len(self.losses)}, loss {loss:.5f}", file=sys.stderr)
        finally:
            self._take(parameters.arrays(), words, counts)

    def _take(
        self, arrays: list[NDArray[np.float32]], words: list[str], counts: NDArray[np.int64] | None
    ) -> None:
        #: Values and squares of words, then of contexts, (words, vector_size + 1): the bias is the last column.
        self._arrays = arrays
        self.wv = KeyedVectors(words, self.word_vectors + self.context_vectors, counts)


def _bytes(limit: int | str) -> int:
    """Bytes of a limit such as 1000000, "500MB" or "2 GiB"."""
    if isinstance(limit, int):
        size = limit
    else:
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*", limit.upper())
        if not found or found[2] not in _UNITS:
            raise InvalidArgumentError(f"memory_limit is {limit!r}: expected bytes, or text such as '500MB'")
        size = int(float(found[1]) * _UNITS[found[2]])
    if not 0 <= size < 1 << 63:
        raise InvalidArgumentError(f"memory_limit is {limit!r}: expected at least 65536 (64 KiB)")
    return size
