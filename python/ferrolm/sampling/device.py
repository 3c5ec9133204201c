"""The steps of `ferrolm.sampling` in plain torch, for logits that live on another device than the CPU.

Here params and past come from the host at every call, and one flag goes back that says whether the logits can be used
at all; `DeviceSampler` runs the same steps on a state that stays on the device. Ids equal those of the Rust core, up to
rounding where a cumulative sum comes within a few float32 steps of a threshold or of the draw.
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
from ferrolm.sampling.columns import Columns, check_tokens, column, to_device
from ferrolm.sampling.params import SamplingParams
from ferrolm.sampling.philox import token_uniforms, two_uniforms, uniforms
from ferrolm.sampling.steps import weights

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch", purpose="sampling from logits on a device")

__all__ = [
    "Counts",
    "Rules",
    "adjusted",
    "allowed_by_bits",
    "check_values",
    "check_vocabulary",
    "draw",
    "drawn",
    "filtered_probabilities",
    "mass_of",
    "rules_of_past",
    "sample",
    "top_logprobs",
    "uniforms",
]

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


def _allowed_by_mask(mask: Any, x: Tensor) -> Tensor:
    if isinstance(mask, torch.Tensor) and mask.dtype == torch.int32 and mask.ndim == 2:
        return allowed_by_bits(mask.to(x.device, non_blocking=True), *x.shape)
    bits = mask_bits(mask, *x.shape)
    assert bits is not None
    return allowed_by_bits(to_device(bits.view(np.int32), x.device), *x.shape)


def allowed_by_bits(words: Tensor, batch: int, vocab: int) -> Tensor:
    """A mask of bits, int32 (batch, words), as bool (batch, vocab)."""
    if words.ndim != 2 or words.shape[0] != batch or words.shape[1] * 32 < vocab:
        needed = (batch, -(-vocab // 32))
        raise ShapeError(f"mask of bits must have the shape {needed}, found {tuple(words.shape)}")
    bit = torch.arange(32, dtype=torch.int32, device=words.device)
    return ((words[:, :, None] >> bit) & 1).bool().flatten(1)[:, :vocab]


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
    noise: Any = None,
) -> Any:
    """`ferrolm.sample` with its arguments already checked."""
    if seeds is None:
        fresh = np.random.SeedSequence().generate_state(len(params), np.uint64)
        seeds = np.array(
            [own if row.seed is None else row.seed for row, own in zip(params, fresh, strict=True)], np.uint64
        )
    rules = rules_of_past(params, prompt, history, mask)
    counts = Counts.of_past(prompt, history)
    return draw(logits, params, counts, rules, seeds, steps, logprobs, noise=noise)


def rules_of_past(
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
    *,
    noise: Any = None,
    mu: NDArray[np.float64] | None = None,
) -> Any:
    """Ids int64 [batch], and float32 log-probabilities [batch] if asked for, on the device of the logits.

    ``noise`` are exponential times of all tokens, ``mu`` is where mirostat stands in each row.
    """
    if logprobs not in (None, "raw", "processed"):
        raise InvalidArgumentError(f"logprobs must be None, 'raw' or 'processed', found {logprobs!r}")
    check_vocabulary(logits)
    if logits.shape[0] == 0:
        ids = torch.zeros(0, dtype=torch.int64, device=logits.device)
        return ids if logprobs is None else (ids, torch.zeros(0, device=logits.device))
    columns = Columns.of(params, logits.device, logits.shape[1])
    x, first, forced = _ready(logits, columns, counts, rules)
    clocks = to_device(seeds.view(np.int64), logits.device), to_device(steps.view(np.int64), logits.device)
    times = None if noise is None else _times(noise, logits)
    limits = None if mu is None else to_device(mu, logits.device)[:, None]
    return drawn(x, first, forced, columns, clocks, logits, logprobs, times=times, mu=limits)


def _times(noise: Any, logits: Tensor) -> Tensor:
    times = torch.as_tensor(noise, device=logits.device)
    if times.shape != logits.shape or not times.is_floating_point():
        raise ShapeError(
            f"noise must be float32 of the shape {list(logits.shape)}, found {times.dtype} of the shape "
            f"{list(times.shape)}"
        )
    return times


def drawn(
    x: Tensor,
    first: Tensor,
    forced: Tensor | None,
    columns: Columns,
    clocks: tuple[Tensor, Tensor],
    logits: Tensor,
    logprobs: str | None,
    *,
    times: Tensor | None = None,
    mu: Tensor | None = None,
) -> Any:
    """What `draw` returns, for adjusted logits, and seeds and steps as int64 [batch]; the others as in `mass_of`.

    ``times`` [batch, vocab] decide instead of the seeds.
    """
    if columns.all_greedy:
        ids = first if forced is None else torch.where(forced >= 0, forced, first)
        total = chosen = torch.ones_like(ids, dtype=torch.float64)
    else:
        u, chances = two_uniforms(*clocks)
        mass = mass_of(x, first, forced, columns, chances, mu)
        cumulative = mass.cumsum(-1, dtype=torch.float64)
        total = cumulative[:, -1:]
        found = torch.searchsorted(cumulative, u[:, None] * total, right=True)
        last = (cumulative < total).sum(-1, keepdim=True)  # the last token with a weight, in case of rounding
        ids = torch.minimum(found, last)
        if times is not None:
            ids = (mass / times).argmax(-1, keepdim=True)
        elif columns.gumbel is not None:
            own = -(-token_uniforms(*clocks, 1, x.shape[1])[:, 0]).log1p()
            ids = torch.where(columns.gumbel, (mass / own).argmax(-1, keepdim=True), ids)
        chosen = mass.gather(1, ids).double()
    if logprobs is None:
        return ids[:, 0]
    if logprobs == "raw":
        logs = logits.detach().float().log_softmax(-1).gather(1, ids)
    else:
        logs = (chosen / total).log().float()
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
    check_vocabulary(logits)
    if logits.shape[0] == 0:
        return logits.float()
    counts, rules = Counts.of_past(prompt, history), rules_of_past(params, prompt, history, mask)
    columns = Columns.of(params, logits.device, logits.shape[1])

    def probabilities(chance: float) -> Tensor:
        chances = torch.full((logits.shape[0],), chance, dtype=torch.float64, device=logits.device)
        mass = _weights(logits, columns, counts, rules, chances).double()
        return mass / mass.sum(-1, keepdim=True)

    share = column([row.xtc_probability for row in params], logits.device, torch.float64)
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
    check_vocabulary(logits)
    if logits.shape[0] == 0:
        empty = torch.zeros(0, count, device=logits.device)
        return empty.long(), empty
    counts, rules = Counts.of_past(prompt, history), rules_of_past(params, prompt, history, mask)
    columns = Columns.of(params, logits.device, logits.shape[1])
    chances = torch.ones(logits.shape[0], dtype=torch.float64, device=logits.device)
    mass = _weights(logits, columns, counts, rules, chances).double()
    ordered, ids = mass.sort(descending=True, stable=True)
    logs = (ordered / mass.sum(-1, keepdim=True)).log().float()[:, :count]
    return torch.where(logs > -math.inf, ids[:, :count], 0), logs


def _weights(
    logits: Tensor, columns: Columns, counts: Counts | None, rules: Rules | None, chances: Tensor
) -> Tensor:
    """float32 [batch, vocab], 1 for the most probable token, 0 for those that are filtered out."""
    x, first, forced = _ready(logits, columns, counts, rules)
    return mass_of(x, first, forced, columns, chances)


def _ready(
    logits: Tensor, columns: Columns, counts: Counts | None, rules: Rules | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Adjusted logits that have been checked, where the largest ones are, and the tokens that must come."""
    x = adjusted(logits, columns, counts, rules)
    top, first = x.max(-1, keepdim=True)  # of equals the first one
    forced = None if rules is None else column(rules.forced, x.device, torch.int64)
    # A token that must come does so whatever the logits hold.
    check_values(x, top if forced is None else top.masked_fill(forced >= 0, 0.0))
    return x, first, forced


