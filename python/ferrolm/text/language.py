"""The language of a text, by py3langid: naive Bayes over byte n-grams (Lui and Baldwin 2012), 140 languages, offline."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from copy import copy
from functools import lru_cache
from typing import Any, NamedTuple

from ferrolm._extras import require
from ferrolm.errors import InvalidTypeError, UnknownNameError, nearest

__all__ = ["Language", "detect_language", "detect_languages"]

UNDETERMINED = "und"


class Language(NamedTuple):
    """A language with the probability that a text is in it."""

    code: str
    """ISO 639-1, or ISO 639-3 for languages without such a code; ``zxx`` for letters that are no language, ``und`` for a
    text without letters."""
    probability: float


def detect_language(
    text: str, *, languages: Collection[str] | None = None, max_characters: int = 2000
) -> Language:
    """The language of a text. Needs the extra ``text``.

    Args:
        text: a sentence or more; the surer the longer.
        languages: the only ones that come into question, as codes of ISO 639-1; by default all that are known.
            A few of those that are expected are told apart better, such as Indonesian among all but Malay.
        max_characters: how much of the text is read, from its beginning.

    Raises:
        UnknownNameError: a language that is not known.
        MissingExtraError: py3langid is not installed.

    >>> detect_language("Alle Menschen sind frei und gleich an Würde und Rechten geboren.").code
    'de'
    >>> detect_language("12:30")
    Language(code='und', probability=0.0)
    """
    return detect_languages([text], languages=languages, max_characters=max_characters)[0]


def detect_languages(
    texts: Iterable[str], *, languages: Collection[str] | None = None, max_characters: int = 2000
) -> list[Language]:
    """The language of each text; arguments and errors as of `detect_language`.

    >>> [language.code for language in detect_languages(["Guten Morgen, Welt", "おはようございます"])]
    ['de', 'ja']
    """
    if isinstance(texts, str):
        raise InvalidTypeError("texts is str, expected several texts; one is for detect_language")
    identifier = _identifier(None if languages is None else frozenset(languages))
    return [_detect(identifier, text, max_characters) for text in texts]


def _detect(identifier: Any, text: str, max_characters: int) -> Language:
    if not isinstance(text, str):
        raise InvalidTypeError(f"text is {type(text).__name__}, expected str")
    text = text[:max_characters]
    if not any(map(str.isalpha, text)):
        return Language(UNDETERMINED, 0.0)
    code, probability = identifier.classify(text)
    return Language(code, probability)


@lru_cache(maxsize=64)
def _identifier(languages: frozenset[str] | None) -> Any:
    """An identifier knows one set of languages. They share the model, whose loading takes half a second."""
    if languages is None:
        langid = require("py3langid.langid", "text", "detecting languages")
        return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    identifier = copy(_identifier(None))
    known = sorted(identifier.labels)
    for code in sorted(languages):
        if code not in known:
            raise UnknownNameError(
                f"language {code!r} is not one of {', '.join(known)}{nearest(code, known)}"
            )
    identifier.set_languages(languages)
    return identifier
