"""The tagger of the extension against the same perceptron in plain Python: equal weights, equal tags."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perceptron_twin import Perceptron, read_file

from ferrolm.tagging import LabeledWords, PerceptronTagger

WORDS = st.sampled_from(
    [
        "the",
        "The",
        "dog",
        "dogs",
        "USA",
        "re-do",
        "-",
        "3.5",
        "Zürich",
        "北京",
        "",
        "naïvely",
        "unbelievable-ness2",
        "a",
    ]
)
PAIRS = st.lists(st.tuples(WORDS, st.sampled_from(["N", "V", "D"])), max_size=6)


@given(
    sentences=st.lists(PAIRS, min_size=1, max_size=6).filter(any),
    asked=st.lists(st.lists(WORDS, max_size=6), max_size=4),
    seed=st.integers(0, 2**64 - 1),
    margin=st.integers(0, 2),
)
@settings(max_examples=25, deadline=None)
def test_weights_and_tags_are_those_of_the_twin(
    sentences: list[list[tuple[str, str]]], asked: list[list[str]], seed: int, margin: int
) -> None:
    columns = [([word for word, _ in each], [tag for _, tag in each]) for each in sentences]
    twin = Perceptron(columns, 3, seed, margin)
    tagger = PerceptronTagger.train(
        [LabeledWords(tuple(words), tuple(tags)) for words, tags in columns],
        epochs=3, seed=seed, margin=margin, prune=0.0,
    )  # fmt: skip
    step, tags, weights = read_file(tagger.__reduce__()[1][0])
    assert tags == twin.tags
    kept = {
        key: {tag: weight for tag, weight in row.items() if abs(weight) >= step / 2}
        for key, row in twin.means.items()
    }
    assert weights.keys() == {key for key, row in kept.items() if row}
    for key, row in weights.items():
        assert row.keys() == kept[key].keys()
        for tag, value in row.items():
            assert value * step == pytest.approx(kept[key][tag], abs=step / 2 + 1e-9)
    assert tagger.tag_sents(asked) == [twin.tag(words, weights) for words in asked]
