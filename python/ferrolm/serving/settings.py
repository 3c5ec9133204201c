"""`ServerSettings`: what a server allows."""

from __future__ import annotations

from dataclasses import dataclass

from ferrolm.errors import InvalidArgumentError

__all__ = ["ServerSettings"]


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Limits of a server.

    api_key: what requests have to bring as ``Authorization: Bearer KEY``; None asks for none. cors_origins: sites whose pages
    may use the server, "*" for all. max_batch_size: texts that are continued at the same time; max_waiting: texts that
    may wait beside them, one more is answered by 429. prefix_cache_tokens: of earlier texts that are kept, so that a
    dialogue that goes on is not read from its beginning (`ferrolm.generation.PrefixCache`). max_body_bytes: of a request. request_timeout: seconds from a
    request to the end of its answer. max_choices: texts of one request, its prompts times ``n``. grace: seconds that
    running answers get when the server is told to end.

    >>> ServerSettings(max_waiting=10).max_batch_size
    8
    """

    api_key: str | None = None
    cors_origins: tuple[str, ...] = ()
    max_batch_size: int = 8
    max_waiting: int = 256
    prefix_cache_tokens: int = 8192
    max_body_bytes: int = 4 << 20
    request_timeout: float = 600.0
    max_choices: int = 128
    grace: float = 5.0

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_waiting", "max_body_bytes", "max_choices", "request_timeout"):
            if not getattr(self, name) > 0:
                raise InvalidArgumentError(f"{name} is {getattr(self, name)}, expected more than 0")
        for name in ("grace", "prefix_cache_tokens"):
            if getattr(self, name) < 0:
                raise InvalidArgumentError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if self.api_key is not None and not self.api_key.strip():
            raise InvalidArgumentError("api_key is empty: leave it out to ask for none")
