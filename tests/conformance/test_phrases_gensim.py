"""Phrases against gensim's: the same counts, scores and sentences."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ferrolm.embeddings import ENGLISH_CONNECTOR_WORDS, FrozenPhrases, Phrases

reference = pytest.importorskip("gensim.models.phrases")


def sentences(seed: int) -> list[list[str]]:
    choose = random.Random(seed)
    words = ["new", "york", "the", "bank", "of", "england", "a", "big", "apple", "x_y", "is", "is"]
    pairs = [["new", "york"], ["bank", "of", "england"], ["bank", "of", "the", "apple"]]
    text = []
    for _ in range(80):
        sentence: list[str] = []
        for _ in range(choose.randrange(8)):
            sentence += choose.choice(pairs) if choose.random() < 0.4 else [choose.choice(words)]
        text.append(sentence)
    return text


@pytest.mark.parametrize("connectors", [frozenset(), ENGLISH_CONNECTOR_WORDS], ids=["none", "english"])
@pytest.mark.parametrize(
    ("scoring", "threshold"), [("default", 0.3), ("default", 2.0), ("npmi", 0.1), ("npmi", 0.6)]
)
@pytest.mark.parametrize("delimiter", ["_", " - "])
def test_phrases_are_gensims(
    connectors: frozenset[str], scoring: Any, threshold: float, delimiter: str
) -> None:
    options: dict[str, Any] = {
        "min_count": 3,
        "threshold": threshold,
        "scoring": scoring,
        "delimiter": delimiter,
        "connector_words": connectors,
    }
    text, more = sentences(0), sentences(1)
    ours, theirs = Phrases(text, **options), reference.Phrases(text, **options)
    ours.add_vocab(more)
    theirs.add_vocab(more)
    assert ours.vocab == theirs.vocab
    assert ours.corpus_word_count == theirs.corpus_word_count
    assert ours.export_phrases() == pytest.approx(theirs.export_phrases())
    assert [ours[sentence] for sentence in text] == [theirs[sentence] for sentence in text]
    assert list(ours[more]) == list(theirs[more])
    assert ours.find_phrases(more) == pytest.approx(theirs.find_phrases(more))
    frozen, their_frozen = ours.freeze(), reference.FrozenPhrases(theirs)
    assert frozen.phrasegrams == pytest.approx(their_frozen.phrasegrams)
    assert [frozen[sentence] for sentence in more] == [their_frozen[sentence] for sentence in more]


def test_pruning_is_gensims() -> None:
    text = sentences(2)
    ours = Phrases(text, min_count=1, threshold=0.1, max_vocab_size=20)
    theirs = reference.Phrases(text, min_count=1, threshold=0.1, max_vocab_size=20)
    assert ours.vocab == theirs.vocab


def test_connector_words_are_gensims() -> None:
    assert ENGLISH_CONNECTOR_WORDS == reference.ENGLISH_CONNECTOR_WORDS
    assert FrozenPhrases.__name__ == reference.Phraser.__name__
