"""Pre-tokenizers: what cuts text into the pieces that the model sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ferrolm import _rust
from ferrolm._rust import Regex
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.tokenizers._part import Part, from_json
from ferrolm.tokenizers._shared_parts import changed

__all__ = [
    "BertPreTokenizer",
    "ByteLevel",
    "CharDelimiterSplit",
    "Digits",
    "FixedLength",
    "Metaspace",
    "PreTokenizer",
    "Punctuation",
    "Sequence",
    "Split",
    "UnicodeScripts",
    "Whitespace",
    "WhitespaceSplit",
]

# As they are called here, and in files.
_BEHAVIORS = {
    "removed": "Removed",
    "isolated": "Isolated",
    "merged_with_previous": "MergedWithPrevious",
    "merged_with_next": "MergedWithNext",
    "contiguous": "Contiguous",
}
_SCHEMES = ("first", "never", "always")


class PreTokenizer(_rust.PreTokenizer, Part):
    """Base class of pre-tokenizers."""

    @staticmethod
    def custom(pretok: Any) -> PreTokenizer:
        """A pre-tokenizer of your own: an object whose method ``pre_tokenize(pretok)`` cuts a `PreTokenizedString`.

        It cannot be saved or pickled.

        >>> class AtDots:
        ...     def pre_tokenize(self, pretok):
        ...         pretok.split(lambda index, piece: piece.split(".", "removed"))
        >>> PreTokenizer.custom(AtDots()).pre_tokenize_str("a.b")
        [('a', (0, 1)), ('b', (2, 3))]
        """
        return wrap(_rust.PreTokenizer.of_object(pretok))


class _Plain(PreTokenizer):
    """A pre-tokenizer without settings."""

    def __new__(cls) -> Any:
        return super().__new__(cls, json.dumps({"type": cls.__name__}))


class BertPreTokenizer(_Plain):
    """Cuts at white space, which goes, and around every punctuation character.

    >>> BertPreTokenizer().pre_tokenize_str("Hey, you")
    [('Hey', (0, 3)), (',', (3, 4)), ('you', (5, 8))]
    """


class Whitespace(_Plain):
    r"""Words and runs of what is neither words nor white space: ``\w+|[^\w\s]+``.

    >>> Whitespace().pre_tokenize_str("Hey, you!!")
    [('Hey', (0, 3)), (',', (3, 4)), ('you', (5, 8)), ('!!', (8, 10))]
    """


class WhitespaceSplit(_Plain):
    """Cuts at white space, which goes.

    >>> WhitespaceSplit().pre_tokenize_str("Hey, you")
    [('Hey,', (0, 4)), ('you', (5, 8))]
    """


class UnicodeScripts(_Plain):
    """Cuts where the script changes; kana count as Han, and a space goes with any script.

    >>> UnicodeScripts().pre_tokenize_str("どこ go")
    [('どこ ', (0, 3)), ('go', (3, 5))]
    """


class ByteLevel(PreTokenizer):
    """Pieces by the pattern of GPT-2, their bytes spelled in printable characters.

    Args:
        add_prefix_space: put a space before text that does not start with one.
        trim_offsets: for the post-processor of the same name; has no effect here.
        use_regex: cut by GPT-2's pattern; otherwise the text is one piece.

    >>> ByteLevel(add_prefix_space=False).pre_tokenize_str("It's é")
    [('It', (0, 2)), ("'s", (2, 4)), ('ĠÃ©', (4, 6))]
    """

    def __new__(
        cls, add_prefix_space: bool = True, trim_offsets: bool = True, use_regex: bool = True, **_: Any
    ) -> ByteLevel:
        settings = {
            "add_prefix_space": add_prefix_space,
            "trim_offsets": trim_offsets,
            "use_regex": use_regex,
        }
        return super().__new__(cls, json.dumps({"type": "ByteLevel"} | settings))

    @property
    def add_prefix_space(self) -> bool:
        return bool(self._get("add_prefix_space"))

    @add_prefix_space.setter
    def add_prefix_space(self, value: bool) -> None:
        self._set("add_prefix_space", value)

    @property
    def trim_offsets(self) -> bool:
        return bool(self._get("trim_offsets"))

    @trim_offsets.setter
    def trim_offsets(self, value: bool) -> None:
        self._set("trim_offsets", value)

    @property
    def use_regex(self) -> bool:
        return bool(self._get("use_regex"))

    @use_regex.setter
    def use_regex(self, value: bool) -> None:
        self._set("use_regex", value)

    @staticmethod
    def alphabet() -> list[str]:
        """The 256 characters that stand for bytes, in no particular order."""
        return _rust.byte_level_alphabet()


class CharDelimiterSplit(PreTokenizer):
    """Cuts at one character, which goes.

    >>> CharDelimiterSplit("-").pre_tokenize_str("a-b")
    [('a', (0, 1)), ('b', (2, 3))]
    """

    def __new__(cls, delimiter: str) -> CharDelimiterSplit:
        settings = {"type": "CharDelimiterSplit", "delimiter": _character(delimiter, "delimiter")}
        return super().__new__(cls, json.dumps(settings))

    @property
    def delimiter(self) -> str:
        return str(self._get("delimiter"))

    @delimiter.setter
    def delimiter(self, value: str) -> None:
        self._set("delimiter", _character(value, "delimiter"))


class Digits(PreTokenizer):
    """Cuts around numbers.

    Args:
        individual_digits: cut around each digit too.

    >>> Digits().pre_tokenize_str("a12")
    [('a', (0, 1)), ('12', (1, 3))]
    """

    def __new__(cls, individual_digits: bool = False) -> Digits:
        return super().__new__(cls, json.dumps({"type": "Digits", "individual_digits": individual_digits}))

    @property
    def individual_digits(self) -> bool:
        return bool(self._get("individual_digits"))

    @individual_digits.setter
    def individual_digits(self, value: bool) -> None:
        self._set("individual_digits", value)


class FixedLength(PreTokenizer):
    """Cuts every ``length`` characters, at least 1.

    >>> FixedLength(2).pre_tokenize_str("ACGTA")
    [('AC', (0, 2)), ('GT', (2, 4)), ('A', (4, 5))]
    """

    def __new__(cls, length: int = 5) -> FixedLength:
        return super().__new__(cls, json.dumps({"type": "FixedLength", "length": length}))

    @property
    def length(self) -> int:
        return int(self._get("length"))

    @length.setter
    def length(self, value: int) -> None:
        self._set("length", value)


class Metaspace(PreTokenizer):
    """Spaces become ``replacement``, and pieces start with it.

    Args:
        replacement: one character.
        prepend_scheme: "always" puts the replacement before pieces that do not start with it, "first" only at the
            start of the text, "never" nowhere.
        split: cut; otherwise the text is only changed.

    >>> Metaspace().pre_tokenize_str("so it")
    [('▁so', (0, 2)), ('▁it', (2, 5))]
    """

    def __new__(cls, replacement: str = "▁", prepend_scheme: str = "always", split: bool = True) -> Metaspace:
        settings = {
            "replacement": _character(replacement, "replacement"),
            "prepend_scheme": _scheme(prepend_scheme),
            "split": split,
        }
        return super().__new__(cls, json.dumps({"type": "Metaspace"} | settings))

    @property
    def replacement(self) -> str:
        return str(self._get("replacement"))

    @replacement.setter
    def replacement(self, value: str) -> None:
        self._set("replacement", _character(value, "replacement"))

    @property
    def prepend_scheme(self) -> str:
        return str(self._get("prepend_scheme"))

    @prepend_scheme.setter
    def prepend_scheme(self, value: str) -> None:
        self._set("prepend_scheme", _scheme(value))

    @property
    def split(self) -> bool:
        return bool(self._get("split"))

    @split.setter
    def split(self, value: bool) -> None:
        self._set("split", value)


class Punctuation(PreTokenizer):
    """Cuts at punctuation.

    Args:
        behavior: what becomes of it: "removed", "isolated", "merged_with_previous", "merged_with_next" or
            "contiguous".

    >>> Punctuation("merged_with_previous").pre_tokenize_str("a,b")
    [('a,', (0, 2)), ('b', (2, 3))]
    """

    def __new__(cls, behavior: str = "isolated") -> Punctuation:
        return super().__new__(cls, json.dumps({"type": "Punctuation", "behavior": _behavior(behavior)}))

    @property
    def behavior(self) -> str:
        return str(self._get("behavior")).lower()

    @behavior.setter
    def behavior(self, value: str) -> None:
        self._set("behavior", _behavior(value))


class Split(PreTokenizer):
    r"""Cuts at the matches of a pattern.

    Args:
        pattern: a `str` that is looked for as it is, or a `Regex`.
        behavior: what becomes of the matches: "removed", "isolated", "merged_with_previous", "merged_with_next" or
            "contiguous".
        invert: take what is between matches for matches.

    >>> from ferrolm.tokenizers import Regex
    >>> Split(Regex(r"\d+"), "isolated").pre_tokenize_str("a12b")
    [('a', (0, 1)), ('12', (1, 3)), ('b', (3, 4))]
    """

    def __new__(cls, pattern: str | Regex, behavior: str, invert: bool = False) -> Split:
        match pattern:
            case str():
                found = {"String": pattern}
            case Regex():
                found = {"Regex": pattern.pattern}
            case _:
                raise InvalidTypeError(f"pattern: found {type(pattern).__name__}, expected str or Regex")
        settings = {"pattern": found, "behavior": _behavior(behavior), "invert": invert}
        return super().__new__(cls, json.dumps({"type": "Split"} | settings))

    @property
    def pattern(self) -> str | Regex:
        """Not to be had, as in the `tokenizers` package; `repr` shows it."""
        raise InvalidArgumentError("pattern: cannot be read back; repr() shows it")

    @property
    def behavior(self) -> str:
        return str(self._get("behavior")).lower()

    @behavior.setter
    def behavior(self, value: str) -> None:
        self._set("behavior", _behavior(value))

    @property
    def invert(self) -> bool:
        return bool(self._get("invert"))

    @invert.setter
    def invert(self, value: bool) -> None:
        self._set("invert", value)


class Sequence(PreTokenizer):
    """Pre-tokenizers one after the other; sequences among them are taken apart.

    Its parts are shared: settings that are changed on ``sequence[index]``, or on the pre-tokenizers it was made of,
    change the sequence.

    >>> sequence = Sequence([WhitespaceSplit(), Digits()])
    >>> sequence[1] = Punctuation()
    >>> sequence.pre_tokenize_str("Hey, you")
    [('Hey', (0, 3)), (',', (3, 4)), ('you', (5, 8))]
    """

    def __new__(cls, pretokenizers: list[PreTokenizer]) -> Sequence:
        parts: Any = pretokenizers
        if not isinstance(parts, list):
            found = type(parts).__name__
            raise InvalidTypeError(f"pretokenizers: found {found}, expected a list of pre-tokenizers")
        for index, part in enumerate(parts):
            if not isinstance(part, PreTokenizer):
                found = type(part).__name__
                raise InvalidTypeError(f"pretokenizers[{index}]: found {found}, expected a pre-tokenizer")
        self = super().__new__(cls, json.dumps({"type": "Sequence", "pretokenizers": []}))
        self.set_parts(pretokenizers)
        return self

    def __len__(self) -> int:
        return self.num_parts()

    def __iter__(self) -> Iterator[PreTokenizer]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> PreTokenizer:
        return wrap(self.get_part(index))

    def __setitem__(self, index: int, value: PreTokenizer) -> None:
        if isinstance(value, Sequence):
            raise InvalidArgumentError("value: found a Sequence, expected another pre-tokenizer")
        self.set_part(index, value)
        changed()


def _character(value: str, argument: str) -> str:
    if not isinstance(value, str):
        raise InvalidTypeError(f"{argument}: found {type(value).__name__}, expected a string of length 1")
    if len(value) != 1:
        raise InvalidArgumentError(f"{argument}: found {value!r}, expected a string of length 1")
    return value


def _behavior(value: str) -> str:
    if not isinstance(value, str):
        raise InvalidTypeError(f"behavior: found {type(value).__name__}, expected str")
    if value not in _BEHAVIORS:
        raise InvalidArgumentError(f"behavior: found {value!r}, expected one of {', '.join(_BEHAVIORS)}")
    return _BEHAVIORS[value]


def _scheme(value: str) -> str:
    if value not in _SCHEMES:
        raise InvalidArgumentError(f"prepend_scheme: found {value!r}, expected one of {', '.join(_SCHEMES)}")
    return value


_TYPES: dict[str, type[PreTokenizer]] = {
    cls.__name__: cls
    for cls in (
        BertPreTokenizer,
        ByteLevel,
        CharDelimiterSplit,
        Digits,
        FixedLength,
        Metaspace,
        PreTokenizer,
        Punctuation,
        Sequence,
        Split,
        UnicodeScripts,
        Whitespace,
        WhitespaceSplit,
    )
}


def wrap(part: _rust.PreTokenizer) -> PreTokenizer:
    """The object of the right class for a part of a tokenizer; it is that part."""
    wrapped = from_json(_TYPES[part.type_name()], '{"type": "Sequence", "pretokenizers": []}')
    wrapped.share(part)
    return wrapped
