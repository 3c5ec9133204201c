"""Greedy decoding and sampling: feed the prompts, draw a token for each row, feed it, until every row has ended.

Rows that have ended leave the batch when they are half of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.generation.choosing import Choice
from ferrolm.generation.decoders.causal import Decoder
from ferrolm.generation.output import Record
from ferrolm.generation.plan import Ids, Plan

__all__ = ["Ids", "Steps", "decode"]

# The tokens of each step, (rows, ids), for the rows that are still active.
Steps: TypeAlias = Iterator[tuple[NDArray[np.intp], Ids]]


def decode(
    decoder: Decoder, plan: Plan, choice: Choice, active: NDArray[np.bool_], record: Record | None = None
) -> Steps:
    """The steps of greedy decoding, or of sampling.

    active: bool [rows], where the caller may end a row too. record: is told what each step chose from; with one that keeps
    tensors, all rows stay in the batch and padding is fed to those that have ended, as in transformers.
    """
    ends = plan.ends()
    left = np.array(plan.limits)
    rows = np.arange(plan.rows)  # the batch, as rows of the caller
    stays = plan.stays or (record is not None and record.keeps_tensors)
    logits = decoder.start()
    while True:
        chosen = None if len(rows) == plan.rows else rows.tolist()
        drawn = choice.draw(logits, chosen)
        ids = drawn.cpu().numpy()  # the one wait for the device in a step
        choice.accept(ids, chosen)
        left[rows] -= 1
        alive = active[rows]
        if record is not None:
            record.note(rows[alive], logits, choice.scores, drawn, alive)
        active[rows] &= ~ends[ids] & (left[rows] > 0)
        yield rows[alive], ids[alive]
        if stays:
            drawn = torch.where(torch.from_numpy(alive).to(drawn.device), drawn, plan.pad)
        alive = active[rows]
        if not alive.any():
            return
        if not stays and 2 * alive.sum() <= len(rows):
            kept = torch.from_numpy(np.flatnonzero(alive)).to(drawn.device)
            decoder.keep(kept)
            rows, drawn = rows[alive], drawn[kept]
        logits = decoder.step(drawn)
