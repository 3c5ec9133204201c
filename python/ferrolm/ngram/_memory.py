"""Amounts of memory, as people write them."""

from __future__ import annotations

import math
import os
import re

from ferrolm.errors import InvalidArgumentError, InvalidTypeError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:([KMGT]?)(?:i?B)?|(%))\s*", re.IGNORECASE)


# What the core can be told.
_MOST = 1 << 62


def memory_bytes(memory: float | str) -> int:
    """Bytes of ``memory``: a number of bytes, ``"512MB"``, ``"2G"`` (powers of 1024), or ``"50%"`` of the machine's.

    >>> memory_bytes("1.5K"), memory_bytes(4096)
    (1536, 4096)
    """
    if isinstance(memory, int | float):
        amount = int(memory) if math.isfinite(memory) else 0
    elif not isinstance(memory, str):
        raise InvalidTypeError(
            f"memory is {type(memory).__name__}, expected a number of bytes or text like '2G'"
        )
    else:
        match = _AMOUNT.fullmatch(memory)
        if match is None:
            raise InvalidArgumentError(
                f"memory is {memory!r}, but must be a number of bytes, or like '512MB', '2G', '50%'"
            )
        number, unit, percent = match.groups()
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 100 if percent else 1
        amount = int(float(number) * (whole if percent else _UNITS[unit.upper()]))
    if amount <= 0:
        raise InvalidArgumentError(f"memory is {memory!r}, but must be positive")
    return min(amount, _MOST)
