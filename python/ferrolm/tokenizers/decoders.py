"""Decoders: what turns tokens back into text."""

from __future__ import annotations

import json
from typing import Any

from ferrolm import _rust
from ferrolm._rust import DecodeStream
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.tokenizers._part import Part, from_json

__all__ = [
    "CTC",
    "BPEDecoder",
    "ByteFallback",
    "ByteLevel",
    "DecodeStream",
    "Decoder",
    "Fuse",
    "Metaspace",
    "Replace",
    "Sequence",
    "Strip",
    "WordPiece",
]


class Decoder(_rust.TokenDecoder, Part):
    """Base class of decoders."""

    @staticmethod
    def custom(decoder: Any) -> Decoder:
        """A decoder of your own: an object with a method ``decode_chain`` from a list of strings to another.

        Its exceptions reach the caller as they are. A tokenizer that has one cannot be saved or pickled.

        >>> class Shout:
        ...     def decode_chain(self, tokens):
        ...         return [token.upper() for token in tokens]
        >>> Decoder.custom(Shout()).decode(["a", "b"])
        'AB'
        """
        part = from_json(Decoder, '{"type": "Fuse"}')
        part.set_custom(decoder)
        return part

    def __repr__(self) -> str:
        return "Decoder(custom)" if self.is_custom() else super().__repr__()

    def __str__(self) -> str:
        return "Decoder(custom)" if self.is_custom() else super().__str__()


class BPEDecoder(Decoder):
    """``suffix`` ends a word: a space, but for the last.

    >>> BPEDecoder().decode(["lo", "w</w>", "tide</w>"])
    'low tide'
    """

    def __new__(cls, suffix: str = "</w>") -> BPEDecoder:
        return from_json(cls, json.dumps({"type": "BPEDecoder", "suffix": suffix}))

    @property
    def suffix(self) -> str:
        return str(self._get("suffix"))

    @suffix.setter
    def suffix(self, value: str) -> None:
        self._set("suffix", value)


class ByteFallback(Decoder):
    """Neighbouring tokens such as ``<0xE6>`` become the text that their bytes spell, or each U+FFFD.

    >>> ByteFallback().decode(["a", "<0xE6>", "<0xBC>", "<0xA2>"])
    'a漢'
    """

    def __new__(cls) -> ByteFallback:
        return from_json(cls, '{"type": "ByteFallback"}')


class ByteLevel(Decoder):
    """Characters that stand for bytes back to bytes, bytes that are not UTF-8 to U+FFFD.

    >>> ByteLevel().decode(["It", "'s", "ĠÃ", "©"])
    "It's é"
    """

    def __new__(cls, **_: Any) -> ByteLevel:
        settings = {"add_prefix_space": True, "trim_offsets": True, "use_regex": True}
        return from_json(cls, json.dumps({"type": "ByteLevel"} | settings))


class CTC(Decoder):
    """Repeated tokens are one, of which ``pad_token`` is left out.

    Args:
        pad_token: separates repetitions that are meant.
        word_delimiter_token: stands for a space, if ``cleanup`` is on.
        cleanup: undo spaces that tokenization put into English text, token by token.

    >>> CTC().decode(["h", "h", "i", "|", "a", "<pad>", "a"])
    'hi aa'
    """

    def __new__(cls, pad_token: str = "<pad>", word_delimiter_token: str = "|", cleanup: bool = True) -> CTC:
        settings = {
            "pad_token": pad_token,
            "word_delimiter_token": word_delimiter_token,
            "cleanup": cleanup,
        }
        return from_json(cls, json.dumps({"type": "CTC"} | settings))

    @property
    def pad_token(self) -> str:
        return str(self._get("pad_token"))

    @pad_token.setter
    def pad_token(self, value: str) -> None:
        self._set("pad_token", value)

    @property
    def word_delimiter_token(self) -> str:
        return str(self._get("word_delimiter_token"))

    @word_delimiter_token.setter
    def word_delimiter_token(self, value: str) -> None:
        self._set("word_delimiter_token", value)

    @property
    def cleanup(self) -> bool:
        return bool(self._get("cleanup"))

    @cleanup.setter
    def cleanup(self, value: bool) -> None:
        self._set("cleanup", value)


class Fuse(Decoder):
    """All tokens become one, for the decoders that follow in a `Sequence`."""

    def __new__(cls) -> Fuse:
        return from_json(cls, '{"type": "Fuse"}')


