"""`split_text`: sentences and words as treebanks have them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.tagging import split_text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("They can't say it's John's.", "They ca n't say it 's John 's ."),
        (
            "A well-known U.S. firm paid $1,000.50 (50%)!",
            "A well - known U.S. firm paid $ 1,000.50 ( 50 % ) !",
        ),
        ("See https://a.org/x?y=1, or mail me@b.com :-)", "See https://a.org/x?y=1 , or mail me@b.com :-)"),
        ("wait... what -- he said?!", "wait ... what -- he said ?!"),
        ("Dr. Lee left at 5:30 p.m. today.", "Dr. Lee left at 5:30 p.m. today ."),
        ("東京 is नमस्ते", "東 京 is नमस्ते"),
        ("Rock 'n' roll isn’t dead", "Rock ' n ' roll is n’t dead"),
    ],
    ids=lambda value: value[:12],
)
def test_words(text: str, words: str) -> None:
    assert [list(sentence.words) for sentence in split_text(text)] == [words.split(" ")]


def test_spaces_are_remembered() -> None:
    [first, second] = split_text("I can't.\n\nBye")
    assert (first.metadata["text"], first.misc) == (
        "I can't.",
        (None, "SpaceAfter=No", "SpaceAfter=No", None),
    )
    assert second.words == ("Bye",)
    assert list(split_text(" \n\t ")) == []


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_letter_is_lost(text: str) -> None:
    kept = "".join("".join(sentence.words) for sentence in split_text(text))
    assert "".join(kept.split()) == "".join(text.split())
