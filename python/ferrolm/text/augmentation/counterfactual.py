"""Texts that say of one group what they said of another (Lu et al. 2018, https://arxiv.org/abs/1807.11714)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from ferrolm.errors import InvalidArgumentError, InvalidFileError, InvalidTypeError
from ferrolm.text.augmentation.augmentation import Edit, WordAugmentation

__all__ = ["GENDER_PAIRS", "CounterfactualSwap", "read_word_pairs"]

_PAIRS = """
    he/she himself/herself man/woman men/women boy/girl boys/girls father/mother fathers/mothers dad/mum daddy/mummy
    papa/mamma son/daughter sons/daughters brother/sister brothers/sisters husband/wife husbands/wives uncle/aunt
    uncles/aunts nephew/niece nephews/nieces grandfather/grandmother grandson/granddaughter grandpa/grandma
    stepfather/stepmother godfather/godmother king/queen kings/queens prince/princess princes/princesses duke/duchess
    count/countess baron/baroness emperor/empress lord/lady lords/ladies sir/madam mr/mrs male/female males/females
    gentleman/gentlewoman gentlemen/gentlewomen lad/lass lads/lasses actor/actress actors/actresses waiter/waitress
    waiters/waitresses host/hostess hosts/hostesses hero/heroine heroes/heroines god/goddess gods/goddesses
    monk/nun monks/nuns widower/widow bridegroom/bride bachelor/spinster wizard/witch wizards/witches
    policeman/policewoman businessman/businesswoman salesman/saleswoman chairman/chairwoman spokesman/spokeswoman
    schoolboy/schoolgirl landlord/landlady boyfriend/girlfriend fatherhood/motherhood masculine/feminine
"""
GENDER_PAIRS: tuple[tuple[str, str], ...] = tuple(
    (first, second) for first, second in (pair.split("/") for pair in _PAIRS.split())
)
"""English words for men and women, a pair each; he, him and his have their own rule in `CounterfactualSwap`."""

# Letters, not a part of a word with a hyphen (but a dash of two hyphens ends one): "man-made" is not about a man.
_WORD = re.compile(r"(?<!\w)(?<!\w-)[^\W\d_]++(?!-?\w)")
_SPACE = re.compile(r"[^\S\n]*+\n?[^\S\n]*+")
_OR_HER = re.compile(r"\s++(?:his|her)\b", re.IGNORECASE)
# Words with which no noun begins: after them "her" was "him", and "his" was "hers".
_NO_NOUN_BEGINS = """
    a about above across after again against all along already also although always among an and another any anything are
    around as aside asleep at away back be because been before behind being below beneath beside between both but by can
    close could did do does down during each either else enough even ever every everything for forth from further had has
    have he her here him his how i if immediately in inside instead into is it just know later like me might more most must
    my near never nor not nothing now of off on once only or our out outside over perhaps quite rather round she should since
    so some something sometimes soon still such than that the their them themselves then there these they this those though
    through thus till to together too toward towards under unless until unto up upon very was we were what when where
    whether which while whom who why will with within without would yes yet you your
