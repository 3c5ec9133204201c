"""Perplexity of texts under a language model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.data import iter_documents
from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.evaluation.intervals import percentiles
from ferrolm.evaluation.perplexity import Perplexity, perplexity
from ferrolm.evaluation.result import Result
from ferrolm.evaluation.tasks.settings import Outcome, Settings
from ferrolm.evaluation.tasks.stream import limited, shown

__all__ = ["language_modeling"]


def language_modeling(model: Any, data: Path, settings: Settings) -> Outcome:
    """Bits per byte and perplexity of each document of a text, JSON lines or Parquet file, and of all together."""
    from ferrolm.generation import Seq2SeqLanguageModel, load_model

    scorer = (
        model if hasattr(model, "score") else load_model(model, device=settings.device, dtype=settings.dtype)
    )
    if isinstance(scorer, Seq2SeqLanguageModel):
        raise InvalidArgumentError(f"{model} is an encoder-decoder: expected a model that reads a text alone")
    texts = [text for text in limited(iter_documents([data], field=settings.text), settings) if text.strip()]
    if not texts:
        raise InvalidFileError(f"{data}: there is no text in it")
    rows = [perplexity(scorer, text, stride=settings.stride) for text in shown(texts, settings, "text")]
    columns = {
        name: np.array([getattr(row, name) for row in rows], float)
        for name in ("nats", "tokens", "words", "bytes")
    }
    total = Perplexity(
        float(columns["nats"].sum()), *(int(columns[name].sum()) for name in ("tokens", "words", "bytes"))
    )
    bits = columns["nats"] / math.log(2)
    results = {
        "bits_per_byte": _result("bits per byte", total.bits_per_byte, bits, columns["bytes"], settings),
        "perplexity": _exp("perplexity per token", total.per_token, columns, "tokens", settings),
        "word_perplexity": _exp("perplexity per word", total.per_word, columns, "words", settings),
    }
    details = {name: float(values.sum()) for name, values in columns.items() if name != "nats"}
    first = results["bits_per_byte"]
    results["bits_per_byte"] = Result(
        first.name, first.value, first.low, first.high, count=first.count, details=details
    )
    scores = bits / columns["bytes"]
    return Outcome(results, scores, scores.tolist(), texts, higher_is_better=False)


def _result(
    name: str, value: float, above: NDArray[np.float64], below: NDArray[np.float64], settings: Settings
) -> Result:
    low, high = _ratio(above, below, settings)
    return Result(name, value, low, high, count=len(above))


def _exp(name: str, value: float, columns: dict[str, Any], unit: str, settings: Settings) -> Result:
    low, high = _ratio(columns["nats"], columns[unit], settings)
    ends = [None if end is None else math.exp(end) for end in (low, high)]
    return Result(name, value, ends[0], ends[1], count=len(columns["nats"]))


def _ratio(
    above: NDArray[np.float64], below: NDArray[np.float64], settings: Settings
) -> tuple[float | None, float | None]:
    """The interval of a sum over a sum, had other documents been drawn; none for a single document."""
    if not settings.resamples or len(above) < 2:
        return None, None
    generator = np.random.default_rng(settings.seed)
    weights = generator.multinomial(len(above), np.full(len(above), 1 / len(above)), size=settings.resamples)
    return percentiles(weights @ above / np.maximum(weights @ below, 1), 0.95)
