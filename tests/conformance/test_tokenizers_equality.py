"""Token for token equal to the `tokenizers` package, on all shared text and with every setting."""

from __future__ import annotations

from typing import Any

import pytest
from shared_data import all_texts, read_text, shared

from ferrolm.tokenizers import Tokenizer

reference = pytest.importorskip("tokenizers")

FILES = [
    "tokenizers/gpt2/tokenizer.json",
    "tokenizers/roberta-base/tokenizer.json",
    "models/tiny-gpt2-shakespeare/tokenizer.json",
]
FIELDS = (
    "ids",
    "type_ids",
    "tokens",
    "offsets",
    "word_ids",
    "sequence_ids",
    "special_tokens_mask",
    "attention_mask",
)
SAMPLE = 40_000  # characters of each file for the slow reference's full encodings


def pair(file: str) -> tuple[Tokenizer, Any]:
    path = shared(file)
    return Tokenizer.from_file(path), reference.Tokenizer.from_file(str(path))


def assert_equal(ours: Any, theirs: Any) -> None:
    for field in FIELDS:
        assert getattr(ours, field) == getattr(theirs, field), field
    assert len(ours.overflowing) == len(theirs.overflowing)
    for our_part, their_part in zip(ours.overflowing, theirs.overflowing, strict=True):
        assert_equal(our_part, their_part)


@pytest.mark.parametrize("file", FILES)
def test_all_texts(file: str) -> None:
    ours, theirs = pair(file)
    for path in all_texts():
        text = read_text(path)
        middle = text[len(text) // 2 :][:SAMPLE]
        for piece in (text[:SAMPLE], middle):
            assert_equal(ours.encode(piece), theirs.encode(piece))
        ids = theirs.encode(middle).ids
        assert ours.encode_ids(middle).tolist() == ids, path.name
        assert ours.decode(ids) == theirs.decode(ids)