"""
_NO_NOUN = frozenset(_NO_NOUN_BEGINS.split())


class CounterfactualSwap(WordAugmentation):
    """Every word of a pair becomes its partner, so that a text says of women what it said of men, and the other way round.

    Capitals stay. A word of a pair that is written with a capital, such as a name, is taken only where it has one (Hall
    Maudslay et al. 2019 swap names too: give pairs of them). ``pronouns``: *he* and *she* in all their forms. English has one
    *her* for *him* and for *his*, and one *his* for *her* and for *hers*: the word after it decides. *Her* is *him*, and *his*
    is *hers*, at the end of a clause and before words with which no noun begins (*the*, *to*, *and*, *was* ...). That
    is right for 116 of the 117 in the development and test parts of the English Web Treebank, and for 96 % of the 598 in its
    training part, which the list was made with; most errors are verbs ("let her win") and objects after it ("gave her peanuts").

    The result does not depend on ``random``. A share of texts is `WithProbability`; both forms of a text: ``swap.both``.

    >>> swap = CounterfactualSwap()
    >>> swap("His mother saw her in her garden; HE'S proud of her.", np.random.default_rng(0))
    "Her father saw him in his garden; SHE'S proud of him."
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] = GENDER_PAIRS, *, pronouns: bool = True) -> None:
        """``pairs``: words that change places. Raises `InvalidArgumentError` for a word in two pairs, or that is no word."""
        self._partner: dict[str, str] = {}
        self.pronouns = pronouns
        given = [*pairs]
        for pair in given:
            if isinstance(pair, str) or len(pair) != 2:
                raise InvalidArgumentError(f"pairs has {pair!r}, expected two words that change places")
        if pronouns:  # what the rule decides is no pair
            given = [pair for pair in given if not {*map(str.lower, pair)} & {"her", "his", "him", "hers"}]
        for first, second in given:
            for word, other in ((first, second), (second, first)):
                self._add(word, other)

    def _add(self, word: str, other: str) -> None:
        if not _WORD.fullmatch(word):
            raise InvalidArgumentError(f"pairs has {word!r}, expected a word of letters alone")
        if self._partner.get(word, other) != other:
            raise InvalidArgumentError(
                f"pairs has {word!r} with {self._partner[word]!r} and with {other!r}, expected one partner"
            )
        self._partner[word] = other

    def swap(self, text: str) -> str:
        """The other text; linear in its length.

        >>> CounterfactualSwap([("Anna", "Paul")])("Anna's book is his, not hers.", np.random.default_rng(0))
        "Paul's book is hers, not his."
        """
        if not isinstance(text, str):
            raise InvalidTypeError(f"text is {type(text).__name__}, expected str")
        pieces, done = [], 0
        for start, end, word in self._found(text):
            pieces += [text[done:start], word]
            done = end
        return "".join([*pieces, text[done:]])

    def both(self, texts: Iterable[str]) -> Iterator[str]:
        """Each text, and after it the other one where it differs: augmentation as against substitution.

        >>> [*CounterfactualSwap().both(["He ran.", "It ran."])]
        ['He ran.', 'She ran.', 'It ran.']
        """
        for text in texts:
            yield text
            if (other := self.swap(text)) != text:
                yield other

    def batch(self, texts: Sequence[str], random: np.random.Generator) -> list[str]:
        return [self.swap(text) for text in texts]

    def edit(self, words: Sequence[str], free: Sequence[bool], random: np.random.Generator) -> Edit:
        # One text, so that the word after each is seen. What is no single word stays as it is.
        single = ["" if any(map(str.isspace, word)) else word for word in words]
        swapped = self.swap("\n".join(single)).split("\n") if words else []
        changed = [
            other if may and one else word
            for may, one, word, other in zip(free, single, words, swapped, strict=True)
        ]
        return Edit(changed, list(range(len(words))))

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where a word has a partner, and the partner."""
        partner = self._partner
        for match in _WORD.finditer(text):
            word = match[0]
            lower = word.lower()
            other = partner.get(word) or partner.get(lower)
            if other is None and word.isupper():
                other = partner.get(word.capitalize())
            if other is None and self.pronouns:
                other = _pronoun(lower, text, match.end())
            if other is not None:
                yield match.start(), match.end(), _in_case_of(word, other)


def _pronoun(word: str, text: str, end: int) -> str | None:
    if word == "him":
        return "her"
    if word == "hers":
        return "his"
    if word not in ("her", "his"):
        return None
    alone = _stands_alone(text, end)
    if word == "her":
        return "him" if alone else "his"
    return "hers" if alone else "her"


def _stands_alone(text: str, end: int) -> bool:
    """Whether no noun follows: the clause ends, or a word comes with which none begins."""
    gap = _SPACE.match(text, end)
    after = _WORD.match(text, gap.end() if gap else end)
    if after is None:
        # A quotation, a number or a word with a hyphen may be a noun's beginning; another mark ends the clause.
        rest = text[end : end + 1 + (gap.end() - end if gap else 0)].strip()
        return not rest or not (rest[0].isalnum() or rest[0] in "\"'“‘([/")
    word = after[0].lower()
    if word in ("or", "and"):  # "his or her" is of one noun
        return not _OR_HER.match(text, after.end())
    return word in _NO_NOUN


def _in_case_of(word: str, other: str) -> str:
    if word.isupper() and (len(word) > 1 or len(other) == 1):
        return other.upper()
    return other[0].upper() + other[1:] if word[0].isupper() else other


def read_word_pairs(path: str | PathLike[str]) -> list[tuple[str, str]]:
    """Pairs of words from a UTF-8 file, two on a line with white space between; empty lines and ``#`` lines are passed over.

    Raises `InvalidFileError` for another line, with its number.
    """
    found = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        words = [] if line.lstrip().startswith("#") else line.split()
        if words and len(words) != 2:
            raise InvalidFileError(f"{path}, line {number}: {line.strip()!r}, expected two words")
        if words:
            found.append((words[0], words[1]))
    return found
