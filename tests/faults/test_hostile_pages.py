"""Pages that make HTML libraries hang, and texts that make regular expressions hang, end in seconds."""

from __future__ import annotations

import subprocess
import sys
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
    "a million attributes": "<p " + " ".join(f"a{i}=x" for i in range(1_000_000)) + ">text</p>",
    "a tag of 50 MB": "text<p " + "x" * 50_000_000,
    "lone surrogates": "text " + "\ud800" * 1_000_000,
    "unclosed everything": "text <div><p><b><a href=x><ul><li><table><tr><td>" * 20_000,
    "unclosed comments": "text" + "<!--" * 300_000,
    "unclosed scripts": "text" + "<script>" * 200_000,
    "unclosed tags": "text" + "<a " * 500_000,
    "unclosed quotes": "text" + "<a \"'" * 300_000,
    "only less-than signs": "text " + "<" * 1_000_000,
    "formatting across blocks": "<b><p>" * 10_000 + "text",
    "ampersands": "text " + "&#" * 1_000_000,
}
SECONDS = 20  # each takes at most 1 on a quiet machine; quadratic ones would take minutes


@pytest.mark.parametrize("format", ["text", "markdown"])
@pytest.mark.parametrize("main_content", [False, True])
@pytest.mark.parametrize("name", PAGES)
def test_pages(name, main_content, format):
    start = time.perf_counter()
    text = clean_html(PAGES[name], main_content=main_content, format=format)
    assert time.perf_counter() - start < SECONDS
    assert "text" in text or text.startswith("word word word.")


def test_the_wrong_encoding_gives_some_text():
    page = "<p>Все люди рождаются свободными и равными в своём достоинстве и правах.</p>"
    for encoding in ("utf-16-le", "utf-32-be", "koi8-r", "shift_jis"):
        assert isinstance(clean_html(page.encode(encoding, "replace"), encoding="big5"), str)


INTERRUPTED = """
import os, signal, threading, time
from ferrolm.text import clean_html, clean_html_batch
def interrupt():
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
pages = ["<div class=a><p>word, word <b>word</b> word." * 300_000] * 20
for call in (lambda: clean_html(pages[0] * 15), lambda: clean_html_batch(pages, format="markdown")):
    sent = []
    threading.Timer(0.4, interrupt).start()
    try:
        call()
        print("ended before")
    except KeyboardInterrupt:
        print("late" if time.monotonic() - sent[0] > SECONDS else "stopped")
assert clean_html("<p>still works") == "still works"
"""


def test_calls_are_interrupted():
    program = INTERRUPTED.replace("SECONDS", "1.0")  # promised are 0.1, on a quiet machine
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.split("\n")[:2] == ["stopped", "stopped"]


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
