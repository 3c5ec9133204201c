"""Log-probabilities that a model gives to a text of any length, by windows that slide over it, and to what follows a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.data.collators.padding import pad_rows
from ferrolm.errors import InvalidArgumentError
from ferrolm.models import CausalLM

__all__ = [
    "ContinuationScore",
    "Score",
    "TokenPredictions",
    "continuation_scores",
    "next_token_logprobs",
    "token_logprobs",
    "token_predictions",
]

_LOGITS_AT_ONCE = 1 << 25  # 128 MiB of float32


@dataclass(frozen=True)
class Score:
    """How probable a model finds a text: ``logprobs`` in nats of the tokens ``ids`` that were predicted.

    >>> score = Score(np.array([5, 7]), np.log([0.5, 0.125]))
    >>> score.num_tokens, round(score.perplexity, 6)
    (2, 4.0)
    """

    ids: NDArray[np.int64]
    logprobs: NDArray[np.float64]

    @property
    def logprob(self) -> float:
        """Natural logarithm of the probability of the whole text."""
        return float(self.logprobs.sum())

    @property
    def num_tokens(self) -> int:
        return len(self.ids)

    @property
    def perplexity(self) -> float:
        """Perplexity per token; 1 for no tokens."""
        return float(np.exp(-self.logprobs.mean())) if len(self.ids) else 1.0

    def __float__(self) -> float:
        return self.logprob


@dataclass(frozen=True)
class ContinuationScore:
    """Natural log-probability of a continuation's tokens, how many they are, and whether each is the likeliest."""

    logprob: float
    num_tokens: int
    is_greedy: bool


@torch.inference_mode()
def continuation_scores(
    model: CausalLM, contexts: Sequence[NDArray[np.int64]], endings: Sequence[NDArray[np.int64]]
) -> list[ContinuationScore]:
    """How probable each ending is after its context, int64 ids both; in one batch.

    A context that does not fit ``n_positions`` with its ending loses its beginning. Raises `InvalidArgumentError` for an empty
    context or ending, and for an ending that does not fit.
    """
    room = model.config.n_positions + 1  # the last token is predicted, not read
    for context, ending in zip(contexts, endings, strict=True):
        if not len(context) or not 0 < len(ending) < room:
            raise InvalidArgumentError(
                f"a context has {len(context)} tokens and its ending {len(ending)}: expected 1 or more, "
                f"and 1 to {room - 1} (n_positions)"
            )
    rows = [np.concatenate(pair)[-room:] for pair in zip(contexts, endings, strict=True)]
    # Padded on the left, so that what is scored ends in one column, whose logits alone are made.
    ids = pad_rows([row[::-1] for row in rows])[:, ::-1].copy()
    mask = pad_rows([np.ones(len(row) - 1, np.int64) for row in rows])[:, ::-1].copy()
    longest = max(map(len, endings))
    tokens = torch.from_numpy(ids).to(model.device)
    padded = None if mask.all() else torch.from_numpy(mask).to(model.device)
    logits = model(tokens[:, :-1], attention_mask=padded, logits_to_keep=longest).logits.float()
    targets = tokens[:, -longest:]
    logprobs = logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0].double().cpu().numpy()
    likeliest = (logits.argmax(-1) == targets).cpu().numpy()
    counts = [len(ending) for ending in endings]
    return [
        ContinuationScore(float(row[longest - count :].sum()), count, bool(best[longest - count :].all()))
        for row, best, count in zip(logprobs, likeliest, counts, strict=True)
    ]


