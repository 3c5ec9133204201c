"""Ctrl-C and SIGTERM end a run after a step, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["StopSignal"]


class StopSignal:
    """``number`` is the signal that came while `watched`, None before. A second signal acts as it would have anyway."""

    def __init__(self) -> None:
        self.number: int | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Handlers are those of the process: outside the main thread, which alone may set them, nothing is watched."""
        self.number = None
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def stop(number: int, frame: object) -> None:
            self.number = number
            for other, handler in previous.items():
                signal.signal(other, handler)

        for number in previous:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
