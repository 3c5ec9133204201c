"""What generation can tell beside the tokens: their log-probabilities, and transformers' output with scores and states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.generation.config import GenerationConfig
from ferrolm.generation.drafts.draft import DraftReport
from ferrolm.sampling import top_logprobs

__all__ = ["GenerateOutput", "Generation", "Record", "TokenLogprobs"]


@dataclass(frozen=True)
class TokenLogprobs:
    """A token that was taken: its ``id``, its ``logprob``, and the most probable tokens there, ``top``: (id, logprob) each.

    Natural logarithms of the model's own probabilities, before temperature, penalties and filters, as in vLLM.
    """

    id: int
    logprob: float
    top: list[tuple[int, float]]


@dataclass(frozen=True)
class Generation:
    """One continuation: its ``text`` (without the prompt), its token ``ids``, and why it ended.

    finish_reason: "eos" (the token that ends a text, which is in ``ids`` but not in ``text``), "stop" (a stop string,
    before which ``text`` ends, or a criterion), "length" (as many tokens as asked for, or as fit the model) or "time".
    logprobs: of each token, where they were asked for. score: of a beam, its log-probability over its length to the power
    of ``length_penalty``. draft_report: how many guesses of a draft were right, where there was one.
    """

    text: str
    ids: NDArray[np.int64] = field(repr=False)
    finish_reason: str
    logprobs: list[TokenLogprobs] | None = field(default=None, repr=False, kw_only=True)
    score: float | None = field(default=None, repr=False, kw_only=True)
    draft_report: DraftReport | None = field(default=None, repr=False, compare=False, kw_only=True)

    def __str__(self) -> str:
        return self.text


@dataclass
class GenerateOutput:
    """What ``generate(..., return_dict_in_generate=True)`` gives, in the names and shapes of transformers.

    sequences: int64 [rows, time], as `LanguageModel.generate` gives them. For each step scores, what was drawn from, and
    logits, what the model gave: float32 [rows, vocab]; for beams, rows are all beams, and scores their log-probabilities.
    attentions: for each step, for each layer, [rows, heads, new tokens, tokens]. hidden_states: for each step, of the
    embedding and each layer, [rows, new tokens, hidden_size]. An encoder-decoder has these as decoder_attentions and
    decoder_hidden_states, beside cross_attentions and the encoder's own, one for each layer. sequences_scores: of beams.
    beam_indices: the row that each token of a beam was added to, -1 after its end. What was not asked for is None.

    Fields can be read as attributes or by name, ``output["scores"]``.
    """

    sequences: Tensor
    scores: tuple[Tensor, ...] | None = None
    logits: tuple[Tensor, ...] | None = None
    attentions: tuple[tuple[Tensor, ...], ...] | None = None
    hidden_states: tuple[tuple[Tensor, ...], ...] | None = None
    sequences_scores: Tensor | None = None
    beam_indices: Tensor | None = None
    encoder_attentions: tuple[Tensor, ...] | None = None
    encoder_hidden_states: tuple[Tensor, ...] | None = None
    decoder_attentions: tuple[tuple[Tensor, ...], ...] | None = None
    cross_attentions: tuple[tuple[Tensor, ...], ...] | None = None
    decoder_hidden_states: tuple[tuple[Tensor, ...], ...] | None = None

    def keys(self) -> list[str]:
        """Names of what there is."""
        return [each.name for each in fields(self) if getattr(self, each.name) is not None]

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())


class Record:
    """What the steps of a call are asked to remember."""

    def __init__(self, config: GenerationConfig, rows: int) -> None:
        tells = config.return_dict_in_generate
        self.keeps_scores = tells and config.output_scores
        self.keeps_logits = tells and config.output_logits
        # Whether what is kept is of all rows, so that none may leave the batch.
        self.keeps_tensors = tells
        self.scores: list[Tensor] = []
        self.logits: list[Tensor] = []
        self.logprobs: list[list[TokenLogprobs]] = [[] for _ in range(rows)]
        self._count = config.logprobs

    @classmethod
    def of(cls, config: GenerationConfig, rows: int) -> Record | None:
        """None where nothing is to be remembered."""
        wanted = config.return_dict_in_generate or config.logprobs is not None
        return cls(config, rows) if wanted else None

    def keep(self, logits: Tensor, scores: Tensor | None) -> None:
        """Of one step, [rows, vocab]."""
        if self.keeps_logits:
            self.logits.append(logits.float().clone())
        if self.keeps_scores and scores is not None:
            self.scores.append(scores.clone())

    def note(
        self,
        rows: NDArray[np.intp],
        logits: Tensor,
        scores: Tensor | None,
        ids: Tensor,
        alive: NDArray[np.bool_],
    ) -> None:
        """Of one step; ``rows`` are those of the logits that are ``alive``, in which ``ids`` were taken."""
        self.keep(logits, scores)
        if self._count is None:
            return
        count = min(self._count, logits.shape[1])
        best, logs = (each.tolist() for each in top_logprobs(logits, count))
        own = logits.float().log_softmax(-1).gather(1, ids[:, None])[:, 0].tolist()
        for row, at in zip(rows.tolist(), np.flatnonzero(alive).tolist(), strict=True):
            top = list(zip(best[at], logs[at], strict=True))
            self.logprobs[row].append(TokenLogprobs(int(ids[at]), own[at], top))
