"""Decoders: what turns tokens back into text."""

from __future__ import annotations

import json
from typing import Any

from ferrolm import _rust
from ferrolm._rust import DecodeStream
from ferrolm.tokenizers._part import Part, from_json

__all__ = ["ByteLevel", "DecodeStream", "Decoder"]


class Decoder(_rust.TokenDecoder, Part):
    """Base class of decoders."""


class ByteLevel(Decoder):
    """Characters that stand for bytes back to bytes, bytes that are not UTF-8 to U+FFFD.

    >>> ByteLevel().decode(["It", "'s", "ĠÃ", "©"])
    "It's é"
    """

    def __new__(cls, **_: Any) -> ByteLevel:
        settings = {"add_prefix_space": True, "trim_offsets": True, "use_regex": True}
        return super().__new__(cls, json.dumps({"type": "ByteLevel"} | settings))


_TYPES: dict[str, type[Decoder]] = {"ByteLevel": ByteLevel}


def wrap(part: _rust.TokenDecoder) -> Decoder:
    """The object of the right class for a part of a tokenizer."""
    state = part.to_json()
    return from_json(_TYPES[json.loads(state)["type"]], state)
