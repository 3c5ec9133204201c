"""Models whose passes can be seen, held back, and made to fail, for tests of what runs beside them."""

from __future__ import annotations

import threading
from typing import Any

from ferrolm.generation import LanguageModel

PATIENCE = 60.0  # seconds after which what should have happened has not


class Watched:
    """The passes of a language model: ``shapes`` of their ids; they wait while ``gate`` is not set, and raise ``error``."""

    def __init__(self, model: LanguageModel) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.error: Exception | None = None
        self.fails_at = 0  # number of the pass
        model.model.register_forward_pre_hook(self._before, with_kwargs=True)

    def _before(self, module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.shapes.append(tuple(arguments[0].shape))
        self.entered.release()
        assert self.gate.wait(PATIENCE)
        if self.error is not None and len(self.shapes) >= self.fails_at:
            raise self.error

    def wait_for_pass(self) -> None:
        """Until the next pass has begun."""
        assert self.entered.acquire(timeout=PATIENCE)
