"""Cleaning of HTML: the article, and all text, of 127 real pages, with the score of each library beside its speed.

`extra_info` has documents per CPU second (of the fastest round; all libraries here use one thread) and F1 against the
articles that people marked: of all pages, and of the half that the rules of ours were not made on. For all text the peers
do less: they keep scripts and styles, and run the words of neighbouring blocks together.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from marked_articles import f1, marked_articles

from ferrolm.text import clean_html, decode_html


@pytest.fixture(scope="module")
def articles() -> list[tuple[bytes, str]]:
    return marked_articles()


def article_of(library: str) -> Callable[[bytes], str]:
    if library == "ferrolm":
        return clean_html
    if library == "ferrolm-markdown":
        return lambda page: clean_html(page, format="markdown")
    if library == "trafilatura":
        trafilatura = pytest.importorskip("trafilatura")
        return lambda page: trafilatura.extract(decode_html(page), fast=True, include_comments=False) or ""
    if library == "resiliparse":
        html2text = pytest.importorskip("resiliparse.extract.html2text")
        return lambda page: html2text.extract_plain_text(decode_html(page), main_content=True)
    readability = pytest.importorskip("readability")
    html = pytest.importorskip("lxml.html")
    return lambda page: html.fromstring(readability.Document(decode_html(page)).summary()).text_content()


def all_text_of(library: str) -> Callable[[bytes], str]:
    if library == "ferrolm":
        return lambda page: clean_html(page, main_content=False)
    if library == "resiliparse":
        html2text = pytest.importorskip("resiliparse.extract.html2text")
        return lambda page: html2text.extract_plain_text(decode_html(page))
    if library == "lxml":
        html = pytest.importorskip("lxml.html")
        return lambda page: html.fromstring(decode_html(page).encode()).text_content()
    lexbor = pytest.importorskip("selectolax.lexbor")
    return lambda page: lexbor.LexborHTMLParser(decode_html(page)).text()


def run(benchmark, articles: list[tuple[bytes, str]], work: Callable[[bytes], str]) -> None:
    pages = [page for page, _ in articles]
    seconds = []

    def clean() -> list[str]:
        start = time.process_time()
        texts = [work(page) for page in pages]
        seconds.append(time.process_time() - start)
        return texts

    texts = benchmark.pedantic(clean, rounds=3, warmup_rounds=1)
    pairs = [(truth, text) for (_, truth), text in zip(articles, texts, strict=True)]
    benchmark.extra_info["bytes"] = sum(map(len, pages))
    benchmark.extra_info["documents"] = len(pages)
    benchmark.extra_info["documents_per_cpu_second"] = len(pages) / min(seconds)
    benchmark.extra_info["f1"] = f1(pairs)
    benchmark.extra_info["f1_held_out"] = f1(pairs[1::2])


@pytest.mark.benchmark(group="article of a page")
@pytest.mark.parametrize(
    "library", ["ferrolm", "ferrolm-markdown", "trafilatura", "readability", "resiliparse"]
)
def test_article(benchmark, articles, library):
    run(benchmark, articles, article_of(library))


@pytest.mark.benchmark(group="all text of a page")
@pytest.mark.parametrize("library", ["ferrolm", "lxml", "resiliparse", "selectolax"])
def test_all_text(benchmark, articles, library):
    run(benchmark, articles, all_text_of(library))
