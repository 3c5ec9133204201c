"""From an HTML page to its text.

The article is found by trafilatura (Barbaresi, 2021, https://aclanthology.org/2021.acl-demo.15). All text is found by
one regular expression that is linear on any input: HTML parsers are quadratic on some shapes of page, and were slower
and no more exact on real ones (F1 against the articles of 127 pages 0.667; lexbor's HTML5 parser 0.668).
"""

from __future__ import annotations

import html as entities
import logging
import re

from ferrolm._extras import require
from ferrolm.errors import InvalidTypeError
from ferrolm.text.encoding import decode_html

__all__ = ["clean_html", "looks_like_html"]

MAX_ARTICLE_PAGE = 20_000_000
"""Characters of a page beyond which the article is not looked for: trafilatura needs a second for about 2 MB."""
MAX_TAG = 100_000
"""Characters of a tag outside quotes beyond which it may have so many attributes that libxml2 takes minutes."""

_BLOCK_LIST = """
    address article aside blockquote body br button caption dd details dialog div dl dt fieldset figcaption figure
    footer form h1 h2 h3 h4 h5 h6 header hr legend li main nav ol option p pre section select summary table tbody td
    tfoot th thead tr ul
"""
_BLOCKS = frozenset(_BLOCK_LIST.split())

_SURROGATES = re.compile("[\ud800-\udfff]")
_MARKUP = re.compile(r"<(?:!doctype|!--|/?[a-z][a-z0-9]*[\s/>])", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]*+\"|'[^']*+'")
# Each alternative consumes all that it looks at, up to the end if need be.
_NOT_TEXT = re.compile(
    r"<!--(?:.*?-->|.*)"
    r"|<(script|style|noscript|template|iframe|svg|title)\b[^>]*+(?:>.*?</\1\s*+>|.*)"
    r"|<[!?][^>]*+>?"
    r"|</?([a-zA-Z][^\s/>]*+)(?:[^\"'>]++|\"[^\"]*+\"|'[^']*+'|[\"'])*+>?",
    re.DOTALL | re.IGNORECASE,
)
# Stands for the end of a block: line feeds of the source are only white space.
_BREAK = "\ue000"
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")


def clean_html(html: str | bytes, *, main_content: bool = True, encoding: str | None = None) -> str:
    r"""The text of a page: its main content, or all of it; one block a line.

    Args:
        html: a page or a fragment; bytes are decoded by `decode_html`.
        main_content: keep the article and leave out navigation, advertisements, comments and footers. Where no
            article is found (a page of links, a fragment), the result is the text of all of it.
        encoding: of ``html``, if it is bytes and something outside the page tells.

    The text of all of a page is what stands outside tags, scripts, styles and its title; style sheets are not obeyed.
    The article is not looked for in pages of more than 20 million characters, or with a tag of more than 100,000
    outside quotes; it is not found in pages nested deeper than 2,048 elements.

    Raises:
        MissingExtraError: ``main_content`` is asked for and trafilatura (extra ``text``) is not installed.
        InvalidTypeError: ``html`` is neither text nor bytes.

    >>> clean_html("<title>T</title><nav>Home</nav><p>Tea &amp; <b>bread</b></p>", main_content=False)
    'Home\nTea & bread'
    """
    if isinstance(html, (bytes, bytearray, memoryview)):
        html = decode_html(bytes(html), encoding)
    if not isinstance(html, str):
        raise InvalidTypeError(f"html is {type(html).__name__}, expected str or bytes")
    # NUL would end strings inside libxml2, and a lone surrogate has no UTF-8.
    html = _SURROGATES.sub("\ufffd", html.replace("\0", ""))
    return (main_content and _article(html)) or _all_text(html)


def looks_like_html(text: str) -> bool:
    """Whether the first 4,096 characters hold a tag, a comment or a document type.

    >>> looks_like_html("<p>yes</p>"), looks_like_html("if a < b: no")
    (True, False)
    """
    return _MARKUP.search(text, 0, 4096) is not None


def _article(html: str) -> str:
    """The main content; empty where there is none, or where looking for it could take minutes."""
    trafilatura = require("trafilatura", "text", "finding the main content of a page")
    if len(html) > MAX_ARTICLE_PAGE or _has_oversized_tag(html):
        return ""
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # "no article" is an answer, not an error
    return trafilatura.extract(html, fast=True, include_comments=False) or ""


def _has_oversized_tag(html: str) -> bool:
    if len(html) <= MAX_TAG:
        return False
    tags = (
        found[0] for found in _NOT_TEXT.finditer(html) if found[2] and found.end() - found.start() > MAX_TAG
    )
    return any(len(_QUOTED.sub("", tag)) > MAX_TAG for tag in tags)


def _all_text(html: str) -> str:
    text = _NOT_TEXT.sub(lambda tag: _BREAK if (tag[2] or "").lower() in _BLOCKS else "", html)
    text = entities.unescape(text).replace("\n", " ").replace(_BREAK, "\n")
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()
