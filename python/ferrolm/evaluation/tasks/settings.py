"""Settings of an evaluation, those of all tasks together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Outcome", "Settings"]

import numpy as np
from numpy.typing import NDArray

from ferrolm.evaluation.result import Result


@dataclass(frozen=True)
class Settings:
    """What is read, and how the model is asked.

    text, text_pair, label: columns of labelled texts. source, target: columns of pairs of texts, by name or number. column: of
    CoNLL-U. encoding: of tables. limit: examples at most, the first; None for all. stride: tokens between windows of
    perplexity, half a context by default. batch_size, device, dtype: of the model. num_beams, max_new_tokens: of texts that are
    written. resamples, seed: of the intervals; 0 resamples give none. show_progress: a bar on standard error; None: on a
    terminal.
    """

    text: str = "text"
    text_pair: str | None = None
    label: str = "label"
    source: str = "0"
    target: str = "1"
    column: str = "upos"
    encoding: str = "utf-8"
    limit: int | None = None
    stride: int | None = None
    batch_size: int = 16
    device: str | None = None
    dtype: str | None = None
    num_beams: int = 1
    max_new_tokens: int = 128
    resamples: int = 1000
    seed: int = 0
    show_progress: bool | None = None


@dataclass(frozen=True)
class Outcome:
    """What a task found; see `Report`."""

    results: dict[str, Result]
    scores: NDArray[np.float64]
    predictions: list[Any]
    references: list[Any]
    higher_is_better: bool = True
