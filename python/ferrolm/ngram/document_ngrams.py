"""Documents of token ids as rows of n-gram counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError
from ferrolm.ngram._inputs import ids_only
from ferrolm.ngram._sparse import csr_matrix, scipy_sparse

__all__ = ["DocumentNgrams", "document_ngrams"]


class DocumentNgrams(NamedTuple):
    """What `document_ngrams` found."""

    matrix: Any
    """scipy CSR matrix of int64 [documents, n-grams]."""
    keys: Any
    """`ferrolm.RaggedIds`: row ``j`` is the n-gram of column ``j``."""


def document_ngrams(ids: Any, orders: int | Iterable[int] = (1,)) -> DocumentNgrams:
    """Count the n-grams of ``orders`` (each 1 to 64) of token ids in each document.

    ``ids`` is anything that `ferrolm.ngram.count` takes as ids; sequences are documents. Columns are in the order of
    their ids, an n-gram before its continuations. Runs on all threads. Needs scipy.

    >>> matrix, keys = document_ngrams([[7, 8, 7, 8], [8, 7]], orders=(1, 2))
    >>> [key.tolist() for key in keys], matrix.toarray().tolist()
    ([[7], [7, 8], [8], [8, 7]], [[2, 2, 2, 1], [1, 0, 1, 1]])
    """
    from ferrolm.tokenizers.ragged import RaggedIds

    sparse = scipy_sparse()
    chosen = [orders] if isinstance(orders, int) else list(orders)
    if any(not isinstance(order, int) or order < 1 for order in chosen):
        raise InvalidArgumentError(f"orders is {chosen}, but orders are integers from 1 on")
    source = ids_only(ids)
    counted, keys, ends = _rust.count_document_ngrams(source.ids, source.offsets, chosen)
    starts, columns, counts = counted
    matrix = csr_matrix(sparse, counts.astype(np.int64), columns, starts, len(ends) - 1)
    return DocumentNgrams(matrix, RaggedIds(keys, ends))
