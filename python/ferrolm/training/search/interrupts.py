"""Ctrl-C and SIGTERM in a search: they end the objective at once, and never cut what is written between objectives."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupted", "Interrupts"]


class Interrupted(BaseException):
    """A signal came while an objective ran. No `Exception`, so that objectives do not catch it by mistake."""


class Interrupts:
    """While it is entered, signals are kept in ``signal``, and raised as `Interrupted` inside `raising` alone.

    A second signal acts as if this were not here. In other threads than the main one, which get no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._raising = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        self._restore()

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Where `Interrupted` may be raised."""
        with self._set(True):
            yield

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Where it may not, inside `raising`; it is raised at the end."""
        with self._set(False):
            yield

    @contextmanager
    def _set(self, raising: bool) -> Iterator[None]:
        before, self._raising = self._raising, raising
        try:
            yield
        finally:
            self._raising = before
        if before and self.signal is not None:
            raise Interrupted

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()
        if self._raising:
            raise Interrupted

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous = {}
