"""The page and the pictures of explanations; the page in a real browser: headless Chromium of the system."""

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

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError
from ferrolm.explain import (
    AttentionMaps,
    Attribution,
    Explanation,
    LogitLens,
    Surprisals,
    nearest_passages,
    report_html,
    save_report,
)

pytest.importorskip("torch")

HOSTILE = "</script><img src=x onerror='window.hurt=1'>"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason=f"needs a browser: none of {', '.join(NAMES)} is in the PATH"
)
TOKENS = ("The", " <b>cat</b>", "\n", HOSTILE, " 🐇$x_1$")


def attention() -> AttentionMaps:
    """Head h of layer l looks, from token q, mostly at token (q + h + l) modulo 5."""
    weights = np.full((3, 2, 5, 5), 0.05, np.float32)
    layer, head, query = np.indices((3, 2, 5))
    weights[layer, head, query, (query + head + layer) % 5] = 0.8
    return AttentionMaps(weights, TOKENS, TOKENS, ("0", "1", "2"), ("0", "1"))


def across() -> AttentionMaps:
    weights = np.array([[[[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]]], np.float32)
    return AttentionMaps(weights, ("x", "y", "z"), ("in", HOSTILE), ("0",), ("0",))


def attribution() -> Attribution:
    scores = np.array([0.0, 2.0, -4.0, 1.0, 0.5])
    return Attribution(TOKENS, scores, np.zeros(5, bool), "integrated gradients", f"logit of {HOSTILE!r}", 3.0, 3.5, 1e-5)  # fmt: skip


def lens() -> LogitLens:
    ids = np.arange(5)[None, :, None] + np.arange(2)[:, None, None] + np.arange(3)
    chances = np.broadcast_to(np.array([0.5, 0.25, 0.125], np.float32), ids.shape)
    names = {number: f" word{number}" for number in range(8)} | {3: HOSTILE}
    square, following = np.full((2, 5), 1.5, np.float32), np.full((2, 4), 0.25, np.float32)
    return LogitLens(
        TOKENS, ("embedding", "0"), ids, chances, names, square, square, following, np.full((2, 4), 6)
    )


def explanations() -> list[Explanation]:
    likely = tuple(((f"other{place}", 0.5), (HOSTILE, 0.25)) for place in range(5))
    surprisals = Surprisals(list(TOKENS), np.array([np.nan, 1.0, 3.0, 20.0, 0.0]), likely)
    passages = nearest_passages(
        f"so it was {HOSTILE} the cat sat on the mat", ["🐇 the cat sat on it", HOSTILE], n=2
    )
    return [attention(), attention().rollout(), across(), attribution(), lens(), surprisals, passages]


def test_texts_stay_texts_in_the_page(tmp_path: Path) -> None:
    path = save_report(explanations(), tmp_path / "page.html", title="<i>a</i> {{data}}")
    page = path.read_text(encoding="utf-8")
    assert "<img" not in page
    assert page.count("<script") == page.count("</script") == 2
    assert "<title>&lt;i&gt;a&lt;/i&gt;" in page
    assert not re.search(r"https?:|@import|url\(", page)
    content = json.loads(page.split('id="data">')[1].split("</script>")[0])
    kinds = [view["kind"] for view in content["views"]]
    assert kinds == ["attention"] * 3 + ["attribution", "lens", "surprisal", "passages"]
    assert content["views"][3]["tokens"] == list(TOKENS)


def test_what_no_page_can_be_made_of() -> None:
    with pytest.raises(InvalidArgumentError, match="explanations is empty"):
        report_html([])
    with pytest.raises(InvalidTypeError, match="explanations has a str"):
        report_html(["text"])  # type: ignore[list-item]


@pytest.mark.parametrize("number", range(7))
def test_pictures(number: int, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    explanation = explanations()[number]
    png = explanation.plot(tmp_path / "figure.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert len(png) > 3000
    with pytest.raises(UnknownNameError, match=r"figure.jpg', expected one that ends with .png"):
        explanation.plot(tmp_path / "figure.jpg")


def test_pictures_of_heads(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    one = attention().plot(tmp_path / "head.svg", layer=1, head=0)
    assert "attention: layer 1, head 0" in one.read_text(encoding="utf-8")
    with pytest.raises(InvalidArgumentError, match="head is 2, but there are 2"):
        attention().plot(tmp_path / "head.png", layer=0, head=2)
    assert not (tmp_path / "head.png").exists()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs a browser")
    with pytest.importorskip("playwright.sync_api").sync_playwright() as engine:
        # As root, in a container, Chromium has no sandbox; it sees nothing but our page.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = engine.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    yield from opened(browser, tmp_path)


def opened(browser: Any, folder: Path, scheme: str = "light") -> Iterator[Any]:
    """The page as a file, which asks nobody for anything and throws no error."""
    path = save_report(explanations(), folder / "page.html", title="Why?")
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1000, "height": 800})
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.on("request", lambda wanted: asked.append(wanted.url))
    page.goto(path.as_uri())
    page.wait_for_selector("#view-6 .token")
    yield page
    assert page.evaluate("window.hurt") is None
    context.close()
    assert errors == []
    assert len([url for url in asked if not url.startswith("data:")]) == 1


def listed(view: Any) -> list[tuple[str, str]]:
    """What the panel of a view lists, with the numbers."""
    rows = view.locator(".detail li").all()
    return [tuple(each.locator("span").all_inner_texts()) for each in rows]


def strength(token: Any) -> float:
    """How opaque the colour of a token is."""
    colour = token.evaluate("each => getComputedStyle(each).backgroundColor")
    numbers = [float(each) for each in re.findall(r"[\d.]+", colour)]
    return numbers[3] if len(numbers) == 4 else 1.0


@needs_chromium
def test_a_token_shows_where_the_chosen_head_looks(page: Any) -> None:
    view = page.locator("#view-0")
    tokens = view.locator(".token")
    assert tokens.all_text_contents() == [token.replace("\n", "⏎\n") for token in TOKENS]
    assert view.locator("output").inner_text() == "2"
    view.locator("select.head").select_option("1")
    tokens.nth(0).hover()
    # Layer 2, head 1, token 0: mostly at token 3.
    assert listed(view)[0] == (HOSTILE.replace(" ", "␣"), "80.0 %")
    assert view.locator(".detail p").nth(1).inner_text() == "looks at, layer 2, head 1:"
    assert strength(tokens.nth(3)) > 0.7
    assert strength(tokens.nth(1)) < 0.1
    slider = view.locator("input.layer")
    slider.fill("0")
    assert view.locator("output").inner_text() == "0"
    tokens.nth(0).hover()
    assert listed(view)[0] == ("␣<b>cat</b>", "80.0 %")  # token 1
    view.locator("select.head").select_option("-1")  # the mean of tokens 0 and 1
    assert {text for _, text in listed(view)[:2]} == {"42.5 %"}
    view.locator("select.way").select_option("in")
    tokens.nth(1).hover()
    assert "is looked at by, layer 0, mean of heads" in view.locator(".detail").inner_text()
    assert {text for text, _ in listed(view)[:2]} == {"The", "␣<b>cat</b>"}


@needs_chromium
def test_heads_are_chosen_by_their_pictures_and_rows_in_the_matrix(page: Any) -> None:
    view = page.locator("#view-0")
    view.get_by_label("Layer 1, head 0").click()
    assert view.locator("select.head").input_value() == "0"
    assert view.locator("output").inner_text() == "1"
    assert view.locator(".grid [aria-pressed=true]").count() == 1
    matrix = view.locator("canvas.matrix")
    box = matrix.bounding_box()
    matrix.hover(position={"x": box["width"] * 0.9, "y": box["height"] * 0.5})  # row 2, column 4
    assert matrix.get_attribute("title") == "⏎ → ␣🐇$x_1$: 5.0 %"
    assert view.locator(".token.here").get_attribute("data-place") == "2"
    assert listed(view)[0][0] == HOSTILE.replace(" ", "␣")  # (2 + 0 + 1) modulo 5


@needs_chromium
def test_the_keyboard_goes_from_token_to_token(page: Any) -> None:
    view = page.locator("#view-0")
    view.locator(".tokens").focus()
    for place in range(3):
        page.keyboard.press("ArrowRight")
        here = view.locator(".token.here")
        assert here.get_attribute("data-place") == str(place)
        assert here.get_attribute("aria-selected") == "true"
    page.keyboard.press("End")
    assert view.locator(".tokens").get_attribute("aria-activedescendant").endswith("-4")
    page.mouse.move(5, 5)
    assert view.locator(".token.here").get_attribute("data-place") == "4"  # held
    page.keyboard.press("Escape")
    assert view.locator(".token.here").count() == 0


@needs_chromium
def test_attention_across_has_two_texts(page: Any) -> None:
    view = page.locator("#view-2")
    assert view.locator(".tokens").count() == 2
    view.locator(".tokens").nth(0).locator(".token").nth(1).hover()
    assert listed(view)[0] == (HOSTILE.replace(" ", "␣"), "80.0 %")
    assert strength(view.locator(".tokens").nth(1).locator(".token").nth(1)) > 0.7
    view.locator("select.way").select_option("in")
    view.locator(".tokens").nth(1).locator(".token").nth(0).hover()
    assert listed(view)[0] == ("x", "90.0 %")


@needs_chromium
def test_what_a_decoder_wrote_is_on_a_line_of_its_own(browser: Any, tmp_path: Path) -> None:
    scores = np.array([0.5, -1.0, 0.0, 1.0])
    path = Attribution(("in", HOSTILE, "⊢", "out"), scores, np.zeros(4, bool), "occlusion", "x", 1.0, decoder_start=2).save_html(tmp_path / "pair.html")  # fmt: skip
    page = browser.new_page()
    page.goto(path.as_uri())
    tops = [page.locator(".token").nth(place).bounding_box()["y"] for place in (0, 2, 3)]
    assert tops[0] < tops[1] == tops[2]
    page.close()


@needs_chromium
def test_attributions_have_colours_and_a_legend(page: Any) -> None:
    view = page.locator("#view-3")
    tokens = view.locator(".token")
    colours = [each.evaluate("each => getComputedStyle(each).backgroundColor") for each in tokens.all()]
    assert strength(tokens.nth(2)) > 0.7
    assert 0.3 < strength(tokens.nth(1)) < 0.4
    red, blue = ([int(number) for number in re.findall(r"\d+", colours[place])[:3]] for place in (1, 2))
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert [view.locator(f".legend .{name}").inner_text() for name in ("low", "high")] == ["against −4.00", "for +4.00"]  # fmt: skip
    assert [text for _, text in listed(view)] == ["-4.00", "2.00", "1.00", "0.500", "0.00"]
    tokens.nth(1).hover()
    assert "2.000, for" in view.locator(".detail").inner_text()
    assert "baseline 3.5000 · convergence delta 1e-05" in view.locator(".facts").inner_text()


@needs_chromium
def test_a_cell_of_the_lens_lists_its_predictions(page: Any) -> None:
    view = page.locator("#view-4")
    assert view.locator("tbody tr").count() == 2
    assert view.locator("tbody th").all_inner_texts() == ["0", "embedding"]
    view.locator("td[data-layer='1'][data-place='2']").hover()
    assert listed(view) == [
        (HOSTILE.replace(" ", "␣"), "50.0 %"),
        ("␣word4", "25.0 %"),
        ("␣word5", "12.5 %"),
    ]
    said = view.locator(".detail").inner_text()
    assert "after layer 0: entropy 1.50 bits" in said
    assert "25.0 %, rank 7" in said
    view.locator("select.colour").select_option("entropy")
    assert view.locator(".legend .high").inner_text() == "1.5 bits"
    view.locator(".wide").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert view.locator("td.here").get_attribute("data-layer") == "0"
    page.keyboard.press("Escape")
    assert view.locator("td.here").count() == 0


@needs_chromium
def test_surprisal_tells_bits_and_alternatives(page: Any) -> None:
    view = page.locator("#view-5")
    view.locator(".token").nth(2).hover()
    assert "3.00 bits, p = 12.5 %" in view.locator(".detail").inner_text()
    assert listed(view) == [("other2", "50.0 %"), (HOSTILE.replace(" ", "␣"), "25.0 %")]
    view.locator(".token").nth(0).hover()
    assert "not scored" in view.locator(".detail").inner_text()


@needs_chromium
def test_a_passage_marks_its_place_in_the_text(page: Any) -> None:
    view = page.locator("#view-6")
    assert view.locator(".passages button").count() == 2
    passage = view.locator(".passages button").filter(has_text="the cat sat on")
    assert passage.locator("mark").inner_text() == "the cat sat on"
    passage.click()
    assert passage.get_attribute("aria-pressed") == "true"
    assert view.locator(".token.marked").all_text_contents() == ["> the", " cat", " sat", " on"]
    passage.click()
    assert view.locator(".token.marked").count() == 0


@needs_chromium
def test_the_page_is_tidy(page: Any) -> None:
    assert contrast_of(page) > 7
    assert page.locator("nav a").all_inner_texts()[:2] == ["Attention", "Attention rollout"]
    assert page.get_attribute("html", "lang") == "en"
    page.click("#theme")
    assert page.get_attribute("html", "data-theme") == "dark"
    assert contrast_of(page) > 7
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select, [tabindex="0"]')].filter((each) =>
            !(each.labels?.length || each.getAttribute('aria-label') || each.textContent.trim())).map((each) => each.outerHTML)"""
    )
    assert nameless == []


@needs_chromium
def test_it_follows_the_colours_of_the_system(browser: Any, tmp_path: Path) -> None:
    for page in opened(browser, tmp_path, "dark"):
        assert page.get_attribute("html", "data-theme") == "dark"
        strongest = page.locator("#view-3 .token").nth(2)
        assert strength(strongest) > 0.7


def contrast_of(page: Any) -> float:
    """The contrast of text and background, by WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    colours = (
        page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor")
    )
    darker, lighter = sorted(map(luminance, colours))
    return (lighter + 0.05) / (darker + 0.05)
