"""Output for people: colour where there is a terminal that wants it, progress that leaves no trace."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["Stopwatch", "Terminal", "has_colour", "shorten"]

_STYLES = {"bold": "1", "dim": "2", "green": "32", "cyan": "36", "yellow": "33"}
# Backgrounds of neighbouring tokens, in the 256-colour palette; dark letters are readable on all.
_TOKEN_BACKGROUNDS = (153, 194, 229, 225, 189)


def has_colour(stream: TextIO) -> bool:
    """Whether to write colour to a stream: it is a terminal, and neither NO_COLOR nor TERM=dumb forbids it."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def shorten(line: str, width: int) -> str:
    """The beginning of a line, with an ellipsis where it was cut.

    >>> shorten("abcdef", 4)
    'abc…'
    """
    return line if len(line) <= width else line[: width - 1] + "…"


class Terminal:
    """Lines to standard output, progress to standard error."""

    def __init__(self, stream: TextIO | None = None, *, progress: bool = True) -> None:
        self.stream = stream or sys.stdout
        self.colour = has_colour(self.stream)
        self.progress = progress and sys.stderr.isatty()
        self._steps = 0

    def style(self, text: str, *names: str) -> str:
        """``text`` in the styles ``bold``, ``dim``, ``green``, ``cyan``, ``yellow``, if there is colour."""
        codes = ";".join(_STYLES[name] for name in names)
        return f"\x1b[{codes}m{text}\x1b[0m" if self.colour and names else text

    def line(self, text: str = "") -> None:
        """One line of output; a character that the stream cannot encode becomes ``?``."""
        self.write(f"{text}\n")

    def write(self, text: str) -> None:
        """Text without a line end, shown at once."""
        encoding = self.stream.encoding or "utf-8"
        self.stream.write(text.encode(encoding, "replace").decode(encoding))
        self.stream.flush()

    def step(self, title: str) -> None:
        """The numbered heading of the next part."""
        self._steps += 1
        self.line()
        self.line(self.style(f"{self._steps}  {title}", "bold", "cyan"))

    def item(self, name: str, value: str, note: str = "") -> None:
        """A name, a right-aligned figure, a remark."""
        self.line(f"   {name:<30} {self.style(f'{value:>14}', 'bold')}  {self.style(note, 'dim')}".rstrip())

    def tokens(self, pieces: list[str]) -> str:
        """Pieces of text set off from each other: by background, or by bars where there is no colour."""
        shown = [piece.replace("\n", "↵") for piece in pieces]
        if not self.colour:
            return "|".join(shown)
        backgrounds = [_TOKEN_BACKGROUNDS[index % len(_TOKEN_BACKGROUNDS)] for index in range(len(shown))]
        return "".join(
            f"\x1b[30;48;5;{back}m{piece}\x1b[0m" for back, piece in zip(backgrounds, shown, strict=True)
        )

    def wrapped(
        self, pieces: Iterable[str], column: int, *, indent: str = "   ", width: int = 90
    ) -> Iterator[str]:
        """A stream of text, indented, its lines broken at spaces once they are longer than ``width``."""
        for piece in pieces:
            for part in piece.splitlines(keepends=True):
                column += len(part)
                if part.endswith("\n"):
                    yield part + indent
                    column = 0
                elif column > width and part.startswith(" "):
                    yield "\n" + indent + part[1:]
                    column = len(part)
                else:
                    yield part

    @contextmanager
    def watch(self) -> Iterator[Stopwatch]:
        """A watch that holds the seconds of the block."""
        watch = Stopwatch()
        try:
            yield watch
        finally:
            watch.stop()

    @contextmanager
    def working(self, what: str) -> Iterator[Stopwatch]:
        """Show ``what`` while the block runs, on a terminal only; yields a watch that holds its seconds."""
        if self.progress:
            print(f"   {what} …", end="\r", file=sys.stderr, flush=True)
        try:
            with self.watch() as watch:
                yield watch
        finally:
            if self.progress:
                print("\x1b[2K", end="\r", file=sys.stderr, flush=True)


class Stopwatch:
    """Seconds since it was made, until it is stopped."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.seconds = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self._start

    def stop(self) -> None:
        """Keep the seconds so far as ``seconds``."""
        self.seconds = self.elapsed
