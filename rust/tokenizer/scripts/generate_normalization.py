"""Write src/unicode/forms/table.rs and src/unicode/traits/table.rs by asking the reference.

What `tokenizers` 0.23.3 does to characters comes from four versions of Unicode (9 for normal forms and combining
marks, about 7 for the categories that BERT removes, 17 for lower case), so the tables are made from its answers for
every code point. Combining classes and pairs that compose are not visible one character at a time: they are those of
Python's `unicodedata`, of any later version, where the reference shows that it knows the character; both never change
once a character is assigned. Run with:

    pip install tokenizers==0.23.3
    python rust/tokenizer/scripts/generate_normalization.py
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from importlib.metadata import version
from itertools import chain

from tables import CODE_POINTS, array, two_stage, write
from tokenizers.normalizers import NFC, NFD, NFKC, NFKD, BertNormalizer, Lowercase, StripAccents

REFERENCE = "0.23.3"
HEADER = [f"Made by `scripts/generate_normalization.py` from `tokenizers` {REFERENCE}; do not edit."]
HANGUL = range(0xAC00, 0xD7A4)
SCALARS = [code for code in CODE_POINTS if not 0xD800 <= code < 0xE000]
# Bits of a character's traits; those of `src/unicode/traits/mod.rs`.
DROPPED, SPACE, IDEOGRAPH, NONSPACING, COMBINING, LOWERED, REORDERED = (1 << bit for bit in range(7))
# Characters that the reference does not change when they are normalized one by one.
ABOVE, OVERLAY = "\u0301", "\u0334"  # of combining class 230 and 1


def answers(normalize: Callable[[str], str]) -> dict[int, str]:
    """What becomes of each character that is changed."""
    found = ((code, normalize(chr(code))) for code in SCALARS)
    return {code: text for code, text in found if text != chr(code)}


nfd, nfkd = NFD().normalize_str, NFKD().normalize_str
nfc, nfkc = NFC().normalize_str, NFKC().normalize_str


def combining_class(code: int) -> int:
    """The canonical combining class, where the reference reorders the character by it."""
    character, known = chr(code), unicodedata.combining(chr(code))
    if known == 0 or code in canonical:
        return 0
    mark = OVERLAY if known > 1 else ABOVE
    in_order = mark + character if known > 1 else character + mark
    both = {nfd("a" + character + mark), nfd("a" + mark + character)}
    return known if both == {"a" + in_order} else 0


def compositions() -> dict[tuple[int, int], int]:
    """Pairs of characters that the reference composes."""
    pairs = {}
    for code in canonical.keys() - set(HANGUL):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2:
            first, second = (int(part, 16) for part in parts)
            if nfc(chr(first) + chr(second)) == chr(code):
                pairs[first, second] = code
    return pairs


def forms() -> None:
    """Combining class, quick checks and decompositions of every character."""
    pairs = compositions()
    seconds = sorted({second for _, second in pairs})
    changed_by_nfc, changed_by_nfkc = answers(nfc), answers(nfkc)
    vowels_and_finals = {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}
    decomposed: list[str] = []
    places: dict[str, int] = {}
    records: dict[tuple[int, ...], int] = {(0,) * 7: 0}
    values = []

    def place(text: str) -> tuple[int, int]:
        if text and text not in places:
            places[text] = len(decomposed)
            decomposed.extend(text)
        return places.get(text, 0), len(text)

    for code in CODE_POINTS:
        hangul = code in HANGUL
        full = "" if hangul else canonical.get(code, "")
        compatible = full if hangul else compatibility.get(code, full)
        second = seconds.index(code) + 1 if code in seconds else 0
        maybe = bool(second) or code in vowels_and_finals
        flags = (maybe or code in changed_by_nfc) | (maybe or code in changed_by_nfkc) << 1 | hangul << 2
        record = (classes.get(code, 0), flags, second, *place(full), *place(compatible))
        values.append(records.setdefault(record, len(records)))
    by_second = sorted((second, first, code) for (first, second), code in pairs.items())
    starts = [sum(second < limit for second, _, _ in by_second) for limit in seconds]
    lines = [
        "use super::Record;",
        "",
        *two_stage("", "u16", values),
        *array(
            "RECORDS",
            "Record",
            (f"Record({', '.join(map(str, record))})" for record in records),
            "What the values stand for.",
        ),
        *array("DECOMPOSED", "char", map(literal, decomposed), "All decompositions, one after the other."),
        *array(
            "COMPOSED",
            "(char, char)",
            (f"({literal(chr(first))}, {literal(chr(code))})" for _, first, code in by_second),
            "First characters and what they compose to, by the second one and sorted.",
        ),
        *array(
            "STARTS",
            "u16",
            map(str, [*starts, len(by_second)]),
            "For each second character, where its pairs start.",
        ),
    ]
    write("unicode/forms/table.rs", HEADER, lines)


def literal(character: str) -> str:
    return f"'\\u{{{ord(character):x}}}'"


def traits() -> None:
    """What cleaning, stripping and lowering do to every character."""
    lowered = answers(Lowercase().normalize_str)
    cleaned = answers(BertNormalizer(True, False, False, False).normalize_str)
    spaced = answers(BertNormalizer(False, True, False, False).normalize_str)
    bare = answers(BertNormalizer(False, False, True, False).normalize_str)
    stripped = answers(StripAccents().normalize_str)
    assert {len(text) for code, text in lowered.items() if code != 0x130} == {1}
    assert set(cleaned.values()) == {"", " "}
    assert set(stripped.values()) == {""}
    values = []
    for code in CODE_POINTS:
        value = DROPPED * (cleaned.get(code) == "") | SPACE * (cleaned.get(code) == " " or code == 0x20)
        value |= IDEOGRAPH * (code in spaced) | COMBINING * (code in stripped)
        value |= NONSPACING * (code not in canonical and bare.get(code) == "")
        value |= LOWERED * (code in lowered) | REORDERED * (code in canonical or code in classes)
        values.append(value)
    pairs = sorted(lowered.items())
    lines = [
        *two_stage("", "u8", values),
        *array(
            "LOWER",
            "(char, char)",
            (f"({literal(chr(code))}, {literal(text[0])})" for code, text in pairs),
            "Characters and their lower case, sorted; that of U+0130 has U+0307 after it.",
        ),
    ]
    write("unicode/traits/table.rs", HEADER, lines)


if __name__ == "__main__":
    assert version("tokenizers") == REFERENCE, version("tokenizers")
    canonical, compatibility = answers(nfd), answers(nfkd)
    classes = {code: found for code in SCALARS if (found := combining_class(code))}
    # The characters of decompositions are reordered too, and are decomposed as far as can be.
    assert not canonical.keys() & set(map(ord, chain.from_iterable(canonical.values())))
    forms()
    traits()
