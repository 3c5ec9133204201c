"""/v1/chat/completions: dialogues that are continued, as in OpenAI's API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from ferrolm.generation import LanguageModel, TokenLogprobs
from ferrolm.serving.answers import (
    Answers,
    generation_settings,
    seeds,
    submitting,
    until_disconnected,
)
from ferrolm.serving.bodies import EventStream, JsonResponse, read
from ferrolm.serving.problems import Problem
from ferrolm.serving.schema import ChatRequest, Message
from ferrolm.serving.service import Service
from ferrolm.serving.tokens import TokenTexts

__all__ = ["answer", "plain_messages", "render"]


async def answer(service: Service, http: Request) -> Response | None:
    """Answer one request."""
    asked = await read(http, ChatRequest, service.settings.max_body_bytes)
    model = service.models.generator(asked.model)
    _check(asked, service)
    text = await render(service, asked)
    ids = service.prompt_ids(model, text, special=not service.models.template.begins_itself)
    service.check_choices(asked.n)
    answers = Answers.submitted(_requests(service, model, asked, ids), service.metrics, asked.n)
    form = _Form(asked, answers, service.token_texts, strip=not service.models.template.begins_itself)
    if asked.stream:
        return EventStream(form.events())
    body = await until_disconnected(http, form.whole())
    return None if body is None else JsonResponse(body)


def plain_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages whose content is one text: templates seldom know more."""
    plain = []
    for message in messages:
        content = message.content
        if isinstance(content, list):
            content = "".join(part.text for part in content)
        plain.append({**message.model_dump(), "content": content})
    return plain


async def render(service: Service, asked: ChatRequest) -> str:
    """The text of the dialogue, up to where the answer begins."""
    beginning = asked.add_generation_prompt and not asked.continue_final_message
    tools = None if asked.tool_choice == "none" else asked.tools
    make = partial(
        service.models.template.render,
        plain_messages(asked.messages),
        add_generation_prompt=beginning,
        continue_final_message=asked.continue_final_message,
        tools=tools,
        **(asked.chat_template_kwargs or {}),
    )
    return await run_in_threadpool(make)


def _check(asked: ChatRequest, service: Service) -> None:
    if not asked.messages:
        raise Problem("messages is an empty list, expected at least one message", param="messages")
    for place, message in enumerate(asked.messages):
        if message.content is None and message.role != "assistant":  # which may call a tool instead
            name = f"messages[{place}].content"
            raise Problem(f"missing parameter {name!r}", param=name, code="missing_parameter")
    if asked.top_logprobs is not None and not asked.logprobs:
        raise Problem("top_logprobs needs logprobs to be true", param="top_logprobs")
    if asked.stream_options is not None and not asked.stream:
        raise Problem("stream_options needs stream", param="stream_options")
    if asked.tool_choice not in (None, "none", "auto"):
        raise Problem(
            "tool_choice cannot force a call: only auto and none are supported", param="tool_choice"
        )
    if asked.tools and not any("tools" in source for source in service.models.template.sources.values()):
        raise Problem("the model's chat template has no place for tools", param="tools")
    form = asked.response_format
    if form is not None and form.type == "json_schema" and form.json_schema is None:
        raise Problem("response_format is json_schema without a json_schema", param="response_format")


def _requests(service: Service, model: LanguageModel, asked: ChatRequest, ids: list[int]) -> Sequence[Any]:
    """What sends each of the ``n`` continuations."""
    room = model.model.config.n_positions + 1 - len(ids)
    limit = asked.max_completion_tokens or asked.max_tokens or room
    settings = generation_settings(asked, model, limit)
    settings["stop"] = [*settings.get("stop", ()), *service.models.template.stop]
    drawn = settings.get("do_sample", model.defaults.do_sample)
    own = seeds(asked.seed, asked.n)
    form = asked.response_format
    settings |= {"max_time": service.settings.request_timeout}
    if asked.logprobs:
        settings["logprobs"] = asked.top_logprobs or 0
    each = [settings | ({"seed": seed} if drawn else {}) for seed in own]
    if form is None or form.type == "text":
        return [submitting(service.engine, ids, one) for one in each]
    schema = form.json_schema.schema_ if form.json_schema is not None else {"type": "object"}
    return [partial(service.constrained.submit, ids, schema, one) for one in each]


class _Form:
    """The answers in the form of the API. strip: the space with which who answers begins, in the plain format."""

    def __init__(self, asked: ChatRequest, answers: Answers, texts: TokenTexts, *, strip: bool) -> None:
        self._asked, self._answers, self._texts, self._strip = asked, answers, texts, strip

    def _body(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self._answers.id}",
            "object": kind,
            "created": self._answers.created,
            "model": self._asked.model,
            "choices": choices,
        }

    async def whole(self) -> dict[str, Any]:
        choices = []
        for index, answer in enumerate(await self._answers.complete()):
            text = answer.text.lstrip() if self._strip else answer.text
            message = {"role": "assistant", "content": text, "refusal": None}
            choices.append(
                {
                    "index": index,
                    "message": message,
                    "logprobs": self._logprobs(answer.logprobs),
                    "finish_reason": answer.finish_reason,
                }
            )
        return {**self._body("chat.completion", choices), "usage": self._answers.usage()}

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        for index in range(len(self._answers.running)):
            yield self._event(index, {"role": "assistant", "content": ""})
        begun = [not self._strip] * len(self._answers.running)
        async with aclosing(self._answers.pieces()) as pieces:
            async for index, piece in pieces:
                text = piece.text if begun[index] else piece.text.lstrip()
                begun[index] = begun[index] or bool(text)
                yield self._event(index, {"content": text}, logprobs=self._logprobs(piece.logprobs))
        for index, answer in enumerate(self._answers.answers):
            yield self._event(index, {}, reason=answer.finish_reason)
        if self._asked.stream_options is not None and self._asked.stream_options.include_usage:
            yield self._body("chat.completion.chunk", []) | {"usage": self._answers.usage()}

    def _event(
        self, index: int, delta: dict[str, Any], *, reason: str | None = None, logprobs: Any = None
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return self._body("chat.completion.chunk", [choice])

    def _logprobs(self, scored: Sequence[TokenLogprobs]) -> dict[str, Any] | None:
        if not self._asked.logprobs:
            return None
        content = []
        for each in scored:
            top = [self._token(token, value) for token, value in each.top]
            content.append({**self._token(each.id, each.logprob), "top_logprobs": top})
        return {"content": content, "refusal": None}

    def _token(self, token: int, logprob: float) -> dict[str, Any]:
        return {
            "token": self._texts.text(token),
            "logprob": logprob,
            "bytes": self._texts.bytes(token),
            "id": token,  # beyond the API's
        }
