"""Packing and span corruption lose nothing and repeat nothing, whatever the lengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from ferrolm import Tokenizer
from ferrolm.data import PackedBatches, PackedExamples, PackingCollator, SpanCorruptionCollator
from ferrolm.data.collators import noise_mask, pack_lengths, span_corruption_lengths
from ferrolm.tokenizers import models

LENGTHS = st.lists(st.integers(1, 40), max_size=60)


@given(LENGTHS, st.integers(40, 70))
def test_every_item_has_one_row_with_room(lengths: list[int], capacity: int) -> None:
    rows = pack_lengths(lengths, capacity)
    assert sorted(item for row in rows for item in row) == list(range(len(lengths)))
    sizes = [sum(lengths[item] for item in row) for row in rows]
    assert all(size <= capacity for size in sizes)
    least = sorted(sizes)
    assert len(rows) < 2 or least[0] + least[1] > capacity, "rows that fit into one are one"


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30), st.integers(1, 12), st.integers(1, 3))
def test_every_token_but_the_first_of_a_document_is_a_target_once(
    sizes: list[int], block: int, rank_count: int
) -> None:
    if max(sizes) < 2:
        return
    offsets = np.cumsum([0, *sizes])
    tokens = np.arange(offsets[-1], dtype=np.uint16)
    sources = [
        PackedBatches(tokens, offsets, block, 1, rank=rank, world_size=rank_count, pad_token_id=9)
        for rank in range(rank_count)
    ]
    rows = len(sources[0].examples)
    seen: list[int] = []
    for index in range(rows):  # the epoch of all ranks together
        source = sources[index % rank_count]
        batch = source.batch(index // rank_count)
        ids, labels, documents = (
            batch[name][0].numpy() for name in ("input_ids", "shift_labels", "document_ids")
        )
        scored = labels != -100
        assert (scored == (documents >= 0)).all()
        np.testing.assert_array_equal(labels[scored], ids[scored] + 1)  # tokens count up within a document
        owner = np.searchsorted(offsets, ids[scored], side="right")
        assert (owner == np.searchsorted(offsets, labels[scored], side="right")).all(), (
            "no target of another document"
        )
        # One text has consecutive tokens of one document.
        same = (documents[1:] == documents[:-1]) & (documents[1:] >= 0)
        np.testing.assert_array_equal(ids[1:][same], ids[:-1][same] + 1)
        seen += labels[scored].tolist()
    assert sorted(seen) == sorted(set(tokens.tolist()) - set(offsets[:-1].tolist()))
    assert sources[0].fill == pytest.approx(len(seen) / (rows * block))


@given(LENGTHS)
def test_labels_travel_with_their_tokens(lengths: list[int]) -> None:
    examples = []
    for length in lengths:
        ids = np.arange(length) + 100 * len(examples)
        examples.append({"input_ids": ids, "labels": np.where(ids % 3 == 0, -100, ids)})
    packed = PackedExamples(examples, 45)
    found = [
        labels
        for row in packed
        for labels in PackingCollator(45)([row])["shift_labels"][0].tolist()
        if labels >= 0
    ]
    wanted = [label for example in examples for label in example["labels"][1:].tolist() if label >= 0]
    assert sorted(found) == sorted(wanted)


NAMES = [
    "<pad>",
    "</s>",
    *(f"w{number}" for number in range(298)),
    *(f"<extra_id_{number}>" for number in range(99, -1, -1)),
]
TOKENIZER = Tokenizer(models.WordLevel({name: number for number, name in enumerate(NAMES)}))
SENTINELS = range(300, 400)


@given(
    st.lists(st.integers(2, 120), min_size=1, max_size=5),
    st.floats(0.05, 0.6),
    st.floats(1.0, 6.0),
    st.integers(0, 2**32),
)
def test_spans_go_back_to_where_they_were(lengths: list[int], density: float, mean: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    collate = SpanCorruptionCollator(TOKENIZER, noise_density=density, mean_span_length=mean)
    examples = [{"input_ids": random.integers(2, 300, length)} for length in lengths]
    batch = collate(examples, random)
    for row, example in enumerate(examples):
        inputs = batch["input_ids"][row][batch["attention_mask"][row] == 1].tolist()
        targets = batch["labels"][row][batch["labels"][row] != -100].tolist()
        assert inputs.pop() == targets.pop() == 1, "both end"
        sentinels = [token for token in inputs if token in SENTINELS]
        assert sentinels == list(range(399, 399 - len(sentinels), -1)), "counted down from the top"
        assert sentinels == [token for token in targets if token in SENTINELS]
        assert restored(inputs, targets) == example["input_ids"].tolist()


def restored(inputs: list[int], targets: list[int]) -> list[int]:
    """The slow twin: spans put back where their sentinels stand."""
    spans: dict[int, list[int]] = {}
    for token in targets:
        if token in SENTINELS:
            last = token
            spans[last] = []
        else:
            spans[last].append(token)
    whole = [part for token in inputs for part in (spans.pop(token) if token in SENTINELS else [token])]
    assert not spans, "each span has its place"
    return whole


@given(
    st.integers(1, 4), st.integers(2, 200), st.floats(0.02, 0.8), st.floats(1.0, 10.0), st.integers(0, 2**32)
)
def test_noise_has_its_share_and_its_spans(
    rows: int, length: int, density: float, mean: float, seed: int
) -> None:
    mask = noise_mask(rows, length, np.random.default_rng(seed), density, mean)
    noise = min(max(round(length * density), 1), length - 1)
    assert (mask.sum(1) == noise).all()
    assert not mask[:, 0].any()
    assert mask[:, -1].all()
    spans = (mask[:, 1:] & ~mask[:, :-1]).sum(1)
    assert (spans == min(max(round(noise / mean), 1), length - noise)).all()


@given(st.integers(8, 600), st.floats(0.05, 0.6), st.floats(1.0, 6.0))
def test_blocks_fill_their_inputs(input_length: int, density: float, mean: float) -> None:
    tokens, targets = span_corruption_lengths(input_length, density, mean)
    collate = SpanCorruptionCollator(
        TOKENIZER, noise_density=density, mean_span_length=mean, first_sentinel_id=10**6
    )
    blocks = collate.blocks(np.full(tokens * 2 + 1, 7), input_length)
    batch = collate(blocks, np.random.default_rng(0))
    assert batch["labels"].shape == (2, targets)
    assert input_length - 1 <= batch["input_ids"].shape[1] <= input_length
    assert batch["attention_mask"].all()
