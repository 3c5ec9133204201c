"""Two-stage tables as Rust source: equal blocks of code points are stored once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "src"
CODE_POINTS = range(0x110000)
BLOCK = 64
WIDTH = 100


def array(name: str, kind: str, values: Iterable[str], doc: str) -> list[str]:
    """A static array, as many values on a line as fit."""
    lines, line, count = [], "   ", 0
    for value in values:
        if len(line) + len(value) > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {value},"
        count += 1
    lines.append(line)
    return [f"/// {doc}", f"pub(super) static {name}: [{kind}; {count}] = [", *lines, "];", ""]


def two_stage(prefix: str, kind: str, values: Sequence[int]) -> list[str]:
    """``{prefix}INDEX`` gives the block of each 64 code points, ``{prefix}BLOCKS`` their values."""
    blocks: dict[tuple[int, ...], int] = {}
    index = [
        blocks.setdefault(tuple(values[at : at + BLOCK]), len(blocks)) for at in range(0, len(values), BLOCK)
    ]
    rows = (f"[{', '.join(map(str, block))}]" for block in blocks)
    index_kind = "u8" if len(blocks) <= 256 else "u16"
    return [
        *array(f"{prefix}INDEX", index_kind, map(str, index), "For each 64 code points, their block."),
        *array(f"{prefix}BLOCKS", f"[{kind}; {BLOCK}]", rows, "The values of 64 code points."),
    ]


def write(path: str, header: list[str], lines: list[str]) -> None:
    text = "\n".join([*(f"//! {line}".rstrip() for line in header), "", *lines])
    (SOURCES / path).write_text(text.rstrip() + "\n")
