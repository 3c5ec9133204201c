"""A model behind OpenAI's API, and a page to try it: ``ferrolm serve``.

    app.py              `create_app`: the routes and what is around them
    run.py              `run`: a server that listens, until it is told to end
    settings.py         `ServerSettings`: limits, keys, origins
    models.py           `ServedModels`: what is served under which name
    schema.py           what a request may ask for
    problems.py         what is wrong with one, in OpenAI's form
    bodies.py           JSON in, JSON and events out
    answers.py          requests to the engine: sent together, read as they come, cancelled when nobody listens
    completions.py      /v1/completions
    chat.py             /v1/chat/completions
    constrained.py      answers that follow a JSON schema
    embeddings.py       /v1/embeddings
    tokens.py           the text and the bytes of a token; /tokenize, with probabilities
    metrics.py          /metrics
    page.html           /

Needs FastAPI and uvicorn: ``pip install 'ferrolm[serve]'``.
"""

from __future__ import annotations

from ferrolm._extras import require

for _module in ("fastapi", "uvicorn", "torch"):
    require(_module, extra="serve", purpose="a server")

from ferrolm.serving.app import create_app  # noqa: E402
from ferrolm.serving.models import EmbeddingModel, ServedModels  # noqa: E402
from ferrolm.serving.run import run  # noqa: E402
from ferrolm.serving.settings import ServerSettings  # noqa: E402

__all__ = ["EmbeddingModel", "ServedModels", "ServerSettings", "create_app", "run"]
