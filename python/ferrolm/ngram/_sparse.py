"""Sparse matrices of scipy, from the arrays of the core."""

from __future__ import annotations

from typing import Any

import numpy as np

from ferrolm._extras import require

__all__ = ["csr_matrix", "scipy_sparse"]


def scipy_sparse() -> Any:
    return require("scipy.sparse", "sparse", "a sparse matrix")


def csr_matrix(sparse: Any, values: Any, columns: Any, starts: Any, width: int) -> Any:
    """A CSR matrix with indices of 32 bits, or 64 where 32 do not suffice."""
    index = np.int32 if len(columns) <= np.iinfo(np.int32).max else np.int64
    indices = columns.view(np.int32).astype(index, copy=False)  # columns are below 2**31
    matrix = sparse.csr_matrix((values, indices, starts.astype(index)), shape=(len(starts) - 1, width))
    matrix.has_canonical_format = True
    return matrix
