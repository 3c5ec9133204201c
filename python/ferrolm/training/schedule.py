"""Learning-rate schedules as plain functions of the step."""

from __future__ import annotations

import math

__all__ = ["cosine_with_warmup"]


def cosine_with_warmup(step: int, *, steps: int, warmup_steps: int, peak: float, final: float) -> float:
    """Learning rate of step ``step`` (from 0): linear up to ``peak``, then half a cosine down to ``final``.

    The first step has ``peak / warmup_steps`` already, the step after the warm-up has ``peak``, and the last step
    (``steps - 1``) comes as near to ``final`` as one step can. Loshchilov & Hutter 2017, without restarts.

    >>> [round(cosine_with_warmup(s, steps=6, warmup_steps=2, peak=1.0, final=0.0), 3) for s in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    return final + (peak - final) * 0.5 * (1.0 + math.cos(math.pi * progress))
