"""The steps of `ferrolm.sampling` in plain torch, for logits that live on another device than the CPU.

Nothing is copied to the host, except one flag that says whether the logits can be used at all. Ids equal those of the
Rust core, up to rounding where a cumulative sum comes within a few float32 steps of a threshold or of the draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.sampling.arrays import Ragged, mask_bits
from ferrolm.sampling.params import SamplingParams
from ferrolm.sampling.steps import column, weights

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch", purpose="sampling from logits on a device")

__all__ = ["Counts", "Rules", "draw", "filtered_probabilities", "sample", "top_logprobs", "uniforms"]

_WORD = 0xFFFF_FFFF


@dataclass(frozen=True)
class Counts:
    """Distinct tokens of the past: for each its row, id, and how often it was generated (0: prompt only)."""

    rows: NDArray[np.int64]
    tokens: NDArray[np.int64]
    generated: NDArray[np.int64]

    @classmethod
    def of_past(cls, prompt: Ragged | None, history: Ragged | None) -> Counts:
        """Count tokens that are given row by row."""
        empty = np.zeros(0, np.int64)
        keys = [_keys(past) if past else empty for past in (prompt, history)]
        distinct, inverse = np.unique(np.concatenate(keys), return_inverse=True)
        generated = np.bincount(inverse[len(keys[0]) :], minlength=len(distinct))
        return cls(distinct >> 32, distinct & _WORD, generated.astype(np.int64))

    @classmethod
    def of_rows(
        cls, lengths: list[int], tokens: NDArray[np.uint32], generated: NDArray[np.uint32], chosen: list[int]
    ) -> Counts:
        """Take some rows of a sampler's histories."""
        ends = np.cumsum(lengths, dtype=np.int64)
        where = [np.arange(ends[row] - lengths[row], ends[row]) for row in chosen]
        rows = np.repeat(np.arange(len(chosen)), [len(part) for part in where])
        at = np.concatenate(where) if where else np.zeros(0, np.int64)
        return cls(rows, tokens[at].astype(np.int64), generated[at].astype(np.int64))


Additions = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True)
class Rules:
    """What the rules of a batch do: (rows, tokens, values) to add before and after the penalties, and what may come."""

    before: Additions
    after: Additions
    # For each row the token that must come, or -1.
    forced: list[int]
    mask: Any

    @classmethod
    def of(
        cls,
        params: list[SamplingParams],
        changes: Callable[[], tuple[Additions, Additions, list[int]]],
        mask: Any,
    ) -> Rules | None:
        """None if there are no rules; ``changes`` asks the core what they do now."""
        if any(row.has_rules for row in params):
            return cls(*changes(), mask)
        nothing = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
        return None if mask is None else cls(nothing, nothing, [-1] * len(params), mask)

    def allowed(self, x: Tensor, params: list[SamplingParams]) -> Tensor | None:
        """What may come, bool [batch, vocab]; None is all."""
        allowed = None if self.mask is None else _allowed_by_mask(self.mask, x)
        if any(row.allowed_token_ids is not None for row in params):
            own = torch.zeros(x.shape, dtype=torch.bool)
            for row, one in enumerate(params):
                ids = one.allowed_token_ids
                own[row, slice(None) if ids is None else [token for token in ids if token < x.shape[1]]] = (
                    True
                )
            own = own.to(x.device, non_blocking=True)
            allowed = own if allowed is None else allowed & own
        return allowed


