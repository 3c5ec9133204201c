"""Write src/unicode/graphemes/table.rs: the classes of Unicode 17 that grapheme clusters are made of.

The reference cuts by `unicode-segmentation` 1.13, which knows Unicode 17. Run with:

    pip install regex==2026.11.15      # its database is Unicode 17
    python rust/tokenizer/scripts/generate_graphemes.py
"""

from __future__ import annotations

import regex
from tables import CODE_POINTS, two_stage, write

# In the order of `Class` in `src/unicode/graphemes/mod.rs`; the first that holds is a character's class. Linkers and
# joining extenders of conjuncts are extenders, consonants are nothing else.
CLASSES = [
    r"\p{GCB=CR}",
    r"\p{GCB=LF}",
    r"\p{GCB=Control}",
    r"\p{GCB=ZWJ}",
    r"[\p{GCB=Extend}&&\p{InCB=Linker}]",
    r"[\p{GCB=Extend}&&\p{InCB=Extend}]",
    r"\p{GCB=Extend}",
    r"\p{GCB=Regional_Indicator}",
    r"\p{GCB=Prepend}",
    r"\p{GCB=SpacingMark}",
    r"\p{GCB=L}",
    r"\p{GCB=V}",
    r"\p{GCB=T}",
    r"\p{GCB=LV}",
    r"\p{GCB=LVT}",
    r"\p{Extended_Pictographic}",
    r"\p{InCB=Consonant}",
]
PATTERNS = [regex.compile(pattern, regex.V1) for pattern in CLASSES]


def class_of(code: int) -> int:
    return next((index for index, pattern in enumerate(PATTERNS, 1) if pattern.match(chr(code))), 0)


if __name__ == "__main__":
    assert regex.match(r"\p{L}", "\U000323b0"), "a letter of Unicode 17"
    values = [class_of(code) for code in CODE_POINTS]
    header = ["Made by `scripts/generate_graphemes.py` from Unicode 17.0.0; do not edit."]
    write("unicode/graphemes/table.rs", header, two_stage("", "u8", values))
