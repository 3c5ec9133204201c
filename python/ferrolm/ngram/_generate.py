"""Sampling text from an n-gram model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ferrolm.ngram.model import NgramLM


def generate(
    model: NgramLM, context: list[int], max_tokens: int, params: Any, seed: int | None, bos: bool
) -> list[int]:
    """See `NgramLM.generate`."""
    from ferrolm.sampling import sample

    chosen = (
        int(np.random.default_rng(seed).integers(1 << 63)) if params is None or seed is not None else None
    )
    ids = list(context)
    for step in range(max_tokens):
        logprobs = model.next_token_logprobs(ids, bos)[None]
        seeds = None if chosen is None else [chosen]
        drawn = int(
            sample(logprobs, params, history=[ids[len(context) :]], prompt=[context], step=step, seeds=seeds)[
                0
            ]
        )
        if drawn == model.eos_id:
            break
        ids.append(drawn)
    return ids[len(context) :]
