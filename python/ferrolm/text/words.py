"""Words by the rules of Unicode, without a dictionary."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

__all__ = ["words"]

# Scripts whose characters are words of their own (as in https://www.unicode.org/reports/tr29), and Katakana in runs.
_IDEOGRAPHS = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
_KATAKANA = "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"


def words(text: str, *, lowercase: bool = False) -> list[str]:
    """The words of a text, in order, without punctuation and white space.

    A word is a run of letters, digits, combining marks and joiners. An apostrophe, hyphen or full stop stays inside
    if letters are on both sides (``don't``, ``well-known``, ``e.g``), and so do the separators of a number
    (``1,000.5``). Chinese characters and Hiragana are one word each; Katakana and scripts without spaces, such as
    Thai, are kept in runs. Follows UAX #29, except that hyphens join.

    Args:
        text: any text.
        lowercase: fold the case first, by ``str.lower``.

    >>> words("Don't panic: it's 1,000.5 km to नमस्ते-town!")
    ["Don't", 'panic', "it's", '1,000.5', 'km', 'to', 'नमस्ते-town']
    >>> words("東京タワー is tall")
    ['東', '京', 'タワー', 'is', 'tall']
    """
    found: list[str] = _pattern().findall(text.lower() if lowercase else text)
    return found


@cache
def _pattern() -> re.Pattern[str]:
    """The word pattern; `re` does not know combining marks, so their ranges are read off the Unicode database once."""
    marks = _ranges("Mn", "Mc", "Me")
    other = f"{_IDEOGRAPHS}{_KATAKANA}"
    letter = f"(?:(?![{other}])[^\\W_])[{marks}\u200c\u200d]*+"
    run = f"(?:{letter})++"
    number = r"\d++(?:[.,]\d++)++(?![^\W_])"
    return re.compile(
        f"{number}|{run}(?:['’.·\u2010\u2011_-]{run})*+|[{_KATAKANA}][{_KATAKANA}{marks}]*+|[{_IDEOGRAPHS}][{marks}]*+"
    )


def _ranges(*categories: str) -> str:
    parts: list[str] = []
    start: int | None = None
    # Planes 2 to 13 hold no marks; stopping below them saves nine tenths of the loop.
    last = min(sys.maxunicode, 0x1FFFF)
    for point in range(0x300, last + 2):
        inside = point <= last and unicodedata.category(chr(point)) in categories
        if inside and start is None:
            start = point
        elif not inside and start is not None:
            parts.append(f"{chr(start)}-{chr(point - 1)}")
            start = None
    return "".join(parts)
