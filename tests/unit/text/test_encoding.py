"""`decode_html`: marks, content, declarations, in that order."""

from __future__ import annotations

import contextlib
import encodings.aliases

import pytest

from ferrolm.errors import InvalidArgumentError
from ferrolm.text import decode_html


@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides(name):
    assert decode_html("<meta charset=ascii>žluťoučký".encode(name)).endswith("žluťoučký")
    assert decode_html("žluťoučký".encode(name), "latin-1") == "žluťoučký"


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("iso-8859-1", "cp1252", "“naïve” €"),
        ("ISO-8859-2", "iso8859_2", "Zażółć gęślą jaźń"),
        ("windows-1251", "cp1251", "Съешь ещё этих булок"),
        ("koi8-r", "koi8_r", "Съешь ещё этих булок"),
        ("Shift_JIS", "cp932", "①吾輩は猫である"),
        ("euc-jp", "euc_jp", "吾輩は猫である"),
        ("iso-2022-jp", "iso2022_jp", "吾輩は猫である"),
        ("gb2312", "gb18030", "人人生而自由龘"),
        ("big5", "big5", "人人生而自由"),
        ("euc-kr", "cp949", "모든 인간은 펲"),
    ],
)
@pytest.mark.parametrize(
    "declaration", ['<meta charset="{}">', "<meta content='text/html; charset={}'>", '<?xml encoding="{}"?>']
)
def test_a_declaration_decides_for_what_is_not_utf8(label, codec, text, declaration):
    page = declaration.format(label) + text
    assert decode_html(page.encode(codec)) == page
    assert decode_html(text.encode(codec), label) == text


def test_valid_utf8_wins_over_a_wrong_declaration():
    page = '<meta charset="iso-8859-1">žluťoučký'
    assert decode_html(page.encode()) == page


def test_without_a_declaration_other_bytes_are_windows_1252():
    assert decode_html("déjà vu – “quoted”".encode("cp1252")) == "déjà vu – “quoted”"


def test_a_page_cut_inside_a_character_stays_utf8():
    assert decode_html("Ünïcödé €".encode()[:-1]) == "Ünïcödé \ufffd"


def test_bytes_outside_the_encoding_become_replacement_characters():
    assert "\ufffd" in decode_html(b'<meta charset="utf-8">\xff\xfe abc \xff def')


def test_a_declared_utf16_that_was_read_as_ascii_is_not_believed():
    assert decode_html(b'<meta charset="utf-16">plain') == '<meta charset="utf-16">plain'


@pytest.mark.parametrize("declared", ["no-such-encoding", "base64", "rot13", "idna", "\x00", "x" * 4000])
def test_unknown_declarations_are_ignored_but_unknown_arguments_are_errors(declared):
    assert decode_html(b"<meta charset=" + declared.encode() + b"> caf\xe9").endswith("café")
    with pytest.raises(InvalidArgumentError, match="not a text encoding"):
        decode_html(b"x", declared)


@pytest.mark.parametrize(
    "encoding", sorted({*encodings.aliases.aliases.values(), "undefined", "unicode_escape"})
)
def test_every_codec_of_python_decodes_or_is_refused(encoding):
    with contextlib.suppress(InvalidArgumentError):
        assert isinstance(decode_html(b"\xff\x00 \\N \x1b$", encoding), str)
