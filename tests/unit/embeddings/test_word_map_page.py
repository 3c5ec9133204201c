"""The page of a map of words, in a real browser: headless Chromium of the system."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ferrolm.embeddings import KeyedVectors, WordMap, word_map
from ferrolm.embeddings.word_map_page import word_map_html

playwright = pytest.importorskip("playwright.sync_api")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason=f"needs a browser: none of {', '.join(NAMES)} is in the PATH"
)
HOSTILE = "</script><img src=x onerror='window.hurt=1'>"
WORDS = ["king", "queen", "kingdom", "Apple", "pear", HOSTILE, "\u2028line", "{{data}}"]
RANDOM = np.random.default_rng(0)
GROUPS = {"king": "court", "queen": "court", "kingdom": "court", "Apple": "fruit & veg", "pear": "fruit & veg", HOSTILE: HOSTILE}  # fmt: skip


def drawn() -> WordMap:
    # The first three lie at right angles to the fourth and fifth.
    vectors = np.concatenate([np.eye(6)[[0, 0, 0, 1, 1]] + 0.01 * RANDOM.standard_normal((5, 6)), np.eye(6)[[2, 3, 4]]])  # fmt: skip
    return word_map(KeyedVectors(WORDS, vectors), groups=GROUPS, neighbours=2)


def test_words_stay_words_in_the_page() -> None:
    page = word_map_html(drawn(), title="<i>title</i> & {{data}}")
    assert "<img" not in page
    assert page.count("<script") == page.count("</script") == 2
    assert "<title>&lt;i&gt;title&lt;/i&gt; &amp; {{data}}</title>" in page
    assert not re.search(r"https?:|@import|url\(", page)
    content = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert content["words"] == WORDS
    assert max(map(abs, content["x"] + content["y"])) <= 0.50001


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs a browser")
    with playwright.sync_playwright() as engine:
        # As root, in a container, Chromium has no sandbox; it sees nothing but our page.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = engine.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


@pytest.fixture(params=["light", "dark"])
def page(browser: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page as a file, which asks nobody for anything and throws no error."""
    drawn().save_html(tmp_path / "map.html", title="Words")
    context = browser.new_context(color_scheme=request.param, viewport={"width": 1000, "height": 700})
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.on("request", lambda wanted: asked.append(wanted.url))
    page.goto((tmp_path / "map.html").as_uri())
    page.wait_for_selector("#groups li")
    yield page
    context.close()
    assert errors == []
    assert len([url for url in asked if not url.startswith("data:")]) == 1


def middle(page: Any) -> tuple[float, float]:
    box = page.locator("#map").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@needs_chromium
def test_a_word_is_found_chosen_and_followed(page: Any) -> None:
    assert page.text_content("#facts") == "8 words, principal components"
    page.fill("#search", "king")
    assert page.text_content("#found") == "2 words"
    assert page.locator("#results button").all_inner_texts() == ["king", "kingdom"]
    page.keyboard.press("Enter")
    assert page.text_content("#chosen") == "king"
    near = page.locator("#near button")
    assert {each.split("\n")[0] for each in near.all_inner_texts()} == {"queen", "kingdom"}
    assert "king, nearest:" in page.text_content("#status")
    # The chosen word is in the middle: pointing there shows it, moving away does not.
    x, y = middle(page)
    page.mouse.move(x, y)
    assert page.inner_text("#tip") == "king · court"
    page.mouse.move(x + 200, y - 250)
    assert page.is_hidden("#tip")
    near.first.click()
    assert page.text_content("#chosen") in ("queen", "kingdom")
    page.focus("#map")
    page.keyboard.press("Escape")
    assert page.text_content("#chosen") == "No word is chosen"
    page.keyboard.press("n")
    assert page.text_content("#chosen") != "No word is chosen"


@needs_chromium
def test_moving_zooming_and_clicking(page: Any) -> None:
    page.fill("#search", "pear")
    page.keyboard.press("Enter")
    page.focus("#map")
    page.keyboard.press("Escape")
    x, y = middle(page)
    # Dragged by 80, the word is found 80 further, and a drag chooses nothing.
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 10, steps=3)
    page.mouse.move(x + 80, y + 30, steps=3)
    page.mouse.up()
    assert page.text_content("#chosen") == "No word is chosen"
    page.mouse.move(x + 80, y + 30)
    assert page.inner_text("#tip").startswith("pear")
    # The wheel zooms at the pointer: the word stays under it.
    page.mouse.wheel(0, -600)
    page.mouse.move(x + 81, y + 30)
    assert page.inner_text("#tip").startswith("pear")
    page.mouse.click(x + 80, y + 30)
    assert page.text_content("#chosen") == "pear"
    page.click("#all")
    page.click("#in")
    page.focus("#map")
    for key in ("ArrowLeft", "ArrowUp", "+", "-", "0"):
        page.keyboard.press(key)
    assert page.text_content("#chosen") == "pear"


@needs_chromium
def test_hostile_words_are_shown_as_they_are(page: Any) -> None:
    page.fill("#search", "onerror")
    page.keyboard.press("Enter")
    assert page.text_content("#chosen") == HOSTILE
    assert page.evaluate("window.hurt") is None
    assert page.locator("img").count() == 0
    assert HOSTILE in page.inner_text("#groups")


@needs_chromium
def test_groups_are_hidden_and_shown(page: Any) -> None:
    groups = page.locator("#groups button")
    assert [text.split("\n")[0] for text in groups.all_inner_texts()] == [
        "court",
        "fruit & veg",
        "other",
        HOSTILE,
    ]
    groups.first.click()
    assert groups.first.get_attribute("aria-pressed") == "false"
    assert groups.first.evaluate("each => each === document.activeElement")
    # Choosing a word of a hidden group shows the group again.
    page.fill("#search", "queen")
    page.keyboard.press("Enter")
    assert groups.first.get_attribute("aria-pressed") == "true"


@needs_chromium
def test_everything_has_a_name_and_can_be_read(page: Any) -> None:
    """Names for screen readers, and a contrast of 4.5 to 1 (WCAG AA) in light and dark."""
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, canvas')].filter((e) => !(e.textContent.trim() "
        "|| e.getAttribute('aria-label') || (e.labels && e.labels.length))).map((e) => e.outerHTML)"
    )
    assert unnamed == []
    for _ in range(2):
        contrast = page.evaluate(
            """() => {
              const light = (name) => { const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
                const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
                return .2126 * r + .7152 * g + .0722 * b; };
              const ratio = (a, b) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
              return ["--ink", "--soft", "--accent"].flatMap((front) => ["--back", "--card"].map((back) => ratio(light(front), light(back))));
            }"""
        )
        assert min(contrast) > 4.5
        page.click("#theme")
