"""`CountVectorizer` and `HashingVectorizer` beside scikit-learn's: equal vocabularies, matrices and errors."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import all_texts, read_text

import ferrolm
from ferrolm.ngram import CountVectorizer, HashingVectorizer

text = pytest.importorskip("sklearn.feature_extraction.text")
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

DOCUMENTS = [
    "The quick brown fox, the lazy dog; THE fox!",
    "",
    "a I x2 _under_score 42 don't naïve Ünïcode ß ŒUVRE",
    "ΟΔΥΣΣΕΥΣ ΣΑΣ'Σ σΣ. İstanbul ISTANBUL ǅ Ǆ",
    "привет, МИР! мир  —\tдва\n\nтри",
    "東京都 に 行く हिन्दी में ภาษาไทย 한국어",
    "quick brown fox quick brown fox",
    " leading  and trailing \u00a0\u2003 white\u3000space \x1c\x1f ",
    "e\u0301clair éclair ﬁne ½ ² ٣",
]


def same_matrix(ours: Any, theirs: Any) -> None:
    """Equal as stored, once theirs is in canonical order."""
    theirs = theirs.copy()
    theirs.sort_indices()
    assert type(ours) is type(theirs)
    assert ours.shape == theirs.shape
    for name in ("data", "indices", "indptr"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert mine.dtype == other.dtype, name
        np.testing.assert_array_equal(mine, other, err_msg=name)


def same(documents: list[Any], **arguments: Any) -> CountVectorizer:
    """Both fail, or both give the same; returns ours."""
    ours, theirs = CountVectorizer(**arguments), text.CountVectorizer(**arguments)
    try:
        expected = theirs.fit_transform(documents)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011
            ours.fit_transform(documents)
        return ours
    same_matrix(ours.fit_transform(documents), expected)
    assert ours.vocabulary_ == theirs.vocabulary_
    assert ours.fixed_vocabulary_ == theirs.fixed_vocabulary_
    assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()
    same_matrix(ours.transform(documents), theirs.transform(documents))
    same_matrix(ours.transform(["the fox and МИР"]), theirs.transform(["the fox and МИР"]))
    for mine, other in zip(ours.inverse_transform(expected), theirs.inverse_transform(expected), strict=True):
        assert sorted(mine.tolist()) == sorted(other.tolist())
    analyze, expected_analyze = ours.build_analyzer(), theirs.build_analyzer()
    for document in documents:
        assert analyze(document) == list(expected_analyze(document))
    return ours


@pytest.mark.parametrize("analyzer", ["word", "char", "char_wb"])
@pytest.mark.parametrize("ngram_range", [(1, 1), (1, 3), (2, 2), (3, 6), (7, 9)])
@pytest.mark.parametrize("lowercase", [True, False])
def test_ranges_and_analyzers(analyzer: str, ngram_range: tuple[int, int], lowercase: bool) -> None:
    same(DOCUMENTS, analyzer=analyzer, ngram_range=ngram_range, lowercase=lowercase)


@pytest.mark.parametrize(
    "arguments",
    [
        {"stop_words": "english", "ngram_range": (1, 2)},
        {"stop_words": ["fox", "мир", "the"], "ngram_range": (2, 3)},
        {"min_df": 2},
        {"min_df": 0.2, "max_df": 0.25, "ngram_range": (1, 2)},
        {"max_df": 1},
        {"max_features": 3},
        {"max_features": 7, "min_df": 1, "max_df": 0.9, "ngram_range": (1, 2)},
        {"max_features": 10_000},
        {"max_features": 5, "binary": True},
        {"binary": True},
        {"dtype": np.float32, "max_features": 4},
        {"dtype": np.uint8},
        {"dtype": np.int32},
        {"strip_accents": "unicode", "ngram_range": (1, 2)},
        {"strip_accents": "ascii", "analyzer": "char", "ngram_range": (2, 3)},
        {"strip_accents": str.title, "lowercase": False},
        {"preprocessor": str.upper, "stop_words": ["FOX"]},
        {"token_pattern": r"\w+", "ngram_range": (1, 2)},
        {"token_pattern": r"(\w)\w*", "ngram_range": (2, 2)},
        {"token_pattern": r"[^,]+", "ngram_range": (1, 2)},
        {"tokenizer": str.split, "ngram_range": (1, 3), "stop_words": ["fox"]},
        {"analyzer": str.split},
        {"analyzer": lambda document: [document[:1], document[:1], document[1:3]]},
        {"vocabulary": ["fox", "quick brown", "мир", "never"], "ngram_range": (1, 2)},
        {"vocabulary": {"fox": 1, "dog": 0, "the": 2}},
        {"vocabulary": {"fox", "dog", "the"}, "binary": True},
        {"vocabulary": iter(["fo", "ox"]), "analyzer": "char", "ngram_range": (2, 2)},
        # What both refuse.
        {"vocabulary": {"fox": 1, "dog": 3}},
        {"vocabulary": ["fox", "dog", "fox"]},
        {"vocabulary": []},
        {"stop_words": "klingon"},
        {"min_df": 5, "max_df": 2},
        {"min_df": 99},
        {"ngram_range": (2, 1)},
        {"token_pattern": r"(\w)(\w)"},
        {"strip_accents": "other"},
        {"max_df": 1.5},
        {"max_features": 0},
        {"analyzer": "words"},
    ],
)
def test_options(arguments: dict[str, Any]) -> None:
    if hasattr(arguments.get("vocabulary"), "__next__"):
        arguments["vocabulary"] = list(arguments["vocabulary"])
    same(DOCUMENTS, **arguments)


def test_inputs(tmp_path: Any) -> None:
    same([document.encode("utf-16") for document in DOCUMENTS], encoding="utf-16")
    same([b"caf\xe9 noir", "plain text"], decode_error="replace")
    same([b"caf\xe9 noir"])
    path = tmp_path / "document.txt"
    path.write_text("some words\nof a file", encoding="utf-8")
    ours, theirs = (kind(input="filename") for kind in (CountVectorizer, text.CountVectorizer))
    same_matrix(ours.fit_transform([str(path)]), theirs.fit_transform([str(path)]))
    with path.open(encoding="utf-8") as file:
        assert CountVectorizer(input="file").fit([file]).vocabulary_ == theirs.vocabulary_
    same(np.array(DOCUMENTS, dtype=object).tolist())
    for wrong in ("one text", [3]):
        with pytest.raises((ValueError, TypeError)):
            CountVectorizer().fit(wrong)
    assert CountVectorizer().fit(iter(np.array(["as numpy", "strings"]))).vocabulary_.keys() == {
        "as",
        "numpy",
        "strings",
    }


def test_nothing_to_count() -> None:
    for documents in ([], [""], ["a b c", "? !"]):
        same(documents)
        same(documents, analyzer="char_wb", ngram_range=(2, 3))
    same(["the a"], stop_words="english")


alphabet = st.sampled_from("aAbB09_ .'\u0301\u0307\u00adéÉİIıßΣσςΑǅ東ः\t\n\x1c\u00a0\u2028😀\ufffd")
documents_of = st.lists(st.text(alphabet | st.characters(codec="utf-8"), max_size=40), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    documents_of,
    st.sampled_from(["word", "char", "char_wb"]),
    st.integers(1, 4),
    st.integers(0, 3),
    st.booleans(),
    st.integers(1, 3),
    st.none() | st.integers(1, 20),
)
def test_any_documents(
    documents: list[str],
    analyzer: str,
    smallest: int,
    more: int,
    lowercase: bool,
    min_df: int,
    max_features: int | None,
) -> None:
    same(
        documents,
        analyzer=analyzer,
        ngram_range=(smallest, smallest + more),
        lowercase=lowercase,
        min_df=min_df,
        max_features=max_features,
    )


@pytest.mark.exhaustive
def test_real_texts_in_many_languages() -> None:
    paths = [path for path in all_texts() if not path.name.endswith(".gz")]
    if not paths:
        pytest.skip("needs the texts of the shared data (set FERROLM_SHARED)")
    for path in paths:
        lines = read_text(path)[:100_000].split("\n")
        if any(line.strip() for line in lines):
            same(lines, ngram_range=(1, 2))
            same(lines[:200], analyzer="char_wb", ngram_range=(2, 4))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"norm": "l1", "ngram_range": (1, 3)},
        {"norm": None, "n_features": 7},
        {"alternate_sign": False, "n_features": 16},
        {"binary": True, "n_features": 5},
        {"binary": True, "norm": None, "n_features": 4, "ngram_range": (1, 2)},
        {"dtype": np.float32, "n_features": 100},
        {"dtype": np.int64, "norm": None, "n_features": 10},
        {"dtype": np.int64, "n_features": 10},
        {"analyzer": "char_wb", "ngram_range": (2, 5), "n_features": 3},
        {"analyzer": "char", "ngram_range": (3, 3), "n_features": 1},
        {"stop_words": "english", "strip_accents": "unicode"},
        {"tokenizer": str.split, "n_features": 50},
        {"n_features": 2**31 - 2},
        {"n_features": 0},
        {"norm": "max"},
    ],
)
def test_hashing(arguments: dict[str, Any]) -> None:
    ours, theirs = HashingVectorizer(**arguments), text.HashingVectorizer(**arguments)
    try:
        expected = theirs.fit_transform(DOCUMENTS)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011
            ours.fit_transform(DOCUMENTS)
        return
    same_matrix(ours.fit_transform(DOCUMENTS), expected)
    same_matrix(ours.transform(DOCUMENTS[:3]), theirs.transform(DOCUMENTS[:3]))


@settings(max_examples=60, deadline=None)
@given(documents_of, st.integers(1, 50), st.sampled_from(["l1", "l2", None]))
def test_hashing_of_any_documents(documents: list[str], n_features: int, norm: str | None) -> None:
    arguments = {"n_features": n_features, "norm": norm, "ngram_range": (1, 2)}
    same_matrix(
        HashingVectorizer(**arguments).transform(documents),
        text.HashingVectorizer(**arguments).transform(documents),
    )


def test_any_number_of_threads_gives_the_same_matrix() -> None:
    random = np.random.default_rng(3)
    documents = [" ".join(f"w{word}" for word in random.zipf(1.3, 40) % 5000) for _ in range(8000)]
    results = []
    for threads in (1, 2, 3):
        ferrolm.set_num_threads(threads)
        vectorizer = CountVectorizer(ngram_range=(1, 3), min_df=2)
        matrix = vectorizer.fit_transform(documents)
        hashed = HashingVectorizer(n_features=1000).transform(documents)
        results.append((vectorizer.get_feature_names_out().tolist(), matrix, hashed))
    for names, matrix, hashed in results[1:]:
        assert names == results[0][0]
        same_matrix(matrix, results[0][1])
        same_matrix(hashed, results[0][2])


def test_in_a_pipeline_with_cloning_searching_and_pickling() -> None:
    documents = ["good great fine", "bad awful poor", "great good", "poor bad"] * 5
    labels = [1, 0, 1, 0] * 5
    pipeline = Pipeline([("counts", CountVectorizer()), ("model", LogisticRegression())])
    search = GridSearchCV(pipeline, {"counts__ngram_range": [(1, 1), (1, 2)], "counts__binary": [True]}, cv=2)
    search.fit(documents, labels)
    assert search.predict(["good fine", "awful"]).tolist() == [1, 0]
    fitted = search.best_estimator_.named_steps["counts"]
    fresh = clone(fitted)
    assert fresh.get_params() == fitted.get_params()
    assert not hasattr(fresh, "vocabulary_")
    again = pickle.loads(pickle.dumps(fitted))
    assert again.vocabulary_ == fitted.vocabulary_
    same_matrix(again.transform(documents), fitted.transform(documents))
    hashing = Pipeline([("counts", HashingVectorizer(n_features=64)), ("model", LogisticRegression())])
    assert hashing.fit(documents, labels).score(documents, labels) == 1.0


def test_an_unfitted_one_says_so() -> None:
    with pytest.raises(ValueError, match="not fitted"):
        CountVectorizer().transform(["a"])
    given = CountVectorizer(vocabulary=["bb", "aa"])
    assert given.transform(["aa aa"]).toarray().tolist() == [[0, 2]]
    assert given.vocabulary_ == {"bb": 0, "aa": 1}
    assert scipy.sparse.issparse(given.transform([]))
