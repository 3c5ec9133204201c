"""`stream_async`: the stream of a text in a coroutine, with an engine that all coroutines with the same model share."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import AsyncIterator
from typing import Any

from ferrolm.generation.engine.engine import Engine
from ferrolm.generation.engine.request import Request
from ferrolm.generation.language_model import LanguageModel, Prompt
from ferrolm.sampling import SamplingParams

__all__ = ["stream_async"]

_BATCH, _WAITING = 16, 1 << 16

# An engine lives as long as a request of it is not finished, or not forgotten; it holds its model, so that its id is its own.
_engines: weakref.WeakValueDictionary[tuple[int, int], Engine] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def stream_async(
    model: LanguageModel, prompt: Prompt, params: SamplingParams | None = None, **settings: Any
) -> AsyncIterator[str]:
    """`LanguageModel.stream` for ``async for``: the same pieces of text, while other coroutines go on.

    Streams of one model that run at the same time are one batch, of up to 16 (see `Engine`, which has more to set). A
    stream that is left before its end, or whose task is cancelled, ends at the next step. The arguments are those of
    `Engine.submit`, and what is wrong with them is raised at once.

    >>> import asyncio, ferrolm
    >>> model = ferrolm.load_model("ferrolm-tiny")
    >>> settings = {"max_new_tokens": 5, "do_sample": False}
    >>> async def text():
    ...     return "".join([piece async for piece in stream_async(model, "Once upon a time", **settings)])
    >>> asyncio.run(text()) == model.generate("Once upon a time", **settings).text
    True
    """
    with _lock:
        key = (os.getpid(), id(model))
        engine = _engines.get(key)
        if engine is None or engine.closed:
            engine = _engines[key] = Engine(
                model, max_batch_size=_BATCH, max_waiting=_WAITING, prefix_cache_tokens=0
            )
    return _texts(engine.submit(prompt, params, **settings))


async def _texts(request: Request) -> AsyncIterator[str]:
    try:
        async for piece in request:
            if piece.text:
                yield piece.text
    finally:
        request.cancel()
