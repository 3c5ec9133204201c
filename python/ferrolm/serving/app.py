"""`create_app`: the routes of a server, and what is around them."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ferrolm._rust import __version__
from ferrolm.serving import chat, completions, embeddings
from ferrolm.serving.bodies import JsonResponse, read
from ferrolm.serving.models import ServedModels
from ferrolm.serving.problems import Problem, add_handlers
from ferrolm.serving.schema import ChatRequest, TokenizeRequest
from ferrolm.serving.service import Service
from ferrolm.serving.settings import ServerSettings
from ferrolm.serving.tokens import text_logprobs

__all__ = ["create_app"]

_OPEN = {"/", "/health"}
# No page of another site may frame ours; ours loads nothing from anywhere, and talks to this server alone.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
Route = Callable[[Service, Request], Awaitable[Response | None]]


def create_app(models: ServedModels, settings: ServerSettings | None = None) -> FastAPI:
    """The application: OpenAI's API for ``models`` under /v1, and a page at /.

    Its engine starts here and ends with the application's lifespan. `run` serves it; so does any ASGI server.
    """
    settings = settings or ServerSettings()
    service = Service(models, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(title="ferrolm", version=__version__, lifespan=lifespan, openapi_url=None)
    app.state.service = service
    add_handlers(app)
    for path, route in {
        "/v1/completions": completions.answer,
        "/v1/chat/completions": chat.answer,
        "/v1/embeddings": embeddings.answer,
        "/tokenize": _tokenize,
    }.items():
        app.add_api_route(path, _endpoint(service, route), methods=["POST"], response_model=None)
    _add_pages(app, service)
    app.add_middleware(_Front, service=service)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"]
        )
    return app


def _endpoint(service: Service, route: Route) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        response = await route(service, request)
        # 499: the client has gone, and nobody sees this.
        return Response(status_code=499) if response is None else response

    return endpoint


def _add_pages(app: FastAPI, service: Service) -> None:
    page = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
    started = int(time.time())

    @app.get("/", response_class=HTMLResponse)
    async def index() -> Response:
        return HTMLResponse(page, headers=_PAGE_HEADERS)

    @app.get("/health")
    async def health() -> Response:
        return JsonResponse({"status": "ok", "version": __version__})

    @app.get("/metrics")
    async def metrics() -> Response:
        return PlainTextResponse(
            service.metrics.text(service.gauges()), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    @app.get("/v1/models")
    async def models() -> Response:
        data = [_model(service, name, started) for name in service.models.names]
        return JsonResponse({"object": "list", "data": data})

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> Response:
        if name not in service.models.names:
            raise Problem(f"the model {name!r} does not exist", 404, param="model", code="model_not_found")
        return JsonResponse(_model(service, name, started))


def _model(service: Service, name: str, created: int) -> dict[str, Any]:
    """What /v1/models says; what is beyond OpenAI's fields is for the page."""
    found: dict[str, Any] = {"id": name, "object": "model", "created": created, "owned_by": "ferrolm"}
    language = service.models.language
    if name == service.models.name and language is not None:
        return found | {
            "max_model_len": language.model.config.n_positions,
            "vocab_size": language.model.config.vocab_size,
            "chat_template": service.models.template.begins_itself,
        }
    return found | {"embeddings": True}


async def _tokenize(service: Service, http: Request) -> Response:
    """The tokens of a text or a dialogue, with probabilities if they are wanted."""
    asked = await read(http, TokenizeRequest, service.settings.max_body_bytes)
    model = service.models.generator(service.models.name if asked.model is None else asked.model)
    if (asked.text is None) == (asked.messages is None):
        raise Problem("expected either text or messages", param="text")
    if asked.text is not None:
        text, special = asked.text, asked.add_special_tokens
    else:
        chatted = ChatRequest(model=service.models.name, messages=asked.messages or [])
        text, special = await chat.render(service, chatted), not service.models.template.begins_itself
    ids = model.tokenizer.encode_list(text, special)
    texts = service.token_texts
    if asked.top_logprobs is None:
        tokens = [texts.described(token, None) for token in ids]
        return JsonResponse({"count": len(ids), "tokens": tokens, "max_model_len": _positions(service)})
    ids = service.prompt_ids(model, ids)
    scored = await run_in_threadpool(partial(text_logprobs, model, ids, asked.top_logprobs))
    described = []
    for each in scored:
        own = None if math.isnan(each.logprob) else each.logprob
        top = [texts.described(token, value) for token, value in each.top]
        described.append({**(texts.described(each.id, own) if each.id >= 0 else {}), "top": top})
    return JsonResponse(
        {
            "count": len(ids),
            "tokens": described[:-1],
            "next": described[-1]["top"],
            "max_model_len": _positions(service),
        }
    )


def _positions(service: Service) -> int | None:
    language = service.models.language
    return None if language is None else language.model.config.n_positions


class _Front:
    """Looks at the key before anything is read, and counts what was answered."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service
        key = service.settings.api_key
        self._expected = None if key is None else f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if self._may(scope):
                await self._app(scope, receive, watched)
            else:
                problem = Problem(
                    "the API key is missing or wrong: expected the header Authorization: Bearer KEY",
                    401,
                    code="invalid_api_key",
                    headers={"WWW-Authenticate": "Bearer"},
                )
                await problem.response()(scope, receive, watched)
        finally:
            # Paths that are not ours would make a counter each.
            path = getattr(scope.get("route"), "path", "other")
            self._service.metrics.request(path, status, time.perf_counter() - start)

    def _may(self, scope: Scope) -> bool:
        if self._expected is None or scope["path"] in _OPEN:
            return True
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        return secrets.compare_digest(given, self._expected)
