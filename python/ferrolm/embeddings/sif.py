"""`SIFEmbeddings`: averages in which frequent words count little, without what all texts have in common.

Arora, Liang and Ma 2017, "A simple but tough-to-beat baseline for sentence embeddings".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ferrolm.embeddings.keyed_vectors import KeyedVectors
from ferrolm.embeddings.sentence import listed
from ferrolm.embeddings.sentence_average import AverageEmbeddings, Tokenize
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["SIFEmbeddings"]


class SIFEmbeddings(AverageEmbeddings):
    """Smooth inverse frequency: means with weights a / (a + p(word)), less their first principal components.

    Args:
        wv: the vectors; their ``counts``, if they have some, give p(word), the share of a word in the corpus.
            Otherwise `fit` counts the words of its texts.
        a: the smaller, the less frequent words count; 1e-4 to 1e-2 are usual.
        components: how many directions are removed; 1 in the paper, 0 leaves weights alone.
        tokenize: as in `AverageEmbeddings`.
        lowercase: as in `AverageEmbeddings`.

    Attributes:
        components: float32 [components, size], orthonormal rows; None before `fit`.

    >>> wv = KeyedVectors(["the", "cat", "dog"], np.array([[5.0, 1], [1, 3], [1, 2]]), np.array([90, 5, 5]))
    >>> sif = SIFEmbeddings(wv, a=0.1).fit(["the cat", "the dog", "the", "cat dog"])
    >>> sif.encode("the cat").shape, sif.weights.round(2).tolist()
    ((2,), [0.10000000149011612, 0.6700000166893005, 0.6700000166893005])
    """

    components: NDArray[np.float32] | None = None

    def __init__(
        self,
        wv: KeyedVectors,
        a: float = 1e-3,
        components: int = 1,
        *,
        tokenize: Tokenize | None = None,
        lowercase: bool | None = None,
    ) -> None:
        super().__init__(wv, tokenize=tokenize, lowercase=lowercase)
        if not a > 0:
            raise InvalidArgumentError(f"a is {a}: expected more than 0")
        if not 0 <= components <= self.size:
            raise InvalidArgumentError(
                f"components is {components}: expected 0 to {self.size}, the size of wv"
            )
        self.a, self._num_components = a, components
        self.weights: NDArray[np.float32] | None = None
        if wv.counts is not None:
            self._weigh(np.asarray(wv.counts))

    def fit(self, texts: Sequence[str], *, batch_size: int = 4096) -> Self:
        """Learn the directions to remove (and the frequencies, if ``wv`` has no counts) from texts like those to come.

        Some thousand texts are plenty. The directions are those of the largest singular values of the texts' weighted
        means, which are not centred, as in the paper.

        Raises:
            InvalidArgumentError: the texts have fewer different vectors than components are to be removed.
        """
        texts = listed(texts, batch_size)
        if self.wv.counts is None:
            counts = np.bincount(self.word_rows(texts).ids, minlength=len(self.wv))
            self._weigh(counts)
        means = self._encode_plain(texts, batch_size)
        # Of the small matrix [size, size]: its eigenvectors are the right singular vectors of the means.
        values, vectors = np.linalg.eigh((means.T @ means).astype(np.float64))
        kept = self._num_components
        if kept and values[-kept] <= 1e-12 * max(values[-1], 1e-30):
            raise InvalidArgumentError(
                f"texts are {len(texts)}, which have no {kept} different directions: expected more texts with known words"
            )
        self.components = np.ascontiguousarray(vectors[:, ::-1][:, :kept].T, np.float32)
        return self

    def _weigh(self, counts: NDArray[np.int64]) -> None:
        if counts.shape != (len(self.wv),):
            raise ShapeError(f"wv.counts has shape {counts.shape}: expected ({len(self.wv)},)")
        shares = counts / max(counts.sum(), 1)
        self.weights = (self.a / (self.a + shares)).astype(np.float32)
        # A copy of the vectors, so that a text costs what it costs without weights.
        self._weighted = self.wv.vectors * self.weights[:, None]

    def _encode_plain(self, texts: list[str], batch_size: int, progress: bool = False) -> NDArray[np.float32]:
        return super()._encode(texts, batch_size, progress)

    def _encode(self, texts: list[str], batch_size: int, progress: bool) -> NDArray[np.float32]:
        if self.weights is None or (self._num_components and self.components is None):
            raise InvalidArgumentError(
                "these SIFEmbeddings have learnt nothing yet: call fit with texts first"
            )
        found = self._encode_plain(texts, batch_size, progress)
        if self.components is not None:
            found -= (found @ self.components.T) @ self.components
        return found
