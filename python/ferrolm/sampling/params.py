"""`SamplingParams`: how the next token of a row is chosen."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.sampling.watermark import Watermark

__all__ = ["SamplingParams"]

_FLOATS = (
    "temperature",
    "dynatemp_range",
    "dynatemp_exponent",
    "top_n_sigma",
    "top_p",
    "min_p",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "xtc_probability",
    "xtc_threshold",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
)
_OTHER_FLOATS = ("dry_multiplier", "dry_base", "mirostat_tau", "mirostat_eta")
_TOKENS = ("stop_token_ids", "suppress_tokens", "begin_suppress_tokens", "dry_sequence_breakers")
_OPTIONAL = ("forced_bos_token_id", "forced_eos_token_id", "max_tokens")
# With the least value of each.
_INTEGERS = {
    "no_repeat_ngram_size": 0,
    "min_tokens": 0,
    "dry_allowed_length": 1,
    "dry_penalty_last_n": -1,
    "forced_bos_token_id": 0,
    "forced_eos_token_id": 0,
    "max_tokens": 1,
}
_SEEDS = 2**64


@dataclass(frozen=True)
class SamplingParams:
    """How the next token is chosen; names and meaning as in vLLM, transformers and llama.cpp, in this order.

    `ferrolm.sampling` gives the order of the steps.

    Args:
        temperature: Divides the logits; at least 0, and below 1e-5 greedy: then no other step matters.
        dynatemp_range: How far the temperature goes down and up with the entropy, as in llama.cpp: from temperature -
            range (at least 0) for a certain token to temperature + range for equal probabilities; 0 keeps it.
        dynatemp_exponent: Exponent of the entropy's share of the largest possible one, at least 0.
        top_n_sigma: Logits at most so many standard deviations below the largest are kept (Tang et al., 2024); 0 or -1
            keeps all.
        top_h: The most probable tokens are kept while their terms of the entropy sum up to at most this share, in (0, 1],
            of that of the hundred most probable tokens (Potraghloo et al., 2025); None keeps all.
        top_k: Number of largest logits to keep (ties at the k-th stay); 0 or -1 keeps all.
        top_p: Mass of the smallest set of tokens to keep, in [0, 1] (Holtzman et al., 2020); 1 keeps all.
        min_p: Least probability relative to the most probable token, in [0, 1] (Nguyen et al., 2024); 0 keeps all.
        typical_p: Mass of the tokens to keep whose information is closest to the entropy, in [0, 1] (Meister et al.,
            2023); 1 keeps all.
        epsilon_cutoff: Least probability of a token to keep, in [0, 1] (Hewitt et al., 2022); 0 keeps all.
        eta_cutoff: The same, or its root times exp(-entropy) where that is less (Hewitt et al., 2022); 0 keeps all.
        xtc_probability: How often, in [0, 1], the top choices are excluded: all tokens of at least the probability
            ``xtc_threshold`` but the least probable of them; 0 is never.
        xtc_threshold: In [0, 1]; above 0.5 nothing is excluded.
        mirostat: 1 or 2 keep tokens that carry at most ``mu`` bits of information, which is learned while the text is made, so
            that they carry ``mirostat_tau`` on average (Basu et al., 2021), as in llama.cpp; 0 is off. `Sampler` learns; what
            has no memory stays at the beginning, twice ``mirostat_tau``. Usually without other filters.
        mirostat_tau: Bits, at least 0.
        mirostat_eta: How fast ``mu`` follows, at least 0.
        watermark: Tokens that are favoured by the tokens before, so that the text can be recognised.
        repetition_penalty: Above 0; more than 1 discourages tokens of the prompt and the generated text
            (Keskar et al., 2019), less than 1 encourages them.
        presence_penalty: In [-2, 2], subtracted from logits of tokens that have been generated.
        frequency_penalty: In [-2, 2], subtracted once for each time a token has been generated.
        logit_bias: Added to the logits of single tokens; finite, or ``-inf`` to forbid one.
        sequence_bias: The same for sequences: added to the logit of the last token where the others came last.
        dry_multiplier: "Don't repeat yourself", as in llama.cpp: a token that would make a repetition of n tokens longer
            loses multiplier * base ** (n - allowed_length), if n is at least ``dry_allowed_length``; 0 is off.
        dry_base: At least 1.
        dry_allowed_length: At least 1.
        dry_penalty_last_n: How many of the last tokens are looked at; -1 is all, 0 none.
        dry_sequence_breakers: Tokens that no repetition goes across.
        no_repeat_ngram_size: No n-gram of so many tokens comes twice, those of the prompt included; 0 lets them.
        bad_words_ids: Sequences of tokens that must not come.
        min_tokens: Before so many tokens have been generated, none of ``stop_token_ids`` comes.
        stop_token_ids: Tokens that end a text; needed with ``min_tokens``.
        suppress_tokens: Tokens that never come.
        begin_suppress_tokens: Tokens that do not come first.
        allowed_token_ids: The only tokens that may come; None is all.
        forced_bos_token_id: The first generated token.
        forced_eos_token_id: The generated token number ``max_tokens``.
        max_tokens: See ``forced_eos_token_id``.
        order: Names of the steps in the order in which they are taken, with all those that are set; None takes the one
            that `ferrolm.sampling` gives. ``"xtc"`` and ``"temperature"`` (with ``dynatemp_range``) are one step each.
        draw: ``"multinomial"`` draws by one uniform number. ``"gumbel"`` takes the largest logit after noise from a Gumbel
            distribution is added to each: the same distribution, and as the noise of a token follows from seed, step and
            token alone, a small change of the logits seldom changes the token. Slower.
        seed: In [0, 2**64). Equal seeds draw alike at equal steps: rows that share a prompt need seeds of their
            own, see `split`. None takes a fresh seed from the operating system for each row.

    Raises:
        InvalidArgumentError: A value is out of its range; the message names the field, the range and the value.
        InvalidTypeError: A value has the wrong type.

    >>> SamplingParams(temperature=0.8, top_p=0.95)
    SamplingParams(temperature=0.8, top_p=0.95)
    >>> SamplingParams(top_p=1.5)
    Traceback (most recent call last):
    ferrolm.errors.InvalidArgumentError: top_p must be in [0, 1], found 1.5
    """

    temperature: float = 1.0
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    top_n_sigma: float = 0.0
    top_h: float | None = None
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    epsilon_cutoff: float = 0.0
    eta_cutoff: float = 0.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    watermark: Watermark | None = None
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] | None = field(default=None, hash=False)
    sequence_bias: Mapping[tuple[int, ...], float] | None = field(default=None, hash=False)
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1
    dry_sequence_breakers: Sequence[int] = ()
    no_repeat_ngram_size: int = 0
    bad_words_ids: Sequence[Sequence[int]] = ()
    min_tokens: int = 0
    stop_token_ids: Sequence[int] = ()
    suppress_tokens: Sequence[int] = ()
    begin_suppress_tokens: Sequence[int] = ()
    allowed_token_ids: Sequence[int] | None = None
    forced_bos_token_id: int | None = None
    forced_eos_token_id: int | None = None
    max_tokens: int | None = None
    order: Sequence[str] | None = None
    draw: str = "multinomial"
    seed: int | None = None

    def __post_init__(self) -> None:
        for name in (*_FLOATS, *_OTHER_FLOATS):
            object.__setattr__(self, name, _number(name, getattr(self, name)))
        if self.top_n_sigma == -1:
            object.__setattr__(self, "top_n_sigma", 0.0)
        if self.top_h is not None:
            object.__setattr__(self, "top_h", _number("top_h", self.top_h))
        if self.watermark is not None and not isinstance(self.watermark, Watermark):
            raise InvalidTypeError(f"watermark must be a Watermark, found {type(self.watermark).__name__}")
        if self.draw not in ("multinomial", "gumbel"):
            raise InvalidArgumentError(f"draw must be 'multinomial' or 'gumbel', found {self.draw!r}")
        object.__setattr__(self, "mirostat", _integer("mirostat", self.mirostat, 0, 3))
        if self.order is not None:
            object.__setattr__(self, "order", _names(self.order))
        object.__setattr__(self, "top_k", max(_integer("top_k", self.top_k, -1, 2**63), 0))
        if self.seed is not None:
            object.__setattr__(self, "seed", _integer("seed", self.seed, 0, _SEEDS))
        if self.logit_bias is not None:
            object.__setattr__(self, "logit_bias", _bias(self.logit_bias))
        for name in _TOKENS:
            object.__setattr__(self, name, _tokens(name, getattr(self, name)))
        if self.allowed_token_ids is not None:
            object.__setattr__(
                self, "allowed_token_ids", _tokens("allowed_token_ids", self.allowed_token_ids)
            )
        object.__setattr__(self, "bad_words_ids", _sequences("bad_words_ids", self.bad_words_ids))
        if self.sequence_bias is not None:
            object.__setattr__(self, "sequence_bias", _sequence_bias(self.sequence_bias))
        for name, least in _INTEGERS.items():
            value = getattr(self, name)
            if value is not None or name not in _OPTIONAL:
                object.__setattr__(self, name, _integer(name, value, least, 2**32))
        object.__setattr__(self, "_core", self._validated())

    def _validated(self) -> _rust.RowParams:
        """What the core works with; made once, because a step should not convert all fields of a row."""
        return _rust.RowParams(
            numbers=[(name, getattr(self, name)) for name in _FLOATS],
            top_h=self.top_h,
            top_k=self.top_k,
            logit_bias=list((self.logit_bias or {}).items()),
            rules=self._rules(),
            mirostat=(self.mirostat, self.mirostat_tau, self.mirostat_eta) if self.mirostat else None,
            watermark=self.watermark,
            order=self.order,
            gumbel=self.draw == "gumbel",
            seed=self.seed,
        )

    def _rules(self) -> dict[str, Any] | None:
        """What the core takes for the rules; None if there are none, as for most rows."""
        if not self.has_rules:
            return None
        dry = None
        if self.dry_multiplier and self.dry_penalty_last_n:
            looked_at = max(self.dry_penalty_last_n, 0)
            numbers = (self.dry_multiplier, self.dry_base, self.dry_allowed_length, looked_at)
            dry = (*numbers, list(self.dry_sequence_breakers))
        own = {name: list(getattr(self, name)) for name in _TOKENS if name != "dry_sequence_breakers"}
        return {
            **own,
            **{name: getattr(self, name) for name in ("no_repeat_ngram_size", "min_tokens", *_OPTIONAL)},
            "sequence_bias": [(list(ids), bias) for ids, bias in (self.sequence_bias or {}).items()],
            "bad_words_ids": [list(word) for word in self.bad_words_ids],
            "allowed_token_ids": None if self.allowed_token_ids is None else list(self.allowed_token_ids),
            "dry": dry,
        }

    @property
    def has_rules(self) -> bool:
        """True when a sequence, a length or a list of tokens forbids, favours or demands tokens."""
        lists = (self.bad_words_ids, self.suppress_tokens, self.begin_suppress_tokens, self.sequence_bias)
        numbers = (self.no_repeat_ngram_size, self.min_tokens, self.dry_multiplier)
        forced = (self.forced_bos_token_id, self.forced_eos_token_id, self.allowed_token_ids)
        return any(lists) or any(numbers) or any(token is not None for token in forced)

    @property
    def core(self) -> _rust.RowParams:
        """The object of the Rust core that these params stand for."""
        core: _rust.RowParams = self.__dict__["_core"]
        return core

    @property
    def is_greedy(self) -> bool:
        """True when the largest logit is taken and nothing is drawn."""
        return self.temperature < 1e-5 and self.dynatemp_range == 0.0

    @property
    def uses_history(self) -> bool:
        """True when tokens seen before change the logits."""
        return self.has_rules or self.penalizes or self.watermark is not None

    @property
    def penalizes(self) -> bool:
        """True when one of the three penalties is set."""
        return (self.repetition_penalty, self.presence_penalty, self.frequency_penalty) != (1.0, 0.0, 0.0)

    def replace(self, **changes: Any) -> SamplingParams:
        """The same with some fields changed.

        >>> SamplingParams(top_k=40).replace(seed=7)
        SamplingParams(top_k=40, seed=7)
        """
        return dataclasses.replace(self, **changes)

    @classmethod
    def like(cls, other: Any, **changes: Any) -> SamplingParams:
        """From an object of another library that has fields of these names: vLLM's ``SamplingParams``, transformers'
        ``GenerationConfig`` ...

        Its other fields are left out, and so are those that are None. ``do_sample=False`` is greedy. Raises
        `InvalidArgumentError` for ``bad_words`` as strings: they need a tokenizer; pass ``bad_words_ids``.

        >>> import types
        >>> SamplingParams.like(types.SimpleNamespace(temperature=0.7, top_k=-1, top_p=0.9, n=3), seed=1)
        SamplingParams(temperature=0.7, top_p=0.9, seed=1)
        """
        if getattr(other, "bad_words", None) and "bad_words_ids" not in changes:
            raise InvalidArgumentError("bad_words are strings here: pass their tokens as bad_words_ids")
        names = [entry.name for entry in dataclasses.fields(cls)]
        values = {name: getattr(other, name) for name in names if getattr(other, name, None) is not None}
        if getattr(other, "do_sample", None) is False:
            values["temperature"] = 0.0
        return cls(**{**values, **changes})

    def split(self, count: int) -> list[SamplingParams]:
        """The same ``count`` times, each with its own seed made from this one's, for rows that share a prompt.

        >>> a, b = SamplingParams(seed=1).split(2)
        >>> a.seed == b.seed, SamplingParams(seed=1).split(2) == [a, b]
        (False, True)
        """
        if self.seed is None:
            return [self] * count
        return [self.replace(seed=seed) for seed in _rust.derived_seeds(self.seed, count)]

    def __repr__(self) -> str:
        pairs = ((entry.name, entry.default, getattr(self, entry.name)) for entry in dataclasses.fields(self))
        changed = ", ".join(f"{name}={value!r}" for name, default, value in pairs if value != default)
        return f"SamplingParams({changed})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, ({entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)},)


def _rebuild(fields: dict[str, Any]) -> SamplingParams:
    return SamplingParams(**fields)


def _number(name: str, value: Any) -> float:
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise InvalidTypeError(f"{name} must be a number, found {type(value).__name__}")
    return float(value)


def _integer(name: str, value: Any, least: int, end: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise InvalidTypeError(f"{name} must be an integer, found {type(value).__name__}") from None
    if not least <= number < end:
        raise InvalidArgumentError(f"{name} must be in [{least}, {end - 1}], found {number}")
    return number


def _tokens(name: str, tokens: Any) -> tuple[int, ...]:
    if isinstance(tokens, (str, bytes)) or not hasattr(tokens, "__iter__"):
        raise InvalidTypeError(f"{name} must be a sequence of token ids, found {type(tokens).__name__}")
    return tuple(_integer(f"a token of {name}", token, 0, 2**32) for token in tokens)


def _sequences(name: str, sequences: Any) -> tuple[tuple[int, ...], ...]:
    if isinstance(sequences, (str, bytes)) or not hasattr(sequences, "__iter__"):
        raise InvalidTypeError(f"{name} must hold sequences of token ids, found {type(sequences).__name__}")
    return tuple(_tokens(f"a sequence of {name}", sequence) for sequence in sequences)


def _sequence_bias(bias: Any) -> dict[tuple[int, ...], float]:
    if not isinstance(bias, Mapping):
        raise InvalidTypeError(
            f"sequence_bias must map tuples of ids to numbers, found {type(bias).__name__}"
        )
    return {
        _tokens("a sequence of sequence_bias", ids): _number("a value of sequence_bias", value)
        for ids, value in bias.items()
    }


def _names(order: Any) -> tuple[str, ...]:
    if (
        isinstance(order, str)
        or not isinstance(order, Sequence)
        or not all(isinstance(n, str) for n in order)
    ):
        raise InvalidTypeError(f"order must be a sequence of names of steps, found {order!r}")
    return tuple(order)


def _bias(bias: Any) -> dict[int, float]:
    if not isinstance(bias, Mapping):
        raise InvalidTypeError(f"logit_bias must map token ids to numbers, found {type(bias).__name__}")
    return {
        _integer("a token of logit_bias", token, 0, 2**32): _number("a value of logit_bias", value)
        for token, value in bias.items()
    }
