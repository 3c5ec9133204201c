"""`Request`: a prompt that an engine continues, as whoever asked for it sees it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from ferrolm.errors import EngineError
from ferrolm.generation.decoding import Ids
from ferrolm.generation.output import Generation, TokenLogprobs
from ferrolm.generation.text_stream import Decodes, TextStream
from ferrolm.sampling import SamplingParams

if TYPE_CHECKING:
    from ferrolm.generation.engine.engine import Engine

__all__ = ["Asked", "Piece", "Request", "notify"]


@dataclass
class Piece:
    """What has come since the last piece: ``text``, and the ``ids`` that complete it.

    The texts of all pieces together are the text, their ids are all ids, the one that ends the text included: the last
    piece may have ids alone. logprobs: one for each id where the request asked for them, else empty.
    """

    text: str
    ids: list[int]
    logprobs: list[TokenLogprobs] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """What `Engine.submit` made of its arguments: the prompt, how to draw, and what ends the text."""

    prompt: Ids
    params: SamplingParams
    limit: int
    eos: frozenset[int]
    stop: tuple[str, ...]
    logprobs: int | None
    max_time: float | None


# Wakes a thread, or is a future of an event loop.
_Waiter = Callable[[], None] | asyncio.Future[None]


class Request:
    """A continuation that an engine is making; from `Engine.submit`.

    Iterate over it (``for`` or ``async for``, in one place) for one `Piece` after the other as they come, or wait for its
    `result`. It is also a context manager, which cancels what is left before its end.

    prompt_ids: the tokens that are continued. finish_reason: None while it is waiting or running, then that of
    `Generation`, or "time" (``max_time`` is over), or "cancelled"; it is known before the last pieces have been taken.
    """

    def __init__(self, asked: Asked, tokenizer: Decodes, engine: Engine) -> None:
        self.prompt_ids: list[int] = asked.prompt.tolist()
        self.finish_reason: str | None = None
        self._asked, self._tokenizer = asked, tokenizer
        # The engine ends with the last reference to it.
        self._engine = engine
        self._ids: list[int] = []
        self._logprobs: list[TokenLogprobs] = []
        self._error: BaseException | None = None
        self._ended = self._cancelled = False
        self._deadline = None if asked.max_time is None else time.monotonic() + asked.max_time
        # Where the engine's thread looks for stop strings; otherwise the text is made where it is read.
        self._watch = self._new_stream() if asked.stop else None
        self._watched = ""
        self._waiters: deque[_Waiter] = deque()  # for the next token
        self._end_waiters: deque[_Waiter] = deque()  # for the end
        # Of the iteration: None after the last piece; ids that were pushed into it, and that are in pieces.
        self._stream: TextStream | None = self._new_stream()
        self._pushed = self._taken = 0

    @property
    def ids(self) -> Ids:
        """The tokens that have come so far, int64 [n], as in `Generation`."""
        return np.array(self._ids, dtype=np.int64)

    def cancel(self) -> None:
        """End it now, or at the next step if it is running: its place in the batch goes to another request."""
        self._engine._loop.cancel(self)

    def result(self, timeout: float | None = None) -> Generation:
        """The whole continuation when it has ended; what there is of it where it was cancelled or ran out of time.

        timeout: seconds to wait. Raises `TimeoutError` after them (the request goes on), and `EngineError` when the
        engine was closed or the model failed.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not self._ended:
            self._wait(self._end_waiters, self._is_over, None if end is None else end - time.monotonic())
        return self._generation()

    async def aresult(self) -> Generation:
        """`result` for a coroutine; cancelling its task cancels the request."""
        while not self._ended:
            await self._await(self._end_waiters, self._is_over)
        return self._generation()

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        while (piece := self._next_piece()) is None:
            if self._stream is None:
                raise StopIteration
            self._wait(self._waiters, self._has_more, None)
        return piece

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self

    async def __anext__(self) -> Piece:
        while (piece := self._next_piece()) is None:
            if self._stream is None:
                raise StopAsyncIteration
            await self._await(self._waiters, self._has_more)
        return piece

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()

    def __repr__(self) -> str:
        state = "failed" if self._error else self.finish_reason or "unfinished"
        return f"Request({len(self.prompt_ids)} + {len(self._ids)} tokens, {state})"

    # What the engine's thread calls. It changes the request before it looks for waiters, and who waits looks at the request
    # after it is listed: nobody waits for what is there.

    def _push(self, token: int, logprobs: TokenLogprobs | None) -> bool:
        """The next token has been drawn; whether it is the last one."""
        if logprobs is not None:
            self._logprobs.append(logprobs)
        self._ids.append(token)
        if token in self._asked.eos:
            self._end("eos")
        elif self._watch is not None:
            self._watched += self._watch.push(token)
            if self._watch.stopped:
                self._end("stop")
        if not self._ended and len(self._ids) >= self._asked.limit:
            self._end("length")
        return self._ended

    def _due(self, now: float) -> str | None:
        """Why it has to end without a last token, if it has to."""
        if self._cancelled:
            return "cancelled"
        return "time" if self._deadline is not None and now >= self._deadline else None

    def _end(self, reason: str | None, error: BaseException | None = None) -> None:
        if self._watch is not None and error is None:
            self._watched += self._watch.finish()
            if self._watch.stopped:
                reason = "stop"
        self.finish_reason, self._error = reason, error
        self._ended = True

    # What whoever reads it calls.

    def _is_over(self) -> bool:
        return self._ended

    def _has_more(self) -> bool:
        return self._ended or len(self._ids) > self._pushed

    def _next_piece(self) -> Piece | None:
        """What has come; None where no text has, and where no more will: ``_stream`` is None then."""
        if self._stream is None:
            self._raise_error()
            return None
        ended = self._ended  # looked at before the ids, which are then all
        count = len(self._ids)
        text = self._stream.push(*self._shown(self._ids[self._pushed : count]))
        self._pushed = count
        if ended:
            text += self._stream.finish()
            self._stream = None
        ids = self._ids[self._taken : count]
        if text or (ended and ids):
            piece = Piece(text, ids, self._logprobs[self._taken : count])
            self._taken = count
            return piece
        if ended:
            self._raise_error()
        return None

    def _generation(self) -> Generation:
        self._raise_error()
        text = self._watched
        if self._watch is None:
            stream = self._new_stream()
            text = stream.push(*self._shown(self._ids)) + stream.finish()
        assert self.finish_reason is not None
        logprobs = None if self._asked.logprobs is None else list(self._logprobs)
        return Generation(text, self.ids, self.finish_reason, logprobs=logprobs)

    def _shown(self, ids: list[int]) -> list[int]:
        """Those that have a text: a token that ends it is the last one, and has none."""
        return ids[:-1] if ids and ids[-1] in self._asked.eos else ids

    def _raise_error(self) -> None:
        if self._error is not None:
            raise EngineError(f"the request could not be finished: {self._error}") from self._error

    def _new_stream(self) -> TextStream:
        return TextStream(self._tokenizer, self.prompt_ids, self._asked.stop)

    def _wait(self, waiters: deque[_Waiter], ready: Callable[[], bool], timeout: float | None) -> None:
        self._engine._loop.check_process()
        lock = threading.Lock()
        lock.acquire()
        waiters.append(lock.release)
        if ready() or lock.acquire(timeout=-1 if timeout is None else max(timeout, 0.0)):
            return
        with suppress(ValueError):  # woken in between
            waiters.remove(lock.release)
        raise TimeoutError(f"the request has not ended in time: it has {len(self._ids)} tokens so far")

    async def _await(self, waiters: deque[_Waiter], ready: Callable[[], bool]) -> None:
        self._engine._loop.check_process()
        future = asyncio.get_running_loop().create_future()
        waiters.append(future)
        if ready():
            return
        try:
            await future
        except asyncio.CancelledError:
            self.cancel()
            raise


def notify(requests: Sequence[Request]) -> None:
    """Wake all who wait for these; an event loop is called once for all of its coroutines."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for request in requests:
        for waiters in (request._waiters, request._end_waiters) if request._ended else (request._waiters,):
            while waiters:
                waiter = waiters.popleft()
                if isinstance(waiter, asyncio.Future):
                    by_loop.setdefault(waiter.get_loop(), []).append(waiter)
                else:
                    waiter()
    for loop, futures in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, futures)
        except RuntimeError:
            continue  # the loop was closed: nobody waits there any more


def _resolve(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
