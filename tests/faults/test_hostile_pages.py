"""Pages that make HTML libraries hang, and texts that make regular expressions hang, end in seconds."""

from __future__ import annotations

import time

import pytest

from ferrolm.text import clean_html, mask, normalize_text, split_sentences, words

PAGES = {
    "one paragraph of 10 MB": "<p>" + "word word word. " * 650_000 + "</p>",
    "tables nested 100,000 deep": "<table><tr><td>" * 100_000 + "text",
    "divisions nested 100,000 deep": "<div>" * 100_000 + "text" + "</div>" * 100_000,
    "stray end tags": "<div></x>" * 100_000 + "text",
    "a tag of 40,000 attributes": "<p " + " ".join(f'a{i}=">"' for i in range(40_000)) + ">text</p>",
    "an attribute of 5 MB": '<p title="' + "x" * 5_000_000 + '">text</p>',
    "unclosed comments": "text" + "<!--" * 300_000,
    "unclosed scripts": "text" + "<script>" * 200_000,
    "unclosed tags": "text" + "<a " * 500_000,
    "unclosed quotes": "text" + "<a \"'" * 300_000,
    "only less-than signs": "text " + "<" * 1_000_000,
    "formatting across blocks": "<b><p>" * 10_000 + "text",
    "ampersands": "text " + "&#" * 1_000_000,
}
SECONDS = 20  # each takes at most 1 on a quiet machine; quadratic ones would take minutes


@pytest.mark.parametrize("main_content", [False, True])
@pytest.mark.parametrize("name", PAGES)
def test_pages(name, main_content):
    if main_content:
        pytest.importorskip("trafilatura")
    start = time.perf_counter()
    text = clean_html(PAGES[name], main_content=main_content)
    assert time.perf_counter() - start < SECONDS
    assert "text" in text or text.startswith("word word word.")


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        ".",
        " ",
        "\n",
        " \n",
        "@",
        "a@",
        "a.",
        "1,",
        "-",
        "'",
        "www.",
        "A. ",
        "\u0301",
        "漢",
        "\U000e0061",
    ],
)
def test_texts(unit):
    text = unit * (1_000_000 // len(unit))
    start = time.perf_counter()
    for function in (
        normalize_text,
        split_sentences,
        words,
        lambda text: mask(text, ["url", "email", "number"]),
    ):
        function(text)
    assert time.perf_counter() - start < SECONDS
