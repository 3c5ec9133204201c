"""`normalize_text`: form, control characters, invisible characters, white space, mojibake."""

from __future__ import annotations

import pytest

from ferrolm.errors import InvalidArgumentError
from ferrolm.text import normalize_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e\u0301", "é"),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne"),
        ("bell\x07 esc\x1b del\x7f \ufffe", "bell esc del"),
        ("zero\u200bwidth\ufeff soft\xadhyphen", "zerowidth softhyphen"),
        ("\u202eright to left\u202c", "right to left"),
        ("  many \t\u3000 spaces\xa0 ", "many spaces"),
        ("a \n \n\n  \n b", "a\n\nb"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("hidden\U000e0068\U000e0069 tags", "hidden tags"),
    ],
)
def test_what_is_removed(text, expected):
    assert normalize_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d🚀",
        "می\u200cخواهم",
        "❤\ufe0f",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    ],
)
def test_joiners_selectors_and_flags_stay(text):
    assert normalize_text(text) == text


def test_each_step_can_be_left_out():
    text = "e\u0301\u200b \x07 \r\n"
    assert normalize_text(text, None, controls=False, invisible=False, whitespace=False) == text
    assert normalize_text(text, None, controls=False, whitespace=False) == "e\u0301 \x07 \r\n"
    assert normalize_text(text, "NFD", whitespace=False) == "e\u0301  \n"


def test_compatibility_forms():
    assert normalize_text("ﬁ ① Ａ", "NFKC") == "fi 1 A"


def test_mojibake_is_repaired_on_request():
    pytest.importorskip("ftfy")
    assert normalize_text("cafÃ© â€œquotedâ€\x9d", mojibake=True) == "café “quoted”"
    assert normalize_text("cafÃ©") == "cafÃ©"


def test_an_unknown_form_is_named():
    with pytest.raises(InvalidArgumentError, match="form is 'NFX', expected one of NFC"):
        normalize_text("x", "NFX")  # type: ignore[arg-type]
