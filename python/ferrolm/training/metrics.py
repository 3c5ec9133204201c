"""What a run reports: a JSON line per interval, and a progress bar for who watches."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import IO, Any

__all__ = ["MetricsFile", "ProgressLine"]


class MetricsFile:
    """``metrics.jsonl``: one object per line, each with its ``step``.

    Opened at step ``start``: lines of later steps, which a resumed run will write again, are dropped, and a last
    line that a crash cut off too.
    """

    def __init__(self, path: Path, start: int) -> None:
        kept = []
        if start and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    record = json.loads(line)
                except json.JSONDecodeError:
                    continue
                if record["step"] <= start:
                    kept.append(line + "\n")
        path.write_text("".join(kept), encoding="utf-8")
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def write(self, **values: Any) -> None:
        self._file.write(json.dumps(values) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class ProgressLine:
    """Progress on standard error: one line that is rewritten on a terminal, else a line every half a minute."""

    def __init__(self, total: int, *, show: bool = True, stream: IO[str] | None = None) -> None:
        self._total, self._show = total, show
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._started = self._shown = time.monotonic()
        self._first_step: int | None = None

    def update(self, step: int, message: str) -> None:
        now = time.monotonic()
        if self._first_step is None:
            self._first_step, self._started = step, now
        if not self._show or now - self._shown < (0.2 if self._terminal else 30.0):
            return
        self._shown = now
        done = step - self._first_step
        left = (now - self._started) / done * (self._total - step) if done else float("nan")
        text = f"{step}/{self._total} steps, {message}, {_clock(left)} left"
        self._stream.write(f"\r{text:<78}" if self._terminal else text + "\n")
        self._stream.flush()

    def note(self, message: str) -> None:
        """A line that stays."""
        if self._show:
            self._stream.write(f"\r{message:<78}\n" if self._terminal else message + "\n")
            self._stream.flush()


def _clock(seconds: float) -> str:
    if seconds != seconds:
        return "?"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
