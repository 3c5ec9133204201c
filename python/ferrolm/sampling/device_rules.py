"""Rules over sequences and lengths as tensor operations of fixed shapes, on a past that stays on the device.

Twins of the rules in Rust. A rule that does not hold now adds 0 instead of being left out, because whether it holds is
known to the device alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError
from ferrolm.sampling.columns import Additions, check_tokens, column, to_device
from ferrolm.sampling.device_past import DevicePast, Needs
from ferrolm.sampling.params import SamplingParams

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch", purpose="sampling from logits on a device")

__all__ = ["DeviceRules", "looks_at_all", "needs_of"]

_ANY = -2
_ALWAYS = 2**62
# As in Rust: a larger exponent of ``dry_base`` would leave the range of float32.
_LARGEST_EXPONENT = 50


def needs_of(params: Sequence[SamplingParams], max_length: int | None) -> Needs:
    """What params need of the past; an error if that is all of it and nothing says how much this can be."""
    capacity = 0
    for row, own in enumerate(params):
        longest = max((len(ids) for ids in (*(own.sequence_bias or {}), *own.bad_words_ids)), default=1)
        capacity = max(capacity, longest - 1)
        if looks_at := looks_at_all(own):
            if max_length is None:
                raise InvalidArgumentError(
                    f"max_length must be given, because {looks_at} of row {row} looks at all tokens, found None"
                )
            capacity = max(capacity, max_length)
        elif _is_dry(own):
            capacity = max(capacity, own.dry_penalty_last_n)
    return Needs(
        capacity=capacity,
        runs=any(_is_dry(row) for row in params),
        counts=any(row.penalizes for row in params),
        in_prompt=any(row.repetition_penalty != 1.0 for row in params),
    )


def looks_at_all(row: SamplingParams) -> str | None:
    """The field that needs all tokens of a row."""
    if row.no_repeat_ngram_size:
        return "no_repeat_ngram_size"
    return "dry_multiplier" if _is_dry(row) and row.dry_penalty_last_n < 0 else None


def _is_dry(row: SamplingParams) -> bool:
    return row.dry_multiplier != 0.0 and row.dry_penalty_last_n != 0


@dataclass(frozen=True)
class _Bans:
    """Tokens that do not come before so many have been generated."""

    rows: Tensor
    places: Tensor
    until: Tensor

    @classmethod
    def of(cls, params: Sequence[SamplingParams], device: Any, vocab: int) -> _Bans | None:
        banned = [
            (row, token, until)
            for row, own in enumerate(params)
            for tokens, until in (
                (own.suppress_tokens, _ALWAYS),
                (own.begin_suppress_tokens, 1),
                (own.stop_token_ids, own.min_tokens),
            )
            if until
            for token in tokens
        ]
        if not banned:
            return None
        rows, tokens, until = (np.array(part, np.int64) for part in zip(*banned, strict=True))
        check_tokens("a rule", rows, tokens, vocab)
        return cls(*(to_device(part, device) for part in (rows, rows * vocab + tokens, until)))

    def add_to(self, x: Tensor, steps: Tensor) -> None:
        hold = steps.index_select(0, self.rows) < self.until
        Additions(self.places, torch.where(hold, -math.inf, 0.0)).add_to(x)


@dataclass(frozen=True)
class _Endings:
    """Values for the last tokens of sequences, where the tokens before them are the last ones of the row."""

    rows: Tensor
    # int64 [sequences, longest], from the right; -2 matches anything.
    before: Tensor
    additions: Additions

    @classmethod
    def of(
        cls, sequences: Iterable[tuple[int, Sequence[int], float]], device: Any, vocab: int
    ) -> _Endings | None:
        """None for no sequences, which are given with their rows and values."""
        rows, all_ids, values = [], [], []
        for row, ids, value in sequences:
            rows.append(row)
            all_ids.append(ids)
            values.append(value)
        if not rows:
            return None
        at, last = np.array(rows, np.int64), np.array([ids[-1] for ids in all_ids], np.int64)
        check_tokens("a rule", at, last, vocab)
        before = np.full((len(rows), max(len(ids) for ids in all_ids) - 1), _ANY, np.int64)
        for index, ids in enumerate(all_ids):
            before[index, before.shape[1] + 1 - len(ids) :] = ids[:-1]
        additions = Additions(
            to_device(at * vocab + last, device), to_device(np.array(values, np.float32), device)
        )
        return cls(to_device(at, device), to_device(before, device), additions)

    def add_to(self, x: Tensor, past: DevicePast) -> None:
        longest = self.before.shape[1]
        if longest == 0:
            self.additions.add_to(x)
            return
        last = past.tokens[:, -longest:].index_select(0, self.rows)
        came = ((last == self.before) | (self.before == _ANY)).all(-1)
        Additions(self.additions.places, torch.where(came, self.additions.values, 0.0)).add_to(x)


@dataclass(frozen=True)
class _Forced:
    """The first and the last token, or -1, and the number of the last one, int64 [batch]."""

    first: Tensor
    last: Tensor
    max_tokens: Tensor

    @classmethod
    def of(cls, params: Sequence[SamplingParams], device: Any, vocab: int) -> _Forced | None:
        first, last = (
            np.array([-1 if token is None else token for token in tokens], np.int64)
            for tokens in (
                [row.forced_bos_token_id for row in params],
                [row.forced_eos_token_id for row in params],
            )
        )
        if (first < 0).all() and (last < 0).all():
            return None
        for tokens in (first, last):
            check_tokens("a rule", np.arange(len(params)), tokens, vocab)
        numbers = np.array([row.max_tokens or 0 for row in params], np.int64)
        return cls(*(to_device(part, device) for part in (first, last, numbers)))

    def now(self, steps: Tensor) -> Tensor:
        """The token that must come, or -1, [batch, 1]."""
        last = torch.where(steps + 1 == self.max_tokens, self.last, -1)
        return torch.where((steps == 0) & (self.first >= 0), self.first, last)[:, None]


@dataclass(frozen=True)
class _Dry:
    """``dry_multiplier`` and what belongs to it: [batch, 1] each, and the breakers, bool [batch, vocab]."""

    multiplier: Tensor
    base: Tensor
    allowed_length: Tensor
    last_n: Tensor
    breakers: Tensor | None

    @classmethod
    def of(cls, params: Sequence[SamplingParams], device: Any, vocab: int) -> _Dry | None:
        if not any(_is_dry(row) for row in params):
            return None
        rows = [row if _is_dry(row) else SamplingParams(dry_base=1.0) for row in params]
        breakers = None
        if any(row.dry_sequence_breakers for row in rows):
            breakers = np.zeros((len(rows), vocab), np.bool_)
            for row, own in enumerate(rows):
                breakers[row, [token for token in own.dry_sequence_breakers if token < vocab]] = True
        last_n = [row.dry_penalty_last_n if row.dry_penalty_last_n >= 0 else 2**31 - 1 for row in rows]
        return cls(
            multiplier=column([row.dry_multiplier for row in rows], device, torch.float64),
            base=column([row.dry_base for row in rows], device, torch.float64),
            allowed_length=column([row.dry_allowed_length for row in rows], device, torch.int64),
            last_n=column(last_n, device, torch.int64),
            breakers=None if breakers is None else to_device(breakers, device),
        )

    def subtracted(self, x: Tensor, past: DevicePast) -> Tensor:
        """Logits without the penalty of the longest repetition that each token would go on with."""
        nexts = past.tokens[:, 1:].clamp(min=0)
        # A run counts inside the last n tokens, whose first place is the capacity less n.
        places = torch.arange(1, past.tokens.shape[1], device=x.device)
        length = torch.minimum(past.runs, (places - past.tokens.shape[1] + self.last_n).clamp(min=0))
        counts = length >= self.allowed_length
        if self.breakers is not None:
            counts = counts & ~self.breakers.gather(1, nexts)
        exponent = (length - self.allowed_length).clamp(0, _LARGEST_EXPONENT).double()
        penalty = (self.multiplier * self.base**exponent).float().clamp(max=torch.finfo(torch.float32).max)
        # It grows with the length: the largest one is that of the longest.
        largest = torch.zeros_like(x).scatter_reduce(1, nexts, torch.where(counts, penalty, 0.0), "amax")
        return x - largest


@dataclass(frozen=True)
class DeviceRules:
    """The rules of a batch, and of each kind None where no row has it."""

    biases: _Endings | None
    bad_words: _Endings | None
    bans: _Bans | None
    forced: _Forced | None
    dry: _Dry | None
    # The different sizes of n-grams that must not come twice, and that of each row, int64 [batch, 1].
    sizes: tuple[int, ...]
    size_of_row: Tensor | None

    @classmethod
    def of(cls, params: Sequence[SamplingParams], device: Any, vocab: int) -> DeviceRules:
        """Rules of (len(params), vocab) logits."""
        biased = (
            (row, ids, bias)
            for row, own in enumerate(params)
            for ids, bias in (own.sequence_bias or {}).items()
        )
        bad = ((row, ids, -math.inf) for row, own in enumerate(params) for ids in own.bad_words_ids)
        sizes = [row.no_repeat_ngram_size for row in params]
        return cls(
            biases=_Endings.of(biased, device, vocab),
            bad_words=_Endings.of(bad, device, vocab),
            bans=_Bans.of(params, device, vocab),
            forced=_Forced.of(params, device, vocab),
            dry=_Dry.of(params, device, vocab),
            sizes=tuple(sorted(set(sizes) - {0})),
            size_of_row=column(sizes, device, torch.int64) if any(sizes) else None,
        )

    @property
    def write(self) -> bool:
        """True when a rule changes the logits that it is given, rather than a copy."""
        return bool(self.sizes) or any(rule is not None for rule in (self.biases, self.bad_words, self.bans))

    @property
    def breakers(self) -> Tensor | None:
        """Tokens that no repetition goes across, bool [batch, vocab]."""
        return None if self.dry is None else self.dry.breakers

    def before_penalties(self, x: Tensor, past: DevicePast) -> Tensor:
        """Logits with the bias of sequences; may be ``x`` itself, changed."""
        if self.biases is not None:
            self.biases.add_to(x, past)
        return x

    def after_penalties(self, x: Tensor, past: DevicePast, steps: Tensor) -> Tensor:
        """Logits with all other rules but the forced tokens; may be ``x`` itself, changed."""
        if self.dry is not None:
            x = self.dry.subtracted(x, past)
        for size in self.sizes:
            self._ban_ngrams(x, past, size)
        if self.bad_words is not None:
            self.bad_words.add_to(x, past)
        if self.bans is not None:
            self.bans.add_to(x, steps)
        return x

    def _ban_ngrams(self, x: Tensor, past: DevicePast, size: int) -> None:
        """Each n-gram of the past is compared with the last n - 1 tokens: n - 1 times batch x capacity."""
        tokens, capacity = past.tokens, past.tokens.shape[1]
        if size > capacity or self.size_of_row is None:
            return
        count = capacity - size + 1
        repeats = (tokens[:, :count] >= 0) & (self.size_of_row == size)
        for at in range(size - 1):
            repeats = repeats & (tokens[:, at : at + count] == tokens[:, count + at, None])
        x.scatter_add_(1, tokens[:, size - 1 :].clamp(min=0), torch.where(repeats, -math.inf, 0.0))
