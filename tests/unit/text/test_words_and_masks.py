"""`words`, `remove_punctuation`, `stop_words`, `remove_stop_words` and `mask`."""

from __future__ import annotations

import pytest

from ferrolm.errors import UnknownNameError
from ferrolm.text import mask, remove_punctuation, remove_stop_words, stop_words, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("... !? —", []),
        ("It's Mary-Jane’s U.S. dog.", ["It's", "Mary-Jane’s", "U.S", "dog"]),
        ("'quoted' -dashed- _under_", ["quoted", "dashed", "under"]),
        ("3.14 1,000 v2.0 10:30", ["3.14", "1,000", "v2.0", "10", "30"]),
        ("naïve nai\u0308ve Ελλάδα Ünïcödé", ["naïve", "nai\u0308ve", "Ελλάδα", "Ünïcödé"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("ภาษาไทย", ["ภาษาไทย"]),
        ("吾輩は猫である。", list("吾輩は猫である")),
        ("コンピュータ 漢字カナ", ["コンピュータ", "漢", "字", "カナ"]),
        ("한국어 텍스트", ["한국어", "텍스트"]),
        ("عربي: مثال", ["عربي", "مثال"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_words_can_be_lower_cased():
    assert words("The CAT", lowercase=True) == ["the", "cat"]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("zh", "", []),
        ("zh", "我们今天去北京。", ["我们", "今天", "去", "北京"]),
        ("zh-Hant", "我們在台北,GPT-4 與 3.14", ["我們", "在", "台北", "GPT-4", "與", "3.14"]),
        ("ja", "吾輩は猫である。コンピュータ", ["吾輩", "は", "猫", "で", "ある", "コンピュータ"]),
        ("th", "ภาษาไทยง่ายมาก don't", ["ภาษา", "ไทย", "ง่าย", "มาก", "don't"]),
        ("lo", "ພາສາລາວ", ["ພາສາ", "ລາວ"]),
        ("km", "ខ្ញុំស្រឡាញ់អ្នក", ["ខ្ញុំ", "ស្រឡាញ់", "អ្នក"]),
        ("en", "我们 it's", ["我", "们", "it's"]),
    ],
)
def test_a_dictionary_splits_unspaced_scripts(language, text, expected):
    assert words(text, language=language) == expected


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("", {}, ""),
        ("¿Qué? «Ça» „va“ — 100 %, 1+1=2!", {}, "Qué Ça va  100  1+1=2"),
        ("日本語。（はい）、「x」", {}, "日本語はいx"),
        ("end.Start--now", {"replacement": " "}, "end Start now"),
        ("don't stop!", {"keep": "'"}, "don't stop"),
        ("a-b]c^d\\e", {"keep": "]^-\\"}, "a-b]c^d\\e"),
    ],
)
def test_punctuation_is_removed(text, arguments, expected):
    assert remove_punctuation(text, **arguments) == expected


def test_stop_words_are_removed():
    assert remove_stop_words("The Cat sat, and THE dog didn't.") == "Cat sat dog"
    assert remove_stop_words(["Le", "chat", "et", "la"], "fr") == ["chat"]
    assert remove_stop_words([]) == []


def test_other_languages_have_lists_of_the_extra():
    pytest.importorskip("stopwordsiso")
    assert {"и", "не"} <= stop_words("ru")
    assert remove_stop_words("我们今天去北京", "zh") == "今天 北京"
    with pytest.raises(UnknownNameError, match="no stop words for 'xx'; there are: af, ar"):
        stop_words("xx")


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it", "pt"])
def test_stop_words_are_lower_case_words(language):
    found = stop_words(language)
    assert len(found) > 100
    assert all(word == word.lower() and words(word) == [word] for word in found)


def test_an_unknown_language_is_named():
    with pytest.raises(UnknownNameError, match="no stop words for 'eng'; there are: de, en"):
        stop_words("eng")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://a.org/x?y=(1)#z, or www.b.com.", "see <url>, or <url>."),
        ("(http://a.org/wiki/B_(c))", "(<url>))"),
        ("mail a.b+c@d-e.co.uk!", "mail <email>!"),
        ("not@mail not.a.url user@host", "not@mail not.a.url user@host"),
    ],
)
def test_addresses_are_masked(text, expected):
    assert mask(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "-3 +4.5e-6 10% 1,234.56 2026-03-14",
            "<number> <number> <number> <number> <number>-<number>-<number>",
        ),
        ("B2B x86 3rd v1.2", "B2B x86 3rd v1.2"),
        ("٣ دقائق", "<number> دقائق"),
    ],
)
def test_numbers_are_masked(text, expected):
    assert mask(text, ["number"]) == expected


def test_placeholders_and_kinds_can_be_chosen():
    assert mask("a@b.org 7", ["email", "number"], placeholders={"number": "#"}) == "<email> #"
    assert mask("a@b.org", []) == "a@b.org"
    with pytest.raises(UnknownNameError, match=r"kind 'urls' is not one of .*did you mean 'url'"):
        mask("x", ["urls"])
