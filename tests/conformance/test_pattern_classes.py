"""Character classes of patterns have the characters that they have in the `tokenizers` package."""

from __future__ import annotations

from typing import Any

import pytest

import ferrolm.tokenizers as ours_module

theirs_module = pytest.importorskip("tokenizers")

# Beyond these planes there are only ideographs of a few blocks, private use and nothing.
CHARACTERS = "".join(chr(code) for code in range(0x33500) if not 0xD800 <= code < 0xE000)
BEYOND = "".join(chr(code) for code in range(0xE0000, 0xE0200)) + "\U000f0000\U0010fffd\U0010ffff"

CATEGORIES = "L N P S M Z C Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Cc Cf Cn Co"
SCRIPTS = "Han Hiragana Katakana Latin Greek Cyrillic Arabic Hangul Thai Common Inherited"
PROPERTIES = (
    "Alphabetic White_Space Emoji Ideographic Uppercase Lowercase Alnum Graph Print Punct Word XDigit"
)
POSIX = "alnum alpha ascii blank cntrl digit graph lower print punct space upper xdigit word"
PATTERNS = [
    *(rf"\p{{{name}}}" for name in f"{CATEGORIES} {SCRIPTS} {PROPERTIES}".split()),
    *(f"[[:{name}:]]" for name in POSIX.split()),
    *(r"\s", r"\w", r"\d", r"\h", r"\S", r"\W", r"[\w]", r"[^\W]", ".", r"[\p{Word}]", r"\p{^Word}"),
    *("(?i:[[:upper:]])", r"(?i:[\p{Ll}])", r"(?i:\p{Lu})", r"(?W:\w)", r"(?P:[[:alpha:]])", r"(?S:\s)"),
]


def without(module: Any, pattern: str, text: str) -> str:
    return module.normalizers.Replace(module.Regex(pattern), "").normalize_str(text)  # type: ignore[no-any-return]


@pytest.mark.parametrize("part", range(8))
def test_classes(part: int) -> None:
    for pattern in PATTERNS[part::8]:
        for text in (CHARACTERS, BEYOND):
            assert without(ours_module, pattern, text) == without(theirs_module, pattern, text), pattern


def test_word_boundaries() -> None:
    text = "".join(f" {character}" for character in CHARACTERS[:0x3000])
    for pattern in (r"\b.", r"\B."):
        assert without(ours_module, pattern, text) == without(theirs_module, pattern, text), pattern


def test_other_cases() -> None:
    """Every character that has another case, in any case: alone and in brackets."""
    cased = [c for c in CHARACTERS if c.lower() != c or c.upper() != c or c.casefold() != c]
    text = "|".join(sorted({form for c in cased for form in (c, c.lower(), c.upper(), c.casefold())}))
    for at in range(0, len(cased), 150):
        some = "".join(cased[at : at + 150])
        pattern = f"(?i)[{some}]"
        assert without(ours_module, pattern, text) == without(theirs_module, pattern, text), pattern
        pattern = f"(?i){'|'.join(some)}"
        assert without(ours_module, pattern, text) == without(theirs_module, pattern, text), pattern
