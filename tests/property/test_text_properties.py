"""Text functions on random Unicode."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrolm.text import clean_html, decode_html, mask, normalize_text, split_sentences, words

FORMS = st.sampled_from(["NFC", "NFD", "NFKC", "NFKD", None])
ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text(
    "aB1 .!?\n\r\t\u0301\u200b\u200d\xad\xa0。<>&;'\"/"
)
MARKUP = st.lists(
    st.sampled_from(
        ["<p>", "</p>", "<b", "<!--", "-->", "<script>", "</script>", '"', "'", ">", "<", "&", "&amp;", "x y"]
    )
).map("".join)


@given(ANY_TEXT, FORMS)
def test_normalizing_twice_changes_nothing(text, form):
    once = normalize_text(text, form)
    assert normalize_text(once, form) == once
    assert form is None or unicodedata.is_normalized(form, once)
    assert not re.search(r"[\r\x00\u200b]|  |\n\n\n|^\s|\s$", once)


@given(ANY_TEXT)
def test_sentences_hold_every_visible_character_once(text):
    sentences = split_sentences(text)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() != "" for sentence in sentences)


@given(ANY_TEXT)
def test_words_are_pieces_of_the_text_in_order(text):
    position = 0
    for word in words(text):
        position = text.index(word, position) + len(word)
    letters = [c for c in text if unicodedata.category(c)[0] in "LN" and c.isalnum()]
    assert [c for c in "".join(words(text)) if c in set(letters)] == letters


@given(ANY_TEXT)
def test_masks_leave_nothing_to_mask(text):
    once = mask(text)
    assert mask(once) == once


@pytest.mark.parametrize("main_content", [False, True])
@settings(max_examples=60, deadline=None)
@given(html=ANY_TEXT | MARKUP)
def test_any_text_can_be_cleaned_as_html(main_content, html):
    for format in ("text", "markdown"):
        text = clean_html(html, main_content=main_content, format=format)
        assert text == text.encode().decode()
        assert text == text.strip() or format == "markdown"


@given(st.binary(max_size=200))
def test_any_bytes_can_be_decoded(data):
    decode_html(data).encode("utf-8")
