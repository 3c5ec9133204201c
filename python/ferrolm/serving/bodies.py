"""JSON in, JSON and events out."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import anyio
from fastapi import Request, Response
from pydantic import BaseModel, ValidationError
from starlette.types import Receive, Scope, Send

from ferrolm.serving.problems import Problem, of_exception, of_validation

__all__ = ["EventStream", "JsonResponse", "disconnected", "read"]

Asked = TypeVar("Asked", bound=BaseModel)


async def read(request: Request, kind: type[Asked], max_bytes: int) -> Asked:
    """The body as a ``kind``; raises `Problem` for what is too long, no JSON, or does not fit. null is left out."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > max_bytes:
            raise Problem(f"the body has more than {max_bytes:,} bytes", 413, code="body_too_large")
    try:
        value = json.loads(bytes(body), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Problem(f"the body is not valid JSON: {error}", code="invalid_json") from None
    if not isinstance(value, dict):
        raise Problem(f"the body is a {type(value).__name__}, expected an object", code="invalid_json")
    try:
        return kind.model_validate({key: each for key, each in value.items() if each is not None})
    except ValidationError as error:
        raise of_validation(error, list(kind.model_fields)) from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


class JsonResponse(Response):
    """An object as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()


async def disconnected(request: Request) -> None:
    """Returns when the client has gone; its body has to be read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """Server-sent events, made one after the other; whoever makes them is closed as soon as the client has gone.

    events: objects to be sent as JSON; an exception becomes an event with an ``error`` and ends the stream.
    """

    def __init__(self, events: AsyncIterator[Any]) -> None:
        super().__init__(media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            try:
                await self._send(send)
            finally:
                with anyio.CancelScope(shield=True), contextlib.suppress(Exception):
                    await self._events.aclose()  # type: ignore[attr-defined]
            group.cancel_scope.cancel()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for event in self._events:
                await send(_part(json.dumps(event, separators=(",", ":"))))
        except Exception as error:  # the status has been sent: what is left is to say it here
            await send(_part(json.dumps(of_exception(error).body)))
        await send(_part("[DONE]"))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _part(data: str) -> dict[str, Any]:
    return {"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": True}
