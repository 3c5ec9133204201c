"""`detect_language` and `detect_languages`."""

from __future__ import annotations

import pytest
from shared_data import shared

from ferrolm.errors import InvalidTypeError, UnknownNameError
from ferrolm.text import Language, detect_language, detect_languages

pytest.importorskip("py3langid")

FILES = {
    "arb": "ar", "ces": "cs", "cmn_hans": "zh", "deu": "de", "ell_monotonic": "el", "eng": "en", "fin": "fi",
    "fra": "fr", "heb": "he", "hin": "hi", "hun": "hu", "ita": "it", "jpn": "ja", "kat": "ka", "kor": "ko",
    "pol": "pl", "por_BR": "pt", "rus": "ru", "spa": "es", "tha": "th", "tur": "tr", "ukr": "uk", "vie": "vi",
}  # fmt: skip


def test_languages_of_sentences_are_found():
    folder = shared("text/multilingual/udhr")
    rows = [
        (line.strip(), code)
        for name, code in FILES.items()
        for line in (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()[4:40]
        if len(line.strip()) >= 20
    ]
    found = detect_languages([text for text, _ in rows])
    right = [language.code == code for language, (_, code) in zip(found, rows, strict=True)]
    assert len(right) > 200
    assert sum(right) / len(right) > 0.97
    assert all(0 < language.probability <= 1 for language in found)


@pytest.mark.parametrize("text", ["", "12:30", " \n", "!?"])
def test_a_text_without_letters_has_no_language(text):
    assert detect_language(text) == Language("und", 0.0)


def test_languages_can_be_limited():
    text = "Semua orang dilahirkan merdeka dan mempunyai martabat dan hak-hak yang sama."
    assert detect_language(text, languages=["en", "id", "fr"]).code == "id"
    assert detect_language(text, languages={"en"}) == Language("en", 1.0)


def test_only_the_beginning_is_read():
    assert (
        detect_language("Das ist ein deutscher Satz. " + "And English. " * 100, max_characters=27).code
        == "de"
    )


def test_any_characters_are_read():
    assert detect_language("ein Satz mit \ud800 und \x00 darin").code == "de"


def test_an_unknown_language_is_named():
    with pytest.raises(UnknownNameError, match=r"language 'xx' is not one of .*, am, an, ar"):
        detect_language("text", languages=["de", "xx"])


def test_what_is_no_text_is_named():
    with pytest.raises(InvalidTypeError, match="text is int"):
        detect_language(3)
    with pytest.raises(InvalidTypeError, match="texts is str, expected several"):
        detect_languages("one text")
