"""What a run reports: a JSON line per interval, and a progress bar for who watches."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

__all__ = ["MetricsFile", "ProgressBar"]


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


class ProgressBar:
    """Progress on standard error: a bar on a terminal, else a line every half a minute."""

    def __init__(
        self, total: int, *, start: int = 0, show: bool = True, stream: IO[str] | None = None
    ) -> None:
        self._stream = stream or sys.stderr
        self._bar = tqdm(
            total=total, initial=start, disable=not show, file=self._stream, unit="step", dynamic_ncols=True,
            mininterval=0.2 if self._stream.isatty() else 30.0,
        )  # fmt: skip

    def update(self, step: int, message: str) -> None:
        self._bar.set_postfix_str(message, refresh=False)
        self._bar.update(step - self._bar.n)

    def note(self, message: str) -> None:
        """A line that stays."""
        if not self._bar.disable:
            self._bar.write(message, file=self._stream)

    def close(self) -> None:
        self._bar.close()
