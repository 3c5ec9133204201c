"""The micro-batches of each step, made ready while the device works on those before."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

from ferrolm.data.batches import Batch, BatchSource

__all__ = ["Feed", "tokens_in"]


class Feed:
    """Gives the batches of a step, in order of the steps; on CUDA a thread makes those of the next one meanwhile.

    A stream, which has a state, is read when its batches are asked for, so that its state is always that of the step.
    """

    def __init__(self, source: BatchSource, accumulation: int, device: torch.device) -> None:
        self.source = source
        self._accumulation = accumulation
        self._pin = device.type == "cuda"
        self._is_stream = hasattr(source, "state")
        self._reader = ThreadPoolExecutor(1) if self._pin and not self._is_stream else None
        self._ahead: tuple[int, Future[list[Batch]]] | None = None

    def step(self, first: int) -> list[Batch]:
        """The micro-batches ``first ... first + accumulation - 1``."""
        if self._reader is None:
            return self._read(first)
        ready = self._ahead
        batches = ready[1].result() if ready is not None and ready[0] == first else self._read(first)
        following = first + self._accumulation
        self._ahead = (following, self._reader.submit(self._read, following))
        return batches

    def state(self) -> Any:
        """What a checkpoint needs to go on reading: nothing, unless the source is a stream."""
        return self.source.state() if self._is_stream else None  # type: ignore[attr-defined]

    def restore(self, state: Any) -> None:
        if self._is_stream and state is not None:
            self.source.restore(state)  # type: ignore[attr-defined]

    def close(self) -> None:
        if self._reader is not None:
            self._reader.shutdown(cancel_futures=True)
        if self._is_stream and hasattr(self.source, "close"):
            self.source.close()

    def _read(self, first: int) -> list[Batch]:
        batches = [self.source.batch(first + index) for index in range(self._accumulation)]
        if self._pin:
            batches = [{name: tensor.pin_memory() for name, tensor in batch.items()} for batch in batches]
        return batches


def tokens_in(batch: Batch) -> int:
    """Tokens that a batch has: those that are not padding; of blocks, those that are predicted."""
    if "blocks" in batch:
        rows, length = batch["blocks"].shape
        return rows * (length - 1)
    if "attention_mask" in batch:
        return int(batch["attention_mask"].sum())
    return next(iter(batch.values())).numel()
