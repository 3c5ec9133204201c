"""Learning-rate schedules as plain functions of the step."""

from __future__ import annotations

import math

from ferrolm.training.settings import TrainingConfig

__all__ = ["learning_rate"]


def learning_rate(step: int, config: TrainingConfig, steps: int | None = None) -> float:
    """Learning rate of step ``step`` (from 0) as ``config`` says: linear warm-up, then its schedule down to the final rate.

    ``steps``: of the whole run, by default ``config.steps``. After the warm-up, ``p`` being the share of the rest that is done:

    - cosine: half a cosine (Loshchilov & Hutter 2017); linear: a straight line; constant: the peak to the end
    - wsd (warm-up, stable, decay; Hu et al. 2024): the peak, then a straight line in the last ``decay_fraction`` of all steps
    - inverse_sqrt (Vaswani et al. 2017): peak times the root of warm-up steps over steps, whatever the final rate

    >>> config = TrainingConfig(steps=8, warmup_steps=2, learning_rate=1.0, final_learning_rate=0.0, schedule="wsd",
    ...                         decay_fraction=0.5)
    >>> [learning_rate(step, config) for step in range(8)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    steps = steps or config.steps
    warmup = round(config.warmup_fraction * steps) if config.warmup_fraction else config.warmup_steps
    peak, final = config.learning_rate, config.final_learning_rate
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    if config.schedule == "cosine":
        return final + (peak - final) * 0.5 * (1.0 + math.cos(math.pi * progress))
    if config.schedule == "linear":
        return peak + (final - peak) * progress
    if config.schedule == "wsd":
        decay = max(1, round(config.decay_fraction * steps))
        return peak + (final - peak) * max(0.0, min(1.0, (step - (steps - decay)) / decay))
    if config.schedule == "inverse_sqrt":
        return peak * math.sqrt(max(1, warmup) / (step + 1))
    return peak
