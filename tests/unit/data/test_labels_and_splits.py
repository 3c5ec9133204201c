"""Names of labels, entities as spans, and parts for training and test."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferrolm.data import EntitySpan, LabelNames, bio_labels, entity_spans, split
from ferrolm.errors import InvalidArgumentError, UnknownNameError


def test_labels_have_numbers_in_order() -> None:
    names = LabelNames.of([("B-PER", "O"), ("I-PER",)])
    assert list(names) == ["O", "B-PER", "I-PER"]
    assert names.label2id == {"O": 0, "B-PER": 1, "I-PER": 2}
    assert names.names(names.ids(["I-PER", "O"])) == ["I-PER", "O"]
    assert names.ids(["O"]).dtype == np.int64
    assert "O" in names
    assert "X" not in names


def test_labels_come_back_from_a_configuration() -> None:
    names = LabelNames(["b", "a"])
    saved = {str(number): name for number, name in names.id2label.items()}  # as JSON has them
    assert LabelNames.from_config({"id2label": saved}) == names
    assert LabelNames.from_config(SimpleNamespace(id2label=names.id2label)) == names
    for wrong in ({}, {"id2label": {1: "a"}}, SimpleNamespace(id2label=None)):
        with pytest.raises(InvalidArgumentError, match="id2label"):
            LabelNames.from_config(wrong)


def test_unknown_and_doubled_labels() -> None:
    names = LabelNames(["negative", "positive"])
    with pytest.raises(
        UnknownNameError, match="'positiv' is not one of negative, positive; did you mean 'positive'"
    ):
        names.ids(["positiv"])
    with pytest.raises(InvalidArgumentError, match="label 2, expected 0 to 1"):
        names[2]
    with pytest.raises(InvalidArgumentError, match="all different"):
        LabelNames(["a", "a"])
    with pytest.raises(InvalidArgumentError, match="one or more"):
        LabelNames.of([])


# What seqeval.metrics.sequence_labeling.get_entities gives, whose last word is included.
@pytest.mark.parametrize(
    ("labels", "spans"),
    [
        ("O O O B-MISC I-MISC I-MISC O", [("MISC", 3, 5)]),
        ("B-PER I-PER O B-LOC", [("PER", 0, 1), ("LOC", 3, 3)]),
        ("I-PER I-PER O", [("PER", 0, 1)]),
        ("B-PER I-LOC I-LOC", [("PER", 0, 0), ("LOC", 1, 2)]),
        ("B-PER B-PER", [("PER", 0, 0), ("PER", 1, 1)]),
        ("B-creative-work I-creative-work", [("creative-work", 0, 1)]),
        ("B I O I", [("_", 0, 1), ("_", 3, 3)]),
        ("O", []),
    ],
)
def test_entities_are_those_of_seqeval(labels: str, spans: list[tuple[str, int, int]]) -> None:
    assert entity_spans(labels.split()) == [EntitySpan(kind, start, end + 1) for kind, start, end in spans]
    assert entity_spans([]) == []


@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), max_size=12))
def test_spans_and_labels_mean_the_same(labels: list[str]) -> None:
    spans = entity_spans(labels)
    assert entity_spans(bio_labels(spans, len(labels))) == spans
    inside = sum(span.end - span.start for span in spans)
    assert inside == sum(label != "O" for label in labels)


def test_spans_that_no_labels_have() -> None:
    with pytest.raises(InvalidArgumentError, match="span 1:3 of 'B' overlaps another"):
        bio_labels([("A", 0, 2), ("B", 1, 3)], 4)
    for start, end in ((0, 5), (2, 2), (-1, 1)):
        with pytest.raises(InvalidArgumentError, match="expected words of 0:4"):
            bio_labels([("A", start, end)], 4)


@given(
    st.lists(st.sampled_from("aaaabbc"), min_size=40, max_size=120),
    st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.5), (0.7, 0.3), (1.0,)]),
    st.integers(0, 99),
)
def test_parts_have_their_shares_of_every_class(
    labels: list[str], fractions: tuple[float, ...], seed: int
) -> None:
    examples = list(enumerate(labels))
    parts = split(examples, fractions, seed, stratify=lambda example: example[1])
    assert sorted(example for part in parts for example in part) == examples
    assert parts == split(examples, fractions, seed, stratify=lambda example: example[1])
    totals = Counter(labels)
    for part, fraction in zip(parts, fractions, strict=True):
        assert part == sorted(part)
        assert abs(len(part) - fraction * len(examples)) < 1
        found = Counter(label for _, label in part)
        # Two boundaries of a class, each off by less than one; sizes are whole, which adds a little.
        assert all(abs(found[label] - fraction * count) < 3 for label, count in totals.items())


def test_another_seed_is_another_split_and_chance_decides() -> None:
    examples = list(range(1000))
    tests = [split(examples, (0.9, 0.1), seed)[1] for seed in range(20)]
    assert len({tuple(test) for test in tests}) == 20
    drawn = Counter(example for test in tests for example in test)
    assert len(drawn) > 800  # of 1000 (1 - 0.9 ** 20) = 878 expected
    assert 400 < np.mean([np.mean(test) for test in tests]) < 600


def test_wrong_fractions() -> None:
    for fractions in ((), (0.5, 0.4), (1.1, -0.1)):
        with pytest.raises(InvalidArgumentError, match="numbers above 0 of sum 1"):
            split([1, 2, 3], fractions)
    with pytest.raises(InvalidArgumentError, match="of 3 examples leave a part empty"):
        split([1, 2, 3])
