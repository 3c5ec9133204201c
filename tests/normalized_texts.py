"""Texts that are hard to normalize, and what is compared of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

# Characters that combine, compose, decompose, are reordered, removed or joined to clusters.
MARKS = "\u0300\u0301\u0323\u0327\u0334\u0345\u034f\u0344\u05b0\u094d\u09be\u0f71\u302e\u1ddc\u20dd\u3099\ufe0f\u200d"
BASES = (
    "aAeiIſŞéÅǍṩẛßİΣσсЙ½①ﬁﷺｶｱ漢\ufa1e兀가각한각\u1100\u1161\u11a8क\u09c7\u0dd9ं\U0001d15e\U0002f800😀👨👩🇩🇪©"
)
BLANKS = (
    " \t\n\r\x0b\x00\x01\x7f\x85\xa0\xad\u0378\u0600\u1680\u200b\u200e\u2028\u2581\u3000\ue000\ufeff\ufffd"
)
TEXTS = st.lists(
    st.sampled_from(
        [
            *(MARKS + BASES + BLANKS + "abcXYZ012.,"),
            "\r\n",
            "क्ष",
            "👨\u200d👩\u200d👧",
            "👍🏽",
            "e\u0301\u0323",
        ]
    )
    | st.characters(exclude_categories=["Cs"]),
    max_size=14,
).map("".join)


def alignment(text: Any) -> list[tuple[str, str]]:
    """Each character of a NormalizedString, and every pair of neighbours, with the original of that slice."""
    length = len(text.normalized)
    ranges = itertools.chain(
        ((at, at + 1) for at in range(length)), ((at, at + 2) for at in range(length - 1))
    )
    return [(part.normalized, part.original) for part in (text[start:end] for start, end in ranges) if part]


def panics(call: Callable[[], object]) -> bool:
    """Whether the reference fails by a panic, which is no behaviour to be equal to."""
    try:
        call()
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return True
    return False
