"""Questions about vectors that are answered with words: the nearest, the odd one out, ranks and distances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["Key", "Similarities"]

Key = str | int | NDArray[Any]
#: A key, or a key and its weight.
Weighted = Key | tuple[Key, float]


class Similarities:
    """The methods of `KeyedVectors` that compare vectors. Names, arguments and results are gensim's."""

    if TYPE_CHECKING:
        vectors: NDArray[np.float32]
        index_to_key: list[str]

        @property
        def norms(self) -> NDArray[np.float32]: ...
        @property
        def vector_size(self) -> int: ...
        def fill_norms(self, force: bool = False) -> None: ...
        def get_index(self, key: str | int, default: int | None = None) -> int: ...
        def has_index_for(self, key: object) -> bool: ...
        def get_vector(self, key: str | int, norm: bool = False) -> NDArray[np.float32]: ...
        def get_mean_vector(
            self,
            keys: Sequence[Any],
            weights: Any = None,
            pre_normalize: bool = True,
            post_normalize: bool = False,
            ignore_missing: bool = True,
        ) -> NDArray[np.float32]: ...
        def __contains__(self, key: object) -> bool: ...

    def most_similar(
        self,
        positive: Key | Sequence[Weighted] | None = None,
        negative: Key | Sequence[Weighted] | None = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> Any:
        """The words nearest (by cosine) to the mean of unit vectors, those of ``negative`` counted backwards.

        Args:
            positive: words, rows or vectors, one or several, also as (word, weight). With king and woman here and man
                among ``negative``, this answers the analogy (3CosAdd, Mikolov et al. 2013).
            negative: likewise; a weight of one's own should be negative.
            topn: how many to return; words that were asked about are not among them. None: the cosines of all words
                as an array, (words,) float32.
            clip_start: look at the words from this row on.
            clip_end: and up to this one, not included.
            restrict_vocab: look at this many first (most frequent) words only; above the two before.
            indexer: answers instead, by ``indexer.most_similar(vector, topn)``.

        Returns:
            (word, cosine) pairs, greatest first. The search is exact: every word is looked at.

        Raises:
            UnknownNameError: a word has no vector (it is a ``KeyError``).
            InvalidArgumentError: nothing was asked.

        >>> from ferrolm.embeddings import KeyedVectors
        >>> wv = KeyedVectors(["a", "b", "c"], np.eye(3))
        >>> wv.most_similar(positive=["a"], negative=["b"], topn=1)
        [('c', 0.0)]
        """
        if topn is not None and topn < 1:
            return []
        mean, known = self._question(positive, negative)
        if indexer is not None and topn is not None:
            return indexer.most_similar(mean, topn)
        rows = self._rows(clip_start, clip_end, restrict_vocab)
        if topn is None:
            cosines: NDArray[np.float32] = self._cosines(mean)[rows.start : rows.stop]
            return cosines
        return self._named(*self._nearest(mean[None], topn, [known], rows))[0]

    def most_similar_batch(
        self,
        positive: Sequence[Key | Sequence[Weighted]],
        negative: Sequence[Key | Sequence[Weighted] | None] | None = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
    ) -> list[list[tuple[str, float]]]:
        """`most_similar` for many questions at once, several times as fast as one after another.

        Args:
            positive: for each question what `most_similar` takes.
            negative: likewise, as many; None for none at all.
            topn: words for each.
            restrict_vocab: look at this many first words only.

        >>> from ferrolm.embeddings import KeyedVectors
        >>> wv = KeyedVectors(["a", "b", "c"], np.array([[1, 0], [0.9, 0.1], [0, 1]]))
        >>> [near[0][0] for near in wv.most_similar_batch(["a", ["c", "b"]], topn=1)]
        ['b', 'a']
        """
        if negative is None:
            negative = [None] * len(positive)
        if len(negative) != len(positive):
            raise InvalidArgumentError(
                f"negative has {len(negative)} questions: expected {len(positive)}, as positive has"
            )
        if not positive or topn < 1:
            return [[] for _ in positive]
        asked = [self._question(*pair) for pair in zip(positive, negative, strict=True)]
        means = np.stack([mean for mean, _ in asked])
        known = [rows for _, rows in asked]
        return self._named(*self._nearest(means, topn, known, self._rows(0, None, restrict_vocab)))

    def nearest(
        self, queries: NDArray[Any], topn: int = 10, restrict_vocab: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows of the nearest vectors to each of ``queries`` (queries, size), and their cosines, (queries, topn) each.

        Where there are fewer, the row is -1. For programs that go on with arrays; people ask `most_similar_batch`.

        >>> from ferrolm.embeddings import KeyedVectors
        >>> wv = KeyedVectors(["a", "b", "c"], np.eye(3))
        >>> wv.nearest(np.array([[0, 1, 0.5]]), topn=2)[0].tolist()
        [[1, 2]]
        """
        queries = np.asarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.vector_size:
            raise ShapeError(f"queries have shape {queries.shape}: expected (queries, {self.vector_size})")
        lengths = np.linalg.norm(queries, axis=1, keepdims=True)
        units = np.asarray(queries / np.where(lengths == 0, 1, lengths), np.float32)
        return self._nearest(units, topn, [[] for _ in queries], self._rows(0, None, restrict_vocab))

    def similar_by_key(self, key: str | int, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """The words nearest (by cosine) to a word."""
        return self.most_similar(positive=[key], topn=topn, restrict_vocab=restrict_vocab)

    similar_by_word = similar_by_key

    def similar_by_vector(
        self, vector: NDArray[Any], topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Any:
        """The words nearest (by cosine) to a vector."""
        return self.most_similar(positive=[np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def most_similar_cosmul(
        self,
        positive: Key | Sequence[Key] | None = None,
        negative: Key | Sequence[Key] | None = None,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
    ) -> Any:
        """As `most_similar`, by products of similarities instead of sums (3CosMul, Levy and Goldberg 2014).

        One large similarity does not outweigh the others. Cosines are moved to 0 to 1 before.

        >>> from ferrolm.embeddings import KeyedVectors
        >>> wv = KeyedVectors(["a", "b", "c"], np.array([[1, 0], [0.9, 0.1], [0, 1]]))
        >>> wv.most_similar_cosmul("a", topn=1)[0][0]
        'b'
        """
        if topn is not None and topn < 1:
            return []
        ups, downs = _listed(positive), _listed(negative)
        if not ups:
            raise InvalidArgumentError("positive is empty: expected a word or a vector")
        known = [self.get_index(key) for key in [*ups, *downs] if self.has_index_for(key)]
        above, below = self._shifted(ups), self._shifted(downs)
        scores: NDArray[np.float32] = (above / (below + 0.000001))[:restrict_vocab]
        if topn is None:
            return scores
        order = np.argsort(-scores, kind="stable")[: topn + len(known)]
        best = [row for row in order.tolist() if row not in known][:topn]
        return [(self.index_to_key[row], float(scores[row])) for row in best]

    def similarity(self, w1: str | int, w2: str | int) -> float:
        """The cosine of two words' vectors, -1 to 1."""
        return float(self.get_vector(w1, norm=True) @ self.get_vector(w2, norm=True))

    def distance(self, w1: str | int, w2: str | int) -> float:
        """1 less the cosine."""
        return 1 - self.similarity(w1, w2)

    def n_similarity(self, ws1: Sequence[str], ws2: Sequence[str]) -> float:
        """The cosine of the mean vectors of two lists of words; unknown words are left out."""
        for name, words in (("ws1", ws1), ("ws2", ws2)):
            if not len(words):
                raise InvalidArgumentError(f"{name} is empty: expected a list of words")
        first, second = (
            self.get_mean_vector(words, pre_normalize=False, post_normalize=True) for words in (ws1, ws2)
        )
        return float(first @ second)

    @staticmethod
    def cosine_similarities(vector_1: NDArray[Any], vectors_all: NDArray[Any]) -> NDArray[Any]:
        """The cosines of a vector (size,) with each row of (n, size)."""
        lengths = np.linalg.norm(vector_1) * np.linalg.norm(vectors_all, axis=1)
        cosines: NDArray[Any] = vectors_all @ vector_1 / lengths
        return cosines

    def distances(self, word_or_vector: Key, other_words: Iterable[str | int] = ()) -> NDArray[np.float32]:
        """1 less the cosines of a word or vector with ``other_words``, or with all words, by row."""
        vector = self._vector(word_or_vector)
        rows = [self.get_index(word) for word in other_words]
        if rows:
            return np.asarray(1 - self.cosine_similarities(vector, self.vectors[rows]), np.float32)
        length = float(np.linalg.norm(vector))
        return 1 - self._cosines(vector / (length or 1))

    def closer_than(self, key1: str | int, key2: str | int) -> list[str]:
        """The words that are nearer to the first than the second is."""
        distances = self.distances(key1)
        closer = np.flatnonzero(distances < distances[self.get_index(key2)])
        own = self.get_index(key1)
        return [self.index_to_key[row] for row in closer if row != own]

    def rank(self, key1: str | int, key2: str | int) -> int:
        """The place of the second among the neighbours of the first, from 1."""
        return len(self.closer_than(key1, key2)) + 1

    def most_similar_to_given(self, key1: str | int, keys_list: Sequence[str]) -> str:
        """Which of ``keys_list`` is nearest to a word."""
        return keys_list[int(np.argmax([self.similarity(key1, key) for key in keys_list]))]

    def rank_by_centrality(self, words: Sequence[str], use_norm: bool = True) -> list[tuple[float, str]]:
        """Words with their products with the mean of all of them, most central first; unknown ones are left out."""
        used = [word for word in words if word in self]
        if not used:
            raise InvalidArgumentError(
                f"words has {len(words)} words, none of them known: expected one or more"
            )
        vectors = np.stack([self.get_vector(word, norm=use_norm) for word in used])
        products = vectors @ self.get_mean_vector(list(vectors), post_normalize=True)
        return sorted(zip(products.tolist(), used, strict=True), reverse=True)

    def doesnt_match(self, words: Sequence[str]) -> str:
        """The word that is farthest from the mean of all.

        >>> from ferrolm.embeddings import KeyedVectors
        >>> wv = KeyedVectors(["tea", "milk", "car"], np.array([[1, 0], [0.9, 0.1], [0, 1]]))
        >>> wv.doesnt_match(["milk", "car", "tea"])
        'car'
        """
        return self.rank_by_centrality(words)[-1][1]

    def relative_cosine_similarity(self, wa: str, wb: str, topn: int = 10) -> float:
        """The cosine of two words in proportion to the sum of the first's ``topn`` greatest.

        Above 1 / ``topn``, they are more similar than any two neighbours (Leeuwenberg et al. 2016).
        """
        near = self.most_similar(wa, topn=topn)
        if not near:
            raise InvalidArgumentError(
                f"{wa!r} has no neighbours: expected other words, and topn of 1 or more"
            )
        return self.similarity(wa, wb) / float(sum(cosine for _, cosine in near))

    def _question(
        self, positive: Key | Sequence[Weighted] | None, negative: Key | Sequence[Weighted] | None
    ) -> tuple[NDArray[np.float32], list[int]]:
        """The unit vector that is asked about, and the rows that are not to be the answer."""
        asked = [(key, 1.0) for key in _listed(positive)] + [(key, -1.0) for key in _listed(negative)]
        asked = [key if isinstance(key, tuple) else (key, sign) for key, sign in asked]
        if not asked:
            raise InvalidArgumentError("positive and negative are empty: expected a word or a vector")
        keys, weights = [key for key, _ in asked], np.array([weight for _, weight in asked], np.float32)
        mean = self.get_mean_vector(keys, weights, post_normalize=True, ignore_missing=False)
        return mean, [self.get_index(key) for key in keys if self.has_index_for(key)]

    def _rows(self, start: int, end: int | None, restrict_vocab: int | None) -> range:
        if restrict_vocab:
            start, end = 0, restrict_vocab
        start, end, _ = slice(start, end or None).indices(len(self.vectors))
        return range(start, max(start, end))

    def _nearest(
        self, units: NDArray[np.float32], topn: int, excluded: list[list[int]], rows: range
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        self.fill_norms()
        offsets = np.cumsum([0, *map(len, excluded)], dtype=np.int64)
        flat = np.array([row for some in excluded for row in some], np.uint32)
        return _rust.nearest_vectors(
            np.ascontiguousarray(self.vectors),
            self.norms,
            np.ascontiguousarray(units, np.float32),
            top=topn,
            offsets=offsets,
            excluded=flat,
            rows=(rows.start, rows.stop),
        )

    def _named(self, rows: NDArray[np.int64], cosines: NDArray[np.float32]) -> list[list[tuple[str, float]]]:
        keys = self.index_to_key
        return [
            [(keys[row], cosine) for row, cosine in zip(*pair, strict=True) if row >= 0]
            for pair in zip(rows.tolist(), cosines.tolist(), strict=True)
        ]

    def _cosines(self, unit: NDArray[Any]) -> NDArray[np.float32]:
        self.fill_norms()
        products = self.vectors @ np.asarray(unit, np.float32)
        return np.divide(products, self.norms, out=np.zeros_like(products), where=self.norms > 0)

    def _shifted(self, keys: list[Any]) -> NDArray[np.float32]:
        """The product over ``keys`` of all words' cosines, moved to 0 to 1."""
        product = np.ones(len(self.vectors), np.float32)
        for key in keys:
            vector = key if isinstance(key, np.ndarray) else self.get_vector(key, norm=True)
            product *= (1 + self._cosines(vector)) / 2
        return product

    def _vector(self, key: Key) -> NDArray[Any]:
        vector = key if isinstance(key, np.ndarray) else self.get_vector(key)
        if vector.shape != (self.vector_size,):
            raise ShapeError(f"a vector has shape {vector.shape}: expected ({self.vector_size},)")
        return vector


def _listed(keys: Any) -> list[Any]:
    if keys is None:
        return []
    if isinstance(keys, (str, int, np.integer)) or (isinstance(keys, np.ndarray) and keys.ndim == 1):
        return [keys]
    return list(keys)
