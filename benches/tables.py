"""Tables from benchmark results: one row per group, ours first, each peer with its ratio."""

from __future__ import annotations

import re
import statistics
from pathlib import Path
from typing import Any

OURS = "ferrolm"
_UNITS = (("bytes", "MB/s", 1e6), ("tokens", "tokens/s", 1.0), ("items", "items/s", 1.0))


def markdown(result: dict[str, Any]) -> str:
    """The table of one room, with a line that says where the figures come from."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = ["| work | ferrolm | peers (ferrolm is so many times as fast) |", "| --- | ---: | --- |"]
    for group in dict.fromkeys(record["group"] for record in result["passes"][0]):
        passes = [[record for record in records if record["group"] == group] for records in result["passes"]]
        lines += [_row(group, passes)]
    threads = "one thread, CPU time" if result["threads"] == 1 else f"{result['threads']} threads"
    lines += [
        "",
        f"<sub>{machine['cpu']} ({machine['simd']}), {threads}, Python {machine['python']}, {versions}; commit {machine['commit']}, {machine['date']}</sub>",
        "",
    ]
    return "\n".join(lines)


def _row(group: str, passes: list[list[dict[str, Any]]]) -> str:
    seconds = {}  # library -> median seconds of each pass
    for library in dict.fromkeys(record["library"] for record in passes[0]):
        seconds[library] = [next(r["median"] for r in p if r["library"] == library) for p in passes]
    sample = passes[0][0]
    ours = seconds.pop(OURS, None)
    peers = []
    for library, times in seconds.items():
        ratio = ""
        if ours:
            ratio = f" ({statistics.median(theirs / mine for theirs, mine in zip(times, ours, strict=True)):.3g}×)"
        peers.append(f"{library} {_amount(statistics.median(times), sample)}{ratio}")
    return f"| {group} | {_amount(statistics.median(ours), sample) if ours else '-'} | {', '.join(peers)} |"


def _amount(seconds: float, sample: dict[str, Any]) -> str:
    for key, unit, scale in _UNITS:
        if key in sample:
            return f"{_three_digits(sample[key] / seconds / scale)} {unit}"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{_three_digits(seconds / scale)} {unit}"
    return f"{_three_digits(seconds * 1e9)} ns"


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def renew_readme(readme: Path, result: dict[str, Any]) -> None:
    """Replace what stands between ``<!-- bench:ROOM -->`` and ``<!-- /bench:ROOM -->``."""
    room = result["room"]
    pattern = re.compile(rf"(<!-- bench:{room} -->\n).*?(<!-- /bench:{room} -->)", re.DOTALL)
    text, found = pattern.subn(lambda match: match[1] + markdown(result) + match[2], readme.read_text())
    if found:
        readme.write_text(text)
