"""From HTML pages to their text, by the parser and the extractor of the Rust crate `ferrolm-text`.

What they do, how exact and how fast they are beside other libraries: docs/html.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ferrolm import _rust
from ferrolm.errors import InvalidTypeError, UnknownNameError, nearest
from ferrolm.text.encoding import decode_html

__all__ = ["PageMetadata", "clean_html", "clean_html_batch", "looks_like_html", "page_metadata"]

_SURROGATES = re.compile("[\ud800-\udfff]")
_MARKUP = re.compile(r"<(?:!doctype|!--|/?[a-z][a-z0-9]*[\s/>])", re.IGNORECASE)
_FORMATS = ("text", "markdown")


def clean_html(
    html: str | bytes,
    *,
    main_content: bool = True,
    format: Literal["text", "markdown"] = "text",
    encoding: str | None = None,
) -> str:
    r"""The text of a page: its main content, or all of it.

    Args:
        html: a page or a fragment; bytes are decoded by `decode_html`.
        main_content: keep the article and leave out navigation, advertisements, comments and footers. Where no
            article is found (a page of links, a fragment), the result is the text of all of it.
        format: ``"text"`` writes one block a line; ``"markdown"`` keeps headings, lists, quotations, code, tables,
            links and emphasis.
        encoding: of ``html``, if it is bytes and something outside the page tells.

    The text of all of a page is what stands outside tags, scripts, styles and its title; style sheets are not obeyed.
    The time it takes is linear in the size of the page, whatever is nested or unclosed in it. In a page of more than 4
    million elements no article is looked for.

    Raises:
        InvalidTypeError: ``html`` is neither text nor bytes.
        UnknownNameError: ``format`` is another one.

    >>> page = "<title>T</title><nav>Home</nav><h1>Tea</h1><p>Tea &amp; <b>bread</b></p>"
    >>> clean_html(page, main_content=False)
    'Home\nTea\nTea & bread'
    >>> print(clean_html(page, main_content=False, format="markdown"))
    Home
    <BLANKLINE>
    # Tea
    <BLANKLINE>
    Tea & **bread**
    """
    markdown = _is_markdown(format)
    page = _decoded(html, encoding)
    try:
        return _rust.clean_html(page, main_content, markdown)
    except UnicodeEncodeError:
        return _rust.clean_html(_without_surrogates(page), main_content, markdown)


def clean_html_batch(
    pages: Iterable[str | bytes],
    *,
    main_content: bool = True,
    format: Literal["text", "markdown"] = "text",
    encoding: str | None = None,
) -> list[str]:
    """What `clean_html` makes of each of many pages, in parallel on all threads (``FERROLM_NUM_THREADS``).

    Raises:
        InvalidTypeError: a page is neither text nor bytes; the message tells which.
        UnknownNameError: ``format`` is another one.

    >>> clean_html_batch(["<p>one", b"<p>two"], main_content=False)
    ['one', 'two']
    """
    markdown = _is_markdown(format)
    if isinstance(pages, (str, bytes)):
        raise InvalidTypeError(
            f"pages is {type(pages).__name__}, expected several pages; one is for clean_html"
        )
    decoded = [_decoded(page, encoding, f"pages[{index}]") for index, page in enumerate(pages)]
    try:
        return _rust.clean_html_batch(decoded, main_content, markdown)
    except UnicodeEncodeError:
        return _rust.clean_html_batch([_without_surrogates(page) for page in decoded], main_content, markdown)


@dataclass(frozen=True, slots=True)
class PageMetadata:
    """What the head of a page says about it; None where it says nothing.

    Attributes:
        title: of the article, as the page asks to be shared, or else of the page.
        language: as declared, for instance ``"en-GB"``; pages often declare a wrong one.
        description: a sentence or two.
        author: a name, or what stands in for one.
        date: of publication, as the page writes it.
        site: the name of the site.
    """

    title: str | None = None
    language: str | None = None
    description: str | None = None
    author: str | None = None
    date: str | None = None
    site: str | None = None


def page_metadata(html: str | bytes, *, encoding: str | None = None) -> PageMetadata:
    """Title, language, description, author, date and site of a page; nothing after its head is read.

    Raises:
        InvalidTypeError: ``html`` is neither text nor bytes.

    >>> page_metadata("<html lang=en><title>Tea &amp; bread</title><meta name=author content='A. Baker'>")
    PageMetadata(title='Tea & bread', language='en', description=None, author='A. Baker', date=None, site=None)
    """
    page = _decoded(html, encoding)
    try:
        return PageMetadata(*_rust.html_metadata(page))
    except UnicodeEncodeError:
        return PageMetadata(*_rust.html_metadata(_without_surrogates(page)))


def looks_like_html(text: str) -> bool:
    """Whether the first 4,096 characters hold a tag, a comment or a document type.

    >>> looks_like_html("<p>yes</p>"), looks_like_html("if a < b: no")
    (True, False)
    """
    return _MARKUP.search(text, 0, 4096) is not None


def _is_markdown(format: str) -> bool:
    if format not in _FORMATS:
        raise UnknownNameError(
            f"format is {format!r}, expected one of {', '.join(map(repr, _FORMATS))}{nearest(str(format), _FORMATS)}"
        )
    return format == "markdown"


def _decoded(html: str | bytes, encoding: str | None, name: str = "html") -> str:
    if isinstance(html, (bytes, bytearray, memoryview)):
        return decode_html(bytes(html), encoding)
    if not isinstance(html, str):
        raise InvalidTypeError(f"{name} is {type(html).__name__}, expected str or bytes")
    return html


def _without_surrogates(page: str) -> str:
    """Halves of characters, which have no UTF-8, as U+FFFD."""
    return _SURROGATES.sub("\ufffd", page)