def _allowed_by_mask(mask: Any, x: Tensor) -> Tensor:
    if isinstance(mask, torch.Tensor) and mask.dtype == torch.int32 and mask.ndim == 2:
        words = mask
        if mask.shape[0] != x.shape[0] or mask.shape[1] * 32 < x.shape[1]:
            needed = (x.shape[0], -(-x.shape[1] // 32))
            raise ShapeError(f"mask of bits must have the shape {needed}, found {tuple(mask.shape)}")
    else:
        bits = mask_bits(mask, *x.shape)
        assert bits is not None
        words = torch.from_numpy(bits.view(np.int32))
    words = words.to(x.device, non_blocking=True)
    bit = torch.arange(32, dtype=torch.int32, device=x.device)
    return ((words[:, :, None] >> bit) & 1).bool().flatten(1)[:, : x.shape[1]]


def _keys(past: Ragged) -> NDArray[np.int64]:
    ids, offsets = past
    rows = np.repeat(np.arange(len(offsets) - 1, dtype=np.int64), np.diff(offsets))
    return rows << 32 | ids.astype(np.int64)


def sample(
    logits: Tensor,
    params: list[SamplingParams],
    *,
    prompt: Ragged | None,
    history: Ragged | None,
    seeds: NDArray[np.uint64] | None,
    steps: NDArray[np.uint64],
    logprobs: str | None,
    mask: Any = None,
) -> Any:
    """`ferrolm.sample` with its arguments already checked."""
    if seeds is None:
        fresh = np.random.SeedSequence().generate_state(len(params), np.uint64)
        seeds = np.array(
            [own if row.seed is None else row.seed for row, own in zip(params, fresh, strict=True)], np.uint64
        )
    rules = _rules_of_past(params, prompt, history, mask)
    return draw(logits, params, Counts.of_past(prompt, history), rules, seeds, steps, logprobs)


def _rules_of_past(
    params: list[SamplingParams], prompt: Ragged | None, history: Ragged | None, mask: Any
) -> Rules | None:
    return Rules.of(params, lambda: _rust.rule_changes([row.core for row in params], prompt, history), mask)


def draw(
    logits: Tensor,
    params: list[SamplingParams],
    counts: Counts | None,
    rules: Rules | None,
    seeds: NDArray[np.uint64],
    steps: NDArray[np.uint64],
    logprobs: str | None,
) -> Any:
    """Ids int64 [batch], and float32 log-probabilities [batch] if asked for, on the device of the logits."""
    if logprobs not in (None, "raw", "processed"):
        raise InvalidArgumentError(f"logprobs must be None, 'raw' or 'processed', found {logprobs!r}")
    _check_vocabulary(logits)
    if logits.shape[0] == 0:
        ids = torch.zeros(0, dtype=torch.int64, device=logits.device)
        return ids if logprobs is None else (ids, torch.zeros(0, device=logits.device))
    u, chances = _two_uniforms(_to(seeds.view(np.int64), logits), _to(steps.view(np.int64), logits))
    mass = _weights(logits, params, counts, rules, chances)
    cumulative = mass.double().cumsum(-1)
    total = cumulative[:, -1:]
    found = torch.searchsorted(cumulative, u[:, None] * total, right=True)
    last = (cumulative < total).sum(-1, keepdim=True)  # the last token with a weight, in case of rounding
    ids = torch.minimum(found, last)
    if logprobs is None:
        return ids[:, 0]
    if logprobs == "raw":
        logs = logits.float().log_softmax(-1).gather(1, ids)
    else:
        logs = (mass.gather(1, ids).double() / total).log().float()
    return ids[:, 0], logs[:, 0]


def filtered_probabilities(
    logits: Tensor,
    params: list[SamplingParams],
    *,
    prompt: Ragged | None,
    history: Ragged | None,
    mask: Any = None,
) -> Tensor:
    """`ferrolm.sampling.filtered_probabilities` with its arguments already checked."""
    _check_vocabulary(logits)
    if logits.shape[0] == 0:
        return logits.float()
    counts, rules = Counts.of_past(prompt, history), _rules_of_past(params, prompt, history, mask)

    def probabilities(chance: float) -> Tensor:
        chances = torch.full((logits.shape[0],), chance, dtype=torch.float64, device=logits.device)
        mass = _weights(logits, params, counts, rules, chances).double()
        return mass / mass.sum(-1, keepdim=True)

    share = column([row.xtc_probability for row in params], logits, torch.float64)
    left_to_chance = any(0.0 < row.xtc_probability < 1.0 for row in params)
    mixed = probabilities(0.0)
    return (mixed * share + probabilities(1.0) * (1.0 - share) if left_to_chance else mixed).float()


def top_logprobs(
    logits: Tensor,
    count: int,
    params: list[SamplingParams],
    *,
    prompt: Ragged | None,
    history: Ragged | None,
    mask: Any = None,
) -> tuple[Tensor, Tensor]:
    """`ferrolm.sampling.top_logprobs` with its arguments already checked."""
    _check_vocabulary(logits)
    if logits.shape[0] == 0:
        empty = torch.zeros(0, count, device=logits.device)
        return empty.long(), empty
    counts, rules = Counts.of_past(prompt, history), _rules_of_past(params, prompt, history, mask)
    chances = torch.ones(logits.shape[0], dtype=torch.float64, device=logits.device)
    mass = _weights(logits, params, counts, rules, chances).double()
    ordered, ids = mass.sort(descending=True, stable=True)
    logs = (ordered / mass.sum(-1, keepdim=True)).log().float()[:, :count]
    return torch.where(logs > -math.inf, ids[:, :count], 0), logs


def _weights(
    logits: Tensor,
    params: list[SamplingParams],
    counts: Counts | None,
    rules: Rules | None,
    chances: Tensor,
) -> Tensor:
    """float32 [batch, vocab], 1 for the most probable token, 0 for those that are filtered out."""
    x = _adjusted(logits, params, counts, rules)
    top = x.amax(-1, keepdim=True)
    _check_values(x, top)
    tokens = torch.arange(x.shape[1], device=x.device)
    first = torch.where(x == top, tokens, x.shape[1]).amin(-1, keepdim=True)
    greedy = column([row.is_greedy for row in params], x, torch.bool)
    if rules is not None:
        forced = column(rules.forced, x, torch.int64)
        first, greedy = torch.where(forced >= 0, forced, first), greedy | (forced >= 0)
    one_hot = (tokens == first).float()
    if all(row.is_greedy for row in params):
        return one_hot
    return torch.where(greedy, one_hot, weights(x, params, chances))


def _adjusted(
    logits: Tensor, params: list[SamplingParams], counts: Counts | None, rules: Rules | None
) -> Tensor:
    x = logits.detach().float().clone()
    if rules is None:
        return _penalized(x, params, counts)
    _add(x, rules.before)
    x = _penalized(x, params, counts)
    _add(x, rules.after)
    forced = np.array([token if token >= 0 else 0 for token in rules.forced], np.int64)
    _check_tokens("a rule", np.arange(len(forced)), forced, x.shape[1])
    allowed = rules.allowed(x, params)
    return x if allowed is None else x.masked_fill(~allowed, -math.inf)


def _add(x: Tensor, additions: Additions) -> None:
    rows, tokens, values = additions
    if rows.size:
        _check_tokens("a rule", rows, tokens, x.shape[1])
        x.index_put_((_to(rows, x), _to(tokens, x)), _to(values, x), accumulate=True)


def _penalized(x: Tensor, params: list[SamplingParams], counts: Counts | None) -> Tensor:
    """``x`` with bias and penalties, in place."""
    biased = [
        (row, token, bias) for row, own in enumerate(params) for token, bias in (own.logit_bias or {}).items()
    ]
    if biased:
        rows, tokens, bias = (np.array(column) for column in zip(*biased, strict=True))
        _check_tokens("logit_bias", rows, tokens, x.shape[1])
        x.index_put_((_to(rows, x), _to(tokens, x)), _to(bias.astype(np.float32), x), accumulate=True)
    if counts is None or counts.rows.size == 0:
        return x
    _check_tokens("history", counts.rows, counts.tokens, x.shape[1])
    if not any(row.penalizes for row in params):
        return x
    at, times = (_to(counts.rows, x), _to(counts.tokens, x)), _to(counts.generated, x)
    names = ("repetition_penalty", "frequency_penalty", "presence_penalty")
    repetition, frequency, presence = (
        column([getattr(row, name) for row in params], x)[at[0], 0] for name in names
    )
    value = x[at]
    value = torch.where(value < 0, value * repetition, value / repetition)
    x[at] = value - frequency * times - presence * (times > 0)
    return x


def uniforms(seeds: Tensor, steps: Tensor) -> Tensor:
    """Numbers in [0, 1), float64, for int64 seeds and steps (their 64 bits): Philox4x32-10 as in the Rust core."""
    return _two_uniforms(seeds, steps)[0]


def _two_uniforms(seeds: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    a, b, c, d = steps & _WORD, steps >> 32 & _WORD, torch.zeros_like(steps), torch.zeros_like(steps)
    k0, k1 = seeds & _WORD, seeds >> 32 & _WORD
    for _ in range(10):
        left, right = a * 0xD251_1F53, c * 0xCD9E_8D57  # wrap around, which leaves the right 64 bits
        a, b, c, d = (
            (right >> 32 & _WORD) ^ b ^ k0,
            right & _WORD,
            (left >> 32 & _WORD) ^ d ^ k1,
            left & _WORD,
        )
        k0, k1 = k0 + 0x9E37_79B9 & _WORD, k1 + 0xBB67_AE85 & _WORD
    return (b << 21 | a >> 11).double() * 2.0**-53, (d << 21 | c >> 11).double() * 2.0**-53


def _to(array: NDArray[Any], x: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(x.device, non_blocking=True)


def _check_vocabulary(logits: Tensor) -> None:
    if logits.shape[1] == 0:
        raise ShapeError("logits have a vocabulary of size 0: there is no token to choose")


def _check_tokens(what: str, rows: NDArray[Any], tokens: NDArray[Any], vocab: int) -> None:
    beyond = np.flatnonzero(tokens >= vocab)
    if beyond.size:
        row, token = rows[beyond[0]], tokens[beyond[0]]
        raise InvalidArgumentError(
            f"{what} of row {row} names token {token}, but the vocabulary has {vocab} tokens"
        )


def _check_values(x: Tensor, top: Tensor) -> None:
    if bool(torch.isfinite(top).all()):  # NaN and +inf propagate to the maximum; waits for the device once
        return
    row = int((~torch.isfinite(top[:, 0])).nonzero()[0, 0])
    for name, found in (("NaN", x[row].isnan()), ("+inf", x[row] == math.inf)):
        if bool(found.any()):
            token = int(found.nonzero()[0, 0])
            hint = "; they must be finite or -inf" if name == "+inf" else ""
            raise InvalidArgumentError(f"logits of row {row} are {name} at token {token}{hint}")
    raise InvalidArgumentError(f"logits of row {row} are all -inf: no token is left to choose")
