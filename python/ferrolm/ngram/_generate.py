"""Sampling text from an n-gram model."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from ferrolm import _rust

if TYPE_CHECKING:
    from ferrolm.ngram.model import NgramLM


def generate(
    model: NgramLM, context: list[int], max_tokens: int, params: Any, seed: int | None, bos: bool
) -> list[int]:
    """See `NgramLM.generate`. The context is a state: each word takes the same time, however long the text."""
    from ferrolm.sampling import Sampler, SamplingParams

    chosen = SamplingParams() if params is None else params
    if params is None or seed is not None:
        drawn_seed = int(np.random.default_rng(seed).integers(1 << 63))
        chosen = dataclasses.replace(chosen, seed=drawn_seed)
    sampler = Sampler([chosen], prompt=[context])
    states = _rust.NgramStates(model._core, [context], bos)
    ids: list[int] = []
    for _ in range(max_tokens):
        drawn = sampler.sample(states.next_logprobs())
        if drawn[0] == model.eos_id:
            break
        sampler.accept(drawn)
        states.accept(drawn)
        ids.append(int(drawn[0]))
    return ids
