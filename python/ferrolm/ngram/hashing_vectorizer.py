"""`HashingVectorizer`: n-gram counts in columns that hashes choose, with the results of scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError
from ferrolm.ngram._analysis import TOKEN_PATTERN, Analysis
from ferrolm.ngram._sparse import csr_matrix, scipy_sparse

__all__ = ["HashingVectorizer"]


class HashingVectorizer(Analysis):
    """Counts of n-grams in columns that hashes choose, with the results of scikit-learn's `HashingVectorizer`.

    Nothing is learned: the column of an n-gram is its MurmurHash3 (x86, 32 bits, of the UTF-8) modulo ``n_features``,
    and with ``alternate_sign`` a negative hash counts negatively. Rows are scaled to ``norm`` "l2", "l1" or not
    (None). Weinberger et al. (2009), "Feature Hashing for Large Scale Multitask Learning". Other parameters as in
    `CountVectorizer`.

    >>> HashingVectorizer(n_features=8, norm=None).fit_transform(["the cat sat on the mat"]).toarray().tolist()
    [[0.0, 0.0, 0.0, -1.0, 1.0, 0.0, -2.0, 0.0]]
    """

    _requires_fit = False

    def __init__(
        self,
        *,
        input: str = "content",
        encoding: str = "utf-8",
        decode_error: str = "strict",
        strip_accents: str | Callable[[str], str] | None = None,
        lowercase: bool = True,
        preprocessor: Callable[[str], str] | None = None,
        tokenizer: Callable[[str], Iterable[str]] | None = None,
        stop_words: str | Iterable[str] | None = None,
        token_pattern: str | None = TOKEN_PATTERN,
        ngram_range: tuple[int, int] = (1, 1),
        analyzer: str | Callable[[Any], Iterable[str]] = "word",
        n_features: int = 1 << 20,
        binary: bool = False,
        norm: str | None = "l2",
        alternate_sign: bool = True,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.input = input
        self.encoding = encoding
        self.decode_error = decode_error
        self.strip_accents = strip_accents
        self.lowercase = lowercase
        self.preprocessor = preprocessor
        self.tokenizer = tokenizer
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.ngram_range = ngram_range
        self.analyzer = analyzer
        self.n_features = n_features
        self.binary = binary
        self.norm = norm
        self.alternate_sign = alternate_sign
        self.dtype = dtype

    def fit(self, X: Any, y: Any = None) -> Self:
        """Look at the parameters alone."""
        self._range()
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Nothing."""
        return self

    def fit_transform(self, X: Iterable[Any], y: Any = None) -> Any:
        """As `transform`."""
        return self.transform(X)

    def transform(self, X: Iterable[Any]) -> Any:
        """The values of all documents: a scipy CSR matrix [documents, ``n_features``] of ``dtype``."""
        sparse = scipy_sparse()
        if not 1 <= self.n_features < 1 << 31:
            raise InvalidArgumentError(f"n_features is {self.n_features}, expected 1 to {(1 << 31) - 1}")
        core, documents = self._prepared(X)
        if not documents:
            raise InvalidArgumentError("there are no documents, expected one or more")
        options = (self.n_features, bool(self.alternate_sign), bool(self.binary), self.norm)
        hashed = _rust.hash_features(documents, *options) if core is None else core.hash(documents, *options)
        starts, columns, values = hashed
        # Scaling makes fractions, which integers could not hold.
        scaled = self.norm is not None and not np.issubdtype(self.dtype, np.floating)
        return csr_matrix(
            sparse,
            values if scaled else values.astype(self.dtype, copy=False),
            columns,
            starts,
            self.n_features,
        )
