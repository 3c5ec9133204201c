r"""Write src/unicode/table.rs: the character classes of the reference engines, pinned to Unicode 16.

The regex engines of `tokenizers` (Oniguruma for the GPT-2 pattern, Rust's regex for `\w`) know Unicode 16, so a
newer database would split newer letters differently. Run with:

    pip install regex==2024.11.6      # its database is Unicode 16
    python rust/tokenizer/scripts/generate_classes.py
"""

from __future__ import annotations

from pathlib import Path

import regex

TARGET = Path(__file__).resolve().parent.parent / "src" / "unicode" / "table.rs"
# The values of `Category` in src/unicode/mod.rs; 0 is the rest. The first that matches counts.
HAN = r"(?=[一-龥\u3040-\u30ff])"  # what DeepSeek's pattern cuts out; the classes within
CATEGORIES = [
    (11, HAN + r"\p{L}"),
    (12, HAN + r"\p{M}"),
    (14, HAN + r"\p{P}"),
    (15, HAN + r"\p{S}"),
    (8, HAN),
    (1, r"\p{Ll}"),
    (2, r"[\p{Lu}\p{Lt}]"),
    (3, r"\p{L}"),
    (4, r"\p{M}"),
    (5, r"\p{N}"),
    (6, r"\p{P}"),
    (7, r"\p{S}"),
    (9, r"\p{White_Space}"),
]
CLASSES = [(value, regex.compile(pattern)) for value, pattern in CATEGORIES]
WORD = regex.compile(r"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]")  # UTS 18, as Rust's regex has it
BLOCK = 64  # one block is what a lead of UTF-8 bytes shares: the last continuation byte selects within it


def class_of(code: int) -> int:
    return next((value for value, pattern in CLASSES if pattern.match(chr(code))), 0)


def packed(block: list[int]) -> tuple[int, ...]:
    """Four words of 16 classes, four bits each, lowest first."""
    words = [block[at : at + 16] for at in range(0, BLOCK, 16)]
    return tuple(sum(value << (4 * index) for index, value in enumerate(word)) for word in words)


def ranges(pattern: regex.Pattern[str]) -> list[tuple[int, int]]:
    """Inclusive ranges of matching code points."""
    found: list[tuple[int, int]] = []
    for code in filter(lambda code: pattern.match(chr(code)), range(0x110000)):
        if found and found[-1][1] == code - 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found


def table(name: str, kind: str, values: list[str], width: int) -> list[str]:
    rows = [f"    {', '.join(values[at : at + width])}," for at in range(0, len(values), width)]
    return [f"pub(super) static {name}: [{kind}; {len(values)}] = [", *rows, "];", ""]


def main() -> None:
    assert regex.match(r"\p{L}", "\U00010d4a"), "a letter of Unicode 16"
    assert not regex.match(r"\p{L}", "\U000323b0"), "a letter of Unicode 17"
    classes = [class_of(code) for code in range(0x110000)]
    blocks: dict[tuple[int, ...], int] = {}
    index = [
        blocks.setdefault(packed(classes[at : at + BLOCK]), len(blocks)) for at in range(0, 0x110000, BLOCK)
    ]
    lines = [
        "//! Made by `scripts/generate_classes.py` from Unicode 16.0.0; do not edit.",
        "",
        "/// For each 64 code points, their block in [`BLOCKS`].",
        *table("INDEX", "u16", [str(block) for block in index], 24),
        "/// 64 values of `Category`, four bits each.",
        *table(
            "BLOCKS",
            "[u64; 4]",
            [f"[{', '.join(f'0x{word:016x}' for word in block)}]" for block in blocks],
            1,
        ),
        "/// Inclusive ranges of the word characters, `\\w`.",
        *table("WORD", "(u32, u32)", [f"(0x{first:x}, 0x{last:x})" for first, last in ranges(WORD)], 6),
    ]
    TARGET.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
