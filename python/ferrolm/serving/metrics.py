"""Counters of a server, in the text format of Prometheus."""

from __future__ import annotations

from collections import Counter

__all__ = ["Metrics"]

_HELP = {
    "requests_total": ("counter", "HTTP requests answered, by route and status"),
    "request_seconds": ("summary", "seconds from a request to the end of its answer, by route"),
    "prompt_tokens_total": ("counter", "tokens of prompts"),
    "generated_tokens_total": ("counter", "tokens that were generated"),
    "time_to_first_token_seconds": ("summary", "seconds from a request to the first piece of its answer"),
    "requests_running": ("gauge", "texts that are being continued"),
    "requests_waiting": ("gauge", "texts that wait for a place"),
}


class Metrics:
    """Sums and counts since the server began; for one event loop.

    >>> metrics = Metrics()
    >>> metrics.add("prompt_tokens_total", 5)
    >>> print(metrics.text({}).splitlines()[-1])
    ferrolm_prompt_tokens_total 5
    """

    def __init__(self) -> None:
        self._values: Counter[str] = Counter()

    def add(self, name: str, value: float = 1, labels: str = "") -> None:
        self._values[f"{name}{labels}"] += value  # type: ignore[assignment]  # a Counter of floats too

    def first_token(self, seconds: float) -> None:
        self._observe("time_to_first_token_seconds", seconds, "")

    def request(self, route: str, status: int, seconds: float) -> None:
        self.add("requests_total", 1, f'{{route="{route}",status="{status}"}}')
        self._observe("request_seconds", seconds, f'{{route="{route}"}}')

    def text(self, gauges: dict[str, int]) -> str:
        """All of them; ``gauges`` are what is now."""
        values = {**self._values, **gauges}
        lines = []
        for name, (kind, text) in _HELP.items():
            own = {
                key: value
                for key, value in values.items()
                if key.partition("{")[0].removesuffix("_sum").removesuffix("_count") == name
            }
            if own:
                lines += [f"# HELP ferrolm_{name} {text}", f"# TYPE ferrolm_{name} {kind}"]
                lines += [
                    f"ferrolm_{key} {value:g}" if isinstance(value, float) else f"ferrolm_{key} {value}"
                    for key, value in sorted(own.items())
                ]
        return "\n".join(lines) + "\n"

    def _observe(self, name: str, seconds: float, labels: str) -> None:
        self.add(f"{name}_sum", seconds, labels)
        self.add(f"{name}_count", 1, labels)
