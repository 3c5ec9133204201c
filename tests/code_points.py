"""The characters of tests that try out every one."""

from __future__ import annotations

# All planes that have characters; of those with none or only private use, where all are alike, one in 61.
CODE_POINTS = sorted(
    {
        *range(0xD800),
        *range(0xE000, 0x40000),
        *range(0xE0000, 0xE1000),
        *range(0x40000, 0x110000, 61),
        0x10FFFF,
    }
)
CHARACTERS = [chr(code) for code in CODE_POINTS]
