"""Requests to the engine: sent together, read as they come, and cancelled when nobody listens any more."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from fastapi import Request as HttpRequest

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation import Engine, LanguageModel, Piece, TokenLogprobs
from ferrolm.sampling import SamplingParams
from ferrolm.serving.bodies import disconnected
from ferrolm.serving.metrics import Metrics
from ferrolm.serving.problems import Problem
from ferrolm.serving.schema import GenerationRequest

__all__ = ["Answer", "Answers", "Running", "generation_settings", "seeds", "until_disconnected"]

Result = TypeVar("Result")
_FINISH = {"eos": "stop", "stop": "stop", "length": "length"}
# Fields that mean the same in `GenerationConfig`.
_SAME = (
    *("temperature", "top_p", "top_k", "min_p", "typical_p", "frequency_penalty", "presence_penalty"),
    *("repetition_penalty", "no_repeat_ngram_size", "ignore_eos"),
)


class Running(Protocol):
    """What is being continued: `ferrolm.generation.Request`, or something that behaves like it."""

    prompt_ids: list[int]
    finish_reason: str | None

    def cancel(self) -> None: ...
    def __aiter__(self) -> AsyncIterator[Piece]: ...


@dataclass
class Answer:
    """A continuation as far as it is known."""

    text: str = ""
    ids: list[int] = field(default_factory=list)
    logprobs: list[TokenLogprobs] = field(default_factory=list)
    finish_reason: str | None = None

    def add(self, piece: Piece) -> None:
        self.text += piece.text
        self.ids += piece.ids
        self.logprobs += piece.logprobs


class Answers:
    """The continuations of one HTTP request; a context manager that cancels what is left at its end."""

    def __init__(self, running: Sequence[Running], metrics: Metrics, choices: int = 1) -> None:
        """choices: continuations of each prompt, one after the other in ``running``."""
        self.running, self._choices = running, choices
        self.answers = [Answer() for _ in running]
        self.id, self.created = uuid.uuid4().hex, int(time.time())
        self._metrics = metrics
        self._start: float | None = time.perf_counter()

    @classmethod
    def submitted(
        cls, submit: Sequence[Callable[[], Running]], metrics: Metrics, choices: int = 1
    ) -> Answers:
        """Send all, or none: what has been sent is cancelled when the queue has no room for the next."""
        running: list[Running] = []
        try:
            for each in submit:
                running.append(each())  # noqa: PERF401  # what there is has to be known when one fails
        except BaseException:
            for one in running:
                one.cancel()
            raise
        return cls(running, metrics, choices)

    async def pieces(self) -> AsyncGenerator[tuple[int, Piece], None]:
        """(index, piece) as they come. Raises `Problem` when the time is over."""
        try:
            async for index, piece in self._merged():
                self._count(piece)
                self.answers[index].add(piece)
                yield index, piece
            for answer, running in zip(self.answers, self.running, strict=True):
                answer.finish_reason = self.finish(running)
        finally:
            for running in self.running:
                running.cancel()

    async def complete(self) -> list[Answer]:
        async with contextlib.aclosing(self.pieces()) as pieces:
            async for _ in pieces:
                pass
        return self.answers

    def finish(self, running: Running) -> str:
        """Why it ended, in OpenAI's words."""
        reason = running.finish_reason
        if reason in _FINISH:
            return _FINISH[reason]
        if reason == "time":
            raise Problem("the request took longer than the server allows", 504, code="timeout")
        raise Problem(f"the answer was cut off ({reason})", 503, code="unavailable")

    def usage(self) -> dict[str, Any]:
        prompt = sum(len(running.prompt_ids) for running in self.running[:: self._choices])
        made = sum(len(answer.ids) for answer in self.answers)
        return {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}

    def _count(self, piece: Piece) -> None:
        if self._start is not None:
            self._metrics.first_token(time.perf_counter() - self._start)
            self._start = None
        self._metrics.add("generated_tokens_total", len(piece.ids))

    async def _merged(self) -> AsyncIterator[tuple[int, Piece]]:
        if len(self.running) == 1:
            async for piece in self.running[0]:
                yield 0, piece
            return
        queue: asyncio.Queue[tuple[int, Piece] | Exception | None] = asyncio.Queue()

        async def pump(index: int, running: Running) -> None:
            try:
                async for piece in running:
                    queue.put_nowait((index, piece))
                queue.put_nowait(None)
            except Exception as error:
                queue.put_nowait(error)

        tasks = [asyncio.create_task(pump(*each)) for each in enumerate(self.running)]
        try:
            left = len(tasks)
            while left:
                found = await queue.get()
                if isinstance(found, Exception):
                    raise found
                if found is None:
                    left -= 1
                else:
                    yield found
        finally:
            for task in tasks:
                task.cancel()


async def until_disconnected(http: HttpRequest, work: Awaitable[Result]) -> Result | None:
    """The result of ``work``, which is cancelled (None) when the client goes away."""
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(disconnected(http))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


def generation_settings(
    asked: GenerationRequest, model: LanguageModel, max_new_tokens: int
) -> dict[str, Any]:
    """The settings of `Engine.submit`, but for the seed. Without a temperature a model draws as its checkpoint says, else at 1."""
    settings: dict[str, Any] = {
        name: getattr(asked, name) for name in _SAME if getattr(asked, name) is not None
    }
    changed = model.defaults.changed()
    if asked.temperature is not None:
        settings["do_sample"] = asked.temperature > 0
    elif "do_sample" not in changed:
        settings |= {"do_sample": True}
    if "top_k" not in changed:
        settings.setdefault("top_k", 0)  # transformers' default would cut what others draw from
    if not settings.get("do_sample", model.defaults.do_sample):
        for name in ("temperature", "top_p", "top_k", "min_p", "typical_p"):
            settings.pop(name, None)
    if asked.stop:
        settings["stop"] = [asked.stop] if isinstance(asked.stop, str) else asked.stop
    if asked.logit_bias:
        settings["logit_bias"] = _bias(asked.logit_bias, model.model.config.vocab_size)
    for name, own in (("min_tokens", "min_new_tokens"), ("stop_token_ids", "stop_token_ids")):
        if getattr(asked, name) is not None:
            settings[own] = getattr(asked, name)
    return {**settings, "max_new_tokens": max_new_tokens}


def _bias(bias: Mapping[str, float], vocab_size: int) -> dict[int, float]:
    try:
        found = {int(token): value for token, value in bias.items()}
    except ValueError:
        raise InvalidArgumentError("logit_bias has keys that are no token ids") from None
    if not all(0 <= token < vocab_size for token in found):
        raise InvalidArgumentError(f"logit_bias has ids beyond 0 to {vocab_size - 1}")
    return found


def seeds(seed: int | None, count: int) -> list[int]:
    """The seed of each of several continuations: those of ``generate(num_return_sequences=count)``."""
    first = secrets.randbits(63) if seed is None else seed % 2**64
    if count == 1:
        return [first]
    return [int(each.seed or 0) for each in SamplingParams(seed=first).split(count)]


def submitting(engine: Engine, prompt: Any, settings: Mapping[str, Any]) -> Callable[[], Running]:
    """To be called when all others of a request are ready."""
    return lambda: engine.submit(prompt, **settings)
