"""Words and lower case of the core are those of this interpreter's `re` and `str`, for every character and any text."""

from __future__ import annotations

import re

import pytest
from code_points import CHARACTERS
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import all_texts, read_text

from ferrolm.ngram._analysis import TOKEN_PATTERN
from ferrolm.ngram._characters import character_tables


def agree(text: str) -> None:
    tables = character_tables()
    assert tables.lower(text) == text.lower()
    assert tables.words(text) == re.findall(TOKEN_PATTERN, text)


def test_every_character() -> None:
    agree("".join(CHARACTERS))
    # Each between letters, doubled, and between sigmas.
    for form in ("a{0}b ", "{0}{0} ", "aΣ{0} ", "{0}Σ ", "a{0}Σ{0} ", "aΣ{0}a ", "aΣ{0}{0}1 "):
        for start in range(0, len(CHARACTERS), 200_000):
            agree("".join(form.format(character) for character in CHARACTERS[start : start + 200_000]))


mixed = st.text(
    st.sampled_from("aΑΣσς'.\u0301\u00ad 1_İiǅß\u200d") | st.characters(codec="utf-8"), max_size=60
)


@settings(max_examples=500, deadline=None)
@given(mixed)
def test_any_text(text: str) -> None:
    agree(text)


def test_real_texts() -> None:
    texts = all_texts()
    if not texts:
        pytest.skip("needs the texts of the shared data (set FERROLM_SHARED)")
    for path in texts:
        text = read_text(path)[:2_000_000]
        agree(text)
        agree(text.upper())
