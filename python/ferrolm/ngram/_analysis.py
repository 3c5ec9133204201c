"""From documents to what the core counts: texts with an analyzer of the core, or lists of features."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidEncodingError, InvalidTypeError, MissingExtraError
from ferrolm.ngram._characters import character_tables
from ferrolm.ngram._estimator import Estimator

__all__ = ["TOKEN_PATTERN", "Analysis"]

TOKEN_PATTERN = r"(?u)\b\w\w+\b"


class Analysis(Estimator):
    """The parameters that `CountVectorizer` and `HashingVectorizer` share, and what they mean."""

    input: str
    encoding: str
    decode_error: str
    strip_accents: str | Callable[[str], str] | None
    lowercase: bool
    preprocessor: Callable[[str], str] | None
    tokenizer: Callable[[str], Iterable[str]] | None
    stop_words: str | Iterable[str] | None
    token_pattern: str | None
    ngram_range: tuple[int, int]
    analyzer: str | Callable[[Any], Iterable[str]]

    def decode(self, document: Any) -> str:
        """The text of a document: itself, or what ``input``, ``encoding`` and ``decode_error`` make of it."""
        if self.input == "filename":
            document = Path(document).read_bytes()
        elif self.input == "file":
            document = document.read()
        if isinstance(document, bytes):
            try:
                return document.decode(self.encoding, self.decode_error)
            except UnicodeDecodeError as error:
                raise InvalidEncodingError(f"a document is not valid {self.encoding}: {error}") from error
        if not isinstance(document, str):
            raise InvalidTypeError(f"a document is {type(document).__name__}, expected str or bytes")
        return document

    def build_preprocessor(self) -> Callable[[str], str]:
        """The function that lowers and strips accents."""
        if self.preprocessor is not None:
            return self.preprocessor
        return partial(_preprocess, lower=self.lowercase, strip=_accents(self.strip_accents))

    def build_tokenizer(self) -> Callable[[str], Iterable[str]]:
        """The function that cuts a text into words."""
        if self.tokenizer is not None:
            return self.tokenizer
        if not isinstance(self.token_pattern, str):
            raise InvalidArgumentError(f"token_pattern is {self.token_pattern!r}, expected a pattern")
        try:
            pattern = re.compile(self.token_pattern)
        except re.error as error:
            raise InvalidArgumentError(f"token_pattern is {self.token_pattern!r}: {error}") from error
        if pattern.groups > 1:
            raise InvalidArgumentError(
                f"token_pattern has {pattern.groups} capturing groups, at most one says what a token is"
            )
        return pattern.findall

    def build_analyzer(self) -> Callable[[Any], list[str]]:
        """The function that gives the features of one document, all n-grams with their repeats."""
        if callable(self.analyzer):
            analyzer = self.analyzer
            return lambda document: list(analyzer(self.decode(document)))
        preprocess, core = self._in_python(), self._core()
        if core is not None:
            if preprocess is None:
                return lambda document: core.features(self.decode(document))
            return lambda document: core.features(preprocess(self.decode(document)))
        prepare, tokenize = self.build_preprocessor(), self.build_tokenizer()
        smallest, largest = self._range()
        stop = frozenset(self._stop_words())
        return lambda document: _ngrams(
            [word for word in tokenize(prepare(self.decode(document))) if word not in stop], smallest, largest
        )

    def _prepared(self, raw_documents: Any) -> tuple[_rust.NgramAnalyzer | None, list[Any]]:
        """Texts for an analyzer of the core; or, without one, the features of each document."""
        if isinstance(raw_documents, str | bytes):
            raise InvalidArgumentError("raw_documents is one text, expected an iterable of texts")
        if self.input not in ("content", "filename", "file"):
            raise InvalidArgumentError(f"input is {self.input!r}, expected 'content', 'filename' or 'file'")
        core = None if callable(self.analyzer) else self._core()
        if core is None:
            return None, list(map(self.build_analyzer(), raw_documents))
        texts = raw_documents if isinstance(raw_documents, list) else list(raw_documents)
        if self.input != "content" or not set(map(type, texts)) <= {str}:
            texts = list(map(self.decode, texts))
        preprocess = self._in_python()
        return core, texts if preprocess is None else list(map(preprocess, texts))

    def _core(self) -> _rust.NgramAnalyzer | None:
        """The core's analyzer, unless words are found in Python."""
        smallest, largest = self._range()
        if self.analyzer == "word" and (self.tokenizer is not None or self.token_pattern != TOKEN_PATTERN):
            return None
        lowercase = bool(self.lowercase) and self._in_python() is None
        stop = self._stop_words() if self.analyzer == "word" else []
        return _rust.NgramAnalyzer(
            character_tables(), str(self.analyzer), lowercase, list(stop), (smallest, largest)
        )

    def _in_python(self) -> Callable[[str], str] | None:
        """What the core cannot do with a text."""
        return self.build_preprocessor() if self.preprocessor is not None or self.strip_accents else None

    def _range(self) -> tuple[int, int]:
        smallest, largest = self.ngram_range
        if not 1 <= smallest <= largest:
            message = f"ngram_range is ({smallest}, {largest}), expected 1 <= smallest <= largest"
            raise InvalidArgumentError(message)
        return smallest, largest

    def _stop_words(self) -> Iterable[str]:
        if self.stop_words is None:
            return ()
        if isinstance(self.stop_words, str):
            if self.stop_words != "english":
                raise InvalidArgumentError(
                    f"stop_words is {self.stop_words!r}, expected 'english' or a collection of words"
                )
            return _english()
        return self.stop_words


def _english() -> frozenset[str]:
    """scikit-learn's own list, so that results are equal."""
    try:
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
    except ModuleNotFoundError as error:
        message = (
            "stop_words='english' is the list of scikit-learn, which is not installed: pip install scikit-learn, "
            "or use stop_words=ferrolm.text.stop_words('en')"
        )
        raise MissingExtraError(message, name=error.name) from None
    words: frozenset[str] = ENGLISH_STOP_WORDS
    return words


def _preprocess(text: str, lower: bool, strip: Callable[[str], str] | None) -> str:
    lowered = text.lower() if lower else text
    return lowered if strip is None else strip(lowered)


def _accents(strip: str | Callable[[str], str] | None) -> Callable[[str], str] | None:
    if not strip:
        return None
    if callable(strip):
        return strip
    known = {"ascii": strip_accents_ascii, "unicode": strip_accents_unicode}
    if strip not in known:
        raise InvalidArgumentError(f"strip_accents is {strip!r}, expected 'ascii', 'unicode' or a function")
    return known[strip]


def strip_accents_unicode(text: str) -> str:
    """``text`` in NFKD without combining characters; plain ASCII stays as it is.

    >>> strip_accents_unicode("naïve ŝtrés")
    'naive stres'
    """
    if text.isascii():
        return text
    return "".join(
        character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character)
    )


def strip_accents_ascii(text: str) -> str:
    """``text`` in NFKD without all that is not ASCII.

    >>> strip_accents_ascii("naïve 東")
    'naive '
    """
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def _ngrams(words: Sequence[str], smallest: int, largest: int) -> list[str]:
    if largest == 1:
        return list(words)
    return [
        " ".join(words[start : start + size])
        for size in range(smallest, largest + 1)
        for start in range(len(words) - size + 1)
    ]
