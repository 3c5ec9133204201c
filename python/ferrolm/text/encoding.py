"""Which encoding a page is in: by byte order mark, by its content, by what it declares.

The order differs from the HTML standard (https://html.spec.whatwg.org/#determining-the-character-encoding) in one
point: bytes that are valid UTF-8 are taken as UTF-8 even if the page declares something else, because text in a
legacy encoding is almost never valid UTF-8 by accident, while wrong declarations are common.
"""

from __future__ import annotations

import codecs
import re

from ferrolm.errors import InvalidArgumentError

__all__ = ["decode_html"]

# Longest first: the mark of UTF-32-LE begins with that of UTF-16-LE.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# What browsers decode instead of the declared name (https://encoding.spec.whatwg.org/#names-and-labels).
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}

# 7-bit encodings that escape: any such text is valid UTF-8 too, so the declaration is all there is.
_ESCAPING = frozenset({"iso2022_jp", "hz"})

_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([a-zA-Z0-9_.:-]+)""")
_DECLARATION_END = 4096  # the standard looks at 1,024 bytes; real pages put long comments before their <meta>


def decode_html(data: bytes, encoding: str | None = None) -> str:
    """Decode the bytes of a page; bytes that its encoding does not have become U+FFFD.

    Tried in turn: a byte order mark; UTF-8, if the bytes are valid; ``encoding``, for instance from an HTTP header;
    the page's own ``<meta charset>`` or XML declaration; Windows-1252. Where the HTML standard says so, the
    superset that browsers use stands in for the declared encoding (Windows-1252 for ISO-8859-1, GB18030 for GB2312).

    Raises:
        InvalidArgumentError: ``encoding`` is not a text encoding that Python knows.

    >>> decode_html('<meta charset="iso-8859-2"><p>Łódź</p>'.encode("iso-8859-2"))
    '<meta charset="iso-8859-2"><p>Łódź</p>'
    >>> decode_html("naïve".encode("utf-16"))
    'naïve'
    """
    named = None if encoding is None else _codec(encoding)
    if encoding is not None and named is None:
        raise InvalidArgumentError(
            f"encoding is {encoding!r}, which is not a text encoding that Python knows"
        )
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(marked, "replace")
    name = named or _declared(data)
    if name not in _ESCAPING:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            # One broken character at the very end of other UTF-8 is a page cut short, not another encoding.
            if name in (None, "utf-8") and error.start >= len(data) - 3 and not data[: error.start].isascii():
                return data.decode("utf-8", "replace")
    return data.decode(name or "cp1252", "replace")


def _declared(data: bytes) -> str | None:
    found = _DECLARED.search(data, 0, _DECLARATION_END)
    name = _codec(found[1].decode("ascii")) if found else None
    # A declaration that could be read as ASCII is not in UTF-16 or UTF-32, whatever it says.
    return "utf-8" if name and name.startswith(("utf-16", "utf-32")) else name


def _codec(label: str) -> str | None:
    try:
        info = codecs.lookup(label)
    except (LookupError, ValueError):
        return None
    # Python's own escapes are no encodings of pages, and some of them raise whatever the error handler is.
    if not info._is_text_encoding or "escape" in info.name or info.name in {"idna", "punycode", "undefined"}:
        return None
    return _SUPERSETS.get(info.name, info.name)
