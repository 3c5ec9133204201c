"""`split_sentences`: what ends a sentence and what does not."""

from __future__ import annotations

import pytest

from ferrolm.text import split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["Dr. Smith met Mrs. Jones at 5 p.m. on Jan. 3.", "They spoke."],
        ["The U.S. Army came.", "It left."],
        ["He moved to the U.S.", "He was nine."],
        ["It costs $3.50.", "Cheap!", "Really?", "Yes."],
        ["J. R. R. Tolkien wrote it.", "I did not."],
        ["So did I.", "You too."],
        ["See e.g. Fig. 3 (p. 12).", "Then go on."],
        ['"Stop!" he cried.', '"Why?"', "She ran."],
        ["He said: “No.”", "Then he left."],
        ["Wait...", "What was that?!"],
        ["One… two.", "Three."],
        ["Das ist z.B. ein Satz.", "Noch einer."],
        ["¿Qué tal?", "Muy bien."],
        ["Yahoo! is a company.", "So is that."],
        ["1. First point.", "2. Second point."],
        ["It was 1999.", "Then came 2000."],
    ],
)
def test_sentences_of_a_line(sentences):
    assert split_sentences(" ".join(sentences)) == sentences


@pytest.mark.parametrize(
    "sentences", [["今日は晴れ。", "「明日は？」", "雨！"], ["यह एक है।", "वह दो है।"], ["هل هذا؟", "نعم."]]
)
def test_stops_that_need_no_space(sentences):
    assert split_sentences("".join(sentences)) == sentences


def test_an_empty_line_ends_a_sentence_and_a_line_end_does_not():
    assert split_sentences("A heading\n\nA sentence over\ntwo lines. Next") == [
        "A heading",
        "A sentence over\ntwo lines.",
        "Next",
    ]


@pytest.mark.parametrize("text", ["", "  \n\n ", "..."])
def test_texts_without_sentences(text):
    assert split_sentences(text) == ([text] if text == "..." else [])
