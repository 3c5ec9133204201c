"""Steps that change a text and keep every document."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.text.masking import mask as mask_text
from ferrolm.text.normalize import Form, normalize_text
from ferrolm.text.pipeline.document import Document
from ferrolm.text.pipeline.step import DocumentFunction, register
from ferrolm.text.sentences import split_sentences
from ferrolm.text.words import words as words_of

__all__ = [
    "control",
    "counterfactual",
    "lowercase",
    "mask",
    "mojibake",
    "normalize",
    "personal_data",
    "punctuation",
    "sentences",
    "stop_words",
    "words",
]

_FORMS: dict[str, Form | None] = {
    "NFC": "NFC",
    "NFD": "NFD",
    "NFKC": "NFKC",
    "NFKD": "NFKD",
    "none": None,
}


def _changing(function: Callable[[str], str]) -> DocumentFunction:
    function("")  # wrong parameters and missing extras are errors now, not at the first document

    def step(document: Document) -> Document:
        document.text = function(document.text)
        return document

    return step


@register("normalize")
def normalize(form: str = "NFC") -> DocumentFunction:
    """One Unicode form= (NFC, NFD, NFKC, NFKD, none), no control or invisible characters, plain white space."""
    if form not in _FORMS:
        raise UnknownNameError(
            f"normalize: form is {form!r}, expected one of {', '.join(_FORMS)}{nearest(form, _FORMS)}"
        )
    chosen = _FORMS[form]
    return _changing(lambda text: normalize_text(text, chosen))


@register("mojibake")
def mojibake() -> DocumentFunction:
    """Repair text that was decoded in the wrong encoding (ftfy)."""
    return _changing(
        lambda text: normalize_text(
            text, None, controls=False, invisible=False, whitespace=False, mojibake=True
        )
    )


@register("control")
def control() -> DocumentFunction:
    """Remove control, zero-width and other invisible characters, and nothing else."""
    return _changing(lambda text: normalize_text(text, None, whitespace=False))


@register("mask")
def mask(kinds: tuple[str, ...] = ("url", "email")) -> DocumentFunction:
    """Place-holders for kinds= (url, email, number; joined by +)."""
    return _changing(lambda text: mask_text(text, kinds))


@register("personal-data")
def personal_data(
    kinds: tuple[str, ...] = ("email", "phone", "ip", "card", "iban", "ssn"),
) -> DocumentFunction:
    """Place-holders for personal data, kinds= (email, phone, ip, card, iban, ssn; joined by +)."""
    from ferrolm.text.personal_data import mask_personal_data

    return _changing(lambda text: mask_personal_data(text, kinds))


@register("punctuation")
def punctuation(keep: str = "") -> DocumentFunction:
    """Remove punctuation, but for the characters of keep=."""
    from ferrolm.text.words import remove_punctuation

    return _changing(lambda text: remove_punctuation(text, keep=keep))


@register("stop-words")
def stop_words(language: str = "en") -> DocumentFunction:
    """Remove the function words of language=, and with them the punctuation; lines stay."""
    from ferrolm.text.stop_words import remove_stop_words

    return _changing(lambda text: "\n".join(remove_stop_words(line, language) for line in text.split("\n")))


@register("lowercase")
def lowercase() -> DocumentFunction:
    """Small letters."""
    return _changing(str.lower)


@register("sentences")
def sentences(lines: bool | None = None) -> DocumentFunction:
    """One sentence a line. lines=true: none goes on in the next line (true for pages, whose lines are paragraphs)."""

    def step(document: Document) -> Document:
        apart = document.media_type == "text/html" if lines is None else lines
        blocks = document.text.split("\n") if apart else [document.text]
        found = (sentence for block in blocks for sentence in split_sentences(block))
        document.text = "\n".join(" ".join(sentence.split()) for sentence in found)
        return document

    return step


@register("words")
def words(language: str | None = None, lowercase: bool = False) -> DocumentFunction:
    """Words alone, with a space between two; lines stay. language= zh, ja, th, lo, km or my finds words by dictionary."""
    named: dict[str, Any] = {} if language is None else {"language": language}

    def line_of(line: str) -> str:
        return " ".join(words_of(line, lowercase=lowercase, **named))

    return _changing(lambda text: "\n".join(filter(None, map(line_of, text.split("\n")))))


@register("counterfactual")
def counterfactual(
    mode: str = "substitute", share: float = 0.5, pairs: str = "", seed: int = 0
) -> DocumentFunction:
    """Women for men and men for women, in a share= of the texts (mode=substitute) or in a copy behind each (mode=double).

    pairs= names a file with more pairs of words, two a line. Which texts are changed depends on the text and seed= alone.
    """
    # Augmentation needs numpy's generators, which the other steps do without.
    from ferrolm.text.augmentation import GENDER_PAIRS, CounterfactualSwap, read_word_pairs

    if mode not in ("substitute", "double"):
        raise UnknownNameError(f"counterfactual: mode is {mode!r}, expected substitute or double")
    if not 0.0 <= share <= 1.0:
        raise InvalidArgumentError(f"counterfactual: share is {share}, expected 0 to 1")
    swap = CounterfactualSwap([*GENDER_PAIRS, *(read_word_pairs(pairs) if pairs else [])])
    key = seed.to_bytes(8, "little", signed=True)

    def step(document: Document) -> Document:
        if mode == "substitute" and _chance(document.text, key) >= share:
            return document
        other = swap.swap(document.text)
        if other != document.text:
            document.notes.append("a counterfactual")
            document.text = other if mode == "substitute" else f"{document.text}\n\n{other}"
        return document

    return step


def _chance(text: str, key: bytes) -> float:
    """A number from 0 to 1 that is the same for a text in any order and process."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
    return int.from_bytes(digest, "little") / 2**64
