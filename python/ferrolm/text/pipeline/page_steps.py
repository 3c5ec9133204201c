"""Steps from bytes to text: which encoding, and what of a page."""

from __future__ import annotations

from ferrolm.errors import UnknownNameError, nearest
from ferrolm.text.encoding import decode_html
from ferrolm.text.html import clean_html, looks_like_html
from ferrolm.text.pipeline.document import Document
from ferrolm.text.pipeline.step import DocumentFunction, register

__all__ = ["decode", "html"]

_MODES = ("main", "all", "markdown")


@register("decode")
def decode(encoding: str | None = None) -> DocumentFunction:
    """Text of bytes: byte order mark, UTF-8, then encoding=, the HTTP header, the page's own word, Windows-1252.

    A pipeline begins with it whether it is named or not; what is text already (JSON, Parquet) passes unchanged.
    """
    if encoding is not None:
        decode_html(b"", encoding)  # an unknown encoding is an error now, not at the first document

    def step(document: Document) -> Document:
        if document.data is not None:
            document.text = decode_html(document.data, encoding or document.encoding)
            document.data = None
        return document

    return step


@register("html")
def html(mode: str = "main", always: bool = False) -> DocumentFunction:
    """The text of pages: mode=main (the article), all (every visible text) or markdown (the article with its structure).

    Texts without markup pass unchanged, but for always=true. A page without text is removed.
    """
    if mode not in _MODES:
        raise UnknownNameError(f"html: mode is {mode!r}, expected {', '.join(_MODES)}{nearest(mode, _MODES)}")

    def step(document: Document) -> Document | None:
        if not (always or document.media_type == "text/html") and (
            document.media_type or not looks_like_html(document.text)
        ):
            return document
        if mode == "markdown":
            document.text = clean_html(document.text, format="markdown")
        else:
            document.text = clean_html(document.text, main_content=mode == "main")
        document.media_type = "text/html"  # where nothing but the text told
        return document if document.text else document.remove("no text on the page")

    return step
