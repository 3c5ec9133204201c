"""`DeviceSampler`: a `Sampler` whose whole state lives on the device of the logits, so that no step waits for the host."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ferrolm._extras import require
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError
from ferrolm.sampling.arrays import Past, check_logits, token_array
from ferrolm.sampling.columns import Columns, to_device, written_into
from ferrolm.sampling.device import allowed_by_bits, drawn
from ferrolm.sampling.device_faults import Faults, unknown_token
from ferrolm.sampling.device_mirostat import DeviceMirostat
from ferrolm.sampling.device_past import DevicePast, Needs
from ferrolm.sampling.device_rules import DeviceRules, looks_at_all, needs_of
from ferrolm.sampling.params import SamplingParams
from ferrolm.sampling.sampler import _per_row

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch", purpose="sampling from logits on a device")

__all__ = ["DeviceSampler"]

# A field that is not here, because it is newer, is refused where it is set.
_FIELDS = frozenset(
    """temperature dynatemp_range dynatemp_exponent top_n_sigma top_h top_k top_p min_p typical_p epsilon_cutoff
    eta_cutoff xtc_probability xtc_threshold repetition_penalty presence_penalty frequency_penalty logit_bias
    sequence_bias dry_multiplier dry_base dry_allowed_length dry_penalty_last_n dry_sequence_breakers
    no_repeat_ngram_size bad_words_ids min_tokens stop_token_ids suppress_tokens begin_suppress_tokens
    allowed_token_ids forced_bos_token_id forced_eos_token_id max_tokens order draw mirostat mirostat_tau mirostat_eta seed""".split()  # noqa: SIM905
)


class DeviceSampler:
    """Draws the next token of each row of a running batch, on the device and without waiting for it.

    It gives the ids of `Sampler` for the same params, seeds and history. `sample` and `accept` launch work and
    return: they read nothing back, copy nothing from the host, and have fixed shapes, so that they can be captured in a
    CUDA graph. So they cannot raise what the logits hold either: a row with NaN, ``+inf`` or no token left gets id 0 and a
    mark, and `check` raises when it is called.

    Args:
        params: One object for each row, or one for all, with ``batch`` to say how many rows there are.
        batch: Number of rows; may be left out when ``params`` is a list.
        vocab_size: Logits of a row.
        device: Where the logits will be; also ``"cpu"``, where `Sampler` is faster.
        prompt: Tokens of the prompt, one sequence for each row; for ``repetition_penalty`` and rules over sequences.
        max_length: The most tokens that a row may have, prompt included; needed with ``no_repeat_ngram_size`` and
            with ``dry_multiplier`` without ``dry_penalty_last_n``, which look at all of them.

    State, as far as params need it: 5 bytes for each row and token of the vocabulary for penalties, 8 (with
    ``dry_multiplier`` 12) for each row and token that rules look back at.

    Raises:
        InvalidArgumentError: A rule names a token beyond the vocabulary, a rule needs ``max_length``, or a field is set
            that only `Sampler` takes.
        ShapeError: ``vocab_size`` is 0, or the prompt has another number of rows.

    >>> import torch
    >>> sampler = DeviceSampler(
    ...     SamplingParams(temperature=0, frequency_penalty=1.0), batch=2, vocab_size=3, device="cpu"
    ... )
    >>> logits = torch.tensor([[1.5, 1.0, 0.0], [0.0, 1.0, 1.2]])
    >>> for _ in range(3):
    ...     ids = sampler.sample(logits)
    ...     sampler.accept(ids)
    ...     print(ids)
    tensor([0, 2])
    tensor([1, 1])
    tensor([0, 2])
    >>> ids = sampler.sample(logits * torch.tensor([[1.0], [torch.nan]]))
    >>> sampler.check()
    Traceback (most recent call last):
    ferrolm.errors.InvalidArgumentError: logits of row 1 are NaN at token 0
    """

    def __init__(
        self,
        params: SamplingParams | Sequence[SamplingParams],
        batch: int | None = None,
        *,
        vocab_size: int,
        device: Any,
        prompt: Past | None = None,
        max_length: int | None = None,
    ) -> None:
        self._params = _per_row(params, batch)
        if vocab_size < 1:
            raise ShapeError(f"vocab_size must be at least 1, found {vocab_size}")
        if max_length is not None and max_length < 1:
            raise InvalidArgumentError(f"max_length must be at least 1, found {max_length}")
        self._vocab, self._max_length = vocab_size, max_length
        self._device = torch.empty(0, device=device).device  # "cuda" becomes "cuda:0"
        self._seeds = [_seed_of(row) for row in self._params]
        self._prompt_lengths = [0] * len(self)
        self._layout = 0
        prompts = [np.zeros(0, np.uint32)] * len(self)
        if prompt is not None:
            if len(prompt) != len(self):
                raise ShapeError(f"prompt has {len(prompt)} rows for a sampler of {len(self)} rows")
            prompts = [token_array(row, f"prompt of row {at}") for at, row in enumerate(prompt)]
        self._build()
        for row, tokens in enumerate(prompts):
            self._check_prompt(row, self._params[row], tokens)
        with torch.inference_mode(False):
            for row, tokens in enumerate(prompts):
                if tokens.size:
                    self._begin(row, tokens)

    def __len__(self) -> int:
        return len(self._params)

    @property
    def params(self) -> tuple[SamplingParams, ...]:
        """What each row is sampled with."""
        return tuple(self._params)

    @property
    def seeds(self) -> list[int]:
        """The seed of each row, also where the params have none."""
        return list(self._seeds)

    @property
    def steps(self) -> Tensor:
        """Tokens accepted by each row, int64 (batch,), a copy on the device."""
        return self._steps.clone()

    @property
    def failed(self) -> Tensor:
        """Which rows have been marked since they began, bool (batch,), on the device: `check` says why."""
        return self._faults.codes != 0

    @property
    def layout(self) -> int:
        """How often `reset` had to replace tensors: a graph that was captured before must be captured again."""
        return self._layout

    def sample(
        self,
        logits: Tensor,
        *,
        mask: Tensor | None = None,
        logprobs: Literal["raw", "processed"] | None = None,
    ) -> Any:
        """Draw a token for each row of ``logits`` (batch, vocab_size), float32, float16 or bfloat16, on the device.

        Args:
            mask: The tokens that may be chosen, on the device: bool (batch, vocab_size), or bits in int32 as in
                `ferrolm.sample`.
            logprobs: As in `ferrolm.sample`.

        Returns:
            Ids int64 (batch,), 0 for rows that are marked; with ``logprobs`` a pair of ids and float32 (batch,).

        Raises:
            ShapeError: Wrong dtype or shape.
            InvalidArgumentError: Logits or mask on another device.
        """
        self._check_logits(logits)
        if logprobs not in (None, "raw", "processed"):
            raise InvalidArgumentError(f"logprobs must be None, 'raw' or 'processed', found {logprobs!r}")
        x = self._adjusted(logits, self._allowed(mask))
        top, first = x.max(-1, keepdim=True)  # of equals the first one; NaN and +inf come before all
        forced = None if self._rules.forced is None else self._rules.forced.now(self._steps)
        bad = self._faults.mark_logits(top, first, forced)
        clocks = (self._seed_bits, self._steps)
        if self._mirostat is None:
            found = drawn(x, first, forced, self._columns, clocks, logits, logprobs)
            ids = torch.where(bad[:, 0], 0, found if logprobs is None else found[0])
            return ids if logprobs is None else (ids, found[1])
        ids, logs = drawn(x, first, forced, self._columns, clocks, logits, "processed", mu=self._mirostat.mu)
        ids = torch.where(bad[:, 0], 0, ids)
        self._mirostat.note(ids, logs)
        if logprobs == "raw":
            logs = logits.detach().float().log_softmax(-1).gather(1, ids[:, None])[:, 0]
        return ids if logprobs is None else (ids, logs)

    def accept(self, ids: Tensor) -> None:
        """Count one token for each row as generated, and step on: ids int64 (batch,), on the device."""
        if not isinstance(ids, torch.Tensor) or ids.dtype not in (torch.int64, torch.int32):
            found = str(ids.dtype) if isinstance(ids, torch.Tensor) else type(ids).__name__
            raise InvalidTypeError(f"ids must be an int64 tensor, found {found}")
        if tuple(ids.shape) != (len(self),):
            raise ShapeError(f"ids must have the shape ({len(self)},), found {tuple(ids.shape)}")
        self._check_device("ids", ids)
        known = self._faults.mark_tokens(ids.detach().long(), self._vocab)
        self._past.push(known, self._rules.breakers)
        if self._mirostat is not None:
            self._mirostat.accept(known)
        self._steps.add_(1)

    def error(self) -> InvalidArgumentError | None:
        """What is wrong with the first row that is marked or has outgrown ``max_length``; waits for the device.

        Marks stay until the row is reset. The message is that of `Sampler`, of the first step that went wrong.
        """
        messages = self._faults.messages(self._vocab)
        for row, (message, step) in enumerate(zip(messages, self._steps.tolist(), strict=True)):
            if message is not None:
                return InvalidArgumentError(message)
            length = self._prompt_lengths[row] + step
            if self._max_length is not None and length > self._max_length and looks_at_all(self._params[row]):
                return InvalidArgumentError(
                    f"row {row} has {length} tokens, more than max_length={self._max_length}"
                )
        return None

    def check(self) -> None:
        """Raise `error`, if there is one; waits for the device."""
        if (error := self.error()) is not None:
            raise error

    def reset(self, row: int, params: SamplingParams | None = None, *, prompt: Any = None) -> None:
        """Start a row anew for another sequence, with other params if given; may wait for the device.

        Its history is ``prompt`` alone, its step 0, its mark gone; its seed that of the params, or a fresh one. Tensors
        stay in place if the params set the same steps and rules, of as many tokens, as those before; see `layout`.
        """
        if not 0 <= row < len(self):
            raise InvalidArgumentError(f"row {row} does not exist: the sampler has {len(self)} rows")
        if params is not None and not isinstance(params, SamplingParams):
            raise InvalidTypeError(f"params must be SamplingParams, found {type(params).__name__}")
        tokens = np.zeros(0, np.uint32) if prompt is None else token_array(prompt, f"prompt of row {row}")
        own = self._params[row] if params is None else params
        self._check_prompt(row, own, tokens)
        with torch.inference_mode(False):
            if params is not None:
                self._replace([*self._params[:row], params, *self._params[row + 1 :]])
            self._begin(row, tokens)
            self._seeds[row] = _seed_of(own)
            self._seed_bits[row] = _signed(self._seeds[row])

    def __getstate__(self) -> dict[str, Any]:
        tensors = {"steps": self._steps, "faults": self._faults.codes, **self._past.parts}
        return {
            "params": self._params,
            "vocab_size": self._vocab,
            "device": str(self._device),
            "max_length": self._max_length,
            "seeds": self._seeds,
            "prompt_lengths": self._prompt_lengths,
            "needs": dataclasses.astuple(self._past.needs),
            "mirostat": None
            if self._mirostat is None
            else {name: np.array(tensor.cpu()) for name, tensor in self._mirostat.parts.items()},
            "tensors": {name: np.array(tensor.cpu()) for name, tensor in tensors.items()},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._params, self._vocab = list(state["params"]), state["vocab_size"]
        self._device, self._max_length = torch.device(state["device"]), state["max_length"]
        self._seeds, self._prompt_lengths = list(state["seeds"]), list(state["prompt_lengths"])
        self._layout = 0
        self._build(Needs(*state["needs"]))
        tensors = {name: torch.from_numpy(array) for name, array in state["tensors"].items()}
        with torch.inference_mode(False):
            self._steps.copy_(tensors.pop("steps"))
            self._faults.codes.copy_(tensors.pop("faults"))
            self._past.load(tensors)
            if self._mirostat is not None:
                parts = {name: torch.from_numpy(array) for name, array in state["mirostat"].items()}
                self._mirostat.load(parts)

    def __repr__(self) -> str:
        return f"DeviceSampler(rows={len(self)}, vocab_size={self._vocab}, device={str(self._device)!r})"

    def _build(self, needs: Needs | None = None) -> None:
        """Make all tensors from what the host knows."""
        _refuse_fields(self._params)
        needs = needs or needs_of(self._params, self._max_length)
        with torch.inference_mode(False):
            self._columns = Columns.of(self._params, self._device, self._vocab)
            self._rules = DeviceRules.of(self._params, self._device, self._vocab)
            self._past = DevicePast(needs, len(self), self._vocab, self._device)
            bits = np.array([_signed(seed) for seed in self._seeds], np.int64)
            self._seed_bits = to_device(bits, self._device)
            self._steps = torch.zeros(len(self), dtype=torch.int64, device=self._device)
            self._faults = Faults(len(self), self._device)
            self._mirostat = self._new_mirostat(self._params)

    def _replace(self, params: list[SamplingParams]) -> None:
        """Other params; new values go into the tensors that are there, where they fit."""
        _refuse_fields(params)
        past = self._past.widened(needs_of(params, self._max_length))
        new = (
            Columns.of(params, self._device, self._vocab),
            DeviceRules.of(params, self._device, self._vocab),
        )
        if not written_into((self._columns, self._rules), new):
            self._columns, self._rules = new
            self._layout += 1
        elif past is not self._past:
            self._layout += 1
        self._params, self._past = params, past
        if self._mirostat is None:
            self._mirostat = self._new_mirostat(params)

    def _new_mirostat(self, params: Sequence[SamplingParams]) -> DeviceMirostat | None:
        return DeviceMirostat(params, self._device) if any(row.mirostat for row in params) else None

    def _begin(self, row: int, tokens: Any) -> None:
        if self._mirostat is not None:
            self._mirostat.begin(row, self._params[row])
        self._past.begin(row, tokens.astype(np.int64), set(self._params[row].dry_sequence_breakers))
        self._prompt_lengths[row] = len(tokens)
        self._steps[row] = 0
        self._faults.codes[row] = 0

    def _check_prompt(self, row: int, params: SamplingParams, tokens: Any) -> None:
        if (beyond := np.flatnonzero(tokens >= self._vocab)).size:
            raise InvalidArgumentError(unknown_token("prompt", row, int(tokens[beyond[0]]), self._vocab))
        if self._max_length is not None and len(tokens) > self._max_length and looks_at_all(params):
            raise InvalidArgumentError(
                f"prompt of row {row} has {len(tokens)} tokens, more than max_length={self._max_length}"
            )

    def _check_logits(self, logits: Any) -> None:
        if not isinstance(logits, torch.Tensor):
            raise InvalidTypeError(f"logits must be a torch tensor, found {type(logits).__name__}")
        check_logits(logits)
        if tuple(logits.shape) != (len(self), self._vocab):
            expected = (len(self), self._vocab)
            raise ShapeError(f"logits must have the shape {expected}, found {tuple(logits.shape)}")
        self._check_device("logits", logits)

    def _check_device(self, name: str, tensor: Tensor) -> None:
        if tensor.device != self._device:
            raise InvalidArgumentError(f"{name} must be on {self._device}, found {tensor.device}")

    def _allowed(self, mask: Any) -> Tensor | None:
        """What the mask and ``allowed_token_ids`` leave."""
        if mask is None:
            return self._columns.allowed
        if not isinstance(mask, torch.Tensor) or mask.dtype not in (torch.bool, torch.int32):
            found = str(mask.dtype) if isinstance(mask, torch.Tensor) else type(mask).__name__
            raise InvalidTypeError(f"mask must be a tensor of bool, or of bits in int32, found {found}")
        self._check_device("mask", mask)
        if mask.dtype == torch.int32:
            mask = allowed_by_bits(mask, len(self), self._vocab)
        if tuple(mask.shape) != (len(self), self._vocab):
            expected = (len(self), self._vocab)
            raise ShapeError(f"mask must have the shape {expected}, found {tuple(mask.shape)}")
        both: Tensor = mask if self._columns.allowed is None else mask & self._columns.allowed
        return both

    def _adjusted(self, logits: Tensor, allowed: Tensor | None) -> Tensor:
        """Logits with bias, penalties and rules, float32."""
        written_to = self._columns.bias is not None or self._rules.write
        x = logits.detach().to(torch.float32, copy=written_to, memory_format=torch.contiguous_format)
        if self._columns.bias is not None:
            self._columns.bias.add_to(x)
        x = self._rules.before_penalties(x, self._past)
        if self._columns.penalties is not None:
            x = self._past.penalized(x, self._columns.penalties)
        x = self._rules.after_penalties(x, self._past, self._steps)
        return x if allowed is None else x.masked_fill(~allowed, -math.inf)


def _seed_of(params: SamplingParams) -> int:
    if params.seed is not None:
        return params.seed
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])


def _signed(seed: int) -> int:
    """The int64 of the same 64 bits."""
    return seed - 2**64 if seed >= 2**63 else seed


def _refuse_fields(params: Sequence[SamplingParams]) -> None:
    for row, own in enumerate(params):
        for entry in dataclasses.fields(own):
            if entry.name not in _FIELDS and getattr(own, entry.name) != entry.default:
                raise InvalidArgumentError(
                    f"{entry.name} of row {row} is not taken by DeviceSampler, found "
                    f"{getattr(own, entry.name)!r}: use Sampler"
                )
