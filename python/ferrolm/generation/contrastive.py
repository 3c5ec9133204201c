"""Contrastive search (Su et al. 2022, "A Contrastive Framework for Neural Text Generation").

Of the ``top_k`` most probable tokens that one is taken whose probability, less a penalty, is the largest: how similar its hidden
state is to that of the token before that it resembles most. All of them are fed at every step.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.generation.decoders.causal import Decoder
from ferrolm.generation.decoding import Steps
from ferrolm.generation.output import Record
from ferrolm.generation.plan import Plan
from ferrolm.generation.processing import Processing

__all__ = ["DecoderWithStates", "contrastive_search"]


class DecoderWithStates(Decoder, Protocol):
    """A `Decoder` that keeps the last hidden states of what was fed last."""

    states: Tensor

    @property
    def state_mask(self) -> Tensor:
        """Which tokens fed so far are no padding, bool [rows, tokens]."""
        ...


def contrastive_search(
    decoder: DecoderWithStates, plan: Plan, active: NDArray[np.bool_], record: Record | None = None
) -> Steps:
    """The steps, as those of `decode`; rows that have ended are carried along."""
    count, alpha = min(plan.config.top_k or 1, plan.shape.vocab_size), plan.config.penalty_alpha or 0.0
    processing, ends = Processing(plan), plan.ends()
    # A candidate is fed before it is chosen, so that the last one needs a position too.
    room = [plan.shape.n_positions - len(prompt) for prompt in plan.prompts_of_rows]
    left = np.maximum(np.minimum(plan.limits, room), 1)
    rows, new = np.arange(plan.rows), np.zeros((plan.rows, 0), np.int64)
    logits = decoder.start()
    seen, mask = decoder.states, decoder.state_mask
    while True:
        scores = processing(logits, rows.tolist(), new)
        probabilities, ids = scores.softmax(-1).topk(count)
        decoder.keep(torch.arange(len(ids), device=ids.device).repeat_interleave(count))
        next_logits = decoder.step(ids.flatten())
        states = decoder.states[:, -1].view(len(ids), count, -1)  # [rows, candidates, hidden_size]
        best = _best(seen, mask, states, probabilities, alpha)
        drawn = ids.gather(1, best[:, None])[:, 0]
        host, alive = drawn.cpu().numpy(), active.copy()
        if record is not None:
            record.note(rows[alive], logits, scores, drawn, alive)
        left -= 1
        active &= ~ends[host] & (left > 0)
        yield rows[alive], host[alive]
        if not active.any():
            return
        chosen = torch.arange(len(ids), device=ids.device) * count + best
        decoder.keep(chosen)
        logits, new = next_logits[chosen], np.concatenate([new, host[:, None]], axis=1)
        seen = torch.cat([seen, decoder.states[:, -1:]], dim=1)
        mask = F.pad(mask, (0, 1), value=True)


def _best(seen: Tensor, mask: Tensor, states: Tensor, probabilities: Tensor, alpha: float) -> Tensor:
    """Places of the candidates that win, int64 [rows]."""
    similarity = F.normalize(states.float(), dim=-1) @ F.normalize(seen.float(), dim=-1).transpose(1, 2)
    penalty = similarity.masked_fill(~mask[:, None].bool(), -torch.inf).amax(-1)
    return ((1.0 - alpha) * probabilities - alpha * penalty).argmax(-1)
