"""What this interpreter's `str` and `re` know of characters, for the extension.

Interpreters differ in their version of Unicode, so the tables are asked of the running one, once.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust

__all__ = ["character_tables"]

Codes = NDArray[np.uint32]
# Beyond are ideographs and private characters, neither cased nor ignorable, save for the tags of plane 14.
_CASED_PLANES = ((0, 0x20000), (0xE0000, 0xE1000))
# The one character whose lower case is two characters; the extension knows it.
_DOTTED_I = 0x130


@cache
def character_tables() -> _rust.CharacterTables:
    """The tables, made when they are first needed."""
    codes = np.arange(0x110000, dtype=np.uint32)
    everything = _text(codes)
    words, spaces = (
        [(match.start(), match.end() - 1) for match in re.finditer(pattern, everything)]
        for pattern in (r"\w+", r"\s+")
    )
    codes[_DOTTED_I] = 0
    lower = _codes(_text(codes).lower())
    changed = np.flatnonzero(codes != lower)
    pairs = [(chr(code), chr(lower[code])) for code in changed.tolist()]
    return _rust.CharacterTables(words, spaces, *_contexts_of_sigma(), pairs)


def _contexts_of_sigma() -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Ranges of Case_Ignorable characters, and of Cased ones that are not.

    Python does not show these properties, but the lower case of sigma depends on them: it is the final one after a
    cased character and any number of ignorable ones.
    """
    codes = np.concatenate([np.arange(*plane, dtype=np.uint32) for plane in _CASED_PLANES])
    codes = codes[codes != _DOTTED_I]
    cased, either = (_is_final_after(first, codes) for first in "1a")
    return _ranges(codes[either & ~cased]), [*_ranges(codes[cased]), (_DOTTED_I, _DOTTED_I)]


def _is_final_after(first: str, codes: Codes) -> NDArray[np.bool_]:
    """For each code, whether the sigma of ``first``, this character, sigma, ``1`` is a final one."""
    probes = np.empty((len(codes), 4), np.uint32)
    probes[:] = [ord(first), 0, ord("Σ"), ord("1")]
    probes[:, 1] = codes
    is_final: NDArray[np.bool_] = _codes(_text(probes).lower()).reshape(-1, 4)[:, 2] == ord("ς")
    return is_final


def _text(codes: NDArray[Any]) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)


def _ranges(codes: Codes) -> list[tuple[int, int]]:
    """Rising numbers as inclusive ranges."""
    breaks = np.flatnonzero(np.diff(codes) > 1)
    starts, ends = codes[np.append(0, breaks + 1)], codes[np.append(breaks, len(codes) - 1)]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
