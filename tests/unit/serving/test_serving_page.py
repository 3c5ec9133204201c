"""The page of a server, in a real browser: headless Chromium of the system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("fastapi")
playwright = pytest.importorskip("playwright.sync_api")

from served import Served, serving
from tiny_language_model import tiny_language_model

from ferrolm.generation import ChatTemplate, GenerationConfig, load_model
from ferrolm.models.catalog import bundled_names
from ferrolm.serving import ServedModels

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None, reason=f"needs a browser: none of {', '.join(NAMES)} is in the PATH"
    ),
    pytest.mark.skipif(
        "ferrolm-tiny" not in bundled_names(), reason="ferrolm-tiny is not bundled in this checkout"
    ),
]
LONG = tiny_language_model(GenerationConfig(ignore_eos=True), n_positions=100_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as engine:
        # As root, in a container, Chromium has no sandbox; it sees nothing but our page.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = engine.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


@pytest.fixture(scope="module")
def model() -> Any:
    return load_model("ferrolm-tiny", device="cpu")


@pytest.fixture(scope="module")
def served(model: Any) -> Iterator[Served]:
    with serving(ServedModels(model, "ferrolm-tiny")) as server:
        yield server


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Any]:
    yield from opened(browser, served.address)


def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """The page, which asks nobody else for anything and throws no error."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    errors, asked = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("#count:not(:empty), #alarm:visible")
    yield page
    context.close()
    assert errors == []
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


def finish(page: Any) -> None:
    page.wait_for_selector("#halt", state="hidden")
    page.wait_for_selector("#go:enabled", state="attached")


def test_a_text_is_continued_and_its_tokens_can_be_looked_at(page, model):
    page.fill("#prompt", "Once upon a time")
    page.wait_for_selector("#count:has-text('5 of 256 tokens')")
    page.fill("#seed", "5")
    page.fill("#max_tokens", "30")
    page.click("#go")
    finish(page)
    expected = model.generate(
        "Once upon a time", do_sample=True, temperature=0.8, top_p=0.95, top_k=0, seed=5, max_new_tokens=30
    )
    assert page.text_content("#output") == "Once upon a time" + expected.text
    status = page.text_content("#status")
    assert "30 tokens" in status
    assert "tokens/s" in status
    assert "seed 5" in status
    tokens = page.locator("#output .token")
    assert [int(each) for each in tokens.evaluate_all("all => all.map((each) => each.dataset.id)")] == list(
        expected.ids
    )
    tokens.nth(3).hover()
    shown = page.inner_text("#detail")
    assert f"id {expected.ids[3]}" in shown
    assert page.locator("#detail li").count() >= 8
    chances = page.locator("#detail li span:last-child").all_inner_texts()
    assert all(chance.endswith("%") for chance in chances)
    page.keyboard.press("Escape")
    assert page.is_hidden("#detail")


def test_keys_go_from_token_to_token(page):
    page.fill("#max_tokens", "5")
    page.focus("#prompt")
    page.keyboard.press("Control+Enter")
    finish(page)
    page.focus("#output")
    for place in range(3):
        page.keyboard.press("ArrowRight")
        assert page.locator("#output .token").nth(place).evaluate("each => each.classList.contains('here')")
    assert "id " in page.text_content("#status")
    page.focus("#tab-complete")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#tab-chat", "aria-selected") == "true"
    assert page.is_visible("#say")


