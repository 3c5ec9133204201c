"""Words that the user lists: found in text, counted, masked, and kept out of what a model writes.

No list comes with the package. Which words are harmful depends on who speaks to whom, and lists remove texts of the people whom they
are about: Dodge et al. 2021 (https://arxiv.org/abs/2104.08758) measured that of the best known one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ferrolm.errors import InvalidArgumentError, InvalidEncodingError, MissingFileError
from ferrolm.text.words import letter_runs

__all__ = ["WordListFilter", "WordMatch"]

_ASCII = re.compile(r"[A-Za-z0-9]+")
# What may stand between the parts of an entry: white space, a hyphen, an apostrophe, nothing (ideographs).
_GAP = re.compile(r"[\s'’\u2010\u2011-]*+")


class WordMatch(NamedTuple):
    """A listed word in a text, from the character ``start`` to before ``end``; ``word`` as it is listed."""

    start: int
    end: int
    word: str


class _Encodes(Protocol):
    """`ferrolm.Tokenizer`."""

    def encode_ids(self, text: str, *, add_special_tokens: bool = ...) -> Any: ...


class WordListFilter:
    """Finds listed words and phrases, as whole words.

    A word is a run of letters, digits and combining marks of any script; an ideograph is one by itself. So "ass" is not in "class",
    but in "ass's" and "ass-backwards". Case is folded as Unicode has it (ß is ss), and composed and decomposed letters are
    alike. Nothing else is: no inflections, no other spellings, no digits for letters; what is to be found has to be listed. Of
    phrases that begin at one word the longest is found; white space, hyphens and apostrophes between its words may differ.

    The time is linear in the text, whatever the number of words; it grows with the words of the longest phrase. Runs of scripts without
    spaces, such as Thai, are compared as a whole.

    >>> words = WordListFilter(["darn", "son of a gun"])
    >>> words.find("Darn it, you Son-of-a-gun! A darning needle.")
    [WordMatch(start=0, end=4, word='darn'), WordMatch(start=13, end=25, word='son of a gun')]
    >>> words.mask("Darn it!")
    '<word> it!'
    """

    def __init__(self, words: Iterable[str], *, fold_case: bool = True) -> None:
        """``fold_case``: find a word in any case. Raises `InvalidArgumentError` for an entry without letters or digits."""
        if isinstance(words, str):
            raise InvalidArgumentError(f"words is the string {words[:40]!r}, expected a list of words")
        self.fold_case = fold_case
        self.words = list(dict.fromkeys(words))
        # A tree of words; the entry that ends at a node is under None.
        self._tree: dict[str | None, Any] = {}
        for entry in self.words:
            parts = [self._folded(part) for part in _run().findall(entry)]
            if not parts:
                raise InvalidArgumentError(f"words has {entry!r}, expected letters or digits in it")
            node = self._tree
            for part in parts:
                node = node.setdefault(part, {})
            node.setdefault(None, entry)

    @classmethod
    def from_file(cls, path: str | PathLike[str], *, fold_case: bool = True) -> WordListFilter:
        """The words of a UTF-8 file, one a line; empty lines and those that begin with ``#`` are passed over."""
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except FileNotFoundError:
            raise MissingFileError(f"{path} does not exist, expected a file with a word a line") from None
        except UnicodeDecodeError as error:
            raise InvalidEncodingError(f"{path} is not UTF-8: {error}") from None
        words = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not words:
            raise InvalidArgumentError(f"{path} has no word, expected one a line")
        return cls(words, fold_case=fold_case)

    def find(self, text: str) -> list[WordMatch]:
        """The listed words in a text, in order, none inside another."""
        alike = text.lower() if text.isascii() else text.casefold()
        if not self.fold_case:
            alike = text
        # Folding makes no letter shorter: of one length, and with nothing to compose, all places are the same.
        if len(alike) != len(text) or not all(
            unicodedata.is_normalized("NFC", each) for each in (text, alike)
        ):
            return list(self._found(text, self._folded))
        pattern = _ASCII if alike.isascii() else _run()
        # Most texts have none: asked of all words at once, without places.
        return [] if self._tree.keys().isdisjoint(pattern.findall(alike)) else list(self._found(alike, str))

    def counts(self, text: str) -> Counter[str]:
        """How often each listed word is in a text.

        >>> WordListFilter(["darn"]).counts("Darn, darn!")
        Counter({'darn': 2})
        """
        return Counter(match.word for match in self.find(text))

    def mask(self, text: str, placeholder: str = "<word>") -> str:
        """The text with a placeholder for each listed word."""
        return self.replaced(text, self.find(text), placeholder)

    @staticmethod
    def replaced(text: str, matches: Iterable[WordMatch], placeholder: str) -> str:
        """The text with a placeholder for each of the matches that `find` gave."""
        pieces, done = [], 0
        for match in matches:
            pieces += [text[done : match.start], placeholder]
            done = match.end
        return "".join([*pieces, text[done:]])

    def bad_words_ids(self, tokenizer: _Encodes) -> list[list[int]]:
        """Token sequences for ``generate(bad_words_ids=...)``: each word small, with a capital and in capitals, with and without
        a space before it.

        Such a sequence is banned wherever it comes: words that begin with the same tokens cannot be written either, and a
        model can spell a word with other tokens. `find` in what was written tells.

        >>> from ferrolm import Tokenizer
        >>> from ferrolm.tokenizers import models
        >>> tokenizer = Tokenizer(models.WordLevel({"darn": 0, "Darn": 1, "?": 2}, unk_token="?"))
        >>> WordListFilter(["darn"]).bad_words_ids(tokenizer)
        [[0], [1]]
        """
        unknown = {tuple(self._ids(tokenizer, text)) for text in ("\U0010fffd", " \U0010fffd")}
        found: dict[tuple[int, ...], None] = {}
        for entry in self.words:
            forms = [entry, entry.lower(), entry.capitalize(), entry.upper()] if self.fold_case else [entry]
            for form in dict.fromkeys(forms):
                for text in (form, " " + form):
                    ids = tuple(self._ids(tokenizer, text))
                    if ids and ids not in unknown:
                        found[ids] = None
        return [list(ids) for ids in found]

    @staticmethod
    def _ids(tokenizer: _Encodes, text: str) -> list[int]:
        return [int(number) for number in tokenizer.encode_ids(text, add_special_tokens=False)]

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        return f"WordListFilter({len(self.words):,} words, fold_case={self.fold_case})"

    def _folded(self, word: str) -> str:
        if not word.isascii():
            word = unicodedata.normalize("NFC", word)
            # Folding can take a letter apart: once more.
            return unicodedata.normalize("NFC", word.casefold()) if self.fold_case else word
        return word.lower() if self.fold_case else word

    def _found(self, text: str, folded: Callable[[str], str]) -> Iterator[WordMatch]:
        pattern = _ASCII if text.isascii() else _run()
        done = 0
        for first in pattern.finditer(text):
            node = self._tree.get(folded(first[0]))
            if node is None or first.start() < done:
                continue
            entry, run = None, first
            while True:
                if None in node:
                    entry, done = node[None], run.end()
                gap = _GAP.match(text, run.end())
                after = pattern.match(text, gap.end() if gap else run.end())
                node = None if after is None else node.get(folded(after[0]))
                if after is None or node is None:
                    break
                run = after
            if entry is not None:
                yield WordMatch(first.start(), done, entry)


@cache
def _run() -> re.Pattern[str]:
    # Most words are of ASCII alone, which is seen without asking for every letter what it is.
    return re.compile("|".join((r"[A-Za-z0-9]++(?![^\x00-\x7f])", *letter_runs())))
