"""What ends rows beside their own tokens and limits: time, functions of the user; and what is told of each step."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.decoding import Steps
from ferrolm.generation.plan import Plan

__all__ = ["deadline", "streamed", "watched"]


def deadline(plan: Plan) -> float:
    """When no further token is to be begun, by `time.monotonic`."""
    limit = plan.config.max_time
    return np.inf if limit is None else time.monotonic() + limit


def watched(steps: Steps, plan: Plan, active: NDArray[np.bool_], reasons: dict[int, str]) -> Steps:
    """The steps, after which rows end by time ("time") or by ``stopping_criteria`` ("stop"): ``reasons`` has them."""
    config = plan.config
    if config.max_time is None and not config.stopping_criteria:
        return steps
    return _watched(steps, plan, active, reasons, deadline(plan))


def _watched(
    steps: Steps, plan: Plan, active: NDArray[np.bool_], reasons: dict[int, str], end: float
) -> Steps:
    ids = [prompt.tolist() for prompt in plan.prompts_of_rows]
    longest = max(len(row) for row in ids)
    padded = [[plan.pad] * (longest - len(row)) + row for row in ids]
    for rows, new in steps:
        yield rows, new
        for row, token in zip(rows.tolist(), new.tolist(), strict=True):
            padded[row].append(token)
        if plan.config.stopping_criteria:
            going = [row for row in rows.tolist() if active[row]]
            for row in _stopped(plan, padded, going):
                active[row], reasons[row] = False, "stop"
        if time.monotonic() >= end:
            reasons.update(dict.fromkeys(np.flatnonzero(active).tolist(), "time"))
            active[:] = False


def _stopped(plan: Plan, ids: list[list[int]], going: list[int]) -> list[int]:
    """Which of the rows that go on, and are therefore of one length, a criterion ends."""
    if not going:
        return []
    tokens = torch.tensor([ids[row] for row in going])
    stopped = torch.zeros(len(going), dtype=torch.bool)
    for criterion in plan.config.stopping_criteria:
        told = torch.as_tensor(criterion(tokens, None))
        if told.dim() > 1 or told.numel() not in (1, len(going)):
            raise InvalidArgumentError(
                f"stopping_criteria gave {list(told.shape)} values for {len(going)} rows, expected one for each"
            )
        stopped |= told.bool()
    return [row for row, ends in zip(going, stopped.tolist(), strict=True) if ends]


def streamed(steps: Steps, plan: Plan, streamer: Any) -> Steps:
    """The steps, each of which the streamer is given: first the prompt [1, time], then tokens [1], then the end."""
    if plan.rows != 1:
        raise InvalidArgumentError(f"streamer takes one text, found {plan.rows}")
    streamer.put(torch.from_numpy(plan.prompts[0])[None])
    for rows, ids in steps:
        streamer.put(torch.from_numpy(ids))
        yield rows, ids
    streamer.end()


class CandidateEnds:
    """Which candidates of beam search end by a stop string, by ``stopping_criteria`` or by time."""

    def __init__(self, plan: Plan, tokenizer: Any) -> None:
        self._plan, self._tokenizer = plan, tokenizer
        self._words: Any = plan.config.stop_strings
        # A token has at least a byte, but for those that begin or end a text.
        self._tail = 8 + max((len(word.encode()) for word in self._words), default=0)
        self._end = deadline(plan)

    @classmethod
    def of(cls, plan: Plan, tokenizer: Any) -> CandidateEnds | None:
        """None where nothing but tokens and lengths ends a text."""
        config = plan.config
        needed = config.stop_strings or config.stopping_criteria or config.max_time is not None
        return cls(plan, tokenizer) if needed else None

    def __call__(self, texts: NDArray[np.intp], ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bool [texts, candidates], for their new ids [texts, candidates, time]."""
        ends = np.full(ids.shape[:2], time.monotonic() >= self._end)
        if self._words:
            tails = ids[..., -self._tail :].reshape(ends.size, -1).tolist()
            decoded = self._tokenizer.decode_batch(tails)
            ends |= np.array([any(word in text for word in self._words) for text in decoded]).reshape(
                ends.shape
            )
        for text, own in zip(texts.tolist(), ids, strict=True):
            if self._plan.config.stopping_criteria:
                prompt = np.broadcast_to(self._plan.prompts[text], (len(own), len(self._plan.prompts[text])))
                rows = np.concatenate([prompt, own], axis=1)
                stopped = _stopped(self._plan, rows.tolist(), list(range(len(rows))))
                ends[np.flatnonzero(texts == text)[0], stopped] = True
        return ends
