"""`GenerationConfig`: how to continue a prompt, under transformers' names and meanings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ferrolm.errors import InvalidArgumentError, InvalidFileError, InvalidTypeError, nearest
from ferrolm.sampling import SamplingParams

__all__ = ["GenerationConfig"]

_OF_SAMPLING = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
)
_WITHOUT_EFFECT_ON_GREEDY = ("temperature", "top_k", "top_p", "min_p", "seed")
_DEFAULT_NEW_TOKENS = 20


@dataclass(frozen=True, kw_only=True)
class GenerationConfig:
    """Settings of `LanguageModel.generate`; names, meanings and defaults are those of transformers' ``generate``.

    max_new_tokens: how many to generate at most (20 when nothing is said). max_length: prompt and new tokens together;
    max_new_tokens wins over it. do_sample: draw from the distribution; otherwise greedy: the most probable token.
    temperature, top_k (0 or None: off), top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty,
    logit_bias: see `ferrolm.SamplingParams`; the penalties and the bias act on greedy decoding too.
    num_return_sequences: continuations of each prompt; when drawn, each with its own seed (`SamplingParams.split`). stop: strings before which the text ends. eos_token_id: one id
    or several after which it ends, by default the model's. ignore_eos: go on all the same. seed: of the drawing, one for
    all prompts or a sequence with one for each; without it, seeds come from torch's generator (`torch.manual_seed`).
    params: `ferrolm.SamplingParams` in place of all settings of sampling above, with steps and rules that have none here.

    >>> GenerationConfig(max_new_tokens=5).updated(do_sample=True, top_p=0.9).top_p
    0.9
    """

    max_new_tokens: int | None = None
    max_length: int | None = None
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int | None = 50
    top_p: float = 1.0
    min_p: float | None = None
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] | None = None
    num_return_sequences: int = 1
    stop: str | Sequence[str] = ()
    eos_token_id: int | Sequence[int] | None = None
    ignore_eos: bool = False
    seed: int | Sequence[int] | None = None
    params: SamplingParams | None = None

    def __post_init__(self) -> None:
        for name in ("max_new_tokens", "max_length", "num_return_sequences"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise InvalidArgumentError(f"{name} is {value!r}, expected a positive integer")
        words = self.stop_strings
        if not all(isinstance(word, str) for word in words):
            raise InvalidTypeError(f"stop is {self.stop!r}, expected a string or several")
        if not all(words):
            raise InvalidArgumentError("stop has an empty string, which would end every text at once")
        self.sampling_params()  # raises for what it cannot sample with

    @property
    def stop_strings(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    def updated(self, **changes: Any) -> GenerationConfig:
        """The same with other values; an unknown name raises `InvalidArgumentError` that proposes the nearest."""
        names = [field.name for field in fields(self)]
        for name in changes:
            if name not in names:
                raise InvalidArgumentError(
                    f"unknown argument {name!r}{nearest(name, names)}; known: {', '.join(names)}"
                )
        return replace(self, **changes)

    def without_effect(self, given: Mapping[str, Any]) -> list[str]:
        """Those of the ``given`` arguments that greedy decoding ignores."""
        return [] if self.do_sample else [name for name in _WITHOUT_EFFECT_ON_GREEDY if name in given]

    def with_params(self, params: SamplingParams) -> GenerationConfig:
        """The same, drawing with ``params`` alone; temperature 0 is greedy there."""
        return replace(self, params=params, seed=params.seed, do_sample=not params.is_greedy)

    def changed(self) -> set[str]:
        """Names of the settings that are not at their default."""
        return {field.name for field in fields(self) if getattr(self, field.name) != field.default}

    def sampling_params(self, seed: int | None = None) -> SamplingParams:
        """The parameters of one row."""
        if self.params is not None:
            return self.params.replace(seed=seed)
        values = {name: getattr(self, name) for name in _OF_SAMPLING}
        values.update(top_k=self.top_k or 0, min_p=self.min_p or 0.0, logit_bias=self.logit_bias, seed=seed)
        if not self.do_sample:
            values.update(temperature=0.0, top_k=0, top_p=1.0, min_p=0.0)
        return SamplingParams(**values)

    def new_tokens(self, prompt_length: int, n_positions: int) -> int:
        """How many tokens to generate after a prompt, in a context of ``n_positions``.

        The last token is not fed to the model again, so that there may be one more than positions. Raises
        `InvalidArgumentError` when the prompt does not fit, or ``max_length`` leaves nothing to generate.
        """
        if prompt_length > n_positions:
            raise InvalidArgumentError(
                f"the prompt has {prompt_length} tokens, at most {n_positions} (n_positions) fit the model"
            )
        wanted = _DEFAULT_NEW_TOKENS
        if self.max_new_tokens is not None:
            wanted = self.max_new_tokens
        elif self.max_length is not None:
            wanted = self.max_length - prompt_length
            if wanted < 1:
                raise InvalidArgumentError(
                    f"max_length is {self.max_length}, but the prompt alone has {prompt_length} tokens"
                )
        return min(wanted, n_positions + 1 - prompt_length)

    @classmethod
    def from_file(cls, path: Path) -> GenerationConfig:
        """The defaults that a checkpoint's generation_config.json sets; what it sets beyond ours is left out."""
        try:
            settings = json.loads(path.read_bytes())
            names = {field.name for field in fields(cls)}
            return cls(
                **{key: value for key, value in settings.items() if key in names and value is not None}
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidFileError(f"{path} does not hold settings of generation: {error}") from None
