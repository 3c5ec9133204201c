"""Sentences by rules: punctuation, abbreviations, and what comes next."""

from __future__ import annotations

import re

__all__ = ["split_sentences"]

# After which a full stop rarely ends a sentence. Lower case, without the last stop.
_ABBREVIATION_LIST = """
    mr mrs ms dr prof sr jr st mt messrs mme mlle rev hon gen col maj capt lt sgt cpl adm cmdr gov sen rep pres supt
    dept univ est approx appt tel ext ed eds al cf vs viz
    ca inc ltd corp bros e.g i.e jan feb mar apr jun jul aug sep sept oct nov dec ave blvd rd hwy ft
    z.b d.h u.a u.s.w bzw usw ca evtl ggf inkl str hr fr hrsg
    m mm p.ex env av éd
    sra srta dra ud uds ee.uu sig sigg dott avv ecc
"""
# Those that only stand before numbers.
_NUMBERED_LIST = (
    "no nos nr p pp pág págs núm fig figs eq eqs sec secs ch chs vol vols art arts pt bd abs para ver"
)
# Abbreviations that often end a sentence too: the next word decides.
_OPEN_LIST = "etc a.m p.m u.s u.k u.n e.u d.c ph.d inc ltd corp co jr sr bros st usw ecc av"
_STARTER_LIST = """
    the a an this that these those he she it we they i you but and so in on at for if when as there what who how
    his her its our their my your no not one some all after before while then
"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_LIST.split())
_NUMBERED = frozenset(_NUMBERED_LIST.split())
_OPEN = frozenset(_OPEN_LIST.split())
_STARTERS = frozenset(_STARTER_LIST.split())

# A run of stops with closing quotes, then white space; ideographic stops need no space; an empty line always ends.
# Runs are entered at their first character only, which keeps this linear.
_CANDIDATE = re.compile(
    r"(?P<stop>(?<![.!?…])[.!?…]++)[\"'”’»)\]*_]*+(?P<gap>\s++)"
    r"|[。！？｡]++[」』”’）)\"]*+\s*+"
    r"|[।॥؟۔։]++\s*+"
    r"|(?<![^\S\n])[^\S\n]*+\n\s*?\n\s*+"
)
_LAST_WORD = re.compile(r"(?:[^\W\d_]+\.)*[^\W\d_]+$")
_NEXT_WORD = re.compile(r"[\"'“”‘’«(\[*_\-–—]*+(\w*+)")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, in order, trimmed; every visible character is in exactly one of them.

    Full stops after abbreviations, initials and numbers of lists do not end a sentence, nor do stops before a small
    letter. An empty line always ends one. Abbreviations are known for English and the commonest of German, French,
    Spanish and Italian; Chinese, Japanese, Hindi, Arabic, Urdu and Armenian stops need no white space after them.

    >>> split_sentences('Dr. Lee paid $3.50 to J. K. Rowe. "Really?" she asked. It was 5 p.m. She left.')
    ['Dr. Lee paid $3.50 to J. K. Rowe.', '"Really?" she asked.', 'It was 5 p.m.', 'She left.']
    >>> split_sentences("今日は晴れ。明日は雨。")
    ['今日は晴れ。', '明日は雨。']
    """
    sentences: list[str] = []
    start = 0
    for candidate in _CANDIDATE.finditer(text):
        if candidate["stop"] is None or _ends(text, start, candidate):
            sentences.append(text[start : candidate.end()].strip())
            start = candidate.end()
    sentences.append(text[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _ends(text: str, start: int, candidate: re.Match[str]) -> bool:
    """Whether the stop at ``candidate`` ends the sentence that began at ``start``."""
    if candidate["gap"].count("\n") > 1:
        return True
    following = _NEXT_WORD.match(text, candidate.end())
    word = following[1] if following else ""
    if word[:1].islower():
        return False
    if candidate["stop"] != ".":
        return True
    # Abbreviations are short; a look back of 32 characters keeps this linear.
    before = text[max(start, candidate.start() - 32) : candidate.start()]
    if before[-1:].isdigit():
        return not text[start : candidate.start()].strip().isdigit()  # "1. First" numbers a list
    last = _LAST_WORD.search(before)
    if last is None:
        return True
    abbreviation = last[0].lower()
    if abbreviation in _OPEN or ("." in abbreviation and abbreviation not in _ABBREVIATIONS):
        return word.lower() in _STARTERS or not word
    if abbreviation in _NUMBERED:
        return not word[:1].isdigit()
    if abbreviation in _ABBREVIATIONS:
        return not word
    return not (len(abbreviation) == 1 and last[0].isupper() and last[0] != "I")
