"""`Result`: what every metric returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Result"]


@dataclass(frozen=True)
class Result:
    """A score, its confidence interval, and what it was made of.

    name: of the metric. value: the score, in the metric's usual unit. low, high: the 95 % interval, ``None`` if none
    was asked for. count: of the examples. details: figures behind the score, by name, and the signature of metrics
    that have one.

    >>> result = Result("accuracy", 0.8, 0.7, 0.9, count=50)
    >>> print(result, float(result) > 0.75)
    accuracy 0.8 [0.7, 0.9] n=50 True
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    count: int = 0
    details: Mapping[str, float | str] = field(default_factory=dict, repr=False)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        interval = "" if self.low is None or self.high is None else f" [{self.low:.4g}, {self.high:.4g}]"
        return f"{self.name} {self.value:.4g}{interval} n={self.count}"
