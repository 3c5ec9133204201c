"""/v1/completions: prompts that are continued, as in OpenAI's API."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from ferrolm.generation import LanguageModel, TokenLogprobs
from ferrolm.serving.answers import Answers, generation_settings, seeds, submitting, until_disconnected
from ferrolm.serving.bodies import EventStream, JsonResponse, read
from ferrolm.serving.metrics import Metrics
from ferrolm.serving.problems import Problem
from ferrolm.serving.schema import CompletionRequest
from ferrolm.serving.service import Service
from ferrolm.serving.tokens import TokenTexts, text_logprobs

__all__ = ["answer"]

_DEFAULT_MAX_TOKENS = 16
Echo = tuple[str, list[TokenLogprobs]]


async def answer(service: Service, http: Request) -> Response | None:
    """Answer one request."""
    asked = await read(http, CompletionRequest, service.settings.max_body_bytes)
    model = service.models.generator(asked.model)
    _check(asked)
    prompts = [service.prompt_ids(model, prompt) for prompt in _prompts(asked)]
    echoes = [await _echo(service, model, ids, asked) for ids in prompts] if asked.echo else []
    if asked.max_tokens == 0:
        return JsonResponse(_only_echoed(asked, prompts, echoes, service.token_texts))
    answers = _submitted(service, model, asked, prompts)
    form = _Form(asked, answers, service.token_texts, echoes)
    if asked.stream:
        return EventStream(form.events())
    body = await until_disconnected(http, form.whole())
    return None if body is None else JsonResponse(body)


def _check(asked: CompletionRequest) -> None:
    if asked.suffix:
        raise Problem(
            "suffix is not supported: the models continue a text, they fill no gaps", param="suffix"
        )
    if asked.best_of not in (None, asked.n):
        raise Problem(f"best_of is {asked.best_of}, only n ({asked.n}) is supported", param="best_of")
    if asked.stream_options is not None and not asked.stream:
        raise Problem("stream_options needs stream", param="stream_options")
    if asked.max_tokens == 0 and (not asked.echo or asked.stream):
        raise Problem("max_tokens is 0, which needs echo, and no stream", param="max_tokens")


def _prompts(asked: CompletionRequest) -> list[Any]:
    """Each prompt of the request: a text, or ids."""
    prompt = asked.prompt
    if isinstance(prompt, str):
        return [prompt]
    if not prompt:
        raise Problem("prompt is an empty list", param="prompt")
    return [prompt] if isinstance(prompt[0], int) else list(prompt)


def _submitted(
    service: Service, model: LanguageModel, asked: CompletionRequest, prompts: Sequence[list[int]]
) -> Answers:
    limit = _DEFAULT_MAX_TOKENS if asked.max_tokens is None else asked.max_tokens
    settings = generation_settings(asked, model, limit)
    settings |= {"logprobs": asked.logprobs, "max_time": service.settings.request_timeout}
    drawn = settings.get("do_sample", model.defaults.do_sample)
    own = [{"seed": seed} if drawn else {} for seed in seeds(asked.seed, asked.n)]
    service.check_choices(len(prompts) * asked.n)
    return Answers.submitted(
        [submitting(service.engine, prompt, settings | seed) for prompt in prompts for seed in own],
        service.metrics,
        asked.n,
    )


async def _echo(service: Service, model: LanguageModel, ids: list[int], asked: CompletionRequest) -> Echo:
    """The text of a prompt, with the log-probabilities of its tokens if they are wanted."""
    text = model.tokenizer.decode(ids, skip_special_tokens=True)
    if asked.logprobs is None:
        return text, []
    scored = await run_in_threadpool(partial(text_logprobs, model, ids, asked.logprobs))
    return text, scored[:-1]


def _only_echoed(
    asked: CompletionRequest, prompts: Sequence[list[int]], echoes: Sequence[Echo], texts: TokenTexts
) -> dict[str, Any]:
    """The answer to max_tokens 0, by which programs score texts."""
    form = _Form(asked, Answers([], Metrics()), texts, echoes)
    choices = [
        form.choice(index, text, "length", form.logprobs(scored, 0))
        for index, (text, scored) in enumerate(echoes)
    ]
    count = sum(map(len, prompts))
    return form.body(choices) | {
        "usage": {"prompt_tokens": count, "completion_tokens": 0, "total_tokens": count}
    }


class _Form:
    """The answers in the form of the API."""

    def __init__(
        self, asked: CompletionRequest, answers: Answers, texts: TokenTexts, echoes: Sequence[Echo]
    ) -> None:
        self._asked, self._answers, self._texts, self._echoes = asked, answers, texts, echoes

    def body(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": f"cmpl-{self._answers.id}",
            "object": "text_completion",
            "created": self._answers.created,
            "model": self._asked.model,
            "choices": choices,
        }

    def choice(self, index: int, text: str, reason: str | None, logprobs: Any) -> dict[str, Any]:
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}

    async def whole(self) -> dict[str, Any]:
        answers = await self._answers.complete()
        choices = []
        for index, answer in enumerate(answers):
            text, scored = self._echo(index)
            logprobs = self.logprobs([*scored, *answer.logprobs], 0)
            choices.append(self.choice(index, text + answer.text, answer.finish_reason, logprobs))
        return {**self.body(choices), "usage": self._answers.usage()}

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        offsets = [0] * len(self._answers.running)
        for index in range(len(offsets)) if self._echoes else ():
            text, scored = self._echo(index)
            yield self.body([self.choice(index, text, None, self.logprobs(scored, 0))])
            offsets[index] = len(text)
        async with aclosing(self._answers.pieces()) as pieces:
            async for index, piece in pieces:
                logprobs = self.logprobs(piece.logprobs, offsets[index])
                yield self.body([self.choice(index, piece.text, None, logprobs)])
                offsets[index] += len(piece.text)
        for index, answer in enumerate(self._answers.answers):
            yield self.body([self.choice(index, "", answer.finish_reason, None)])
        if self._asked.stream_options is not None and self._asked.stream_options.include_usage:
            yield self.body([]) | {"usage": self._answers.usage()}

    def logprobs(self, scored: Sequence[TokenLogprobs], offset: int) -> dict[str, Any] | None:
        """The four lists of the API: tokens, their log-probabilities, the best alternatives, places in the text."""
        if self._asked.logprobs is None:
            return None
        tokens = self._texts.pieces([each.id for each in scored])
        offsets = []
        for token in tokens:
            offsets.append(offset)
            offset += len(token)
        return {
            "tokens": tokens,
            # Beyond the API's: texts of different tokens may be the same.
            "token_ids": [each.id for each in scored],
            "top_token_ids": [[token for token, _ in self._unlike(each)] for each in scored],
            "token_logprobs": [None if math.isnan(each.logprob) else each.logprob for each in scored],
            "top_logprobs": [
                {self._texts.text(token): value for token, value in self._unlike(each)} if each.top else None
                for each in scored
            ],
            "text_offset": offsets,
        }

    def _unlike(self, scored: TokenLogprobs) -> list[tuple[int, float]]:
        """The alternatives with different texts: the API names them by these."""
        first: dict[str, tuple[int, float]] = {}
        for token, value in scored.top:
            first.setdefault(self._texts.text(token), (token, value))
        return list(first.values())

    def _echo(self, index: int) -> Echo:
        return self._echoes[index // self._asked.n] if self._echoes else ("", [])
