"""Speculative decoding: a cheap draft guesses the next tokens, and the model verifies them in one pass.

A guess is kept when it is the very token that the sampler draws from the model's own distribution at that step, with
that step's random number; the first draw that differs takes its place. The result is therefore that of decoding
without a draft, greedy or drawn, token by token, and not only in distribution: a guess survives with the
probability that the model gives it, as in the rule of Leviathan et al. (2023), "Fast Inference from Transformers via
Speculative Decoding", for a draft that is certain of its guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ferrolm.generation.decoding import Steps
from ferrolm.generation.drafts.draft import Draft, DraftReport
from ferrolm.generation.drafts.verification import Verifier
from ferrolm.generation.plan import Ids, Plan
from ferrolm.models import CausalLM
from ferrolm.sampling import Sampler, SamplingParams

__all__ = ["decode_with_draft"]


def decode_with_draft(
    model: CausalLM,
    plan: Plan,
    active: NDArray[np.bool_],
    draft: Draft,
    reports: Sequence[DraftReport] | None = None,
) -> Steps:
    """As `decode`, with the same tokens, one row after the other; ``reports``, one for each row, are filled on the way."""
    for row, prompt in enumerate(plan.prompts_of_rows):
        rows = np.array([row])
        # A view: the caller may end the row through `active`.
        alive = active[row : row + 1]
        report = DraftReport() if reports is None else reports[row]
        params, limit = plan.params[row], plan.limits[row]
        for token in _decode_row(model, prompt, params, limit, plan.eos, alive, draft, report):
            yield rows, np.array([token])


def _decode_row(
    model: CausalLM,
    prompt: Ids,
    params: SamplingParams,
    limit: int,
    eos: Sequence[int],
    active: NDArray[np.bool_],
    draft: Draft,
    report: DraftReport,
) -> Iterator[int]:
    n_positions, vocab_size = model.config.n_positions, model.config.vocab_size
    sampler = Sampler([params], prompt=[prompt])
    verifier = Verifier(model, min(len(prompt) + limit, n_positions))
    running = draft.begin(prompt, params, model)
    fed: list[int] = prompt.tolist()
    guesses: list[int] = []
    left = limit
    while True:
        logits = verifier.feed([*fed, *guesses], len(guesses) + 1)
        report.passes += 1
        report.drafted += len(guesses)
        drawn: list[int] = []
        for place in range(len(guesses) + 1):
            # `accept` counts the draw: the next one has the next random number, as in `decode`.
            ids = sampler.sample(logits[place : place + 1])
            sampler.accept(ids)
            drawn.append(int(ids[0]))
            left -= 1
            active[0] &= drawn[-1] not in eos and left > 0
            right = place < len(guesses) and drawn[-1] == guesses[place]
            report.tokens += 1
            report.accepted += right
            yield drawn[-1]
            if not active[0]:
                return
            if not right:
                break
        # The keys of guesses that were not drawn go; the last draw has not been fed.
        verifier.cache.truncate(verifier.length - len(guesses) + len(drawn) - 1)
        running.accept(drawn)
        fed = drawn[-1:]
        room = min(left, n_positions - verifier.length) - 1
        guesses = _known(running.propose(room), room, vocab_size)


def _known(guesses: Sequence[int], most: int, vocab_size: int) -> list[int]:
    """The guesses before the first one that the model has no token for: a draft need not know its vocabulary."""
    known = []
    for token in guesses[: max(most, 0)]:
        if not 0 <= token < vocab_size:
            break
        known.append(int(token))
    return known
