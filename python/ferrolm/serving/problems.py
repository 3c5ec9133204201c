"""What is wrong with a request, as OpenAI's API says it: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from ferrolm.errors import EngineError, EngineFullError, FerrolmError, MissingExtraError, nearest

__all__ = ["Problem", "add_handlers", "of_exception", "of_validation"]

_TYPES = {401: "authentication_error", 429: "rate_limit_error"}


class Problem(Exception):
    """A request that is not answered.

    param: the part of the request that is wrong. code: a word for programs.
    """

    def __init__(
        self,
        message: str,
        status: int = 400,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.param, self.code = message, status, param, code
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": error}

    def response(self) -> Response:
        return Response(json.dumps(self.body), self.status, self.headers, "application/json")


def of_exception(error: Exception) -> Problem:
    """The problem that an exception is for whoever made the request."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, EngineFullError):
        return Problem(str(error), 429, code="too_many_requests", headers={"Retry-After": "1"})
    if isinstance(error, EngineError | MissingExtraError):
        return Problem(str(error), 503, code="unavailable", headers={"Retry-After": "5"})
    if isinstance(error, FerrolmError) and isinstance(error, ValueError | TypeError | KeyError):
        return Problem(str(error), 400)
    if isinstance(error, HTTPException):
        return Problem(str(error.detail).lower(), error.status_code, headers=error.headers)
    return Problem("the server failed; its log says why", 500, code="internal_error")


def of_validation(error: ValidationError, known: list[str]) -> Problem:
    """Name the first part of a request that does not fit, what it is, and what was expected."""
    first = error.errors(include_url=False)[0]
    # The alternatives of a union are named by classes, which say nothing to a user.
    place = [part for part in first["loc"] if not (isinstance(part, str) and ("[" in part or part in _KINDS))]
    param = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    if first["type"] == "extra_forbidden":
        hint = nearest(str(place[-1]), known) if len(place) == 1 else ""
        return Problem(f"unknown parameter {param!r}{hint}", param=param, code="unknown_parameter")
    if first["type"] == "missing":
        return Problem(f"missing parameter {param!r}", param=param, code="missing_parameter")
    message = first["msg"].removeprefix("Value error, ")
    for name, expected in _EXPECTED.items():
        if name in place:
            message = f"expected {expected}"
    found = json.dumps(first.get("input"), default=str)
    found = found if len(found) <= 60 else found[:59] + "…"
    return Problem(
        f"{param or 'the request'} is {found}: {message[:1].lower() + message[1:]}",
        param=param or None,
        code="invalid_value",
    )


_KINDS = {"str", "int", "float", "bool", "TextPart"}
# What may be several things, of which the error of one says too little.
_EXPECTED = {
    "prompt": "a text, a list of texts, the ids of one, or a list of such lists",
    "input": "a text, a list of texts, the ids of one, or a list of such lists",
    "stop": "a text or a list of texts",
    "content": 'a text, or a list of {"type": "text", "text": ...}: other parts are not supported',
}


def add_handlers(app: FastAPI) -> None:
    """Let every exception become an answer in this form."""

    async def answer(_: Request, error: Exception) -> Response:
        return of_exception(error).response()

    for kind in (Problem, FerrolmError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)
