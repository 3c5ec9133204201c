"""The loop of an engine, in a thread of its own: read what has come, draw a token for all, feed it to all.

Between two steps of the running batch at most ``prefill_tokens`` tokens of new prompts are read, so that running texts go on
while a long prompt comes in. First come, first served: prompts are read in the order of their requests, each to its end.
A failure ends the requests that it concerns: one, where a prompt is read or a token is drawn, or all that run.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ferrolm.errors import EngineError, EngineFullError
from ferrolm.generation.decoders.forward import Forward
from ferrolm.generation.decoders.prefill import Prefill
from ferrolm.generation.engine.batch import RunningBatch
from ferrolm.generation.engine.request import Request, notify
from ferrolm.generation.output import TokenLogprobs
from ferrolm.generation.prefix_cache import PrefixCache
from ferrolm.models import CausalLM
from ferrolm.sampling import Sampler, SamplingParams, top_logprobs

__all__ = ["EngineLoop"]


@dataclass
class _Row:
    """A request in the batch, or on its way there."""

    request: Request
    place: int  # its row of the sampler, which does not change when others leave
    token: int = -1  # drawn last, and not fed yet


class EngineLoop:
    """The queue, the batch and the thread, which alone touches the batch."""

    def __init__(
        self,
        model: CausalLM,
        max_batch_size: int,
        max_waiting: int,
        prefill_tokens: int,
        prefixes: PrefixCache | None,
    ) -> None:
        self._max_waiting, self._prefill_tokens = max_waiting, prefill_tokens
        self._forward, self._prefixes = Forward(model), prefixes
        self._batch = RunningBatch(self._forward, prefixes, max_rows=max_batch_size)
        self._sampler = Sampler(SamplingParams(), max_batch_size)
        self._places = list(range(max_batch_size))[::-1]  # rows of the sampler that are free
        self._running: list[_Row] = []  # in the order of the batch
        self._reading: tuple[_Row, Prefill] | None = None
        self._waiting: deque[Request] = deque()
        self._timed = False  # whether a request has a deadline
        self._closed = False
        self._failure: BaseException | None = None
        self._changed = threading.Condition()  # guards what other threads change: _waiting and _closed
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name="ferrolm-engine", daemon=True)
        self._thread.start()

    # What other threads call.

    def submit(self, request: Request) -> None:
        """Queue a request; raises `EngineFullError` or, when nothing can be queued any more, `EngineError`."""
        self.check_process()
        with self._changed:
            if self._closed:
                raise EngineError("the engine is closed") from self._failure
            if len(self._waiting) >= self._max_waiting:
                raise EngineFullError(f"{len(self._waiting)} requests are waiting, which is max_waiting")
            self._waiting.append(request)
            self._timed |= request._deadline is not None
            self._changed.notify()

    def cancel(self, request: Request) -> None:
        """End a request that waits; one that runs ends before the next step."""
        self.check_process()
        with self._changed:
            request._cancelled = True
            if request not in self._waiting:
                return
            self._waiting.remove(request)
        request._end("cancelled")
        notify([request])

    def close(self) -> None:
        """End all requests, and wait for the thread."""
        if os.getpid() != self._process:
            return  # the thread is not in this process, and the lock may never come free
        with self._changed:
            self._closed = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def check_process(self) -> None:
        """Raises `EngineError` in a process that was forked, where the thread does not run."""
        if os.getpid() != self._process:
            raise EngineError(
                f"the engine was made in process {self._process}, and does not run in {os.getpid()}, which was forked: "
                "make an engine there"
            )

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def num_running(self) -> int:
        return len(self._running) + (self._reading is not None)

    @property
    def num_waiting(self) -> int:
        return len(self._waiting)

    # What the thread does.

    def _run(self) -> None:
        try:
            with torch.inference_mode():
                while self._has_work():
                    self._advance()
        except BaseException as error:  # a defect; nobody may wait for ever
            self._failure = error
        with self._changed:
            self._closed = True
            left = [row.request for row in self._running] + list(self._waiting)
            if self._reading is not None:
                left.append(self._reading[0].request)
            self._running, self._reading = [], None
            self._waiting.clear()
        for request in left:
            request._end(None, self._failure or EngineError("the engine was closed"))
        notify(left)

    def _has_work(self) -> bool:
        """Wait for it; False when the engine is closed."""
        with self._changed:
            while not (self._closed or self._waiting or self._running or self._reading):
                self._changed.wait()
            return not self._closed

    def _advance(self) -> None:
        """A step, and what has to be done before."""
        self._drop()
        self._read()
        if self._running:
            self._step()

    def _drop(self) -> None:
        """End what was cancelled or has run out of time."""
        now, ended = time.monotonic(), []
        for index in reversed(range(len(self._running))):
            request = self._running[index].request
            if (reason := request._due(now)) is not None:
                self._leave(index)
                ended.append((request, reason))
        if self._reading is not None and (reason := self._reading[0].request._due(now)) is not None:
            row, self._reading = self._reading[0], None
            self._places.append(row.place)
            ended.append((row.request, reason))
        if self._timed:
            with self._changed:
                late = [request for request in self._waiting if request._due(now) is not None]
                for request in late:
                    self._waiting.remove(request)
                self._timed = any(request._deadline is not None for request in self._waiting)
            ended += [(request, "time") for request in late]
        for request, reason in ended:
            request._end(reason)
        notify([request for request, _ in ended])

    def _read(self) -> None:
        """Read what the running texts can wait for of the next prompts; those that are read to their end join the batch."""
        left = self._prefill_tokens
        while left > 0 and (self._reading is not None or self._begin()):
            assert self._reading is not None
            row, prefill = self._reading
            before = prefill.left
            try:
                logits = prefill.advance(left)
            except Exception as error:
                self._reading = None
                self._fail([row], error)
                continue
            if self._running:
                left -= before - prefill.left
            if logits is not None:
                self._reading = None
                self._join(row, prefill, logits)
            if not self._running:
                return  # to see first whether something was cancelled, or all is over

    def _begin(self) -> bool:
        """Give the next request a place; False where there is no request, or no place."""
        if not self._places:
            return False
        with self._changed:
            if not self._waiting:
                return False
            request = self._waiting.popleft()
        row = _Row(request, self._places.pop())
        try:
            self._sampler.reset(row.place, request._asked.params, prompt=request._asked.prompt)
            self._reading = row, Prefill(self._forward, request._asked.prompt, self._prefixes)
        except Exception as error:
            self._fail([row], error)
            return self._begin()
        return True

    def _join(self, row: _Row, prefill: Prefill, logits: Tensor) -> None:
        (over,) = self._draw([row], logits)
        if over:
            self._places.append(row.place)
        else:
            self._batch.join(prefill)
            self._running.append(row)
        notify([row.request])

    def _step(self) -> None:
        rows = list(self._running)
        try:
            logits = self._batch.step([row.token for row in rows])
        except Exception as error:  # the caches may be half written
            self._running, self._batch = [], self._batch.anew()
            self._fail(rows, error)
            return
        over = self._draw(rows, logits)
        for index in reversed(range(len(rows))):
            if over[index]:
                self._leave(index)
        notify([row.request for row in rows])

    def _leave(self, index: int) -> None:
        """Take a row out of the batch, in which the last one takes its place."""
        row = self._running[index]
        self._batch.leave(index, [*row.request.prompt_ids, *row.request._ids])
        self._places.append(row.place)
        last = self._running.pop()
        if index < len(self._running):
            self._running[index] = last

    def _draw(self, rows: Sequence[_Row], logits: Tensor) -> list[bool]:
        """Draw the next token of each row; whether it was the last one of its request."""
        try:
            drawn = self._sample(rows, logits)
        except Exception as error:
            if len(rows) > 1:  # who cannot be drawn for does not stop the others
                return [self._draw([row], logits[at : at + 1])[0] for at, row in enumerate(rows)]
            rows[0].request._end(None, error)
            return [True]
        over = []
        for row, (token, logprobs) in zip(rows, drawn, strict=True):
            row.token = token
            try:
                over.append(row.request._push(token, logprobs))
            except Exception as error:  # of a tokenizer that cannot decode it
                row.request._end(None, error)
                over.append(True)
        return over

    def _sample(self, rows: Sequence[_Row], logits: Tensor) -> list[tuple[int, TokenLogprobs | None]]:
        places = [row.place for row in rows]
        counts = [row.request._asked.logprobs for row in rows]
        if all(count is None for count in counts):
            ids = self._sampler.sample(logits, rows=places).cpu().numpy()
            self._sampler.accept(ids, rows=places)
            return [(token, None) for token in ids.tolist()]
        ids, logs = self._sampler.sample(logits, rows=places, logprobs="raw")
        self._sampler.accept(ids.cpu().numpy(), rows=places)
        best = top_logprobs(logits, max(count or 0 for count in counts))
        return _with_logprobs(counts, ids.tolist(), logs.tolist(), *(part.tolist() for part in best))

    def _fail(self, rows: Sequence[_Row], error: Exception) -> None:
        for row in rows:
            self._places.append(row.place)
            row.request._end(None, error)
        notify([row.request for row in rows])


def _with_logprobs(
    counts: Sequence[int | None],
    ids: list[int],
    logs: list[float],
    best_ids: list[list[int]],
    best_logs: list[list[float]],
) -> list[tuple[int, TokenLogprobs | None]]:
    drawn: list[tuple[int, TokenLogprobs | None]] = []
    for row, (token, count) in enumerate(zip(ids, counts, strict=True)):
        if count is None:
            drawn.append((token, None))
            continue
        top = list(zip(best_ids[row][:count], best_logs[row][:count], strict=True))
        drawn.append((token, TokenLogprobs(token, logs[row], top)))
    return drawn
