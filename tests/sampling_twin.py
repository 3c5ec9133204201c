"""The steps of `ferrolm.sampling` in plain float64 numpy with full sorts: slow, and plainly right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from ferrolm.sampling import SamplingParams


def adjusted(
    logits: Any, params: SamplingParams, prompt: Iterable[int] = (), history: Iterable[int] = ()
) -> Any:
    """Logits [vocab] after bias and penalties."""
    x = np.asarray(logits, np.float64).copy()
    for token, bias in (params.logit_bias or {}).items():
        x[token] += bias
    counts = Counter(history)
    for token in {*prompt, *history}:
        x[token] = (
            x[token] * params.repetition_penalty if x[token] < 0 else x[token] / params.repetition_penalty
        )
        x[token] -= params.frequency_penalty * counts[token] + params.presence_penalty * (counts[token] > 0)
    return x


def probabilities(
    logits: Any, params: SamplingParams, prompt: Iterable[int] = (), history: Iterable[int] = ()
) -> Any:
    """float64 [vocab]: the distribution that is drawn from."""
    x = adjusted(logits, params, prompt, history)
    if params.temperature < 1e-5:
        return np.eye(len(x))[np.argmax(x)]
    if 0 < params.top_k < len(x):
        x[x < np.sort(x)[-params.top_k]] = -np.inf
    weights = np.exp((x - x.max()) / params.temperature)
    if params.top_p < 1.0:
        order = np.argsort(-x, kind="stable")
        before = np.cumsum(weights[order]) - weights[order]
        dropped = before >= params.top_p * weights.sum()
        dropped[0] = False
        weights[order[dropped]] = 0.0
    weights[weights < params.min_p * weights.max()] = 0.0
    return weights / weights.sum()
