"""Hand-made bad tokenizer files: an error that says what is wrong, or a tokenizer that works as the reference does."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
import tokenizer_outcomes as outcomes
from crafted_parts import PART_CASES
from crafted_tokenizers import MODEL_CASES

CASES = MODEL_CASES | PART_CASES
TEXTS = (
    "",
    "ab abab",
    "a<x>b  é\u0301 🙂",
    "a" * 45 + "c",
    "\x00 <X>\tABAB漢字",
    ("ab a", "b<x>"),
)

# What the reference loads and ferrolm refuses, with the reason that it gives.
REFUSED = {
    "field twice": "duplicate field",
    "largest id": "beyond the limit",
    "id of almost 2^32": "beyond the limit",
    "added token behind the largest id": "beyond the limit",
    "length 0": "expected at least 1",
    "repetition of repetitions": "beyond the limit",
    "regex that calls itself": "not supported",
    "deep regex": "more than 200",
    "many alternatives": "beyond the limit",
    "template, ids but no tokens": "1 ids but 0 tokens",
    "padding to a multiple of 0": "expected 1 or more",
    "padding to a gigantic multiple": "beyond the limit",
}
# What the reference refuses and ferrolm loads: what it does not know it passes over, and null is what is missing.
ACCEPTED = {
    "deep unknown field",
    "deep object",
    "unknown field",
    "gigantic number in an unknown field",
    "version null",
    "added tokens null",
    "piece of a megabyte",  # the stack of the reference overflows
}
OTHER = {
    "ids twice": "the last is the name; in the reference one or the other",
    "words, ids twice": "tokens are named by their ids",
    "added tokens normalized alike": "the first is found; in the reference one or the other",
    "added token normalized to nothing": "is never found; in the reference everywhere, which ends in a panic",
    "truncation below the template": "is an error; in the reference the subtraction wraps around",
}


@pytest.fixture(scope="module")
def libraries() -> Iterator[tuple[outcomes.Library, outcomes.Library]]:
    both = outcomes.Library(outcomes.OURS), outcomes.Library(outcomes.THEIRS)
    yield both
    for library in both:
        library.close()


@pytest.mark.parametrize("name", CASES)
def test_bad_file(name: str, libraries: tuple[outcomes.Library, outcomes.Library]) -> None:
    ours, theirs = libraries
    reference = importlib.util.find_spec("tokenizers") is not None
    for library in libraries[: 1 + reference]:
        library.start(CASES[name], TEXTS)
    answer = ours.finish()
    expected = theirs.finish() if reference else answer
    assert outcomes.defects(answer) == []
    if name in REFUSED:
        assert REFUSED[name] in answer["error"]
    elif name in ACCEPTED:
        assert outcomes.loads(answer)
    elif reference:
        assert outcomes.loads(answer) == outcomes.loads(expected), (answer, expected)
        if outcomes.loads(answer) and name not in OTHER:
            assert outcomes.differences(answer, expected) == []