def test_a_dialogue(page, model):
    page.click("#tab-chat")
    page.fill("#seed", "3")
    page.fill("#max_tokens", "12")
    page.fill("#system", "A talk.")
    page.fill("#say", "Who are you?")
    page.keyboard.press("Enter")
    finish(page)
    turns = [{"role": "system", "content": "A talk."}, {"role": "user", "content": "Who are you?"}]
    prompt = ChatTemplate.plain().render(turns, add_generation_prompt=True)
    expected = model.generate(
        prompt,
        do_sample=True,
        temperature=0.8,
        top_p=0.95,
        top_k=0,
        seed=3,
        max_new_tokens=12,
        stop=["\nUser:"],
    )
    assert page.text_content(".turn.assistant .text") == expected.text.lstrip()
    assert page.text_content(".turn.user .text") == "Who are you?"
    page.fill("#say", "And now?")
    page.keyboard.press("Enter")
    finish(page)
    assert page.locator(".turn").count() == 4
    page.click("#undo")
    assert page.locator(".turn").count() == 2
    page.click("#fresh")
    assert page.locator(".turn").count() == 0


def test_tokens_of_a_text(page, model):
    page.click("#tab-inspect")
    text = "The princess saw <b>世界</b>"
    page.fill("#inspected", text)
    ids = model.tokenizer.encode_list(text, True)
    playwright.expect(page.locator("#pieces")).to_have_text(text)
    assert str(len(ids)) in page.text_content("#inspected-count")
    assert "perplexity" in page.text_content("#inspected-count")
    shown = page.locator("#pieces .token").evaluate_all(
        "all => all.flatMap((each) => each.dataset.id.split(' '))"
    )
    assert [int(each) for each in shown] == ids
    assert page.locator("#next li").count() == 8
    page.check("#ids")
    assert page.get_attribute("html", "data-ids") == "on"


def test_errors_are_shown_and_can_be_closed(page):
    page.fill("#prompt", "word " * 400)
    page.click("#go")
    page.wait_for_selector("#alarm:has-text('fit the model')")
    assert page.get_attribute("#alarm", "role") == "alert"
    assert page.text_content("#output") == ""
    page.click("#alarm button")
    assert page.is_hidden("#alarm")
    page.fill("#seed", "many")
    page.click("#go")
    page.wait_for_selector("#alarm:has-text('Seed: expected a whole number')")


def test_stop_ends_the_stream_and_frees_the_place(browser):
    with serving(ServedModels(LONG, "long"), max_batch_size=1) as server:
        for page in opened(browser, server.address):
            page.fill("#max_tokens", "90000")
            page.fill("#temperature", "2")
            page.click("#go")
            page.locator("#output .token").nth(10).wait_for()
            server.wait_until(requests_running=1)
            page.click("#halt")
            finish(page)
            assert "stopped" in page.text_content("#status")
            server.wait_until(requests_running=0)


def test_a_server_with_a_key_asks_for_it(browser, model):
    with serving(ServedModels(model, "ferrolm-tiny"), api_key="secret") as server:
        for page in opened(browser, server.address):
            page.wait_for_selector("#alarm:has-text('API key')")
            page.fill("#key", "secret")
            page.keyboard.press("Enter")
            page.wait_for_selector("#model:has-text('ferrolm-tiny')")


def test_it_fits_a_phone_and_follows_the_colours_of_the_system(browser, served):
    shape = {"viewport": {"width": 400, "height": 800}, "color_scheme": "dark", "has_touch": True}
    for page in opened(browser, served.address, **shape):
        page.fill("#prompt", "Once upon a time")
        page.tap("#go")
        finish(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.get_attribute("html", "data-theme") == "dark"
        assert contrast_of(page) > 7
        page.locator("#output .token").nth(2).tap()
        box = page.locator("#detail").bounding_box()
        assert (round(box["x"]), round(box["width"])) == (0, 400)
        assert abs(box["y"] + box["height"] - 800) < 2
        page.tap("#theme")
        assert page.get_attribute("html", "data-theme") == "light"
        assert contrast_of(page) > 7


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


def test_every_control_has_a_name(page):
    """Screen readers say a label, or an aria-label, or the text of each thing that can be used."""
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, textarea, select, [tabindex="0"]')].filter((each) =>
            !(each.labels?.length || each.getAttribute('aria-label') || each.textContent.trim())).map((each) => each.outerHTML)"""
    )
    assert nameless == []
    assert page.get_attribute("html", "lang") == "en"
