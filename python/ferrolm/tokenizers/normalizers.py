"""Normalizers: what changes text before it is cut into pieces."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.tokenizers._part import Part, from_json
from ferrolm.tokenizers._shared_parts import changed

__all__ = [
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "NORMALIZERS",
    "BertNormalizer",
    "ByteLevel",
    "Lowercase",
    "Nmt",
    "Normalizer",
    "Precompiled",
    "Prepend",
    "Replace",
    "Sequence",
    "Strip",
    "StripAccents",
    "unicode_normalizer_from_str",
]


class Normalizer(_rust.Normalizer, Part):
    """Base class of normalizers."""

    @staticmethod
    def custom(obj: Any) -> Normalizer:
        """A normalizer of your own: an object whose method ``normalize(normalized)`` changes a `NormalizedString`.

        It cannot be saved or pickled. What it raises reaches you as it is.

        >>> class Quotes:
        ...     def normalize(self, normalized):
        ...         normalized.replace("“", '"')
        >>> Normalizer.custom(Quotes()).normalize_str("“so”")
        '"so”'
        """
        return wrap(_rust.Normalizer.of_object(obj))


class BertNormalizer(Normalizer):
    r"""What BERT does to text.

    Args:
        clean_text: remove control characters and make white space spaces.
        handle_chinese_chars: put spaces around ideographs.
        strip_accents: remove accents; None does so where ``lowercase`` is set.
        lowercase: make text lower case.

    >>> BertNormalizer().normalize_str("Héllo\tWORLD 漢")
    'hello world  漢 '
    """

    def __new__(
        cls,
        clean_text: bool = True,
        handle_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        lowercase: bool = True,
    ) -> BertNormalizer:
        settings = {
            "clean_text": clean_text,
            "handle_chinese_chars": handle_chinese_chars,
            "strip_accents": strip_accents,
            "lowercase": lowercase,
        }
        return super().__new__(cls, json.dumps({"type": "BertNormalizer"} | settings))

    @property
    def clean_text(self) -> bool:
        return bool(self._get("clean_text"))

    @clean_text.setter
    def clean_text(self, value: bool) -> None:
        self._set("clean_text", value)

    @property
    def handle_chinese_chars(self) -> bool:
        return bool(self._get("handle_chinese_chars"))

    @handle_chinese_chars.setter
    def handle_chinese_chars(self, value: bool) -> None:
        self._set("handle_chinese_chars", value)

    @property
    def strip_accents(self) -> bool | None:
        value = self._get("strip_accents")
        return None if value is None else bool(value)

    @strip_accents.setter
    def strip_accents(self, value: bool | None) -> None:
        self._set("strip_accents", value)

    @property
    def lowercase(self) -> bool:
        return bool(self._get("lowercase"))

    @lowercase.setter
    def lowercase(self, value: bool) -> None:
        self._set("lowercase", value)


class _Plain(Normalizer):
    """A normalizer without settings."""

    def __new__(cls) -> Any:
        return super().__new__(cls, json.dumps({"type": cls.__name__}))


class NFC(_Plain):
    r"""The normal form C of Unicode 9: characters composed.

    >>> NFC().normalize_str("e\u0301")
    'é'
    """


class NFD(_Plain):
    """The normal form D of Unicode 9: characters decomposed."""


class NFKC(_Plain):
    """The normal form KC of Unicode 9: compatibility characters made others, and composed.

    >>> NFKC().normalize_str("ﬁne ①")
    'fine 1'
    """


class NFKD(_Plain):
    """The normal form KD of Unicode 9: compatibility characters made others, and decomposed."""


class Lowercase(_Plain):
    """Lower case, character by character.

    >>> Lowercase().normalize_str("ΑΣ")
    'ασ'
    """


class StripAccents(_Plain):
    """Removes combining marks; put NFD before it to take characters with accents apart.

    >>> Sequence([NFD(), StripAccents()]).normalize_str("café")
    'cafe'
    """


class Nmt(_Plain):
    """Removes control characters and makes line breaks and other separators spaces."""


class ByteLevel(_Plain):
    """Each byte of the text spelled as the printable character that stands for it.

    >>> ByteLevel().normalize_str("a é")
    'aĠÃ©'
    """


class Strip(Normalizer):
    """Removes white space from the start (``left``) and the end (``right``).

    >>> Strip(right=False).normalize_str("  a ")
    'a '
    """

    def __new__(cls, left: bool = True, right: bool = True) -> Strip:
        return super().__new__(cls, json.dumps({"type": "Strip", "strip_left": left, "strip_right": right}))

    @property
    def left(self) -> bool:
        return bool(self._get("strip_left"))

    @left.setter
    def left(self, value: bool) -> None:
        self._set("strip_left", value)

    @property
    def right(self) -> bool:
        return bool(self._get("strip_right"))

    @right.setter
    def right(self, value: bool) -> None:
        self._set("strip_right", value)


class Prepend(Normalizer):
    """Puts ``prepend`` before text that is not empty.

    >>> Prepend().normalize_str("text")
    '▁text'
    """

    def __new__(cls, prepend: str = "▁") -> Prepend:
        return super().__new__(cls, json.dumps({"type": "Prepend", "prepend": prepend}))

    @property
    def prepend(self) -> str:
        return str(self._get("prepend"))

    @prepend.setter
    def prepend(self, value: str) -> None:
        self._set("prepend", value)


class Replace(Normalizer):
    r"""Puts ``content`` in place of every match of ``pattern``, a string or a `Regex`.

    >>> from ferrolm.tokenizers import Regex
    >>> Replace(Regex(r"\s+"), " ").normalize_str("a  \n b")
    'a b'
    """

    def __new__(cls, pattern: str | _rust.Regex, content: str) -> Replace:
        match pattern:
            case str():
                source = {"String": pattern}
            case _rust.Regex():
                source = {"Regex": pattern.pattern}
            case _:
                raise InvalidTypeError(f"pattern: found {type(pattern).__name__}, expected str or Regex")
        return super().__new__(cls, json.dumps({"type": "Replace", "pattern": source, "content": content}))

    @property
    def pattern(self) -> str:
        """Not to be had, as in the reference; it is in the representation."""
        raise InvalidArgumentError("pattern: cannot be read; see the representation of the normalizer")

    @pattern.setter
    def pattern(self, value: Any) -> None:
        raise InvalidArgumentError("pattern: cannot be set; make another Replace")

    @property
    def content(self) -> str:
        return str(self._get("content"))

    @content.setter
    def content(self, value: str) -> None:
        self._set("content", value)


class Precompiled(Normalizer):
    """The character map of a SentencePiece model, as its bytes."""

    def __new__(cls, precompiled_charsmap: bytes) -> Precompiled:
        encoded = base64.b64encode(bytes(precompiled_charsmap)).decode()
        return super().__new__(cls, json.dumps({"type": "Precompiled", "precompiled_charsmap": encoded}))


class Sequence(Normalizer):
    """Normalizers one after the other; sequences among them are taken apart.

    Its parts are shared: settings that are changed on ``sequence[index]``, or on the normalizers it was made of,
    change the sequence.

    >>> sequence = Sequence([NFKC(), Strip()])
    >>> sequence[1] = Lowercase()
    >>> sequence
    Sequence(normalizers=[NFKC(), Lowercase()])
    """

    def __new__(cls, normalizers: list[Normalizer]) -> Sequence:
        parts: Any = normalizers
        if not isinstance(parts, list):
            found = type(parts).__name__
            raise InvalidTypeError(f"normalizers: found {found}, expected a list of normalizers")
        for index, part in enumerate(parts):
            if not isinstance(part, Normalizer):
                found = type(part).__name__
                raise InvalidTypeError(f"normalizers[{index}]: found {found}, expected a normalizer")
        self = super().__new__(cls, json.dumps({"type": "Sequence", "normalizers": []}))
        self.set_parts(normalizers)
        return self

    def __len__(self) -> int:
        return self.num_parts()

    def __iter__(self) -> Iterator[Normalizer]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Normalizer:
        return wrap(self.get_part(index))

    def __setitem__(self, index: int, value: Normalizer) -> None:
        if isinstance(value, Sequence):
            raise InvalidArgumentError("value: found a Sequence, expected another normalizer")
        self.set_part(index, value)
        changed()


# The normal forms by name.
NORMALIZERS: dict[str, Callable[[], Normalizer]] = {"nfc": NFC, "nfd": NFD, "nfkc": NFKC, "nfkd": NFKD}


def unicode_normalizer_from_str(normalizer: str) -> Normalizer:
    """The normalizer of a normal form by its name.

    >>> unicode_normalizer_from_str("nfc")
    NFC()
    """
    if normalizer not in NORMALIZERS:
        expected = ", ".join(NORMALIZERS)
        raise InvalidArgumentError(f"normalizer: found {normalizer!r}, expected one of {expected}")
    return NORMALIZERS[normalizer]()


_TYPES: dict[str, type[Normalizer]] = {
    cls.__name__: cls
    for cls in (
        BertNormalizer,
        ByteLevel,
        Lowercase,
        NFC,
        NFD,
        NFKC,
        NFKD,
        Nmt,
        Normalizer,
        Precompiled,
        Prepend,
        Replace,
        Sequence,
        Strip,
        StripAccents,
    )
}


def wrap(part: _rust.Normalizer) -> Normalizer:
    """The object of the right class for a part of a tokenizer; it is that part."""
    wrapped = from_json(_TYPES[part.type_name()], '{"type": "Sequence", "normalizers": []}')
    wrapped.share(part)
    return wrapped
