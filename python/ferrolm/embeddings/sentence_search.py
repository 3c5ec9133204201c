"""`semantic_search`: the nearest of many embeddings, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ferrolm.embeddings.sentence import rows_of, unit_rows
from ferrolm.errors import InvalidArgumentError, ShapeError

__all__ = ["SearchHits", "semantic_search"]

# Candidates are sifted by the best of so many: a pass at the speed of memory in place of a partition of all.
_BLOCK = 64
Hit = dict[str, int | float]


@dataclass(frozen=True, eq=False)
class SearchHits(Sequence[list[Hit]]):
    """The nearest rows of a corpus for each query, the nearest first, equals by their number.

    ``corpus_ids``: int64 [queries, hits]; ``scores``: float32 [queries, hits], cosines. As a sequence, what
    sentence-transformers returns: for each query a list of ``{"corpus_id": ..., "score": ...}``.
    """

    corpus_ids: NDArray[np.int64]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.corpus_ids)

    @overload
    def __getitem__(self, query: int) -> list[Hit]: ...
    @overload
    def __getitem__(self, query: slice) -> list[list[Hit]]: ...
    def __getitem__(self, query: int | slice) -> list[Hit] | list[list[Hit]]:
        if isinstance(query, slice):
            return [self[number] for number in range(*query.indices(len(self)))]
        found = zip(self.corpus_ids[query].tolist(), self.scores[query].tolist(), strict=True)
        return [{"corpus_id": number, "score": score} for number, score in found]

    def __repr__(self) -> str:
        return f"SearchHits(queries={len(self)}, hits={self.corpus_ids.shape[1]})"


def semantic_search(
    query_embeddings: ArrayLike,
    corpus_embeddings: ArrayLike,
    top_k: int = 10,
    *,
    query_chunk_size: int = 256,
    corpus_chunk_size: int = 16_384,
) -> SearchHits:
    """The ``top_k`` rows of a corpus with the largest cosine to each query; every row is compared.

    Args:
        query_embeddings: (queries, size), or (size,) for one.
        corpus_embeddings: (corpus, size), float32 in memory or mapped (``np.load(path, mmap_mode="r")``), which is read
            once for every ``query_chunk_size`` queries and not copied as a whole.
        top_k: hits for a query; fewer if the corpus has fewer.
        query_chunk_size: queries at a time.
        corpus_chunk_size: rows at a time; memory is 4 bytes for each pair of both.

    Raises:
        ShapeError: the rows have different lengths.
        InvalidArgumentError: an embedding has a number that is infinite or no number.

    >>> corpus = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> hits = semantic_search([[2.0, 0.1]], corpus, top_k=2)
    >>> hits.corpus_ids.tolist(), [hit["corpus_id"] for hit in hits[0]]
    ([[0, 2]], [0, 2])
    """
    for name, value in (("top_k", top_k), ("query_chunk_size", query_chunk_size), ("corpus_chunk_size", corpus_chunk_size)):  # fmt: skip
        if value < 1:
            raise InvalidArgumentError(f"{name} is {value}: expected at least 1")
    queries = rows_of(query_embeddings, "query_embeddings")
    corpus = corpus_embeddings if isinstance(corpus_embeddings, np.ndarray) else np.asarray(corpus_embeddings)
    if corpus.ndim != 2 or corpus.shape[1] != queries.shape[1]:
        raise ShapeError(
            f"corpus_embeddings has shape {corpus.shape}: expected (corpus, {queries.shape[1]}), as the queries"
        )
    if not np.isfinite(queries).all():
        raise InvalidArgumentError("query_embeddings has a number that is infinite or NaN")
    hits = min(top_k, len(corpus))
    ids = np.zeros((len(queries), hits), np.int64)
    scores = np.zeros((len(queries), hits), np.float32)
    for first in range(0, len(queries), query_chunk_size):
        rows = slice(first, first + query_chunk_size)
        ids[rows], scores[rows] = _search(unit_rows(queries[rows]), corpus, hits, corpus_chunk_size)
    return SearchHits(ids, scores)


def _search(
    queries: NDArray[np.float32], corpus: NDArray[np.float32], hits: int, chunk_size: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The best of all chunks of the corpus for a few queries of length 1."""
    ids = np.zeros((len(queries), 0), np.int64)
    scores = np.zeros((len(queries), 0), np.float32)
    for first, similarities in _similarities(queries, corpus, chunk_size):
        places = _best(similarities, hits)
        ids = np.concatenate([ids, places + first], axis=1)
        scores = np.concatenate([scores, np.take_along_axis(similarities, places, axis=1)], axis=1)
        order = np.lexsort((ids, -scores), axis=-1)[:, :hits]
        ids, scores = np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)
    return ids, scores


def _similarities(
    queries: NDArray[np.float32], corpus: NDArray[np.float32], chunk_size: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Cosines with the rows of each chunk, float32 [queries, chunk], and the number of its first row."""
    for first in range(0, len(corpus), chunk_size):
        rows = np.asarray(corpus[first : first + chunk_size], np.float32)
        squares = np.einsum("ij,ij->i", rows, rows)
        if not np.isfinite(squares).all():
            wrong = first + int(np.flatnonzero(~np.isfinite(squares))[0])
            raise InvalidArgumentError(
                f"corpus_embeddings[{wrong}] has a number that is infinite, too large or NaN"
            )
        # Products are scaled, and not the rows: nothing is copied.
        similarities = queries @ rows.T
        similarities /= np.sqrt(np.where(squares == 0, 1, squares))
        yield first, similarities


def _best(scores: NDArray[np.float32], hits: int) -> NDArray[np.int64]:
    """Columns of the best scores of each row, the lower of equals; int64 [rows, at most hits], in no order.

    The ``hits`` best lie in the ``hits`` blocks with the largest maxima (the first of equal ones): each of those has a
    score that comes before all of any other block.
    """
    rows, columns = scores.shape
    blocks = columns // _BLOCK
    if blocks <= 2 * hits:
        return np.argsort(-scores, axis=1, kind="stable")[:, :hits]
    whole = scores[:, : blocks * _BLOCK].reshape(rows, blocks, _BLOCK)
    chosen = np.argsort(-whole.max(axis=2), axis=1, kind="stable")[:, :hits]
    # In the order of columns, so that a stable sort takes the lower of equals; the rest behind the last block is added.
    places = (np.sort(chosen, axis=1)[:, :, None] * _BLOCK + np.arange(_BLOCK)).reshape(rows, -1)
    rest = np.broadcast_to(np.arange(blocks * _BLOCK, columns), (rows, columns - blocks * _BLOCK))
    places = np.concatenate([places, rest], axis=1)
    order = np.argsort(-np.take_along_axis(scores, places, axis=1), axis=1, kind="stable")[:, :hits]
    return np.take_along_axis(places, order, axis=1)
