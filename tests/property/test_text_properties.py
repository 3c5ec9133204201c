"""Text functions on random Unicode."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quality_twin import statistics

from ferrolm.text import (
    LineDeduplicator,
    QualityFilter,
    clean_html,
    decode_html,
    deduplicate,
    mask,
    mask_personal_data,
    normalize_text,
    remove_punctuation,
    split_sentences,
    words,
)

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


@given(st.text("我们今天去北京ภาษาไทย猫である a'-.1\u0301\u200d") | ANY_TEXT)
def test_words_of_a_dictionary_are_pieces_of_the_text_in_order(text):
    position = 0
    for word in words(text, language="zh"):
        position = text.index(word, position) + len(word)
    assert "".join(words(text, language="zh")) == "".join(words(text, language="th"))


@given(ANY_TEXT)
def test_no_punctuation_is_left(text):
    left = remove_punctuation(text)
    assert not any(unicodedata.category(c).startswith("P") for c in left)
    assert left == "".join(c for c in text if unicodedata.category(c)[0] != "P")


WORDS = st.sampled_from(["the", "The,", "of", "a", "...", "#1", "café…", "- b", "\n", "\n\n", "x" * 9])


@given(st.lists(WORDS, max_size=60).map(" ".join) | st.lists(WORDS, max_size=60).map("".join))
def test_statistics_are_those_of_the_plain_twin(text):
    keeps = QualityFilter("gopher", stop_words=["the", "of", "a"])
    expected = statistics(text, {"the", "of", "a"})
    assert keeps.statistics(text) == pytest.approx(expected)
    assert keeps.batch([text]) == [keeps(text)]


@given(ANY_TEXT | st.lists(WORDS).map(" ".join))
def test_c4_keeps_lines_and_keeps_them_again(text):
    keeps = QualityFilter("c4", min_sentences=0, citations=False)
    cleaned, reasons = keeps(text)
    assert (cleaned is None) == bool(reasons)
    if cleaned is not None and max(cleaned, default="") < "\ud800":
        lines = [line.strip() for line in text.split("\n")]
        assert all(line in lines or "\r" in text for line in cleaned.split("\n") if line)
        assert keeps(cleaned) == (cleaned, [])


PERSONAL = st.sampled_from(
    [
        "a@b.org",
        "+49 30 901820",
        "8.8.4.4",
        "4111111111111111",
        "DE89370400440532013000",
        "123-45-6789",
        "(212) 555-0187",
    ]
)


@given(st.lists(PERSONAL | st.text("aZ1 .,-+:@/(\u00e9", max_size=6)).map("".join) | ANY_TEXT)
def test_masking_personal_data_leaves_none_that_stands_alone(text):
    mask_personal_data(text)
    spaced = mask_personal_data(f"{text} | a@b.org | 8.8.4.4 | 4111111111111111")
    assert spaced.endswith(" | <email> | <ip> | <card>")


@given(
    st.lists(st.sampled_from(["one text", "One  Text", "two", "", "three of them"]) | ANY_TEXT, max_size=12)
)
def test_texts_that_are_kept_are_all_different(texts):
    kept = deduplicate(texts)
    assert deduplicate([texts[place] for place in kept]).tolist() == list(range(len(kept)))
    near = deduplicate(texts, 0.9)
    assert deduplicate([texts[place] for place in near], 0.9).tolist() == list(range(len(near)))


@given(st.lists(ANY_TEXT, max_size=6))
def test_lines_are_kept_once(texts):
    without = LineDeduplicator(min_characters=0, verbatim=True)
    lines = [line.strip() for text in texts for line in without(text).split("\n")]
    lines = [line for line in lines if line]
    assert len(set(lines)) == len(lines)
