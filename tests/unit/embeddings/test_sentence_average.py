"""Averages of word vectors, plain and SIF, against twins that take one word after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.embeddings import AverageEmbeddings, KeyedVectors, SentenceEmbedder, SIFEmbeddings
from ferrolm.embeddings.sentence_average import Tokenize
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.text import words

VOCABULARY = [
    "the",
    "cat",
    "dog",
    "sat",
    "on",
    "don't",
    "well-known",
    "1,000.5",
    "東",
    "タワー",
    "naïve",
    "a",
]
RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.standard_normal((len(VOCABULARY), 6)).astype(np.float32)
COUNTS = np.arange(len(VOCABULARY), 0, -1) ** 2
WV = KeyedVectors(VOCABULARY, VECTORS, COUNTS)
TEXTS = st.lists(
    st.lists(st.sampled_from([*VOCABULARY, "The", "unknown", "x,"]), max_size=30).map(" ".join), max_size=20
)


def mean(text: str, tokenize: Tokenize = str.split, weights: np.ndarray | None = None) -> np.ndarray:
    rows = [WV.key_to_index[word] for word in tokenize(text) if word in WV]
    total = np.zeros(6)
    for row in rows:
        total += VECTORS[row].astype(float) * (1 if weights is None else weights[row])
    return total / max(len(rows), 1)


@given(TEXTS, st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_a_text_is_the_mean_of_its_words(texts: list[str], batch_size: int) -> None:
    expected = np.array([mean(text, lambda text: words(text, lowercase=True)) for text in texts]).reshape(
        -1, 6
    )
    found = AverageEmbeddings(WV).encode(texts, batch_size=batch_size)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    by_spaces = AverageEmbeddings(WV, tokenize=str.split).encode(texts, batch_size=batch_size)
    np.testing.assert_allclose(by_spaces, np.array([mean(text) for text in texts]).reshape(-1, 6), atol=1e-5)


@pytest.mark.parametrize(
    "text",
    ["Don't panic: it's 1,000.5 km to well-known, NAÏVE e.g. New_York.", "東京タワー is tall", "", " \t", "5 5. 5.5. -a- 'b'", "नमस्ते-town"],
    ids=["English", "Japanese", "empty", "spaces", "signs", "Hindi"],
)  # fmt: skip
def test_words_are_those_of_the_text_room(text: str) -> None:
    expected = words(text, lowercase=True)
    every = list(dict.fromkeys(expected)) or ["a"]
    embedder = AverageEmbeddings(KeyedVectors(every, np.eye(len(every))))
    assert [every[row] for row in embedder.word_rows([text]).row(0)] == expected


def test_capital_letters_count_where_the_vectors_have_some() -> None:
    wv = KeyedVectors(["Apple", "apple"], np.eye(2))
    assert AverageEmbeddings(wv).encode(["Apple", "apple"]).tolist() == [[1, 0], [0, 1]]
    assert AverageEmbeddings(wv, lowercase=True).encode("Apple").tolist() == [0, 1]
    assert AverageEmbeddings(WV).encode("THE").tolist() == VECTORS[0].tolist()


def test_long_texts_and_many_lengths() -> None:
    texts = [" ".join(RANDOM.choice(VOCABULARY[:5], length)) for length in (1, 9, 9, 700, 20_000, 0, 33)]
    expected = [mean(text) for text in texts]
    np.testing.assert_allclose(AverageEmbeddings(WV).encode(texts), expected, atol=2e-5)


def test_forms_of_a_call() -> None:
    embedder = AverageEmbeddings(WV)
    assert isinstance(embedder, SentenceEmbedder)
    assert embedder.size == 6
    assert embedder.encode("the cat").shape == (6,)
    assert embedder.encode([]).shape == (0, 6)
    assert embedder.encode(["unknown words"]).tolist() == [[0] * 6]
    normal = embedder.encode(["the cat", "nothing"], normalize=True)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), [1, 0], atol=1e-6)
    np.testing.assert_allclose(embedder.encode(["cat"], progress=True)[0], VECTORS[1])
    assert repr(embedder) == "AverageEmbeddings(words=12, size=6)"


def test_mistakes_are_named() -> None:
    with pytest.raises(InvalidTypeError, match=r"texts\[1\] is 3 \(int\): expected a string"):
        AverageEmbeddings(WV).encode(["a", 3])  # type: ignore[list-item]
    with pytest.raises(InvalidArgumentError, match="batch_size is 0"):
        AverageEmbeddings(WV).encode(["a"], batch_size=0)
    with pytest.raises(InvalidArgumentError, match="lowercase is given with tokenize"):
        AverageEmbeddings(WV, tokenize=str.split, lowercase=True)
    with pytest.raises(InvalidArgumentError, match="wv has no words"):
        AverageEmbeddings(KeyedVectors([], np.zeros((0, 3))))


@pytest.mark.parametrize("components", [0, 1, 2])
def test_sif_is_the_formula_of_the_paper(components: int) -> None:
    texts = [" ".join(RANDOM.choice(VOCABULARY, RANDOM.integers(1, 8))) for _ in range(50)]
    weights = 1e-2 / (1e-2 + COUNTS / COUNTS.sum())
    means = np.array([mean(text, weights=weights) for text in texts])
    directions = np.linalg.svd(means)[2][:components]
    expected = means - means @ directions.T @ directions
    sif = SIFEmbeddings(WV, a=1e-2, components=components, tokenize=str.split).fit(texts)
    np.testing.assert_allclose(sif.encode(texts), expected, atol=1e-4)
    assert sif.components is not None
    assert sif.components.shape == (components, 6)
    np.testing.assert_allclose(sif.encode(texts) @ sif.components.T, 0, atol=1e-4)


def test_sif_counts_words_itself_where_nobody_has() -> None:
    texts = ["the the the cat", "the dog", "the cat sat"]
    sif = SIFEmbeddings(KeyedVectors(VOCABULARY, VECTORS), a=0.1).fit(texts)
    assert sif.weights is not None
    np.testing.assert_allclose(sif.weights[:4], 0.1 / (0.1 + np.array([5, 2, 1, 1]) / 9), rtol=1e-5)
    assert sif.weights[5] == 1


def test_sif_says_what_it_lacks() -> None:
    with pytest.raises(InvalidArgumentError, match="call fit with texts first"):
        SIFEmbeddings(WV).encode("the cat")
    assert SIFEmbeddings(WV, components=0).encode("the cat").shape == (6,)
    with pytest.raises(InvalidArgumentError, match="texts are 2, which have no 1 different directions"):
        SIFEmbeddings(WV).fit(["unknown", ""])
    with pytest.raises(InvalidArgumentError, match="a is 0"):
        SIFEmbeddings(WV, a=0)
    with pytest.raises(InvalidArgumentError, match="components is 7: expected 0 to 6"):
        SIFEmbeddings(WV, components=7)
    with pytest.raises(ShapeError, match=r"wv.counts has shape \(3,\)"):
        SIFEmbeddings(KeyedVectors(VOCABULARY, VECTORS, np.ones(3, np.int64)))
