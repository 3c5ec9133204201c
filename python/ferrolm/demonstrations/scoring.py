"""How probable a model finds each answer after a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError

if TYPE_CHECKING:
    from ferrolm.generation import LanguageModel

__all__ = ["LikelihoodScorer", "Scorer", "as_scorer", "checked_scores"]

Scorer = Callable[[Sequence[str], Sequence[str]], Any]
"""From prompts and continuations to log-probabilities in nats, shape (prompts, continuations)."""


class LikelihoodScorer:
    """The log-probabilities that a causal language model gives to continuations of prompts.

    Args:
        model: whose tokens prompt and continuation become, each by itself.
        batch_size: rows at a time; results do not depend on it.
        per_token: means over tokens instead of sums, so that long continuations are not at a disadvantage.

    A prompt that does not fit the model with its continuation loses its beginning: give selectors a budget.
    """

    def __init__(self, model: LanguageModel, *, batch_size: int = 16, per_token: bool = False) -> None:
        if batch_size < 1:
            raise InvalidArgumentError(f"batch_size is {batch_size}, expected at least 1")
        self.model, self.batch_size, self.per_token = model, batch_size, per_token

    def __call__(self, prompts: Sequence[str], continuations: Sequence[str]) -> NDArray[np.float64]:
        """Log-probabilities in nats, float64[prompts, continuations]."""
        from ferrolm.generation.scoring import continuation_scores, next_token_logprobs

        encode = self.model.tokenizer.encode_ids
        contexts = [encode(prompt, add_special_tokens=True).astype(np.int64) for prompt in prompts]
        endings = [encode(text, add_special_tokens=False).astype(np.int64) for text in continuations]
        if endings and all(len(ending) == 1 for ending in endings):  # labels often are: nothing is read twice
            tokens = [int(ending[0]) for ending in endings]
            table = np.zeros((len(contexts), len(tokens)))
            by_length = sorted(range(len(contexts)), key=lambda place: len(contexts[place]))
            for start in range(0, len(by_length), self.batch_size):
                places = by_length[start : start + self.batch_size]
                table[places] = next_token_logprobs(
                    self.model.model, [contexts[place] for place in places], tokens
                )
            return table
        pairs = [(context, ending) for context in contexts for ending in endings]
        # Rows of like length together, so that little is padded.
        order = sorted(range(len(pairs)), key=lambda place: sum(map(len, pairs[place])))
        found = np.zeros(len(pairs))
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            rows = continuation_scores(
                self.model.model, *zip(*(pairs[place] for place in places), strict=True)
            )
            found[places] = [row.logprob / (row.num_tokens if self.per_token else 1) for row in rows]
        return found.reshape(len(prompts), len(continuations))


def as_scorer(model: Any) -> Scorer:
    """A `LikelihoodScorer` of a language model; a function stays what it is.

    Raises `InvalidTypeError` for anything else.
    """
    if hasattr(model, "model") and hasattr(model, "tokenizer"):
        return LikelihoodScorer(model)
    if callable(model):
        return model  # type: ignore[no-any-return]
    raise InvalidTypeError(
        f"model is {type(model).__name__}, expected a LanguageModel, or a function of prompts and continuations"
    )


def checked_scores(
    scorer: Scorer, prompts: Sequence[str], continuations: Sequence[str]
) -> NDArray[np.float64]:
    """What the scorer says; `ShapeError` if it is not (prompts, continuations), `InvalidArgumentError` if a value is NaN."""
    found = np.asarray(scorer(prompts, continuations), np.float64)
    if found.shape != (len(prompts), len(continuations)):
        raise ShapeError(
            f"the scorer gave shape {found.shape}, expected ({len(prompts)}, {len(continuations)})"
        )
    if np.isnan(found).any():
        raise InvalidArgumentError(
            f"the scorer gave NaN for prompt {int(np.argwhere(np.isnan(found))[0, 0])}: expected log-probabilities"
        )
    return found
