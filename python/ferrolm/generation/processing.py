"""`Processing`: the rules of a row and the functions of the user, in the order of transformers, on logits in torch.

`Sampler` and `beam_candidates` have the rules within their one pass. This is for steps where something comes between the
rules and the draw, or where the scores themselves are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.plan import Ids, Plan
from ferrolm.generation.processors import processors_of
from ferrolm.sampling import SamplingParams, device, filtered_probabilities
from ferrolm.sampling.arrays import ragged
from ferrolm.sampling.columns import Columns

__all__ = ["Processing", "drawing_alone", "needs_processing", "warped"]

# What `Processing` does, at values that do nothing.
_RULES: dict[str, Any] = {
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "logit_bias": None,
    "sequence_bias": None,
    "dry_multiplier": 0.0,
    "no_repeat_ngram_size": 0,
    "bad_words_ids": (),
    "min_tokens": 0,
    "suppress_tokens": (),
    "begin_suppress_tokens": (),
    "allowed_token_ids": None,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
}
_NEEDED_BY = (
    "logits_processor",
    "prefix_allowed_tokens_fn",
    "encoder_repetition_penalty",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "remove_invalid_values",
)


def needs_processing(config: GenerationConfig) -> bool:
    """Whether a setting acts where `Sampler` and `beam_candidates` do not look."""
    both = config.forced_bos_token_id is not None and config.begin_suppress_tokens is not None
    return both or any(getattr(config, name) != getattr(_DEFAULTS, name) for name in _NEEDED_BY)


_DEFAULTS = GenerationConfig()


def drawing_alone(params: SamplingParams) -> SamplingParams:
    """The steps that are left after `Processing`."""
    return params.replace(**_RULES)


class Processing:
    """Logits, or log-probabilities, of some rows of a plan to what is drawn from, float32 [rows, vocab]."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._prompts = plan.prompts_of_rows
        self._processors = [*processors_of(plan), *plan.config.logits_processor]
        longest = max(len(prompt) for prompt in plan.prompts)
        self._padded = np.stack(
            [np.pad(prompt, (longest - len(prompt), 0), constant_values=plan.pad) for prompt in self._prompts]
        )

    def __call__(self, logits: Tensor, rows: list[int], new: Ids) -> Tensor:
        """rows: of the plan; new: int64 [rows, time], what each of them has generated."""
        params = [self._plan.params[row] for row in rows]
        prompt = ragged([self._prompts[row] for row in rows], "prompt", len(rows))
        history = ragged(new, "history", len(rows))
        rules = device.rules_of_past(params, prompt, history, self._allowed(logits, rows, new))
        columns = Columns.of(params, logits.device, logits.shape[1])
        x = device.adjusted(logits, columns, device.Counts.of_past(prompt, history), rules)
        if rules is not None and max(rules.forced) >= 0:
            forced = torch.tensor(rules.forced, device=x.device)[:, None]
            certain = torch.where(torch.arange(x.shape[1], device=x.device) == forced, 0.0, -math.inf)
            x = torch.where(forced >= 0, certain, x)
        if not self._processors:
            return x
        ids = torch.from_numpy(np.concatenate([self._padded[rows], new], axis=1)).to(x.device)
        for processor in self._processors:
            x = _checked(processor, processor(ids, x), x)
        return x

    def _allowed(self, logits: Tensor, rows: list[int], new: Ids) -> NDArray[np.bool_] | None:
        function = self._plan.config.prefix_allowed_tokens_fn
        if function is None:
            return None
        allowed = np.zeros((len(rows), logits.shape[1]), dtype=bool)
        for place, row in enumerate(rows):
            prompt = row // self._plan.copies
            ids = torch.from_numpy(np.concatenate([self._prompts[row], new[place]]))
            tokens = np.asarray(function(prompt, ids), dtype=np.int64)
            if not tokens.size or not 0 <= tokens.min() <= tokens.max() < logits.shape[1]:
                raise InvalidArgumentError(
                    f"prefix_allowed_tokens_fn gave {tokens.tolist()} for prompt {prompt}, expected ids below "
                    f"{logits.shape[1]}, at least one"
                )
            allowed[place, tokens] = True
        return allowed


def warped(x: Tensor, params: Sequence[SamplingParams], least: int = 1) -> Tensor:
    """Scores as transformers gives them: divided by the temperature, ``-inf`` where a filter drops a token.

    least: of how many of the best tokens of a row no filter drops any.
    """
    if all(row.is_greedy for row in params):
        return x
    kept = filtered_probabilities(x, list(params)) > 0
    if least > 1:
        best = x.topk(min(least, x.shape[1])).indices
        kept = kept.scatter(1, best, True)
    temperature = torch.tensor([max(row.temperature, 1e-5) for row in params], device=x.device)[:, None]
    return torch.where(kept, x / temperature, -math.inf)


def _checked(processor: Any, scores: Any, before: Tensor) -> Tensor:
    if not isinstance(scores, Tensor) or scores.shape != before.shape:
        found = list(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        name = getattr(processor, "__name__", type(processor).__name__)
        raise ShapeError(f"logits_processor {name} gave {found}, expected scores of {list(before.shape)}")
    return scores.float()
