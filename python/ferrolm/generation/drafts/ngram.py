"""`NgramDraft`: guesses from n-grams, of the text so far and of a trained model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ferrolm import _rust
from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.drafts.acceptance import Acceptance
from ferrolm.models import CausalLM
from ferrolm.ngram import NgramLM
from ferrolm.sampling import SamplingParams

__all__ = ["NgramDraft", "RunningNgramDraft"]

Ids = NDArray[np.int64]


class NgramDraft:
    """Guesses tokens from the text so far, and from an n-gram model where the text does not say.

    Where the last ``prompt_order`` tokens (or fewer, down to two) occurred before in the prompt or in what was generated since, what
    followed them last is the guess (prompt lookup: an n-gram model that learns on the fly); otherwise the most probable path of ``model``. Pays where texts repeat themselves or resemble the
    text of ``model``, and greedy decoding more than drawing. How many guesses are verified follows from how many were right
    so far in the text: none where they are mostly wrong (see `ferrolm.generation.drafts.acceptance`). Results are those of decoding without a draft, up to
    rounding: a pass over several tokens may round otherwise than one over a single token, which can decide between
    tokens of nearly equal logits.

    Args:
        model: an `NgramLM` over the ids of the same tokenizer; None looks into the text alone.
        num_draft_tokens: guesses in a pass, at most.
        prompt_order: tokens that have to recur, at most; 0 asks ``model`` alone.
        guess_cost: what verifying one more guess costs, as a share of a pass over a single token. The default is for float16 on
            a CPU, where every token costs (0.55 measured with ferrolm-tiny, 0.25 at first and then less in float32);
            nearer to 0.05 where passes wait for memory, as on a GPU. 0 verifies all guesses.

    >>> draft = NgramDraft(num_draft_tokens=2, guess_cost=0).begin(np.array([5, 6, 7, 8, 5, 6]))
    >>> draft.propose(9)
    [7, 8]
    """

    def __init__(
        self,
        model: NgramLM | None = None,
        *,
        num_draft_tokens: int = 5,
        prompt_order: int = 3,
        guess_cost: float = 0.4,
    ) -> None:
        if num_draft_tokens < 1:
            raise InvalidArgumentError(f"num_draft_tokens is {num_draft_tokens}, expected 1 or more")
        if prompt_order != 0 and prompt_order < 2:
            raise InvalidArgumentError(f"prompt_order is {prompt_order}, expected 0, or 2 or more")
        if not 0 <= guess_cost < math.inf:
            raise InvalidArgumentError(f"guess_cost is {guess_cost}, expected 0 or more")
        if model is not None and not model.is_over_ids:
            raise InvalidArgumentError("model is over words, expected one over token ids")
        self.model = model
        self.num_draft_tokens = num_draft_tokens
        self.prompt_order = prompt_order
        self.guess_cost = guess_cost

    def begin(
        self, prompt: Ids, params: SamplingParams | None = None, target: CausalLM | None = None
    ) -> RunningNgramDraft:
        """The draft of one text, which begins with ``prompt``; what draws and verifies makes no difference to it."""
        return RunningNgramDraft(self, prompt)

    def __repr__(self) -> str:
        return f"NgramDraft({self.model!r}, num_draft_tokens={self.num_draft_tokens}, prompt_order={self.prompt_order})"


class RunningNgramDraft:
    """A draft with the text so far; constant time for each token."""

    def __init__(self, draft: NgramDraft, prompt: Ids) -> None:
        self._draft = draft
        self._lookup = _rust.PromptLookup(draft.prompt_order)
        self._lookup.extend(prompt.astype(np.uint32))
        self._states = (
            None
            if draft.model is None
            else _rust.NgramStates(draft.model._core, [prompt.tolist()], begin=True)
        )
        self._acceptance = Acceptance(draft.guess_cost)
        self._source = ""
        # Proposed for the next tokens, whether they are verified or not.
        self._guesses: list[int] = []

    def accept(self, ids: Sequence[int]) -> None:
        """The text goes on with ``ids``."""
        for guess, token in zip(self._guesses, ids, strict=False):
            self._acceptance.note(self._source, guess == token)
            if guess != token:
                break
        self._guesses = []
        tokens = np.array(ids, np.uint32)
        self._lookup.extend(tokens)
        if self._states is not None:
            for row in tokens.reshape(-1, 1):
                self._states.accept(row)

    def propose(self, most: int) -> list[int]:
        """At most ``most`` guesses, and ``num_draft_tokens``; perhaps none."""
        most = max(min(most, self._draft.num_draft_tokens), 0)
        self._source, self._guesses = "text", self._lookup.propose(most)
        if not self._guesses and self._states is not None:
            self._source, self._guesses = "model", self._states.propose(most)[0]
        return self._guesses[: self._acceptance.length(self._source, len(self._guesses))]
