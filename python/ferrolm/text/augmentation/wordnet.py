"""Synonyms from WordNet (Miller 1995), read by nltk."""

from __future__ import annotations

from typing import Any

from ferrolm._extras import require
from ferrolm.errors import MissingFileError

__all__ = ["WordNet"]


class WordNet:
    """A thesaurus of the words that share a meaning in WordNet; needs the extra ``augmentation`` and nltk's data.

        augment = SynonymReplacement(WordNet(), skip=stop_words("en"))

    Raises:
        MissingExtraError: nltk is not installed.
        MissingFileError: it has no WordNet; the message has the command that fetches it.
    """

    def __init__(self, language: str = "eng") -> None:
        """``language``: as nltk names them; others than English need its corpus ``omw-1.4``."""
        self.language = language
        self._wordnet: Any = require("nltk.corpus", "augmentation", "WordNet").wordnet
        self._found: dict[str, list[str]] = {}
        try:
            self._wordnet.ensure_loaded()
        except LookupError as error:
            raise MissingFileError(
                "nltk finds no WordNet on this machine; fetch it with: python -m nltk.downloader wordnet"
            ) from error

    def get(self, word: str, /) -> list[str]:
        """The synonyms of a word, those of its most frequent meanings first."""
        if word not in self._found:
            names: dict[str, None] = {}
            for meaning in self._wordnet.synsets(word, lang=self.language):
                names.update(
                    dict.fromkeys(name.replace("_", " ") for name in meaning.lemma_names(self.language))
                )
            self._found[word] = [name for name in names if name.lower() != word.lower()]
        return self._found[word]
