"""`CountVectorizer`: documents as rows of n-gram counts, with the results of scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError
from ferrolm.ngram._analysis import TOKEN_PATTERN, Analysis
from ferrolm.ngram._sparse import csr_matrix, scipy_sparse

__all__ = ["CountVectorizer"]

_Counted = tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32]]


class CountVectorizer(Analysis):
    """Counts of the n-grams of each document, with the parameters and the results of scikit-learn's `CountVectorizer`.

    Words are the matches of ``token_pattern``, in lower case; n-grams are words joined by a space. All n-grams of
    ``ngram_range`` (up to 64) become columns, sorted by their text; `vocabulary_` has the column of each.

    The default pattern, and characters (``analyzer="char"``, ``"char_wb"``), are counted in Rust, on all threads, with
    the results of Python's `re` and `str.lower`. Other patterns, a ``tokenizer``, a ``preprocessor``,
    ``strip_accents`` or a callable ``analyzer`` run in Python first: same results, slower.

    Args:
        ngram_range: the smallest and the largest number of words or characters in an n-gram.
        stop_words: words that are left out before n-grams are formed, or ``"english"``: scikit-learn's list, which must
            be installed for it.
        min_df, max_df: leave out n-grams in fewer or more documents: a number of documents, or a share as a float.
        max_features: keep this many of the most frequent n-grams.
        vocabulary: the columns, as a mapping from n-grams or in order; nothing is learned then.
        binary: every count is one.
        dtype: of the matrix.
        input, encoding, decode_error, strip_accents, lowercase, preprocessor, tokenizer, token_pattern, analyzer: as
            in scikit-learn.

    Works in scikit-learn's pipelines, which is not needed for anything else; scipy is (``pip install
    'ferrolm[sparse]'``). Pickles, and can be cloned.

    >>> vectorizer = CountVectorizer(ngram_range=(1, 2))
    >>> matrix = vectorizer.fit_transform(["the cat sat", "the cat, the cat"])
    >>> vectorizer.get_feature_names_out().tolist()
    ['cat', 'cat sat', 'cat the', 'sat', 'the', 'the cat']
    >>> matrix.toarray().tolist(), matrix.dtype
    ([[1, 1, 0, 1, 1, 1], [2, 0, 1, 0, 2, 2]], dtype('int64'))
    """

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
        max_df: float | int = 1.0,
        min_df: float | int = 1,
        max_features: int | None = None,
        vocabulary: Mapping[str, int] | Iterable[str] | None = None,
        binary: bool = False,
        dtype: DTypeLike = np.int64,
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
        self.max_df = max_df
        self.min_df = min_df
        self.max_features = max_features
        self.vocabulary = vocabulary
        self.binary = binary
        self.dtype = dtype

    def fit(self, raw_documents: Iterable[Any], y: Any = None) -> Self:
        """Learn the columns; ``y`` is not looked at."""
        self.fit_transform(raw_documents)
        return self

    def fit_transform(self, raw_documents: Iterable[Any], y: Any = None) -> Any:
        """Learn the columns, and return the counts: a scipy CSR matrix [documents, n-grams] with sorted indices.

        Raises `InvalidArgumentError` for parameters that do not fit, and where no n-gram is left.
        """
        sparse = scipy_sparse()
        self._check_limits()
        if self.vocabulary is not None:
            self._use(_fixed(self.vocabulary), fixed=True)
            return self.transform(raw_documents)
        core, documents = self._prepared(raw_documents)
        features, counted = _rust.NgramFeatures.fit(documents) if core is None else core.fit(documents)
        if not len(features):
            raise InvalidArgumentError("empty vocabulary; perhaps the documents only contain stop words")
        kept = self._kept(sparse, counted, len(features))
        if not kept.all():
            features, counted = features.select(kept), _selected(counted, kept)
        self._use(features, fixed=False)
        return self._matrix(sparse, counted, len(features))

    def transform(self, raw_documents: Iterable[Any]) -> Any:
        """The counts of the learned n-grams: a scipy CSR matrix [documents, n-grams]."""
        sparse = scipy_sparse()
        features = self._fitted()
        core, documents = self._prepared(raw_documents)
        counted = features.transform(documents) if core is None else core.transform(documents, features)
        return self._matrix(sparse, counted, len(features))

    def inverse_transform(self, X: Any) -> list[NDArray[np.str_]]:
        """The n-grams with a value other than zero in each row of ``X`` (sparse or dense), one array a row."""
        matrix = scipy_sparse().csr_matrix(X)
        names = np.array(self._fitted().names())
        present = matrix.data != 0
        ends = np.append(0, np.cumsum(present))[matrix.indptr]
        return np.split(names[matrix.indices[present]], ends[1:-1])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The n-gram of each column."""
        return np.array(self._fitted().names(), dtype=object)

    @property
    def vocabulary_(self) -> dict[str, int]:
        """The column of each n-gram; made when it is first asked for."""
        if not self._is_fitted():
            raise AttributeError("vocabulary_ is there once the vectorizer is fitted")
        return self._columns

    @cached_property
    def _columns(self) -> dict[str, int]:
        return self._fitted().vocabulary()

    def _is_fitted(self) -> bool:
        return hasattr(self, "_features")

    def _fitted(self) -> _rust.NgramFeatures:
        if not self._is_fitted():
            if self.vocabulary is None:
                raise InvalidArgumentError("the vectorizer is not fitted, and no vocabulary is given")
            self._use(_fixed(self.vocabulary), fixed=True)
        return self._features

    def _use(self, features: _rust.NgramFeatures, fixed: bool) -> None:
        self.__dict__.pop("_columns", None)
        self._features = features
        self.fixed_vocabulary_ = fixed

    def _check_limits(self) -> None:
        for name in ("min_df", "max_df"):
            value = getattr(self, name)
            in_range = value >= 1 if isinstance(value, int | np.integer) else 0.0 <= value <= 1.0
            if not in_range:
                raise InvalidArgumentError(
                    f"{name} is {value}, expected a number of documents from 1 on or a share from 0.0 to 1.0"
                )
        if self.max_features is not None and self.max_features < 1:
            raise InvalidArgumentError(f"max_features is {self.max_features}, expected 1 or more")

    def _kept(self, sparse: Any, counted: _Counted, width: int) -> NDArray[np.bool_]:
        """The columns that document frequencies and ``max_features`` leave; ties as numpy sorts them."""
        documents = len(counted[0]) - 1
        most, least = (
            limit if isinstance(limit, int | np.integer) else limit * documents
            for limit in (self.max_df, self.min_df)
        )
        if most < least:
            raise InvalidArgumentError(
                f"max_df {self.max_df} corresponds to fewer of the {documents} documents than min_df {self.min_df}"
            )
        kept = np.ones(width, dtype=bool)
        if most < documents or least > 1:
            frequencies = np.bincount(counted[1], minlength=width)
            kept = (frequencies <= most) & (frequencies >= least)
        if self.max_features is not None and kept.sum() > self.max_features:
            totals = np.asarray(self._matrix(sparse, counted, width).sum(axis=0)).ravel()
            chosen = (-totals[kept]).argsort()[: self.max_features]
            places = np.flatnonzero(kept)[chosen]
            kept = np.zeros(width, dtype=bool)
            kept[places] = True
        if not kept.any():
            raise InvalidArgumentError("no n-gram is left: try a lower min_df or a higher max_df")
        return kept

    def _matrix(self, sparse: Any, counted: _Counted, width: int) -> Any:
        starts, columns, counts = counted
        values = np.ones(len(counts), self.dtype) if self.binary else counts.astype(self.dtype)
        return csr_matrix(sparse, values, columns, starts, width)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "_columns"}
        if self._is_fitted():
            state["_features"] = self._features.names()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_features" in state:
            self._features = _rust.NgramFeatures(state["_features"])


def _selected(counted: _Counted, kept: NDArray[np.bool_]) -> _Counted:
    """The columns that are kept, numbered anew."""
    starts, columns, counts = counted
    present = kept[columns]
    numbers = np.cumsum(kept, dtype=np.uint32) - np.uint32(1)
    ends = np.append(0, np.cumsum(present))
    return ends[starts], numbers[columns[present]], counts[present]


def _fixed(vocabulary: Any) -> _rust.NgramFeatures:
    """The columns that the user gave."""
    if isinstance(vocabulary, set | frozenset):
        vocabulary = sorted(vocabulary)
    if isinstance(vocabulary, Mapping):
        names = sorted(vocabulary, key=vocabulary.__getitem__)
        if [int(vocabulary[name]) for name in names] != list(range(len(names))):
            raise InvalidArgumentError(f"vocabulary: expected each index from 0 to {len(names) - 1} once")
    else:
        names = list(vocabulary)
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidArgumentError(f"vocabulary: {twice!r} is there twice")
    if not names:
        raise InvalidArgumentError("vocabulary is empty")
    return _rust.NgramFeatures(names)
