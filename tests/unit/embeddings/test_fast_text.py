"""Vectors of words from those of their parts."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from ferrolm.embeddings import FastText, FastTextKeyedVectors, KeyedVectors, Word2Vec
from ferrolm.errors import InvalidArgumentError, InvalidFileError, InvalidTypeError, UnknownNameError


def verbs(sentences: int = 1500) -> list[list[str]]:
    """Sentences about either walking or cooking, whose verbs come in three forms."""
    choose = random.Random(1)
    stems = {"walk": ["road", "path", "hill", "shoe"], "cook": ["pan", "soup", "salt", "stove"]}
    text = []
    for _ in range(sentences):
        stem = choose.choice(list(stems))
        words = [stem + choose.choice(["", "ed", "ing"]), *choose.choices(stems[stem], k=4)]
        choose.shuffle(words)
        text.append(words)
    return text


@pytest.fixture(scope="module")
def model() -> FastText:
    return FastText(verbs(), vector_size=16, min_count=1, bucket=3000, epochs=8, sample=0, sg=1)


def test_unknown_forms_are_near_the_words_of_their_stem(model: FastText) -> None:
    wv = model.wv
    assert "walker" in wv
    assert "walker" not in wv.key_to_index
    assert wv.similarity("walker", "walked") > wv.similarity("walker", "cooked") + 0.3
    nearest = [word for word, _ in wv.most_similar("overcooked", topn=4)]
    assert sum(word in ("cook", "cooked", "cooking", "pan", "soup", "salt", "stove") for word in nearest) >= 3
    assert wv[["walker", "walk"]].shape == (2, 16)
    np.testing.assert_allclose(wv["walk"], wv.vectors[wv.key_to_index["walk"]])


def test_words_without_n_grams_of_the_lengths_are_unknown() -> None:
    model = FastText(["wordy words"] * 9, vector_size=4, min_n=5, max_n=6, bucket=10)
    with pytest.raises(UnknownNameError, match="'ab' was not seen"):
        model.wv["ab"]
    assert "ab" not in model.wv
    assert "words" in model.wv


def test_without_n_grams_it_is_word2vec() -> None:
    text = verbs(50)
    plain = Word2Vec(text, vector_size=6, min_count=1)
    model = FastText(text, vector_size=6, min_count=1, max_n=0)
    np.testing.assert_array_equal(model.wv.vectors, plain.wv.vectors)


def test_files(model: FastText, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    loaded = FastText.load(tmp_path / "model")
    assert isinstance(loaded.wv, FastTextKeyedVectors)
    assert (loaded.min_n, loaded.max_n, loaded.bucket) == (3, 6, 3000)
    np.testing.assert_array_equal(loaded.wv["walker"], model.wv["walker"])
    with pytest.raises(InvalidFileError, match="has a FastText: expected a Word2Vec"):
        Word2Vec.load(tmp_path / "model")
    model.wv.save_word2vec_format(tmp_path / "v.vec")
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "v.vec")) == len(model.wv)


def test_new_words_join(model: FastText, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    grown = FastText.load(tmp_path / "model")
    before = grown.wv["walk"]
    grown.build_vocab(["walkers run"], update=True)
    np.testing.assert_array_equal(grown.wv["walk"], before)
    assert "walkers" in grown.wv.key_to_index
    grown.train(["walkers walk"] * 3, epochs=1)
    assert np.isfinite(grown.wv.vectors).all()


def test_wrong_arguments() -> None:
    with pytest.raises(InvalidTypeError, match="unknown keyword 'min_m'; did you mean 'min_n'"):
        FastText(["a"], min_m=2)
    with pytest.raises(InvalidArgumentError, match="min_n is 0"):
        FastText(["a"], min_count=1, min_n=0, bucket=5)
    with pytest.raises(InvalidArgumentError, match="max_n is 99"):
        FastText(["a"], min_count=1, max_n=99, bucket=5)
