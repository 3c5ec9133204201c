"""`CountVectorizer`, `HashingVectorizer`, `document_ngrams`: what equality with scikit-learn does not show."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from ferrolm.errors import InvalidArgumentError, InvalidEncodingError, InvalidTypeError
from ferrolm.ngram import CountVectorizer, HashingVectorizer, document_ngrams

pytest.importorskip("scipy")


def test_columns_are_sorted_and_counts_are_int64() -> None:
    vectorizer = CountVectorizer(ngram_range=(1, 2))
    matrix = vectorizer.fit_transform(["the cat sat", "the cat, the cat"])
    assert vectorizer.vocabulary_ == {
        "cat": 0,
        "cat sat": 1,
        "cat the": 2,
        "sat": 3,
        "the": 4,
        "the cat": 5,
    }
    assert matrix.dtype == np.int64
    assert matrix.indices.dtype == np.int32
    assert matrix.has_canonical_format
    assert matrix.toarray().tolist() == [[1, 1, 0, 1, 1, 1], [2, 0, 1, 0, 2, 2]]


def test_inverse_transform_takes_dense_rows_and_empty_ones() -> None:
    vectorizer = CountVectorizer().fit(["aa bb", "cc"])
    found = vectorizer.inverse_transform(np.array([[0, 2, 1], [0, 0, 0], [1, 0, 0]]))
    assert [names.tolist() for names in found] == [["bb", "cc"], [], ["aa"]]


def test_fitting_again_forgets_the_old_columns() -> None:
    vectorizer = CountVectorizer().fit(["old words"])
    assert vectorizer.vocabulary_ == {"old": 0, "words": 1}
    assert vectorizer.fit(["new"]).vocabulary_ == {"new": 0}


def test_parameters_have_names() -> None:
    vectorizer = CountVectorizer(binary=True).set_params(ngram_range=(2, 2))
    assert vectorizer.get_params()["ngram_range"] == (2, 2)
    assert repr(vectorizer) == "CountVectorizer(ngram_range=(2, 2), binary=True)"
    with pytest.raises(InvalidArgumentError, match="min_df"):
        vectorizer.set_params(mindf=3)


def test_bad_documents_are_named() -> None:
    with pytest.raises(InvalidArgumentError, match="one text"):
        CountVectorizer().fit("text")
    with pytest.raises(InvalidTypeError, match="int"):
        HashingVectorizer().transform([3])
    with pytest.raises(InvalidEncodingError, match="text 1"):
        CountVectorizer().fit(["fine", "\ud800 broken"])
    with pytest.raises(InvalidEncodingError, match="not valid utf-8"):
        CountVectorizer().fit([b"\xff\xfe"])
    with pytest.raises(InvalidArgumentError, match="ngram_range is \\(1, 65\\)"):
        CountVectorizer(ngram_range=(1, 65)).fit(["text"])


def test_ngrams_of_ids() -> None:
    matrix, keys = document_ngrams(np.array([[7, 8, 7], [9, 9, 7]], np.uint16), orders=[1, 2])
    assert [key.tolist() for key in keys] == [[7], [7, 8], [8], [8, 7], [9], [9, 7], [9, 9]]
    assert matrix.toarray().tolist() == [[2, 1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 2, 1, 1]]
    matrix, keys = document_ngrams([[], []])
    assert matrix.shape == (2, 0)
    assert len(keys) == 0
    for orders in (0, [], [1.5]):
        with pytest.raises(InvalidArgumentError, match="orders"):
            document_ngrams([[1]], orders)  # type: ignore[arg-type]


def test_without_scipy_the_error_names_the_extra() -> None:
    code = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "scipy":
            raise ModuleNotFoundError(f"No module named {name!r}", name="scipy")

sys.meta_path.insert(0, Missing())
from ferrolm.ngram import CountVectorizer
try:
    CountVectorizer().fit(["text"])
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (
        done.stdout.strip() == "a sparse matrix needs scipy; install it with: pip install 'ferrolm[sparse]'"
    )


def test_scikit_learn_is_not_imported() -> None:
    code = """
import sys
from ferrolm.ngram import CountVectorizer, HashingVectorizer
CountVectorizer().fit(["some text"])
HashingVectorizer().transform(["some text"])
print("sklearn" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
