"""The trials of a search as a file for other programs and as a table for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ferrolm.data._atomic import replace_file
from ferrolm.training.search.study import SearchResult
from ferrolm.training.search.trial import TrialRecord

__all__ = ["parameter_names", "table", "write_csv"]


def parameter_names(trials: Sequence[TrialRecord]) -> list[str]:
    """The names of all parameters, in the order of the space."""
    return list(dict.fromkeys(name for trial in trials for name in trial.parameters))


def write_csv(trials: Sequence[TrialRecord], path: str | Path) -> None:
    """Write one line per trial: number, state, value, seconds, steps, its parameters, and the error of a failed one."""
    names = parameter_names(trials)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", "state", "value", "seconds", "steps", *names, "error"])
    for trial in trials:
        steps = trial.reports[-1][0] if trial.reports else ""
        value = "" if trial.value is None else repr(trial.value)
        values = [trial.parameters.get(name, "") for name in names]
        writer.writerow(
            [trial.number, trial.state, value, f"{trial.seconds:.3f}", steps, *values, trial.error]
        )
    with replace_file(Path(path)) as file:
        file.write(text.getvalue().encode())


def table(result: SearchResult, limit: int = 20) -> str:
    """The best ``limit`` trials, best first, then how many ended otherwise.

    >>> records = [TrialRecord(0, {"a.b": 0.5}, "complete", 2.0), TrialRecord(1, {"a.b": 0.1}, "complete", 1.0)]
    >>> print(table(SearchResult(records, "minimize")))
    trial  value  seconds  b
        1      1      0.0  0.1
        0      2      0.0  0.5
    """
    sign = 1 if result.direction == "minimize" else -1
    complete = [trial for trial in result.trials if trial.state == "complete"]
    ranked = sorted(complete, key=lambda trial: sign * (trial.value or 0.0))[:limit]
    names = parameter_names(result.trials)
    heads = ["trial", "value", "seconds", *_short(names)]
    rows = [
        [str(trial.number), f"{trial.value:.5g}", f"{trial.seconds:.1f}"]
        + [_shown(trial.parameters.get(name, "")) for name in names]
        for trial in ranked
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if column < 3 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [heads, *rows]
    ]
    return "\n".join(lines + _others(result.trials, len(complete) - len(ranked)))


def _others(trials: Sequence[TrialRecord], more: int) -> list[str]:
    counts = {
        state: sum(trial.state == state for trial in trials) for state in ("pruned", "failed", "interrupted")
    }
    parts = [f"{more} more"] if more > 0 else []
    parts += [f"{count} {state}" for state, count in counts.items() if count]
    return [f"and {', '.join(parts)}"] if parts else []


def _short(names: Sequence[str]) -> list[str]:
    """Names without their section, where that is clear enough."""
    ends = [name.rpartition(".")[2] for name in names]
    return [end if ends.count(end) == 1 else name for name, end in zip(names, ends, strict=True)]


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