class Metaspace(Decoder):
    """``replacement`` stands for a space.

    Args:
        replacement: one character.
        prepend_scheme: "always", "first" or "never"; unless never, the first token loses all its spaces.
        split: for the pre-tokenizer of the same name.

    >>> Metaspace().decode(["▁good", "▁mor", "ning"])
    'good morning'
    """

    def __new__(cls, replacement: str = "▁", prepend_scheme: str = "always", split: bool = True) -> Metaspace:
        settings = {"replacement": replacement, "prepend_scheme": prepend_scheme, "split": split}
        return from_json(cls, json.dumps({"type": "Metaspace"} | settings))

    @property
    def replacement(self) -> str:
        return str(self._get("replacement"))

    @replacement.setter
    def replacement(self, value: str) -> None:
        self._set("replacement", value)

    @property
    def prepend_scheme(self) -> str:
        return str(self._get("prepend_scheme"))

    @prepend_scheme.setter
    def prepend_scheme(self, value: str) -> None:
        self._set("prepend_scheme", value)

    @property
    def split(self) -> bool:
        return bool(self._get("split"))

    @split.setter
    def split(self, value: bool) -> None:
        self._set("split", value)


class Replace(Decoder):
    """``content`` in place of each match of ``pattern``, a string or a `Regex`, in every token.

    >>> Replace("_", " ").decode(["good", "_morning"])
    'good morning'
    """

    def __new__(cls, pattern: str | _rust.Regex, content: str) -> Replace:
        state = {"type": "Replace", "pattern": _pattern(pattern), "content": content}
        return from_json(cls, json.dumps(state))


class Sequence(Decoder):
    """One decoder after the other.

    >>> Sequence([Replace("▁", " "), ByteFallback(), Fuse(), Strip(" ", 1, 0)]).decode(["▁a", "<0x62>"])
    'ab'
    """

    def __new__(cls, decoders: list[Any]) -> Sequence:
        for index, part in enumerate(decoders):
            if not isinstance(part, Decoder):
                found = type(part).__name__
                raise InvalidTypeError(f"decoders[{index}]: found {found}, expected a Decoder")
            if part.is_custom():
                raise InvalidArgumentError(f"decoders[{index}]: a custom decoder cannot be in a sequence")
        states = [part._state() for part in decoders]
        return from_json(cls, json.dumps({"type": "Sequence", "decoders": states}))


class Strip(Decoder):
    """Up to ``left`` and ``right`` times ``content`` at the ends of every token are left out.

    >>> Strip("_", left=1).decode(["__a", "_b"])
    '_ab'
    """

    def __new__(cls, content: str = " ", left: int = 0, right: int = 0) -> Strip:
        settings = {"content": content, "start": left, "stop": right}
        return from_json(cls, json.dumps({"type": "Strip"} | settings))

    @property
    def content(self) -> str:
        return str(self._get("content"))

    @content.setter
    def content(self, value: str) -> None:
        self._set("content", value)

    @property
    def start(self) -> int:
        return int(self._get("start"))

    @start.setter
    def start(self, value: int) -> None:
        self._set("start", value)

    @property
    def stop(self) -> int:
        return int(self._get("stop"))

    @stop.setter
    def stop(self, value: int) -> None:
        self._set("stop", value)


class WordPiece(Decoder):
    """Tokens without ``prefix`` begin a word.

    Args:
        prefix: what continues a word.
        cleanup: undo spaces that tokenization put into English text, token by token.

    >>> WordPiece().decode(["em", "##bed", "##ding", "!"])
    'embedding!'
    """

    def __new__(cls, prefix: str = "##", cleanup: bool = True) -> WordPiece:
        return from_json(cls, json.dumps({"type": "WordPiece", "prefix": prefix, "cleanup": cleanup}))

    @property
    def prefix(self) -> str:
        return str(self._get("prefix"))

    @prefix.setter
    def prefix(self, value: str) -> None:
        self._set("prefix", value)

    @property
    def cleanup(self) -> bool:
        return bool(self._get("cleanup"))

    @cleanup.setter
    def cleanup(self, value: bool) -> None:
        self._set("cleanup", value)


def _pattern(pattern: str | _rust.Regex) -> dict[str, str]:
    """A string or a regular expression in the form of tokenizer.json."""
    match pattern:
        case str():
            return {"String": pattern}
        case _rust.Regex():
            return {"Regex": pattern.pattern}
    raise InvalidTypeError(f"pattern: found {type(pattern).__name__}, expected str or Regex")


_TYPES: dict[str, type[Decoder]] = {
    part.__name__: part
    for part in (
        BPEDecoder,
        ByteFallback,
        ByteLevel,
        CTC,
        Fuse,
        Metaspace,
        Replace,
        Sequence,
        Strip,
        WordPiece,
    )
}


def wrap(part: _rust.TokenDecoder) -> Decoder:
    """The object of the right class for a part of a tokenizer."""
    if part.is_custom():
        wrapped = from_json(Decoder, '{"type": "Fuse"}')
        wrapped.take(part)
        return wrapped
    state = part.to_json()
    return from_json(_TYPES[json.loads(state)["type"]], state)
