"""Names of the `tokenizers` package for types of arguments and for choices."""

from __future__ import annotations

from enum import Enum

__all__ = [
    "EncodeInput",
    "InputSequence",
    "OffsetReferential",
    "OffsetType",
    "Offsets",
    "PreTokenizedEncodeInput",
    "PreTokenizedInputSequence",
    "SplitDelimiterBehavior",
    "TextEncodeInput",
    "TextInputSequence",
]

# Start and end of a part of a text.
Offsets = tuple[int, int]

# One text; one text or a pair of them.
TextInputSequence = str
TextEncodeInput = TextInputSequence | tuple[TextInputSequence, TextInputSequence] | list[TextInputSequence]

# The same of texts that are lists of words.
PreTokenizedInputSequence = list[str] | tuple[str, ...]
PreTokenizedEncodeInput = (
    PreTokenizedInputSequence
    | tuple[PreTokenizedInputSequence, PreTokenizedInputSequence]
    | list[PreTokenizedInputSequence]
)

InputSequence = TextInputSequence | PreTokenizedInputSequence
EncodeInput = TextEncodeInput | PreTokenizedEncodeInput


class OffsetReferential(Enum):
    """Whether offsets count in the text as it was given, or as normalization made it."""

    ORIGINAL = "original"
    NORMALIZED = "normalized"


class OffsetType(Enum):
    """What offsets count."""

    BYTE = "byte"
    CHAR = "char"


class SplitDelimiterBehavior(Enum):
    """What becomes of the delimiters that a text is split at."""

    REMOVED = "removed"
    ISOLATED = "isolated"
    MERGED_WITH_PREVIOUS = "merged_with_previous"
    MERGED_WITH_NEXT = "merged_with_next"
    CONTIGUOUS = "contiguous"
