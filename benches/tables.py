"""Tables from benchmark results: one row per group, ours first, each peer with its ratio."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

OURS = "ferrolm"
SUMMARIES = {
    "tokenization": (
        r".+, steady, mixture",
        r"(GPT-2|o200k), steady, (english|code|multilingual|cjk)",
        r"GPT-2, (cold|warm), mixture(, Python lists|, one document)?",
        r"GPT-2, warm, english",
        r"(GPT-2|o200k), load .*",
        r"(GPT-2|Llama 2|BERT), one string .*",
        r"GPT-2, (decode_batch|decode arrays|DecodeStream)",
        r"GPT-2, encode_batch: .*",
        r"(GPT-2|BERT), transformers: .*",
    ),
}
"""Rows of README where all would be too many, by room; docs/benchmarks.md has the others."""
REFERENCES = ("tokenizers", "tiktoken", "sentencepiece", "transformers")
"""Libraries that a summary always names; of the others it names the three fastest."""
_UNITS = (("bytes", "MB/s", 1e6), ("tokens", "tokens/s", 1.0), ("items", "items/s", 1.0))

Record = dict[str, Any]


def markdown(result: dict[str, Any], summary: bool = False) -> str:
    """The table of one room, with lines that say what the marks mean and where the figures come from."""
    passes = result["passes"]
    groups = list(dict.fromkeys(record["group"] for record in passes[0]))
    chosen = SUMMARIES.get(result["room"]) if summary else None
    if chosen:
        groups = [group for group in groups if any(re.fullmatch(pattern, group) for pattern in chosen)]
    wrong = _inexact(passes)
    lines = ["| work | ferrolm | peers (ferrolm is so many times as fast) |", "| --- | ---: | --- |"]
    for group in groups:
        rows = [[record for record in records if record["group"] == group] for records in passes]
        lines += [_row(group, rows, wrong, shortened=chosen is not None)]
    lines += ["", *_notes(result, wrong), ""]
    return "\n".join(lines)


def _row(group: str, passes: list[list[Record]], wrong: dict[tuple[str, str], float], shortened: bool) -> str:
    records: dict[str, list[Record]] = {}  # by library, one for each pass
    for library in dict.fromkeys(record["library"] for record in passes[0]):
        found = [record for p in passes for record in p if record["library"] == library]
        if len(found) == len(passes):
            records[library] = found
    ours = records.pop(OURS, None)
    ratios = {
        library: statistics.median(
            unit_cost(t) / unit_cost(o) for t, o in zip(theirs, ours or theirs, strict=True)
        )
        for library, theirs in records.items()
    }
    named = sorted(ratios, key=ratios.__getitem__) if passes[0] and "family" in passes[0][0] else list(ratios)
    if shortened:
        fastest = [library for library in named if library not in REFERENCES][:3]
        named = [library for library in named if library in fastest or library in REFERENCES]
    peers = []
    for library in named:
        mark = "*" if wrong.get((records[library][0].get("family", ""), library)) else ""
        ratio = f" ({ratios[library]:.3g}×)" if ours else ""
        peers.append(f"{library}{mark} {_amount(records[library])}{ratio}")
    return f"| {group} | {_amount(ours) if ours else '-'} | {', '.join(peers)} |"


def unit_cost(record: Record) -> float:
    """Seconds for a unit of work: libraries may be given different amounts of the same."""
    for key, _, _ in _UNITS:
        if key in record:
            return float(record["median"] / record[key])
    return float(record["median"])


def _amount(records: Iterable[Record]) -> str:
    records = list(records)
    cost = statistics.median(map(unit_cost, records))
    for key, unit, scale in _UNITS:
        if key in records[0]:
            return f"{_three_digits(1 / cost / scale)} {unit}"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if cost >= scale:
            return f"{_three_digits(cost / scale)} {unit}"
    return f"{_three_digits(cost * 1e9)} ns"


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _inexact(passes: list[list[Record]]) -> dict[tuple[str, str], float]:
    """The share of differing results by family and library, where it was measured."""
    return {
        (record["family"], record["library"]): record["inexact"]
        for records in passes
        for record in records
        if "inexact" in record
    }


def _notes(result: dict[str, Any], wrong: dict[tuple[str, str], float]) -> Iterator[str]:
    if any(wrong.values()):
        shares: dict[str, list[str]] = {}
        for (family, library), share in wrong.items():
            if share:
                shares.setdefault(library, []).append(f"{family} {100 * share:.2g} %")
        listed = "; ".join(f"{library}: {', '.join(parts)}" for library, parts in shares.items())
        what = "tricky lines" if result["room"] == "tokenization" else "the vocabulary"
        yield f"<sub>\\* not the result of `tokenizers` on a share of {what}: {listed}</sub>"
        yield ""
    machine = result["machine"]
    libraries = " ".join({record["library"] for records in result["passes"] for record in records})
    versions = ", ".join(
        f"{name} {version}"
        for name, version in machine["versions"].items()
        if name in (OURS, "numpy") or name.removesuffix("-rs").removesuffix("-tokenizer") in libraries
    )
    threads = "one thread, CPU time" if result["threads"] == 1 else f"{result['threads']} threads, wall time"
    yield (
        f"<sub>{machine['cpu']} ({machine['simd']}), {threads}, Python {machine['python']}, {versions};"
        f" commit {machine['commit']}, {machine['date']}</sub>"
    )


def renew_readme(readme: Path, result: dict[str, Any]) -> None:
    """Replace what stands between ``<!-- bench:ROOM -->`` and ``<!-- /bench:ROOM -->``."""
    room = result["room"]
    pattern = re.compile(rf"(<!-- bench:{room} -->\n).*?(<!-- /bench:{room} -->)", re.DOTALL)
    table = markdown(result, summary=True)
    text, found = pattern.subn(lambda match: match[1] + table + match[2], readme.read_text())
    if found:
        readme.write_text(text)


def write_page(page: Path, results: Path) -> None:
    """All rows of all rooms of which there are results, as one page."""
    lines = [
        "# Benchmarks",
        "",
        "Made by `python benches/run.py` from benches/results; every row that was measured.",
        "",
    ]
    for path in sorted(results.glob("*.json")):
        result = json.loads(path.read_text())
        lines += [f"## {path.stem.replace('_', ' ').capitalize()}", "", markdown(result)]
    page.write_text("\n".join(lines))
