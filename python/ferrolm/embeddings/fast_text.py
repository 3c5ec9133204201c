"""fastText: word2vec whose words share the vectors of their parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.embeddings._passes import Sentences
from ferrolm.embeddings.keyed_vectors import KeyedVectors
from ferrolm.embeddings.word2vec import Word2Vec, _whole
from ferrolm.errors import UnknownNameError

__all__ = ["FastText", "FastTextKeyedVectors"]


class FastTextKeyedVectors(KeyedVectors):
    """Vectors by word, for any word: one that was never seen gets the mean of its known n-grams' vectors.

    ``word in wv`` says whether there is a vector, ``word in wv.key_to_index`` whether the word was seen. Files of
    word2vec's format hold the seen words alone.
    """

    def __init__(
        self,
        keys: Sequence[str],
        vectors: NDArray[Any],
        model: _rust.WordModel,
        counts: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(keys, vectors, counts=counts)
        self._model = model

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or (isinstance(key, str) and self._model.vector(key) is not None)

    def __getitem__(self, key: str | int | Iterable[str | int]) -> NDArray[np.float32]:
        """The vector of any word, or (n, size) of several."""
        if isinstance(key, (str, int, np.integer)):
            return self.get_vector(key)
        return np.array([self.get_vector(word) for word in key], np.float32).reshape(-1, self.vector_size)

    def get_vector(self, key: str | int, norm: bool = False) -> NDArray[np.float32]:
        """The vector of any word; with ``norm`` at length 1."""
        if not isinstance(key, str) or key in self.key_to_index:
            return super().get_vector(key, norm)
        vector = self._model.vector(key)
        if vector is None:
            raise UnknownNameError(
                f"the word {key!r} was not seen, and has no n-grams of the model's lengths"
            )
        if norm:
            vector = vector / (np.float32(np.linalg.norm(vector)) or np.float32(1))
        vector.setflags(write=False)
        return vector


class FastText(Word2Vec):
    """Word vectors with subword information (Bojanowski et al. 2017), trained when the object is made.

    The vector of a word is the mean of its own and those of its n-grams of characters, so that words that were never
    seen have vectors too, and rare ones better ones. N-grams are hashed as in fastText.

    Args:
        sentences: as in `Word2Vec`.
        min_n: the shortest n-grams, in characters, of the word between ``<`` and ``>``.
        max_n: the longest n-grams; below ``min_n`` for none.
        bucket: vectors that n-grams share by their hash, of 4 bytes times ``vector_size`` each.
        **options: everything else of `Word2Vec`.

    Raises:
        InvalidArgumentError: a value out of range, or no word occurs ``min_count`` times.
        InvalidTypeError: an unknown keyword, or a word that is no string.
        LimitError: no memory for ``bucket`` vectors.

    >>> sentences = ["the cat sat on the mat", "the cats sat on the mats"] * 50
    >>> model = FastText(sentences, vector_size=8, min_count=1, bucket=1000)
    >>> model.wv["catty"].shape, "catty" in model.wv.key_to_index
    ((8,), False)
    """

    _SAVED: ClassVar[tuple[str, ...]] = (*Word2Vec._SAVED, "min_n", "max_n", "bucket")

    def __init__(
        self,
        sentences: Sentences | None = None,
        *,
        corpus_file: str | PathLike[str] | None = None,
        min_n: int = 3,
        max_n: int = 6,
        bucket: int = 2_000_000,
        **options: Any,
    ) -> None:
        self.min_n = _whole("min_n", min_n)
        self.max_n = _whole("max_n", max_n)
        self.bucket = _whole("bucket", bucket)
        super().__init__(sentences, corpus_file=corpus_file, **options)

    def _subwords(self) -> dict[str, int]:
        if self.max_n < self.min_n:
            return {}
        return {"min_n": self.min_n, "max_n": self.max_n, "bucket": self.bucket}

    def _vectors(self, model: _rust.WordModel, words: list[str], counts: NDArray[np.int64]) -> KeyedVectors:
        return FastTextKeyedVectors(words, model.vectors(), model, counts=counts)
