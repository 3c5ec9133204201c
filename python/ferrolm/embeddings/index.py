"""`EmbeddingIndex`: the nearest of many embeddings for one query at a time, exactly and in a few milliseconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm import _rust
from ferrolm.embeddings.sentence import rows_of, unit_rows
from ferrolm.embeddings.sentence_search import SearchHits
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["EmbeddingIndex"]


class EmbeddingIndex:
    """Embeddings, and the same in few bits, by which most are told to be too far away without being read.

    One query against many rows waits for memory: 100,000 rows of 384 dimensions are 154 MB. The index keeps them in eight
    bits as well, 38 MB in two halves: most rows are told off by their upper four bits, 19 MB that every query reads, most of the
    others by all eight. What bits may be wrong by is known for each row, and whatever could be among the best is compared in
    full: the hits are those of comparing everything, to the bit, also among equals, and for many queries the same as for each alone.

    A pickle has the embeddings alone; the rest is made again.

    Args:
        embeddings: (rows, size), of any lengths. A contiguous float32 array is kept as it is, and must not change.

    Raises:
        ShapeError: not an array of rows.
        InvalidArgumentError: a row has a number that is infinite, too large or NaN.

    >>> index = EmbeddingIndex([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> index.search([2.0, 0.1], top_k=2).corpus_ids.tolist()
    [[0, 2]]
    """

    def __init__(self, embeddings: ArrayLike) -> None:
        array = np.ascontiguousarray(embeddings, dtype=np.float32)
        if array.ndim != 2:
            raise ShapeError(f"embeddings has shape {array.shape}: expected (rows, size)")
        self.embeddings: NDArray[np.float32] = array
        self._norms = np.sqrt(np.einsum("ij,ij->i", array, array))
        self._codes = _rust.compress_vectors(array, self._norms)

    def __len__(self) -> int:
        return len(self.embeddings)

    def __repr__(self) -> str:
        rows, size = self.embeddings.shape
        return f"EmbeddingIndex({rows} rows of {size})"

    def __reduce__(self) -> tuple[type[EmbeddingIndex], tuple[NDArray[np.float32]]]:
        # Codes are of the version that made them.
        return type(self), (self.embeddings,)

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept beside the embeddings: one for each value, of rows of whole 64, and 16 for a row."""
        return int(self._norms.nbytes) + sum(int(array.nbytes) for array in self._codes)

    def search(self, query_embeddings: ArrayLike, top_k: int = 10) -> SearchHits:
        """The ``top_k`` rows with the largest cosine to each query, (queries, size) or (size,); of equals the first.

        `semantic_search` finds the same without an index, and is faster for many queries at once on few rows.
        """
        if top_k < 1:
            raise InvalidArgumentError(f"top_k is {top_k}: expected at least 1")
        queries = rows_of(query_embeddings, "query_embeddings")
        if queries.shape[1] != self.embeddings.shape[1]:
            raise ShapeError(
                f"query_embeddings has {queries.shape[1]} dimensions: expected {self.embeddings.shape[1]}, as the rows"
            )
        if not np.isfinite(queries).all():
            raise InvalidArgumentError("query_embeddings has a number that is infinite or NaN")
        units = np.ascontiguousarray(unit_rows(queries))
        return SearchHits(
            *_rust.nearest_compressed_vectors(self.embeddings, self._norms, self._codes, units, top=top_k)
        )
