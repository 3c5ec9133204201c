"""The pictures of docs/explain.md: pages of explanations, opened in the system's Chromium.

    python examples/explain/pictures.py --minilm path/to/all-MiniLM-L6-v2 --corpus path/to/tinyshakespeare.txt

The language model is the bundled ferrolm-tiny. Needs playwright (`pip install playwright`) and Chromium or Chrome.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ferrolm import Tokenizer, load_model
from ferrolm.explain import (
    AttentionMaps,
    Explanation,
    attention_maps,
    integrated_gradients,
    logit_lens,
    nearest_passages,
    occlusion,
    save_report,
    token_surprisals,
)
from ferrolm.models import load_encoder

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
STORY = "Once upon a time there was a king who had three daughters, and the youngest of them was so beautiful that the"
NURSE = "The nurse said that she would be late, because her bus did not come."
VERSE = "Now is the winter of our discontent, said the king: my kingdom for a horse, or two, if you please."


def pictures(minilm: Path, corpus: Path) -> dict[str, tuple[list[Explanation], Callable[[Any], None]]]:
    """Of each picture the explanations, and what is done on the page before it is taken."""
    model = load_model("ferrolm-tiny", device="cpu")
    tokenizer = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    attention = attention_maps(load_encoder(minilm), NURSE, tokenizer=tokenizer)
    shares = integrated_gradients(model, STORY, n_steps=100)
    covered = occlusion(model, STORY, level="word")
    surprisals = token_surprisals(model, STORY, top=8)
    return {
        "explain-attention": ([attention], look_at_a_head(attention, " she", " nurse")),
        "explain-attributions": ([shares, covered], lambda page: None),
        "explain-logit-lens": ([logit_lens(model, STORY)], look_at_a_cell),
        "explain-surprisal": ([surprisals], lambda page: page.locator(".token").nth(-3).click()),
        "explain-passages": ([nearest_passages(VERSE, corpus, 5)], look_at_a_passage),
    }


def look_at_a_head(maps: AttentionMaps, token: str, other: str) -> Callable[[Any], None]:
    """The head in which one token looks most at another."""
    query, key = maps.queries.index(token), maps.keys.index(other)
    layer, head = np.unravel_index(maps.weights[:, :, query, key].argmax(), maps.weights.shape[:2])

    def look(page: Any) -> None:
        page.get_by_label(f"Layer {layer}, head {head}", exact=True).click()
        page.locator(".token").nth(query).click()

    return look


def look_at_a_cell(page: Any) -> None:
    page.locator("tbody tr").nth(1).locator("td").nth(3).click()


def look_at_a_passage(page: Any) -> None:
    page.locator(".passages button").first.click()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minilm", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--corpus", type=Path, required=True, help="a text in which to look for passages")
    given = parser.parse_args(arguments)
    from playwright.sync_api import sync_playwright

    IMAGES.mkdir(exist_ok=True)
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    # As root, in a container, Chromium has no sandbox; it sees nothing but our page.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=browser_path, args=options)
        for name, (explanations, prepare) in pictures(given.minilm, given.corpus).items():
            file = save_report(explanations, Path(folder) / f"{name}.html")
            page = browser.new_page(viewport={"width": 1000, "height": 900})
            page.goto(file.as_uri())
            prepare(page)
            target = IMAGES / f"{name}.png"
            page.locator("main").screenshot(path=target)
            print(f"{target.name}: {target.stat().st_size:,} bytes")
            page.close()


if __name__ == "__main__":
    main(sys.argv[1:])