@torch.inference_mode()
def next_token_logprobs(
    model: CausalLM, contexts: Sequence[NDArray[np.int64]], tokens: Sequence[int]
) -> NDArray[np.float64]:
    """Natural log-probabilities of some tokens to come next, float64 [contexts, tokens]; each context is read once.

    The same as `continuation_scores` of endings of one token each. Contexts, int64, lose their beginning beyond
    ``n_positions``. Raises `InvalidArgumentError` for an empty one.
    """
    if not all(map(len, contexts)):
        raise InvalidArgumentError("a context has 0 tokens: expected 1 or more")
    rows = [context[-model.config.n_positions :] for context in contexts]
    ids = pad_rows([row[::-1] for row in rows])[:, ::-1].copy()
    mask = pad_rows([np.ones(len(row), np.int64) for row in rows])[:, ::-1].copy()
    padded = None if mask.all() else torch.from_numpy(mask).to(model.device)
    logits = model(torch.from_numpy(ids).to(model.device), attention_mask=padded, logits_to_keep=1).logits
    found = logits[:, -1].float().log_softmax(-1)[:, torch.as_tensor(tokens, device=model.device)]
    return found.double().cpu().numpy()  # type: ignore[no-any-return]


def token_logprobs(model: CausalLM, ids: NDArray[np.int64], stride: int | None = None) -> NDArray[np.float64]:
    """Natural log-probabilities of ``ids[1:]``, each given as many tokens before it as its window holds.

    A window holds ``n_positions`` tokens; each begins ``stride`` tokens after the last (by default half a window)
    and scores what the ones before it have not, so that each token is scored once, with at least
    ``n_positions - stride`` tokens of context after the first window. The last window ends with the text, so it sees
    a full context too. ``stride=n_positions`` is the rolling score of lm-evaluation-harness.
    """
    return token_predictions(model, ids, 0, stride).logprobs


@dataclass(frozen=True)
class TokenPredictions:
    """``logprobs`` float64 [tokens] of a text's tokens, and the likeliest at each place, the likeliest first: ``top_ids`` int64
    and ``top_logprobs`` float64 [tokens, top].
    """

    logprobs: NDArray[np.float64]
    top_ids: NDArray[np.int64]
    top_logprobs: NDArray[np.float64]


def token_predictions(
    model: CausalLM, ids: NDArray[np.int64], top: int, stride: int | None = None
) -> TokenPredictions:
    """`token_logprobs` with the ``top`` likeliest tokens at each place (fewer in a smaller vocabulary)."""
    window = model.config.n_positions
    stride = max(window // 2, 1) if stride is None else stride
    if not 1 <= stride <= window:
        raise InvalidArgumentError(f"stride is {stride}, expected 1 to {window} (n_positions)")
    inputs, targets = torch.from_numpy(ids[:-1]), torch.from_numpy(ids[1:])
    count, top = len(inputs), min(top, model.config.vocab_size)
    window = min(window, count)
    starts = [*range(0, count - window, stride), count - window] if count else []
    found = (np.empty(count), np.empty((count, top), np.int64), np.empty((count, top)))
    at_once = max(1, _LOGITS_AT_ONCE // max(1, window * model.config.vocab_size))
    done = 0
    for first in range(0, len(starts), at_once):
        batch = starts[first : first + at_once]
        read, wanted = (torch.stack([t[s : s + window] for s in batch]) for t in (inputs, targets))
        parts = _window_predictions(model, read, wanted, top)
        for row, start in enumerate(batch):
            for whole, part in zip(found, parts, strict=True):
                whole[done : start + window] = part[row, done - start :]
            done = start + window
    return TokenPredictions(*found)


@torch.inference_mode()
def _window_predictions(
    model: CausalLM, inputs: Tensor, targets: Tensor, top: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    logits = model(inputs.to(model.device)).logits.float()
    losses = F.cross_entropy(logits.flatten(0, 1), targets.to(model.device).flatten(), reduction="none")
    likeliest, ids = logits.topk(top, dim=-1)
    if top:
        likeliest = likeliest - logits.logsumexp(-1, keepdim=True)
    logprobs = -losses.view_as(inputs).double()
    return logprobs.cpu().numpy(), ids.cpu().numpy(), likeliest.double().cpu().numpy()