def mass_of(
    x: Tensor,
    first: Tensor,
    forced: Tensor | None,
    columns: Columns,
    chances: Tensor,
    mu: Tensor | None = None,
) -> Tensor:
    """The weights of adjusted logits, whose largest ones are ``first`` [batch, 1].

    ``forced`` is the token that must come, or -1.
    """
    greedy = columns.greedy
    if forced is not None:
        first, greedy = torch.where(forced >= 0, forced, first), greedy | (forced >= 0)
    one_hot = (torch.arange(x.shape[1], device=x.device) == first).float()
    return one_hot if columns.all_greedy else torch.where(greedy, one_hot, weights(x, columns, chances, mu))


def adjusted(logits: Tensor, columns: Columns, counts: Counts | None, rules: Rules | None) -> Tensor:
    x = logits.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    if rules is None:
        return _penalized(x, columns, counts)
    _add(x, rules.before)
    x = _penalized(x, columns, counts)
    _add(x, rules.after)
    forced = np.array([token if token >= 0 else 0 for token in rules.forced], np.int64)
    check_tokens("a rule", np.arange(len(forced)), forced, x.shape[1])
    allowed = columns.allowed
    if rules.mask is not None:
        own = _allowed_by_mask(rules.mask, x)
        allowed = own if allowed is None else allowed & own
    return x if allowed is None else x.masked_fill(~allowed, -math.inf)


def _add(x: Tensor, additions: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]) -> None:
    rows, tokens, values = additions
    if rows.size:
        check_tokens("a rule", rows, tokens, x.shape[1])
        at = (to_device(rows, x.device), to_device(tokens, x.device))
        x.index_put_(at, to_device(values, x.device), accumulate=True)


def _penalized(x: Tensor, columns: Columns, counts: Counts | None) -> Tensor:
    """``x`` with bias and penalties, in place."""
    if columns.bias is not None:
        columns.bias.add_to(x)
    if counts is None or counts.rows.size == 0:
        return x
    check_tokens("history", counts.rows, counts.tokens, x.shape[1])
    if columns.penalties is None:
        return x
    rows, tokens, times = (
        to_device(part, x.device) for part in (counts.rows, counts.tokens, counts.generated)
    )
    value = columns.penalties.of_rows(rows).applied(x[rows, tokens][:, None], times[:, None])
    x[rows, tokens] = value[:, 0]
    return x


def check_vocabulary(logits: Tensor) -> None:
    if logits.shape[1] == 0:
        raise ShapeError("logits have a vocabulary of size 0: there is no token to choose")


def check_values(x: Tensor, top: Tensor) -> None:
    if bool(torch.isfinite(top).all()):  # NaN and +inf propagate to the maximum; waits for the device once
        return
    row = int((~torch.isfinite(top[:, 0])).nonzero()[0, 0])
    for name, found in (("NaN", x[row].isnan()), ("+inf", x[row] == math.inf)):
        if bool(found.any()):
            token = int(found.nonzero()[0, 0])
            hint = "; they must be finite or -inf" if name == "+inf" else ""
            raise InvalidArgumentError(f"logits of row {row} are {name} at token {token}{hint}")
    raise InvalidArgumentError(f"logits of row {row} are all -inf: no token is left to choose")
