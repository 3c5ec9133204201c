"""What a pipeline did: counts for each step and reason, with examples, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Self

__all__ = ["Count", "Report", "StepReport", "add_example"]

# Characters of a text that an example shows.
_EXCERPT = 160


@dataclass
class Count:
    """Documents (or changes, or records) of one reason, their characters, and where the first of them came from."""

    number: int = 0
    characters: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)

    def merge(self, other: Count, limit: int) -> None:
        """Add what came later; ``limit`` examples are kept."""
        self.number += other.number
        self.characters += other.characters
        self.examples.extend(other.examples[: limit - len(self.examples)])


def add_example(counts: dict[str, Count], reason: str, source: str, text: str, size: int, limit: int) -> None:
    """Count one more of ``reason``."""
    count = counts.setdefault(reason, Count())
    count.number += 1
    count.characters += size
    if len(count.examples) < limit:
        count.examples.append({"source": source, "text": text[:_EXCERPT]})


def _merge(counts: dict[str, Count], others: dict[str, Count], limit: int) -> None:
    for reason, other in others.items():
        counts.setdefault(reason, Count()).merge(other, limit)


@dataclass
class StepReport:
    """What one step did. Bytes stand for characters where a step meets text that is not decoded.

    ``removed``: documents by reason, with the characters that they had; ``changes``: what a step noted about texts that it
    kept; ``changed``: how many texts it altered; ``seconds``: processor time inside the step, of all processes together.
    """

    name: str
    documents_in: int = 0
    documents_out: int = 0
    characters_in: int = 0
    characters_out: int = 0
    changed: int = 0
    seconds: float = 0.0
    removed: dict[str, Count] = field(default_factory=dict)
    changes: dict[str, Count] = field(default_factory=dict)

    def merge(self, other: StepReport, limit: int) -> None:
        """Add what the step did to later documents."""
        for name in (
            "documents_in",
            "documents_out",
            "characters_in",
            "characters_out",
            "changed",
            "seconds",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        _merge(self.removed, other.removed, limit)
        _merge(self.changes, other.changes, limit)


@dataclass
class Report:
    """What a run read, removed and wrote.

    Attributes:
        files: input files.
        records: documents that were read.
        unread: records and files that were not read, by reason.
        steps: what each step did, in order.
        written: documents that were written, ``written_characters`` long.
        empty: documents whose text was empty in the end; they are not written.
        seconds: wall time, of all parts of an interrupted run together.
        resumed: how often the run took up from an interrupted one.
    """

    files: int = 0
    records: int = 0
    unread: dict[str, Count] = field(default_factory=dict)
    steps: list[StepReport] = field(default_factory=list)
    written: int = 0
    written_characters: int = 0
    empty: int = 0
    seconds: float = 0.0
    resumed: int = 0

    @property
    def removed(self) -> int:
        """Documents that a step removed."""
        return sum(count.number for step in self.steps for count in step.removed.values())

    def add_unread(self, other: dict[str, Count], limit: int) -> None:
        """Add bad records of a later part."""
        _merge(self.unread, other, limit)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain dictionaries and lists."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The report that `to_dict` gave ``data`` of."""
        steps = [
            StepReport(**{**step, "removed": _counts(step["removed"]), "changes": _counts(step["changes"])})
            for step in data["steps"]
        ]
        return cls(**{**data, "steps": steps, "unread": _counts(data["unread"])})

    def save(self, path: str | PathLike[str]) -> None:
        """Write it as JSON."""
        from ferrolm.data._atomic import replace_file

        with replace_file(Path(path)) as file:
            file.write(json.dumps(self.to_dict(), ensure_ascii=False, indent=2).encode() + b"\n")

    def table(self) -> str:
        """For people: a line for each step, and below it one for each reason."""
        lines = [f"{'step':<34}{'documents':>12}{'characters':>16}{'MB/s':>9}"]
        lines.append(
            f"{'read':<34}{self.records:>12,}" + (f"{self.steps[0].characters_in:>16,}" if self.steps else "")
        )
        for reason, count in sorted(self.unread.items()):
            lines.append(f"  {'not read: ' + reason:<32}{count.number:>12,}")
            lines.extend(_example(example) for example in count.examples)
        for step in self.steps:
            lines.extend(_rows(step))
        if self.empty:
            lines.append(f"  {'not written: empty':<32}{-self.empty:>12,}")
        lines.append(f"{'written':<34}{self.written:>12,}{self.written_characters:>16,}")
        return "\n".join(lines)


def _rows(step: StepReport) -> list[str]:
    speed = f"{step.characters_in / 1e6 / step.seconds:>9.1f}" if step.seconds > 1e-4 else ""
    rows = [f"{step.name:<34}{step.documents_out:>12,}{step.characters_out:>16,}{speed}"]
    for reason, count in sorted(step.removed.items(), key=lambda item: -item[1].number):
        rows.append(f"  {reason:<32}{-count.number:>12,}{-count.characters:>16,}")
        rows.extend(_example(example) for example in count.examples)
    for reason, count in sorted(step.changes.items(), key=lambda item: -item[1].number):
        rows.append(f"  {reason:<32}{f'{count.number:,} x':>14}")
        rows.extend(_example(example) for example in count.examples)
    return rows


def _example(example: dict[str, str]) -> str:
    text = " ".join(example["text"].split())
    return f"      {example['source']}: {text[:80]}".removesuffix(": ")


def _counts(data: dict[str, Any]) -> dict[str, Count]:
    return {reason: Count(**count) for reason, count in data.items()}
