"""Phrases: words that are together more often than by chance become one word."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Literal, overload

from ferrolm import _rust
from ferrolm._files import open_file
from ferrolm.data._atomic import replace_file
from ferrolm.errors import InvalidArgumentError, InvalidFileError, nearest

__all__ = ["ENGLISH_CONNECTOR_WORDS", "FrozenPhrases", "Phraser", "Phrases"]

Sentence = str | Iterable[str]
Scoring = Literal["default", "npmi"]

#: Words that may stand inside an English phrase.
ENGLISH_CONNECTOR_WORDS = frozenset(
    ["a", "an", "the", "for", "of", "with", "without", "at", "from", "to", "in", "on", "by", "and", "or"]
)


class _PhraseModel:
    """What both kinds of phrases can do with sentences."""

    def analyze_sentence(self, sentence: Sentence) -> list[tuple[str, float | None]]:
        """The words of a sentence with its phrases joined, and the score of each phrase (None for words)."""
        raise NotImplementedError

    @overload
    def __getitem__(self, sentence: str | list[str] | tuple[str, ...]) -> list[str]: ...
    @overload
    def __getitem__(self, sentence: Iterable[list[str]]) -> Iterator[list[str]]: ...
    def __getitem__(self, sentence: Any) -> Any:
        """A sentence (a list of words, or a string that is split) with its phrases joined; of several an iterator."""
        if isinstance(sentence, str) or (
            isinstance(sentence, (list, tuple)) and all(isinstance(word, str) for word in sentence)
        ):
            return [word for word, _ in self.analyze_sentence(sentence)]
        return (self[one] for one in sentence)

    def find_phrases(self, sentences: Iterable[Sentence]) -> dict[str, float]:
        """The phrases that occur in sentences, with their scores."""
        found = (self.analyze_sentence(sentence) for sentence in sentences)
        return {word: score for words in found for word, score in words if score is not None}


class Phrases(_PhraseModel):
    """Finds pairs of words that are phrases (Mikolov et al. 2013), with gensim's names and results.

    Applied to its own results it finds phrases of three and four words.

    Args:
        sentences: an iterable of sentences to count: lists of words, or strings, which are split at white space.
        min_count: of words and pairs that count.
        threshold: pairs with a higher score are phrases.
        max_vocab_size: when there are more words and pairs, the rarest are forgotten.
        delimiter: stands between the words of a phrase.
        scoring: "default" for (count of the pair - min_count) / counts of both words * size of the vocabulary; "npmi"
            for normalized pointwise mutual information (Bouma 2009), from -1 to 1.
        connector_words: may stand inside a phrase, but neither begin nor end it, and have no part in its score.

    Raises:
        InvalidArgumentError: a value out of range.
        InvalidTypeError: a word that is no string.

    >>> sentences = [["new", "york", "is", "big"], ["in", "new", "york", "it", "is"]] * 5
    >>> phrases = Phrases(sentences, min_count=1, threshold=1)
    >>> phrases[["new", "york", "is"]]
    ['new_york', 'is']
    """

    def __init__(
        self,
        sentences: Iterable[Sentence] | None = None,
        *,
        min_count: float = 5,
        threshold: float = 10.0,
        max_vocab_size: int = 40_000_000,
        delimiter: str = "_",
        scoring: Scoring = "default",
        connector_words: Iterable[str] = frozenset(),
    ) -> None:
        if scoring not in ("default", "npmi"):
            hint = nearest(str(scoring), ["default", "npmi"])
            raise InvalidArgumentError(f"scoring is {scoring!r}: expected 'default' or 'npmi'{hint}")
        if not min_count > 0:
            raise InvalidArgumentError(f"min_count is {min_count}: expected a number above 0")
        if scoring == "default" and not threshold > 0:
            raise InvalidArgumentError(f"threshold is {threshold}: expected a number above 0")
        if scoring == "npmi" and not -1 <= threshold <= 1:
            raise InvalidArgumentError(f"threshold is {threshold}: expected -1 to 1 for scoring='npmi'")
        if max_vocab_size < 1:
            raise InvalidArgumentError(f"max_vocab_size is {max_vocab_size}: expected at least 1")
        if not delimiter:
            raise InvalidArgumentError("delimiter is empty: expected a character that words do not have")
        self.min_count = min_count
        self.threshold = threshold
        self.max_vocab_size = max_vocab_size
        self.delimiter = delimiter
        self.scoring: Scoring = scoring
        self.connector_words = frozenset(connector_words)
        self._counts = _rust.PhraseCounts(delimiter, set(self.connector_words), max_vocab_size)
        if sentences is not None:
            self.add_vocab(sentences)

    def add_vocab(self, sentences: Iterable[Sentence]) -> None:
        """Count more sentences."""
        if isinstance(sentences, str):
            raise InvalidArgumentError("sentences is a string: expected an iterable of sentences")
        self._counts.add(sentences)

    @property
    def vocab(self) -> dict[str, int]:
        """Counts of words and of pairs, a copy."""
        return self._counts.entries()

    @property
    def corpus_word_count(self) -> int:
        """Words that were counted."""
        return self._counts.num_words

    def analyze_sentence(self, sentence: Sentence) -> list[tuple[str, float | None]]:
        """The words of a sentence with its phrases joined, and the score of each phrase (None for words)."""
        return self._counts.analyze(sentence, self.scoring == "npmi", self.min_count, self.threshold)

    def export_phrases(self) -> dict[str, float]:
        """All phrases with their scores.

        Where words have the delimiter in them, what stands before the first and behind the last one is taken for the
        words of the pair, as in gensim.
        """
        return self._counts.phrases(self.scoring == "npmi", self.min_count, self.threshold).phrases()

    def freeze(self) -> FrozenPhrases:
        """The phrases alone: a fraction of the memory, and no more counting."""
        return FrozenPhrases(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write counts and settings as JSON, whole or not at all."""
        settings = {
            "min_count": self.min_count,
            "threshold": self.threshold,
            "max_vocab_size": self.max_vocab_size,
            "delimiter": self.delimiter,
            "scoring": self.scoring,
            "connector_words": sorted(self.connector_words),
        }
        _write(path, "Phrases", settings, words=self.corpus_word_count, entries=self.vocab)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Phrases:
        """Read what `save` wrote; `InvalidFileError` says what is wrong with it."""
        content = _read(path, "Phrases")
        try:
            phrases = cls(None, **content["settings"])
            phrases._counts.restore(list(content["entries"].items()), content["words"])
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise InvalidFileError(f"{path}: {error}: expected a file that Phrases.save wrote") from None
        return phrases

    def __len__(self) -> int:
        return len(self._counts)

    def __repr__(self) -> str:
        return (
            f"Phrases(entries={len(self)}, min_count={self.min_count}, threshold={self.threshold}, "
            f"scoring={self.scoring!r})"
        )


