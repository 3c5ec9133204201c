"""What speculative decoding asks of a draft, and what it tells about one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidTypeError
from ferrolm.models import CausalLM
from ferrolm.ngram import NgramLM
from ferrolm.sampling import SamplingParams

__all__ = ["Draft", "DraftReport", "RunningDraft", "as_draft"]

Ids = NDArray[np.int64]


class RunningDraft(Protocol):
    """A draft with the text so far."""

    def propose(self, most: int) -> list[int]:
        """Guesses for the next tokens, at most ``most``; perhaps none."""
        ...

    def accept(self, ids: Sequence[int]) -> None:
        """The text goes on with ``ids``: the guesses that were right, and the token drawn after them."""
        ...


class Draft(Protocol):
    """What guesses the next tokens of a text: `NgramDraft`, `ModelDraft`, or one of your own."""

    def begin(
        self, prompt: Ids, params: SamplingParams | None = None, target: CausalLM | None = None
    ) -> RunningDraft:
        """The draft of one text, which begins with ``prompt``, is drawn with ``params`` and verified by ``target``."""
        ...


@dataclass
class DraftReport:
    """How a draft did in one text: guesses ``drafted`` (verified) and ``accepted``, in so many ``passes`` of the model.

    >>> report = DraftReport(drafted=30, accepted=24, passes=10, tokens=34)
    >>> print(report)
    24 of 30 guesses right (80 %), 3.4 tokens a pass
    """

    drafted: int = 0
    accepted: int = 0
    passes: int = 0
    tokens: int = 0

    @property
    def acceptance_rate(self) -> float:
        """Share of the verified guesses that were right; 0 where there were none."""
        return self.accepted / self.drafted if self.drafted else 0.0

    @property
    def tokens_per_pass(self) -> float:
        """Tokens of the text for each pass of the model; 1 without a draft."""
        return self.tokens / self.passes if self.passes else 0.0

    def __str__(self) -> str:
        rate = f"{self.acceptance_rate:.0%}".replace("%", " %")
        return f"{self.accepted} of {self.drafted} guesses right ({rate}), {self.tokens_per_pass:.1f} tokens a pass"


def as_draft(draft: Any, num_draft_tokens: int | None = None) -> Draft:
    """``draft`` itself, or the draft that a model makes: an n-gram model, a `LanguageModel` or a decoder.

    Raises `InvalidTypeError` for anything else.
    """
    from ferrolm.generation.drafts.model import ModelDraft
    from ferrolm.generation.drafts.ngram import NgramDraft

    if callable(getattr(draft, "begin", None)):
        found: Draft = draft
        return found
    settings = {} if num_draft_tokens is None else {"num_draft_tokens": num_draft_tokens}
    ngrams = draft if isinstance(draft, NgramLM) else getattr(draft, "ngrams", None)
    if ngrams is not None:
        return NgramDraft(ngrams, **settings)
    if isinstance(draft, CausalLM) or isinstance(getattr(draft, "model", None), CausalLM):
        return ModelDraft(draft, **settings)
    raise InvalidTypeError(
        f"draft is {type(draft).__name__}, expected NgramDraft, ModelDraft, a model, or an object with begin(prompt, params, target)"
    )
