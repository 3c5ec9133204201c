"""Texts that are made to be slow, or to break something: every function ends in time that is linear in the text."""

from __future__ import annotations

import time

import pytest

from ferrolm.text import (
    Deduplicator,
    LineDeduplicator,
    QualityFilter,
    mask,
    mask_personal_data,
    normalize_text,
    remove_punctuation,
    remove_stop_words,
    split_sentences,
    words,
)

LENGTH = 100_000
PATTERNS = {
    "a letter": "a",
    "digits": "1",
    "card digits": "4111 ",
    "at signs": "@",
    "addresses without an end": "a@b.",
    "dots": ".",
    "colons": "1:",
    "plus signs": "+1",
    "brackets": "(212) ",
    "accounts": "DE89",
    "one character": "猫",
    "Thai": "ก",
    "line feeds": "\n",
    "empty lines": "x\n\n",
    "quotes": '"',
    "controls": "\x00\u200b\u202e",
    "surrogates": "\ud800",
    "marks": "\u0301",
    "citations": "[1",
}
FUNCTIONS = {
    "words": words,
    "words of Chinese": lambda text: words(text, language="zh"),
    "sentences": split_sentences,
    "punctuation": remove_punctuation,
    "stop words": remove_stop_words,
    "normalization": normalize_text,
    "masks": lambda text: mask(text, ["url", "email", "number"]),
    "personal data": mask_personal_data,
    "Gopher": QualityFilter("gopher"),
    "C4": QualityFilter("c4"),
    "exact duplicates": lambda text: Deduplicator().add(text),
    "near duplicates": lambda text: Deduplicator(0.8).add_all([text, text]),
    "lines": LineDeduplicator(),
}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda name: name.replace(" ", "-"))
def test_no_text_takes_long(function):
    for name, pattern in PATTERNS.items():
        text = pattern * (LENGTH // len(pattern))
        start = time.process_time()
        FUNCTIONS[function](text)
        assert time.process_time() - start < 5, name
