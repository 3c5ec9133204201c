"""`ModelDraft`: guesses from a smaller model."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.drafts.acceptance import Acceptance
from ferrolm.generation.drafts.verification import Verifier
from ferrolm.models import CausalLM, KeyValueCache
from ferrolm.models.cache import Cache
from ferrolm.sampling import SamplingParams, sample

__all__ = ["ModelDraft", "RunningModelDraft"]

Ids = NDArray[np.int64]
# What verifying one more token costs, as a share of a pass over one: between a CPU's in float32 and a GPU's.
_VERIFYING = 0.15
# A draft that is mostly wrong is asked for one guess after so many passes, to see whether it is right again.
_PAUSE = 16
# Vocabularies of one tokenizer are padded differently for models of different sizes.
_MOST_PADDING = 512


class _HasModel(Protocol):
    @property
    def model(self) -> CausalLM: ...


class ModelDraft:
    """Guesses the next tokens with a smaller model of the same tokenizer (assisted generation).

    The draft draws as the model does: with the same parameters, seed and step, so with the same random numbers. A guess is right
    where both models draw the same token, and the text is that of the model alone, token by token. Under ``draw="gumbel"``
    (`SamplingParams.draw`) two distributions whose total variation is d agree in at least (1 - d) / (1 + d) of all draws (Daliri
    et al. 2025, "Coupling without Communication and Drafter-Invariant Speculative Decoding"); the default draw, by cumulative
    probabilities, agrees less often where they differ. How many guesses are made follows from how many were right so far in the text, and
    from what they cost.

    Args:
        model: a `LanguageModel` or a `CausalLM`; recurrent ones serve too.
        num_draft_tokens: guesses in a pass, at most.
        guess_cost: what one more guess costs, as a share of a pass of the large model over one token; None takes the share of the
            parameters and 0.15 for verifying. 0 always makes ``num_draft_tokens`` guesses.

    Raises `InvalidArgumentError`, when a text begins, for a model with another vocabulary.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> small = GPT2LMHeadModel(GPT2Config(vocab_size=9, n_embd=8, n_head=2, n_layer=1)).eval()
    >>> draft = ModelDraft(small, num_draft_tokens=3, guess_cost=0)
    >>> len(draft.begin(np.array([1, 2])).propose(8))
    3
    """

    def __init__(
        self, model: CausalLM | _HasModel, *, num_draft_tokens: int = 5, guess_cost: float | None = None
    ) -> None:
        if num_draft_tokens < 1:
            raise InvalidArgumentError(f"num_draft_tokens is {num_draft_tokens}, expected 1 or more")
        if guess_cost is not None and not 0 <= guess_cost < math.inf:
            raise InvalidArgumentError(f"guess_cost is {guess_cost}, expected 0 or more")
        self.model = model if isinstance(model, CausalLM) else model.model
        if not isinstance(self.model, CausalLM):
            raise InvalidArgumentError(f"model is {model!r}, expected a decoder")
        self.num_draft_tokens = num_draft_tokens
        self.guess_cost = guess_cost

    def begin(
        self, prompt: Ids, params: SamplingParams | None = None, target: CausalLM | None = None
    ) -> RunningModelDraft:
        """The draft of one text, which begins with ``prompt`` and is drawn with ``params`` (None: greedily)."""
        own = self.model.config.vocab_size
        if target is not None and abs(target.config.vocab_size - own) > _MOST_PADDING:
            raise InvalidArgumentError(
                f"draft has a vocab_size of {own}, the model one of {target.config.vocab_size}: "
                "a draft needs the tokenizer of the model"
            )
        if (cost := self.guess_cost) is None:
            ratio = 0.25 if target is None else self.model.num_parameters() / target.num_parameters()
            cost = ratio + _VERIFYING
        return RunningModelDraft(self, prompt, params or SamplingParams(temperature=0.0), cost)

    def __repr__(self) -> str:
        return f"ModelDraft({type(self.model).__name__}, num_draft_tokens={self.num_draft_tokens})"


class RunningModelDraft:
    """A draft with the text so far, and its own cache of it."""

    def __init__(self, draft: ModelDraft, prompt: Ids, params: SamplingParams, cost: float) -> None:
        self._draft = draft
        self._prompt = prompt
        self._text: list[int] = prompt.tolist()
        # Where mirostat stands is known to the large model alone.
        self._params = params.replace(mirostat=0)
        self._verifier = Verifier(draft.model, len(prompt))
        self._acceptance = Acceptance(cost)
        self._silent = 0
        self._guesses: list[int] = []
        self._confirmed: Cache | None = None

    def accept(self, ids: Sequence[int]) -> None:
        """The text goes on with ``ids``."""
        right = 0
        for guess, token in zip(self._guesses, ids, strict=False):
            self._acceptance.note("model", guess == token)
            if guess != token:
                break
            right += 1
        self._forget(len(self._text) + right)
        self._guesses = []
        self._text.extend(ids)

    def propose(self, most: int) -> list[int]:
        """At most ``most`` guesses, and ``num_draft_tokens``; perhaps none."""
        room = self._draft.model.config.n_positions + 1 - len(self._text)
        most = max(min(most, self._draft.num_draft_tokens, room), 0)
        count = self._acceptance.length("model", most)
        if most and not count:
            self._silent += 1
            count = int(self._silent % _PAUSE == 0)
        self._guesses = []
        fed = self._text[self._verifier.length :]
        for _ in range(count):
            logits = self._verifier.feed(fed, 1)
            if not self._guesses:
                self._keep()
            fed = [self._draw(logits)]
            self._guesses += fed
        return list(self._guesses)

    def _draw(self, logits: torch.Tensor) -> int:
        generated = [*self._text[len(self._prompt) :], *self._guesses]
        past: dict[str, Any] = {}
        if self._params.uses_history:
            past = {"history": [np.array(generated, np.uint32)], "prompt": [self._prompt]}
        return int(sample(logits, self._params, step=len(generated), **past)[0])

    def _keep(self) -> None:
        """Remember the state after the text: what a recurrent model knows cannot be taken back token by token."""
        cache = self._verifier.cache
        self._confirmed = None if isinstance(cache, KeyValueCache) else copy.deepcopy(cache)

    def _forget(self, length: int) -> None:
        if self._verifier.length <= length:
            return
        if isinstance(self._verifier.cache, KeyValueCache):
            self._verifier.cache.truncate(length)
        elif self._confirmed is not None:
            self._verifier.cache = self._confirmed