class FrozenPhrases(_PhraseModel):
    """The phrases of a `Phrases`, with their scores.

    Attributes:
        phrasegrams: scores by phrase.

    >>> sentences = [["new", "york", "is", "big"], ["in", "new", "york", "it", "is"]] * 5
    >>> frozen = Phrases(sentences, min_count=1, threshold=1).freeze()
    >>> frozen["new york is"], list(frozen.phrasegrams)
    (['new_york', 'is'], ['new_york'])
    """

    def __init__(self, phrases_model: Phrases) -> None:
        self._set(
            phrases_model.export_phrases(),
            phrases_model.delimiter,
            phrases_model.connector_words,
            phrases_model.threshold,
        )

    def _set(
        self, phrasegrams: dict[str, float], delimiter: str, connector_words: Iterable[str], threshold: float
    ) -> None:
        self.phrasegrams = phrasegrams
        self.delimiter = delimiter
        self.connector_words = frozenset(connector_words)
        self.threshold = threshold
        self._table = _rust.PhraseTable(phrasegrams, delimiter, set(self.connector_words), threshold)

    def analyze_sentence(self, sentence: Sentence) -> list[tuple[str, float | None]]:
        """The words of a sentence with its phrases joined, and the score of each phrase (None for words)."""
        return self._table.analyze(sentence)

    def save(self, path: str | PathLike[str]) -> None:
        """Write phrases and settings as JSON, whole or not at all."""
        settings = {
            "delimiter": self.delimiter,
            "connector_words": sorted(self.connector_words),
            "threshold": self.threshold,
        }
        _write(path, "FrozenPhrases", settings, phrasegrams=self.phrasegrams)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> FrozenPhrases:
        """Read what `save` wrote; `InvalidFileError` says what is wrong with it."""
        content = _read(path, "FrozenPhrases")
        frozen = cls.__new__(cls)
        try:
            frozen._set(content["phrasegrams"], **content["settings"])
        except (KeyError, TypeError) as error:
            raise InvalidFileError(
                f"{path}: {error}: expected a file that FrozenPhrases.save wrote"
            ) from None
        return frozen

    def __len__(self) -> int:
        return len(self.phrasegrams)

    def __repr__(self) -> str:
        return f"FrozenPhrases(phrases={len(self)}, delimiter={self.delimiter!r})"


#: gensim's older name.
Phraser = FrozenPhrases


def _write(path: str | PathLike[str], kind: str, settings: dict[str, Any], **content: Any) -> None:
    text = json.dumps({"kind": kind, "version": 1, "settings": settings, **content}, ensure_ascii=False)
    with replace_file(Path(path)) as file:
        file.write(text.encode())


def _read(path: str | PathLike[str], kind: str) -> dict[str, Any]:
    try:
        with open_file(Path(path)) as file:
            content = json.loads(file.read().decode())
    except ValueError as error:
        raise InvalidFileError(f"{path}: {error}: expected JSON that {kind}.save wrote") from None
    if not isinstance(content, dict) or content.get("kind") != kind:
        found = content.get("kind") if isinstance(content, dict) else type(content).__name__
        raise InvalidFileError(f"{path}: it has {found!r}: expected {kind!r}")
    return content
