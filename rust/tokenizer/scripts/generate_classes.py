"""Write src/unicode/table.rs: the classes that the GPT-2 pattern distinguishes, pinned to Unicode 16.

The reference engine (Oniguruma, as built into `tokenizers`) knows Unicode 16, so a newer database would split
newer letters differently. Run with:

    pip install unicodedata2==16.0.0
    python rust/tokenizer/scripts/generate_classes.py
"""

from __future__ import annotations

from pathlib import Path

import unicodedata2

TARGET = Path(__file__).resolve().parent.parent / "src" / "unicode" / "table.rs"
# The White_Space property; unicodedata has no accessor for it, and its list is stable across versions.
WHITE_SPACE = {
    *range(0x09, 0x0E),
    0x20,
    0x85,
    0xA0,
    0x1680,
    *range(0x2000, 0x200B),
    0x2028,
    0x2029,
    0x202F,
    0x205F,
    0x3000,
}
OTHER, LETTER, NUMBER, SPACE = range(4)
BLOCK = 64  # one block is what a lead of UTF-8 bytes shares: the last continuation byte selects within it


def class_of(code: int) -> int:
    if code in WHITE_SPACE:
        return SPACE
    return {"L": LETTER, "N": NUMBER}.get(unicodedata2.category(chr(code))[0], OTHER)


def packed(block: list[int]) -> tuple[int, int]:
    """Two words of 32 classes, two bits each, lowest first."""
    words = [block[:32], block[32:]]
    low, high = (sum(value << (2 * index) for index, value in enumerate(word)) for word in words)
    return low, high


def main() -> None:
    assert unicodedata2.unidata_version == "16.0.0", unicodedata2.unidata_version
    classes = [class_of(code) for code in range(0x110000)]
    blocks: dict[tuple[int, int], int] = {}
    index = [
        blocks.setdefault(packed(classes[at : at + BLOCK]), len(blocks)) for at in range(0, 0x110000, BLOCK)
    ]
    lines = [
        "//! Made by scripts/generate_classes.py from Unicode 16.0.0; do not edit.",
        "",
        "/// For each 64 code points, their block in [`BLOCKS`].",
        f"pub(super) static INDEX: [u16; {len(index)}] = [",
        *(f"    {', '.join(map(str, index[at : at + 24]))}," for at in range(0, len(index), 24)),
        "];",
        "",
        "/// 64 classes of two bits each: 0 other, 1 letter, 2 number, 3 white space.",
        f"pub(super) static BLOCKS: [[u64; 2]; {len(blocks)}] = [",
        *(f"    [0x{low:016x}, 0x{high:016x}]," for low, high in blocks),
        "];",
    ]
    TARGET.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
