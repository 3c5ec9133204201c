"""`Plan`: what a call of `generate` has been resolved to, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.config import GenerationConfig
from ferrolm.models.config import ModelShape
from ferrolm.sampling import SamplingParams

__all__ = ["Ids", "Plan"]

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """Rows of a batch: ``copies`` for each prompt (as many as are returned, or as there are beams), one after the other.

    prompts: one for each prompt, what the decoder reads before it begins. sources: what an encoder reads, else
    None. params, limits: of each row, and the tokens that it may have. eos: ids that end a row. pad: what is fed to rows
    that have ended, and fills tensors.
    """

    config: GenerationConfig
    shape: ModelShape
    prompts: list[Ids]
    sources: list[Any] | None
    copies: int
    params: list[SamplingParams]
    limits: list[int]
    eos: list[int]
    pad: int

    @classmethod
    def of(
        cls,
        config: GenerationConfig,
        shape: ModelShape,
        prompts: Sequence[Ids],
        eos: list[int],
        sources: list[Any] | None = None,
    ) -> Plan:
        copies = config.num_beams if config.num_beams > 1 else config.num_return_sequences
        limits = [config.new_tokens(len(prompt), shape.n_positions) for prompt in prompts]
        params = _params(config, prompts, limits, eos, copies)
        return cls(
            config,
            shape,
            list(prompts),
            sources,
            copies,
            params,
            [limit for limit in limits for _ in range(copies)],
            eos,
            _pad(config, shape, eos),
        )

    @property
    def rows(self) -> int:
        return len(self.params)

    @property
    def prompts_of_rows(self) -> list[Ids]:
        return [prompt for prompt in self.prompts for _ in range(self.copies)]

    @property
    def stays(self) -> bool:
        """Whether all rows stay in the batch, because functions of the user know them by their place."""
        return (
            bool(self.config.logits_processor)
            or self.config.encoder_no_repeat_ngram_size > 0
            or (self.config.encoder_repetition_penalty != 1.0)
        )

    def ends(self) -> NDArray[np.bool_]:
        """Which tokens end a row, bool [vocab]."""
        ends = np.zeros(self.shape.vocab_size, dtype=bool)
        ends[self.eos] = True
        return ends


def _params(
    config: GenerationConfig, prompts: Sequence[Ids], limits: list[int], eos: list[int], copies: int
) -> list[SamplingParams]:
    """Of each row; the continuations of one prompt draw with seeds made from the prompt's."""
    each = [
        config.sampling_params(seed, prompt_length=len(prompt), new_tokens=limit, eos=eos)
        for seed, prompt, limit in zip(_seeds(config, len(prompts)), prompts, limits, strict=True)
    ]
    if config.num_beams > 1:  # the beams of a prompt are drawn together
        return [params for params in each for _ in range(copies)]
    return each if copies == 1 else [row for params in each for row in params.split(copies)]


def _seeds(config: GenerationConfig, prompts: int) -> list[int]:
    if isinstance(config.seed, int):
        return [config.seed] * prompts
    if config.seed is None:
        return torch.randint(2**63 - 1, (prompts,)).tolist() if config.do_sample else [0] * prompts
    if len(config.seed) != prompts:
        raise InvalidArgumentError(f"seed has {len(config.seed)} values for {prompts} prompts")
    return list(config.seed)


def _pad(config: GenerationConfig, shape: ModelShape, eos: list[int]) -> int:
    pad = config.pad_token_id
    if pad is None:
        pad = getattr(shape, "pad_token_id", None)
    if pad is None:
        pad = eos[0] if eos else 0
    if not 0 <= pad < shape.vocab_size:
        raise InvalidArgumentError(f"pad_token_id is {pad}, expected an id below {shape.vocab_size}")
    return pad
