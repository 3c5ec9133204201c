"""What tells text worth learning from: the published heuristics of Gopher and of C4, with thresholds to choose."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError, nearest
from ferrolm.text.stop_words import stop_words
from ferrolm.text.words import DICTIONARY_LANGUAGES

__all__ = ["C4Rules", "GopherRules", "Judgement", "QualityFilter"]

# Of these, a document must have two.
_GOPHER_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


@dataclass(frozen=True, kw_only=True)
class GopherRules:
    """Rae et al. 2021, "Scaling Language Models", appendix A1.1 and table A1, whose thresholds are the defaults.

    A document is kept if no statistic is below its ``min_`` or above its ``max_``. ``None`` takes a rule out. Ratios are
    for each word, shares (all between 0 and 1) of the document's words, lines or characters. Words are what white space
    separates; ``min_words``, ``max_words`` and the mean length leave out those without a letter or digit.
    """

    min_words: float | None = 50
    max_words: float | None = 100_000
    min_mean_word_length: float | None = 3
    """In characters."""
    max_mean_word_length: float | None = 10
    max_hash_ratio: float | None = 0.1
    """Number signs for each word."""
    max_ellipsis_ratio: float | None = 0.1
    max_bullet_lines: float | None = 0.9
    """Lines that begin with ``•``, ``-`` or ``*``."""
    max_ellipsis_lines: float | None = 0.3
    """Lines that end with an ellipsis."""
    min_alphabetic_words: float | None = 0.8
    """Words with a letter."""
    min_stop_words: float | None = 2
    """How many different ones of ``stop_words``."""
    max_duplicate_lines: float | None = 0.3
    """Lines that came before in the document."""
    max_duplicate_paragraphs: float | None = 0.3
    max_duplicate_line_characters: float | None = 0.2
    max_duplicate_paragraph_characters: float | None = 0.2
    max_top_2_gram: float | None = 0.2
    """Characters in the most frequent pair of words; zero if none occurs twice."""
    max_top_3_gram: float | None = 0.18
    max_top_4_gram: float | None = 0.16
    max_duplicate_5_grams: float | None = 0.15
    """Characters in runs of five words that came before, none counted twice."""
    max_duplicate_6_grams: float | None = 0.14
    max_duplicate_7_grams: float | None = 0.13
    max_duplicate_8_grams: float | None = 0.12
    max_duplicate_9_grams: float | None = 0.11
    max_duplicate_10_grams: float | None = 0.1
    stop_words: Iterable[str] | None = None
    """By default the eight of the paper for English, and `ferrolm.text.stop_words` of the language for others."""


@dataclass(frozen=True, kw_only=True)
class C4Rules:
    """Raffel et al. 2020, "Exploring the Limits of Transfer Learning", section 2.2, whose thresholds are the defaults.

    Lines go that do not end in a terminal mark, have few words, mention JavaScript, or speak of cookies, privacy or terms
    of use; marks of citations are taken out of lines. A page goes that has "lorem ipsum", a curly bracket or a bad word,
    or too few sentences left. (The code that was published with the paper has ``min_sentences=5, min_line_words=3``.)
    """

    min_sentences: int = 3
    min_line_words: int = 5
    max_word_length: int = 1000
    """In characters; a line with a longer word goes."""
    terminal_punctuation: str = ".!?\"'”’。！？」』।؟۔"
    """Empty: lines may end in anything."""
    javascript: bool = True
    policy: bool = True
    lorem_ipsum: bool = True
    curly_bracket: bool = True
    citations: bool = True
    bad_words: Iterable[str] = ()
    """Words and phrases that no page may have, in any case. The paper used a list of others; none is bundled."""


Rules = GopherRules | C4Rules
_RULES: dict[str, type[Rules]] = {"gopher": GopherRules, "c4": C4Rules}


class Judgement(NamedTuple):
    """What a filter makes of a text."""

    text: str | None
    """What stays of it; ``None`` if it goes."""
    reasons: list[str]
    """The names of the rules for which it goes, which are those of the thresholds."""


class QualityFilter:
    r"""Keeps, shortens or removes documents by published rules.

    Args:
        rules: ``"gopher"`` or ``"c4"`` with their published thresholds, or `GopherRules` or `C4Rules` of one's own.
        language: of the documents, in ISO 639-1: whose stop words Gopher counts, and whether words are found by a
            dictionary (Chinese, Japanese, Thai, Lao, Khmer, Burmese).
        thresholds: fields of the rules that differ.

    Raises:
        UnknownNameError: rules, a threshold or a language that is not known.
        InvalidArgumentError: a threshold that is not a number.

    >>> keeps = QualityFilter("gopher", min_words=5)
    >>> keeps("so to be clear: buy buy buy buy buy")
    Judgement(text=None, reasons=['max_top_2_gram', 'max_top_3_gram', 'max_top_4_gram'])
    >>> QualityFilter("c4", min_sentences=1)("Home | Login\nThe cat sat on the mat.[1]")
    Judgement(text='The cat sat on the mat.', reasons=[])
    """

    def __init__(
        self, rules: Literal["gopher", "c4"] | Rules = "gopher", *, language: str = "en", **thresholds: Any
    ) -> None:
        self.rules = _with(_of_name(rules), thresholds)
        self.language = language
        segmented = language.partition("-")[0] in DICTIONARY_LANGUAGES
        if isinstance(self.rules, GopherRules):
            self._gopher: _rust.GopherFilter | None = _gopher(self.rules, language, segmented)
        else:
            self._gopher, self._c4 = None, _c4(self.rules, segmented)

    def __call__(self, text: str) -> Judgement:
        """The text that stays, or ``None`` and the names of the rules that it breaks."""
        if self._gopher is not None:
            return _judge(text, self._gopher.violations(text))
        return Judgement(*self._c4.clean(text))

    def batch(self, texts: Iterable[str]) -> list[Judgement]:
        """What calling it gives for each text, in parallel."""
        texts = list(texts)
        if self._gopher is not None:
            return list(map(_judge, texts, self._gopher.violations_all(texts)))
        return [Judgement(*cleaned) for cleaned in self._c4.clean_all(texts)]

    def statistics(self, text: str) -> dict[str, float]:
        """The numbers that Gopher's rules limit, by the names of the rules without ``min_`` and ``max_``.

        Raises:
            InvalidArgumentError: the rules are those of C4, which have no statistics.

        >>> QualityFilter("gopher").statistics("to be or not to be")["stop_words"]
        2.0
        """
        if self._gopher is None:
            raise InvalidArgumentError("rules are C4Rules, which have no statistics: expected GopherRules")
        return dict(self._gopher.statistics(text))

    def __repr__(self) -> str:
        changed = [
            f"{field.name}={value!r}"
            for field in dataclasses.fields(self.rules)
            if (value := getattr(self.rules, field.name)) != field.default
        ]
        name = "gopher" if self._gopher is not None else "c4"
        return f"QualityFilter({', '.join([repr(name), f'language={self.language!r}', *changed])})"


def _of_name(rules: str | Rules) -> Rules:
    if isinstance(rules, (GopherRules, C4Rules)):
        return rules
    if rules not in _RULES:
        raise UnknownNameError(f"rules {rules!r} are not one of {', '.join(_RULES)}{nearest(rules, _RULES)}")
    return _RULES[rules]()


def _with(rules: Rules, thresholds: dict[str, Any]) -> Rules:
    names = [field.name for field in dataclasses.fields(rules)]
    for name in thresholds:
        if name not in names:
            raise UnknownNameError(f"{type(rules).__name__} have no {name!r}{nearest(name, names)}")
    return dataclasses.replace(rules, **thresholds)


def _gopher(rules: GopherRules, language: str, segmented: bool) -> _rust.GopherFilter:
    limits: list[tuple[str, float]] = []
    for field in dataclasses.fields(rules):
        value = getattr(rules, field.name)
        if field.name == "stop_words" or value is None:
            continue
        if not isinstance(value, (int, float)) or math.isnan(value):
            raise InvalidArgumentError(f"{field.name} is {value!r}, expected a number or None")
        limits.append((field.name, value))
    counted = {word.lower() for word in _stop_words(rules, language)}
    return _rust.GopherFilter(limits, counted, segmented)


def _stop_words(rules: GopherRules, language: str) -> Iterable[str]:
    if rules.stop_words is not None:
        return _strings("stop_words", rules.stop_words)
    if rules.min_stop_words is None:
        return ()
    return _GOPHER_STOP_WORDS if language == "en" else stop_words(language)


def _c4(rules: C4Rules, segmented: bool) -> _rust.C4Filter:
    for name in ("min_sentences", "min_line_words", "max_word_length"):
        value = getattr(rules, name)
        if not isinstance(value, int) or value < 0:
            raise InvalidArgumentError(f"{name} is {value!r}, expected a whole number of 0 or more")
    fields = {field.name: getattr(rules, field.name) for field in dataclasses.fields(rules)}
    fields["bad_words"] = list(_strings("bad_words", rules.bad_words))
    return _rust.C4Filter(segmented=segmented, **fields)


def _strings(name: str, values: Iterable[str]) -> Iterable[str]:
    if isinstance(values, str):
        raise InvalidTypeError(f"{name} is a str, expected several of them: [{values!r}]")
    return values


def _judge(text: str, reasons: list[str]) -> Judgement:
    return Judgement(None if reasons else text, reasons)
