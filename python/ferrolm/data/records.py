"""Documents with the lines of their files, for programs that pass lines on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ferrolm.data.sources import BATCH_SIZE, COMPRESSED, file_errors, json_text, open_content
from ferrolm.errors import InvalidArgumentError

__all__ = ["Records", "is_json_lines", "read_records"]


@dataclass(frozen=True)
class Records:
    """``texts[i]`` is the document of ``lines[i]``, which ends with its line end if it has one.

    ``done``: bytes of the file read so far.
    """

    lines: list[bytes]
    texts: list[str]
    done: int


def is_json_lines(path: Path) -> bool:
    """Whether the name says that each line is a JSON object."""
    return (path.stem if path.suffix in COMPRESSED else path.name).endswith(".jsonl")


def read_records(path: Path, *, field: str = "text") -> Iterator[Records]:
    """The lines of a file in batches, each one document: the string under ``field`` in ``.jsonl``, else the line.

    Files may be compressed (``.gz``, ``.bz2``, ``.xz``, ``.zst``). Lines of white space are skipped. Raises as `read_batches` does.
    """
    if path.suffix == ".parquet":
        raise InvalidArgumentError(f"{path}: expected text or .jsonl, perhaps compressed")
    lines: list[bytes] = []
    texts: list[str] = []
    size = 0
    json_lines = is_json_lines(path)
    with file_errors(path), open_content(path) as (raw, content):
        for number, line in enumerate(content, 1):
            if not line.strip():
                continue
            texts.append(json_text(path, number, line, field) if json_lines else line.decode().rstrip("\r\n"))
            lines.append(line)
            size += len(line)
            if size >= BATCH_SIZE:
                yield Records(lines, texts, raw.tell())
                lines, texts, size = [], [], 0
        yield Records(lines, texts, raw.tell())
