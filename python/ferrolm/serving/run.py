"""`run`: serve until the process is told to end."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn

from ferrolm.errors import FileAccessError
from ferrolm.serving.app import create_app
from ferrolm.serving.models import ServedModels
from ferrolm.serving.settings import ServerSettings

__all__ = ["run"]


def run(
    models: ServedModels,
    settings: ServerSettings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    log_level: str = "warning",
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve ``models``; returns after SIGINT or SIGTERM, when running answers have ended or ``grace`` is over.

    port: 0 takes a free one. ready: is given the address when the server listens. Raises `FileAccessError` (an `OSError`)
    where it cannot listen.
    """
    settings = settings or ServerSettings()
    listener = _listener(host, port)
    config = uvicorn.Config(
        create_app(models, settings),
        log_config=_logging(log_level),
        log_level=log_level,
        access_log=log_level in ("info", "debug", "trace"),
        timeout_graceful_shutdown=max(1, round(settings.grace)),
        server_header=False,
        h11_max_incomplete_event_size=64 << 10,
    )
    if ready is not None:
        name = f"[{host}]" if ":" in host else host
        ready(f"http://{name}:{listener.getsockname()[1]}")
    with listener:
        uvicorn.Server(config).run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise FileAccessError(f"cannot listen at {host}, port {port}: {error}") from None
    return listener


def _logging(level: str) -> dict[str, Any]:
    """All to standard error: standard output is for data."""
    handler = {"class": "logging.StreamHandler", "formatter": "line", "stream": sys.stderr}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": handler},
        "loggers": {
            "uvicorn": {"handlers": ["stderr"], "level": level.upper(), "propagate": False},
            "uvicorn.access": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        },
    }
