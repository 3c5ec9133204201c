"""What holds for any text: round trips, independence of threads, batches and caches, equality with the reference."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared

import ferrolm
from ferrolm.tokenizers import Tokenizer

FRAGMENTS = [
    *(
        " ",
        "  ",
        "\n",
        "\t",
        "\u00a0",
        "\u3000",
        "\u2028",
        "'",
        "'s",
        "'re",
        "'LL",
        "12",
        "½",
        "٣",
        "e\u0301",
        "\u200d",
    ),
    *(
        "👍🏽",
        "👨‍👩‍👧",
        "漢字",
        "<|endoftext|>",
        "<|endof",
        "text|>",
        "<mask>",
        "</s>",
        "the",
        " the",
        "ing",
        "Ġ",
        "ſ",
        "İ",
    ),
]
texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=4)), max_size=24).map("".join)


@cache
def load(name: str) -> tuple[Tokenizer, Any]:
    reference = pytest.importorskip("tokenizers")
    path = shared(f"tokenizers/{name}/tokenizer.json")
    return Tokenizer.from_file(path), reference.Tokenizer.from_file(str(path))


@pytest.mark.parametrize("name", ["gpt2", "roberta-base"])
@settings(max_examples=150, deadline=None)
@given(text=texts)
def test_equal_to_the_reference(name: str, text: str) -> None:
    ours, theirs = load(name)
    encoding, expected = ours.encode(text), theirs.encode(text)
    assert encoding.ids == expected.ids
    assert encoding.tokens == expected.tokens
    assert encoding.offsets == expected.offsets
    assert encoding.word_ids == expected.word_ids
    assert ours.decode(expected.ids) == theirs.decode(expected.ids)


@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_gpt2_decodes_to_the_text(text: str) -> None:
    tokenizer, _ = load("gpt2")
    assert tokenizer.decode(tokenizer.encode_ids(text), skip_special_tokens=False) == text


@settings(max_examples=50, deadline=None)
@given(batch=st.lists(texts, max_size=20))
def test_threads_batches_and_caches_do_not_matter(batch: list[str]) -> None:
    tokenizer, _ = load("gpt2")
    expected = [tokenizer.encode_list(text) for text in batch]
    before = ferrolm.num_threads()
    try:
        for threads in (1, 2, 3):
            ferrolm.set_num_threads(threads)
            ragged = tokenizer.encode_ids_batch(batch)
            assert ragged.tolist() == expected
            assert tokenizer.count_tokens(batch).tolist() == [len(ids) for ids in expected]
    finally:
        ferrolm.set_num_threads(before)


def test_one_large_document_is_cut_only_where_nothing_changes() -> None:
    tokenizer, reference = load("gpt2")
    generator = np.random.default_rng(0)
    text = "".join(generator.choice(FRAGMENTS, size=150_000))
    expected = reference.encode(text).ids
    before = ferrolm.num_threads()
    try:
        for threads in (1, 2, 3):
            ferrolm.set_num_threads(threads)
            assert tokenizer.encode_ids(text).tolist() == expected
    finally:
        ferrolm.set_num_threads(before)
