"""/v1/embeddings: a vector for each text, as in OpenAI's API."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

import numpy as np
from fastapi import Request, Response
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool

from ferrolm.serving.answers import until_disconnected
from ferrolm.serving.bodies import JsonResponse, read
from ferrolm.serving.problems import Problem
from ferrolm.serving.schema import EmbeddingRequest
from ferrolm.serving.service import Service

__all__ = ["answer"]

_MOST_TEXTS = 2048  # as at OpenAI


async def answer(service: Service, http: Request) -> Response | None:
    """Answer one request. ``dimensions`` are the first ones, brought to length 1 again."""
    asked = await read(http, EmbeddingRequest, service.settings.max_body_bytes)
    model = service.models.embedder(asked.model)
    width = model.model.config.hidden_size
    if asked.dimensions is not None and asked.dimensions > width:
        raise Problem(f"dimensions is {asked.dimensions}, expected 1 to {width}", param="dimensions")
    texts = _texts(asked)
    ids = [model.encode(text) for text in texts]
    count = sum(map(len, ids))
    service.metrics.add("prompt_tokens_total", count)
    vectors = await until_disconnected(http, run_in_threadpool(partial(model.embed, ids)))
    if vectors is None:
        return None
    if asked.dimensions is not None:
        vectors = vectors[:, : asked.dimensions]
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    data = [
        {"object": "embedding", "index": index, "embedding": _form(vector, asked.encoding_format)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": count, "total_tokens": count}
    return JsonResponse({"object": "list", "data": data, "model": asked.model, "usage": usage})


def _texts(asked: EmbeddingRequest) -> list[Any]:
    given = asked.input
    if isinstance(given, str):
        texts: list[Any] = [given]
    elif given and isinstance(given[0], int):
        texts = [given]
    else:
        texts = list(given)
    if not 1 <= len(texts) <= _MOST_TEXTS:
        raise Problem(f"input has {len(texts)} texts, expected 1 to {_MOST_TEXTS}", param="input")
    return texts


def _form(vector: NDArray[np.float32], encoding: str) -> Any:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return vector.tolist()
