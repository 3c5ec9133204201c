"""Pre-tokenizers: what cuts text into the pieces that the model sees."""

from __future__ import annotations

import json
from typing import Any

from ferrolm import _rust
from ferrolm.tokenizers._part import Part, from_json

__all__ = ["ByteLevel", "PreTokenizer"]


class PreTokenizer(_rust.PreTokenizer, Part):
    """Base class of pre-tokenizers."""


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


_TYPES: dict[str, type[PreTokenizer]] = {"ByteLevel": ByteLevel}


def wrap(part: _rust.PreTokenizer) -> PreTokenizer:
    """The object of the right class for a part of a tokenizer."""
    state = part.to_json()
    return from_json(_TYPES[json.loads(state)["type"]], state)
