"""Sources with targets from the files of a task."""

from __future__ import annotations

from collections.abc import Sequence

from ferrolm.data import TextPair, read_jsonl_pairs, read_parallel, read_parallel_tsv
from ferrolm.training.finetuning.settings import TaskDataConfig
from ferrolm.training.finetuning.task import find_format

__all__ = ["column", "read_pairs", "source_columns"]


def read_pairs(path: str, data: TaskDataConfig, formats: Sequence[str] = ("tsv", "jsonl")) -> list[TextPair]:
    """The pairs of a table, of JSON lines, or of two files that are named with a comma between them ("parallel")."""
    kind = find_format(path, data.format, formats)
    if kind == "parallel":
        first, _, second = path.partition(",")
        return list(read_parallel(first.strip(), second.strip(), encoding=data.encoding))
    if kind == "jsonl":
        return list(read_jsonl_pairs(path, data.source, data.target))
    return list(read_parallel_tsv(path, *source_columns(data), encoding=data.encoding))


def source_columns(data: TaskDataConfig) -> tuple[str | int, str | int]:
    """Columns of a table with sources and targets: the first two, unless the settings say others."""
    if data.source == "source" and data.target == "target":
        return 0, 1
    return column(data.source), column(data.target)


def column(name: str) -> str | int:
    """A column of a table: digits are its number."""
    return int(name) if name.isdecimal() else name
