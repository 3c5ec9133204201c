"""A server on loopback, in a thread of the test."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn

from ferrolm.serving import ServedModels, ServerSettings, create_app
from ferrolm.serving.run import _listener
from ferrolm.serving.service import Service


class Served:
    """Its address, and the service behind it."""

    def __init__(self, address: str, service: Service) -> None:
        self.address, self.service = address, service

    def client(self, **options: Any) -> Any:
        """The official client."""
        import openai

        return openai.OpenAI(
            base_url=f"{self.address}/v1", **{"api_key": "none", "max_retries": 0, "timeout": 60, **options}
        )

    def wait_until(self, **gauges: int) -> None:
        """Until the engine has so many running and waiting requests; fails after 20 s."""
        end = time.monotonic() + 20
        while not gauges.items() <= (found := self.service.gauges()).items():
            assert time.monotonic() < end, f"{found}, expected {gauges}"
            time.sleep(0.01)


@contextlib.contextmanager
def serving(models: ServedModels, **settings: Any) -> Iterator[Served]:
    """Serve until the block ends."""
    app = create_app(models, ServerSettings(**settings))
    listener = _listener("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", app.state.service)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()
