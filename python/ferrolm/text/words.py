"""Words by the rules of Unicode, and by a dictionary for scripts that are written without spaces."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

from ferrolm import _rust

__all__ = ["DICTIONARY_LANGUAGES", "remove_punctuation", "words"]

DICTIONARY_LANGUAGES = ("ja", "km", "lo", "my", "th", "zh")
"""Languages whose words are found by a dictionary when asked for."""

# Scripts whose characters are words of their own (as in https://www.unicode.org/reports/tr29), and Katakana in runs.
_IDEOGRAPHS = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
# Thai and Lao, Burmese, Khmer, and all of the above: what the dictionaries of ICU are asked about.
_UNSPACED = f"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff{_IDEOGRAPHS}\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
_KATAKANA = "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"


def words(text: str, *, lowercase: bool = False, language: str | None = None) -> list[str]:
    """The words of a text, in order, without punctuation and white space.

    A word is a run of letters, digits, combining marks and joiners. An apostrophe, hyphen or full stop stays inside
    if letters are on both sides (``don't``, ``well-known``, ``e.g``), and so do the separators of a number
    (``1,000.5``). Chinese characters and Hiragana are one word each; Katakana and scripts without spaces, such as
    Thai, are kept in runs. Follows UAX #29, except that hyphens join.

    Args:
        text: any text.
        lowercase: fold the case first, by ``str.lower``.
        language: a code of ISO 639-1. For Chinese, Japanese, Thai, Lao, Khmer and Burmese (``zh``, ``ja``, ``th``,
            ``lo``, ``km``, ``my``), runs of these scripts are split into the words of ICU's dictionaries; for all other
            languages it changes nothing.

    >>> words("Don't panic: it's 1,000.5 km to नमस्ते-town!")
    ["Don't", 'panic', "it's", '1,000.5', 'km', 'to', 'नमस्ते-town']
    >>> words("東京タワー is tall")
    ['東', '京', 'タワー', 'is', 'tall']
    >>> words("東京タワー is tall", language="ja")
    ['東京', 'タワー', 'is', 'tall']
    >>> words("我们今天去北京。", language="zh")
    ['我们', '今天', '去', '北京']
    """
    if lowercase:
        text = text.lower()
    if language is None or language.partition("-")[0] not in DICTIONARY_LANGUAGES:
        found: list[str] = _pattern().findall(text)
        return found
    pieces = _dictionary_pattern().findall(text)
    runs = iter(_rust.segment_words([run for run, _ in pieces if run]))
    return [word for run, word in pieces for word in (next(runs) if run else (word,))]


def remove_punctuation(text: str, *, keep: str = "", replacement: str = "") -> str:
    """A text without the characters that Unicode calls punctuation (its categories P); symbols such as ``+`` stay.

    Args:
        text: any text.
        keep: punctuation that stays.
        replacement: what comes in the place of each run of punctuation, for example a space.

    >>> remove_punctuation("¿Qué? “Well-known”, she said: 1+1…")
    'Qué Wellknown she said 1+1'
    >>> remove_punctuation("don't stop: well-known", keep="'-")
    "don't stop well-known"
    """
    return _punctuation(frozenset(keep)).sub(lambda _: replacement, text)


@cache
def _punctuation(keep: frozenset[str]) -> re.Pattern[str]:
    found = "".join(re.escape(mark) for mark in _all_punctuation() if mark not in keep)
    return re.compile(f"[{found}]+") if found else re.compile(r"(?!)")


@cache
def _all_punctuation() -> str:
    # Above plane 1 there is none.
    return "".join(c for c in map(chr, range(0x20000)) if unicodedata.category(c)[0] == "P")


@cache
def _dictionary_pattern() -> re.Pattern[str]:
    """Two groups: a run of an unspaced script, or a word as by `_pattern`."""
    marks = _ranges("Mn", "Mc", "Me")
    word = _pattern().pattern
    return re.compile(
        f"([{_UNSPACED}][{_UNSPACED}{marks}\u200c\u200d]*+)|({word.replace(f'(?![{_IDEOGRAPHS}{_KATAKANA}])', f'(?![{_UNSPACED}{_KATAKANA}])')})"
    )


@cache
def _pattern() -> re.Pattern[str]:
    """The word pattern; `re` does not know combining marks, so their ranges are read off the Unicode database once."""
    run, others = letter_runs()
    number = r"\d++(?:[.,]\d++)++(?![^\W_])"
    return re.compile(f"{number}|{run}(?:['’.·\u2010\u2011_-]{run})*+|{others}")


def letter_runs() -> tuple[str, str]:
    """Patterns of a run of letters, digits and their marks, and of a run of Katakana or an ideograph."""
    marks = _ranges("Mn", "Mc", "Me")
    other = f"{_IDEOGRAPHS}{_KATAKANA}"
    letter = f"(?:(?![{other}])[^\\W_])[{marks}\u200c\u200d]*+"
    return f"(?:{letter})++", f"[{_KATAKANA}][{_KATAKANA}{marks}]*+|[{_IDEOGRAPHS}][{marks}]*+"


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
