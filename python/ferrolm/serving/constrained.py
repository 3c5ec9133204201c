"""Answers that follow a JSON schema: one at a time, in a thread beside the engine, whose rows are free.

What may come next is said by a grammar engine (extra ``grammar``), and all else is forbidden where the token is drawn.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ferrolm._extras import require
from ferrolm.errors import EngineError, EngineFullError
from ferrolm.generation import LanguageModel, Piece
from ferrolm.sampling.grammar import Constraint, Grammar

__all__ = ["ConstrainedAnswer", "ConstrainedAnswers"]


class _CancelledError(Exception):
    """Nobody waits for the answer."""


class ConstrainedAnswer:
    """A continuation in JSON; read as a `ferrolm.generation.Request`."""

    def __init__(self, prompt_ids: list[int], loop: asyncio.AbstractEventLoop) -> None:
        self.prompt_ids = prompt_ids
        self.finish_reason: str | None = None
        self.cancelled = False
        self._loop = loop
        self._pieces: asyncio.Queue[Piece | Exception | None] = asyncio.Queue()

    def cancel(self) -> None:
        self.cancelled = True

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self

    async def __anext__(self) -> Piece:
        piece = await self._pieces.get()
        if isinstance(piece, Exception):
            raise piece
        if piece is None:
            raise StopAsyncIteration
        return piece

    def put(self, piece: Piece | Exception | None) -> None:
        """From the thread that makes it."""
        try:
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
        except RuntimeError:
            self.cancelled = True  # the loop was closed: nobody waits there any more


class ConstrainedAnswers:
    """A thread that makes them, first come, first served."""

    def __init__(self, model: LanguageModel, max_waiting: int) -> None:
        self._model, self._max_waiting = model, max_waiting
        self._thread = ThreadPoolExecutor(1, "ferrolm-constrained")
        self._left = 0
        self._closed = False
        # Compiling takes a while with a large vocabulary; programs repeat their schemas.
        self._grammar = lru_cache(maxsize=32)(self._compiled)

    @property
    def num_running(self) -> int:
        return min(self._left, 1)

    @property
    def num_waiting(self) -> int:
        return max(self._left - 1, 0)

    def submit(
        self, prompt_ids: list[int], schema: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> ConstrainedAnswer:
        """Queue a prompt; called in an event loop. Raises as `ferrolm.generation.Engine.submit`.

        settings: those of `LanguageModel.stream`.
        """
        require("llguidance", extra="grammar", purpose="an answer that follows a JSON schema")
        if self._closed:
            raise EngineError("the server is ending")
        if self._left > self._max_waiting:
            raise EngineFullError(f"{self._max_waiting} requests with a schema are waiting: try again later")
        answer = ConstrainedAnswer(prompt_ids, asyncio.get_running_loop())
        self._left += 1
        self._thread.submit(self._run, answer, json.dumps(schema), dict(settings))
        return answer

    def close(self) -> None:
        self._closed = True
        self._thread.shutdown(cancel_futures=True)

    def _compiled(self, schema: str) -> Grammar:
        eos = self._model._eos(self._model.defaults)
        # Without spaces: small models would go on with them for ever.
        compact = {"x-guidance": {"whitespace_flexible": False}, **json.loads(schema)}
        return Grammar.from_json_schema(compact, self._model.tokenizer, eos_token_id=eos)

    def _run(self, answer: ConstrainedAnswer, schema: str, settings: dict[str, Any]) -> None:
        try:
            self._make(answer, self._grammar(schema), settings)
            answer.put(None)
        except _CancelledError:
            answer.finish_reason = "cancelled"
            answer.put(None)
        except Exception as error:
            answer.put(error)
        finally:
            self._left -= 1

    def _make(self, answer: ConstrainedAnswer, grammar: Grammar, settings: dict[str, Any]) -> None:
        """Give out the pieces of the text as they come."""
        processor = self._allowing(answer, grammar)
        stream = self._model.stream(answer.prompt_ids, logits_processor=[processor], **settings)
        given = 0
        for text in stream:
            logprobs = stream.logprobs or []
            answer.put(Piece(text, stream.ids[given:], logprobs[given:]))
            given = len(stream.ids)
        if given < len(stream.ids):
            answer.put(Piece("", stream.ids[given:], (stream.logprobs or [])[given:]))
        answer.finish_reason = stream.finish_reason

    def _allowing(self, answer: ConstrainedAnswer, grammar: Grammar) -> Callable[[Tensor, Tensor], Tensor]:
        """A processor of logits that forbids what does not fit the grammar."""
        constraint = Constraint([grammar])
        eos = self._model._eos(self._model.defaults)
        read = len(answer.prompt_ids)

        def allow(ids: Tensor, scores: Tensor) -> Tensor:
            nonlocal read
            if answer.cancelled or self._closed:
                raise _CancelledError
            for token in ids[0, read:].tolist():
                constraint.accept([token])
            read = ids.shape[1]
            size = scores.shape[-1]
            bits = constraint.mask(size).view(np.uint8)
            allowed = np.unpackbits(bits, axis=-1, count=size, bitorder="little").astype(bool)
            if constraint.finished[0]:
                allowed[:] = False
                allowed[:, eos] = True
            return scores.masked_fill(~torch.from_numpy(allowed).to(scores.device), float("-inf"))

        return allow
