"""Unicode text in one form: https://www.unicode.org/reports/tr15, and what is better gone before tokenization."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, get_args

from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError

__all__ = ["Form", "normalize_text"]

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

_SURROGATES = re.compile("[\ud800-\udfff]")
_NEWLINES = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
# The last two characters of each plane are none.
_NONCHARACTERS = "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
_CONTROLS = re.compile(f"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef{_NONCHARACTERS}]")
# Soft hyphen, zero-width space, word joiner, byte order mark, bidirectional controls, invisible operators, fillers of
# Hangul that show nothing, controls of shorthand and music, and tag characters that are not the flag of a region. Joiners
# (U+200C, U+200D) and variation selectors stay: Persian, the scripts of India and emoji are spelt with them.
_INVISIBLE = re.compile(
    "[\xad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]"
    "|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"
)
# One of them chooses a form of the character before; any more carry something that nobody sees.
_SELECTORS = re.compile("(?<=[\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
# Most spaces are single and plain, and stay.
_SPACES = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_ASCII_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_LINE_ENDS = re.compile(r" ?\n ?")
_BLANK_LINES = re.compile(r"\n{3,}")


def normalize_text(
    text: str,
    form: Form | None = "NFC",
    *,
    controls: bool = True,
    invisible: bool = True,
    whitespace: bool = True,
    mojibake: bool = False,
) -> str:
    r"""Text in a Unicode normalization form, without control and invisible characters, with plain white space.

    Args:
        text: any text; lone surrogates become U+FFFD.
        form: the normalization form; ``None`` leaves the characters as they are.
        controls: remove control characters and noncharacters; every kind of line break becomes a line feed.
        invisible: remove zero-width spaces, soft hyphens, bidirectional controls, fillers, hidden tag characters and
            all but the first of several variation selectors, but keep the joiners and selectors that emoji and several
            scripts are spelt with.
        whitespace: make each run of spaces one space, trim lines, and leave at most one empty line between two.
        mojibake: repair text that was decoded in the wrong encoding, by ftfy (extra ``text``).

    The result is a fixed point: normalizing it again changes nothing.

    Raises:
        InvalidArgumentError: ``form`` is not a normalization form.
        MissingExtraError: ``mojibake`` is asked for and ftfy is not installed.

    >>> normalize_text("Cafe\u0301\u200b \u00a0 au\tlait\r\n")
    'Café au lait'
    >>> normalize_text("ﬁne ½", form="NFKC")
    'fine 1⁄2'
    """
    if form is not None and form not in get_args(Form):
        raise InvalidArgumentError(f"form is {form!r}, expected one of {', '.join(get_args(Form))} or None")
    text = _SURROGATES.sub("\ufffd", text) if not text.isascii() else text
    if mojibake:
        text = require("ftfy", "text", "repairing mojibake").fix_encoding(text)
    is_ascii = text.isascii()  # then half of the work has nothing to find
    if controls:
        text = (_ASCII_CONTROLS if is_ascii else _CONTROLS).sub("", _NEWLINES.sub("\n", text))
    if invisible and not is_ascii:
        text = _SELECTORS.sub("", _INVISIBLE.sub("", text))
    if form is not None and not is_ascii:
        text = unicodedata.normalize(form, text)
    if whitespace:
        text = _SPACES.sub(" ", text)
        text = _BLANK_LINES.sub("\n\n", _LINE_ENDS.sub("\n", text)).strip()
    return text
