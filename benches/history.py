"""What `make bench` measured before, and which ratios to peers have fallen since.

Every run that is stored adds a line of JSON to benches/results/history.jsonl, which git ignores: it is the history of one
machine. `python benches/run.py --compare` holds the newest run of each room against up to RUNS earlier ones of the same CPU, SIMD
level and number of threads. The first time, they are those that the repository has in benches/results, if its CPU is this one.

It looks at ratios, peer to ours within one pass, since the machine's speed drifts by more than most changes matter. A row
has fallen if its median is lower by more than TOLERANCE and none of its passes reaches what the earlier passes had at the
least: intervals that touch are noise. If ours became slower, the ratios to most peers of a row fall; what falls to a few alone is
their gain or their luck, and is told without failing. A peer that has another version than before is named with both.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tables import OURS, unit_cost

RUNS = 5
"""How many earlier runs are looked at."""
TOLERANCE = 0.1
"""The share that a ratio may lose: repeated runs of the same commit differ by up to a tenth on a shared machine."""

Entry = dict[str, Any]


def entry(result: dict[str, Any]) -> Entry:
    """One line of the history: where a run of a room was made, and its ratios, pass by pass."""
    machine = result["machine"]
    kept = {key: machine[key] for key in ("cpu", "simd", "commit", "date", "versions")}
    return {"room": result["room"], "threads": result["threads"], **kept, "ratios": ratios(result["passes"])}


def ratios(passes: list[list[dict[str, Any]]]) -> dict[str, dict[str, list[float]]]:
    """How many times as fast as each peer ours was: by work, by library, one for each pass."""
    found: dict[str, dict[str, list[float]]] = {}
    for records in passes:
        ours = {record["group"]: unit_cost(record) for record in records if record["library"] == OURS}
        for record in records:
            group, library = record["group"], record["library"]
            # Names like "ferrolm, same ids" are ways of our own.
            if group in ours and not library.startswith(OURS):
                value = float(f"{unit_cost(record) / ours[group]:.4g}")
                found.setdefault(group, {}).setdefault(library, []).append(value)
    return found


def append(history: Path, result: dict[str, Any], before: dict[str, Any] | None = None) -> None:
    """Add a run; ``before``, the run that it replaces in benches/results, goes ahead of it if it is not there yet."""
    known = {_key(line) for line in read(history)}
    lines = [entry(run) for run in (before, result) if run is not None]
    new = [line for line in lines[:-1] if _key(line) not in known] + lines[-1:]
    with history.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in new)


def read(history: Path) -> list[Entry]:
    """The runs, oldest first; a line that was cut short by a crash is left out."""
    if not history.exists():
        return []
    entries = []
    for line in history.read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return entries


def _key(line: Entry) -> tuple[Any, ...]:
    return (line["room"], line["threads"], line["cpu"], line["commit"], line["date"])


def _place(line: Entry) -> tuple[Any, ...]:
    return (line["room"], line["threads"], line["cpu"], line["simd"])


@dataclass(frozen=True)
class Change:
    """A row whose ratio is beyond noise another than before."""

    room: str
    work: str
    library: str
    before: float
    after: float
    versions: tuple[str, str]
    """Of the peer, then and now; empty where the library is no package."""
    moved: int
    """Peers of the row whose ratios moved the same way beyond noise, this one among them."""
    peers: int

    @property
    def fell(self) -> bool:
        return self.after < self.before

    @property
    def ours(self) -> bool:
        """Whether most peers of the row agree, so that the change is one of ours."""
        return 2 * self.moved > self.peers

    def __str__(self) -> str:
        then, now = self.versions
        other = f" ({self.library} was {then or 'unknown'}, is {now or 'unknown'})" if then != now else ""
        verb = "fell" if self.fell else "rose"
        share = self.after / self.before - 1
        return (
            f"{verb} {share:+.0%}  {self.room}: {self.work}, "
            f"{self.library} {self.before:.3g}× -> {self.after:.3g}×, {self.moved} of {self.peers} peers{other}"
        )


def compare(entries: Iterable[Entry], tolerance: float = TOLERANCE) -> Iterator[Change]:
    """Rows of the newest run in each place against the earlier runs there."""
    places: dict[tuple[Any, ...], list[Entry]] = {}
    for line in entries:
        places.setdefault(_place(line), []).append(line)
    for runs in places.values():
        *earlier, newest = runs
        if earlier:
            yield from _changes(earlier[-RUNS:], newest, tolerance)


def _changes(earlier: list[Entry], newest: Entry, tolerance: float) -> Iterator[Change]:
    for work, libraries in newest["ratios"].items():
        found = []
        for library, after in libraries.items():
            before = [ratio for run in earlier for ratio in run["ratios"].get(work, {}).get(library, [])]
            if before and (way := _moved(before, after, tolerance)):
                found.append((library, way, statistics.median(before), statistics.median(after)))
        for library, way, then, now in found:
            versions = (earlier[-1]["versions"].get(library, ""), newest["versions"].get(library, ""))
            moved = sum(other == way for _, other, _, _ in found)
            yield Change(newest["room"], work, library, then, now, versions, moved, len(libraries))


def _moved(before: list[float], after: list[float], tolerance: float) -> int:
    """1 for a rise beyond noise, -1 for a fall, else 0."""
    then, now = statistics.median(before), statistics.median(after)
    if now < then * (1 - tolerance) and max(after) < min(before):
        return -1
    return int(now > then / (1 - tolerance) and min(after) > max(before))


def report(entries: list[Entry], tolerance: float = TOLERANCE) -> tuple[str, bool]:
    """What to print, and whether a ratio fell to most peers of its row."""
    counts = Counter(map(_place, entries))
    compared = sum(count > 1 for count in counts.values())
    if not compared:
        return (
            "no room has been measured twice on this machine: run make bench before and after a change",
            False,
        )
    changes = sorted(
        compare(entries, tolerance), key=lambda change: (not change.ours, change.after / change.before)
    )
    fell = sum(change.fell for change in changes)
    ours = sum(change.fell and change.ours for change in changes)
    summary = (
        f"rooms compared: {compared}; beyond noise, ratios that fell: {fell}, to most peers of their row: {ours}; "
        f"that rose: {len(changes) - fell}"
    )
    return "\n".join([*map(str, changes), summary]), bool(ours)
