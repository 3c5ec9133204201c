"""Answers that follow a JSON schema: one at a time, beside the engine, whose rows are free.

The mask of each step is made by a grammar engine (extra ``grammar``) and applied where the token is drawn.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from ferrolm._extras import require
from ferrolm.errors import EngineError, EngineFullError
from ferrolm.generation import LanguageModel, Piece, TokenLogprobs
from ferrolm.generation.engine_batch import Forward, Prefill, RunningBatch
from ferrolm.generation.text_stream import TextStream
from ferrolm.sampling import Sampler, SamplingParams
from ferrolm.sampling.grammar import Constraint, Grammar

__all__ = ["ConstrainedAnswer", "ConstrainedAnswers"]

_PROMPT_TOKENS = 256


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
        self, prompt_ids: list[int], schema: Mapping[str, Any], params: SamplingParams, limit: int
    ) -> ConstrainedAnswer:
        """Queue a prompt; called in an event loop. Raises as `ferrolm.generation.Engine.submit`."""
        require("llguidance", extra="grammar", purpose="an answer that follows a JSON schema")
        if self._closed:
            raise EngineError("the server is ending")
        if self._left > self._max_waiting:
            raise EngineFullError(f"{self._max_waiting} requests with a schema are waiting: try again later")
        answer = ConstrainedAnswer(prompt_ids, asyncio.get_running_loop())
        self._left += 1
        self._thread.submit(self._run, answer, json.dumps(schema), params, limit)
        return answer

    def close(self) -> None:
        self._closed = True
        self._thread.shutdown(cancel_futures=True)

    def _compiled(self, schema: str) -> Grammar:
        eos = self._model._eos(self._model.defaults)
        # Without spaces: small models would go on with them for ever.
        compact = {"x-guidance": {"whitespace_flexible": False}, **json.loads(schema)}
        return Grammar.from_json_schema(compact, self._model.tokenizer, eos_token_id=eos)

    def _run(self, answer: ConstrainedAnswer, schema: str, params: SamplingParams, limit: int) -> None:
        try:
            answer.finish_reason = self._make(answer, self._grammar(schema), params, limit)
            answer.put(None)
        except Exception as error:
            answer.put(error)
        finally:
            self._left -= 1

    @torch.inference_mode()
    def _make(self, answer: ConstrainedAnswer, grammar: Grammar, params: SamplingParams, limit: int) -> str:
        """Draw until the JSON is complete; returns why it ended."""
        network = self._model.model
        eos = set(self._model._eos(self._model.defaults))
        prompt = np.array(answer.prompt_ids)
        forward, batch = Forward(network), RunningBatch(Forward(network))
        prefill = Prefill(forward, prompt)
        logits = None
        while logits is None:
            logits = prefill.advance(_PROMPT_TOKENS)
        batch.join(prefill)
        sampler, constraint = Sampler([params], prompt=[prompt]), Constraint([grammar])
        text = TextStream(self._model.tokenizer, answer.prompt_ids)
        for made in range(1, limit + 1):
            if answer.cancelled or self._closed:
                return "cancelled"
            ids = sampler.sample(logits, mask=constraint.mask(network.config.vocab_size))
            token = int(ids[0])
            sampler.accept(ids)
            constraint.accept([token])
            logprob = float(logits[0].float().log_softmax(-1)[token])
            ended = token in eos or constraint.finished[0]
            piece = "" if token in eos else text.push(token)
            if ended or made == limit:
                piece += text.finish()
            answer.put(Piece(piece, [token], [TokenLogprobs(token, logprob, [])]))
            if ended:
                return "eos"
            if made < limit:
                logits = batch.step([token])
        return "length"
