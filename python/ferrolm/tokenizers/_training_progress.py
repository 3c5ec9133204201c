"""Showing how far a training is."""

from __future__ import annotations

import json
import sys
import threading
import time
from types import TracebackType
from typing import Protocol, Self

__all__ = ["Watch"]

# Seconds between two looks.
_INTERVAL = 0.1
_BAR = 24


class _Watched(Protocol):
    def progress(self) -> list[tuple[str, int, int]]: ...


class Watch:
    """Writes to standard error, from a thread of its own, what the extension's counters say.

    A bar per stage on a terminal (``indicatif``), or lines of JSON (``json``): one where a stage begins, one where
    it ends, and some between. Nothing otherwise, and no thread.
    """

    def __init__(self, watched: _Watched, show: bool, format: str) -> None:
        self._watched = watched
        self._json = format == "json"
        # Lines of JSON are for programs and do not depend on `show`, as in the `tokenizers` package.
        self._active = self._json or (show and format == "indicatif" and sys.stderr.isatty())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._shown = 0
        self._opened = -1
        self._began = time.monotonic()
        # The first stage counts bytes, unless the number of texts is known.
        self._fed = 0
        self._length = 0
        self._bytes = 0

    def fed(self, texts: int, length: int | None) -> None:
        """Some more texts of ``length`` were counted."""
        self._fed += texts
        self._length = length or 0

    def expect_bytes(self, size: int) -> None:
        """The first stage has ``size`` bytes."""
        self._bytes = size

    def __enter__(self) -> Self:
        if self._active:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._active:
            return
        self._stop.set()
        self._thread.join()
        self._look(finished=kind is None)
        if not self._json:
            print(file=sys.stderr)

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL):
            self._look(finished=False)

    def _look(self, finished: bool) -> None:
        stages = self._watched.progress()
        for at in range(self._shown, len(stages)):
            name, current, total = stages[at]
            if at == 0 and self._length:
                current, total = self._fed, self._length
            elif at == 0 and not total:
                total = self._bytes
            done = finished or at + 1 < len(stages)
            if at > self._opened:
                self._opened, self._began = at, time.monotonic()
                if self._json:
                    self._emit(name, 0, total)
                elif at:
                    print(file=sys.stderr)
            if done:
                total = current = max(current, total)
            if self._json:
                self._emit(name, current, total)
            else:
                self._draw(name, current, total)
        self._shown = len(stages) - 1

    def _emit(self, name: str, current: int, total: int) -> None:
        line = json.dumps({"stage": name, "current": current, "total": total}, separators=(",", ":"))
        print(line, file=sys.stderr, flush=True)

    def _draw(self, name: str, current: int, total: int) -> None:
        seconds = time.monotonic() - self._began
        if total:
            filled = _BAR * min(current, total) // total
            bar = f"{100 * current // total:3}%|{'█' * filled}{' ' * (_BAR - filled)}| {_short(current)}/{_short(total)}"
        else:
            bar = _short(current)
        rate = f", {_short(current / seconds)}/s" if seconds > 0 and current else ""
        print(f"\r{name}: {bar} [{_clock(seconds)}{rate}]\x1b[K", end="", file=sys.stderr, flush=True)


def _short(number: float) -> str:
    for unit in ("", "k", "M", "G"):
        if number < 1000:
            return f"{number:.0f}" if unit == "" or number >= 100 else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.1f}T"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes:02}:{seconds:02}"
