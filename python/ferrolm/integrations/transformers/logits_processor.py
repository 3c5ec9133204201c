"""`FerrolmLogitsProcessor`: all sampling steps of `SamplingParams` as one logits processor of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ferrolm.sampling import SamplingParams, filtered_probabilities

if TYPE_CHECKING:
    import torch

__all__ = ["FerrolmLogitsProcessor"]


class FerrolmLogitsProcessor:
    """Temperature, top-k, top-p, min-p, penalties and biases in one pass, for ``generate(logits_processor=[...])``.

    params: of all rows, or one for each. Pass ``do_sample=True`` and no ``temperature``, ``top_k`` or ``top_p`` of
    ``generate``'s own (``top_k=0``); transformers draws the token. A processor serves one call of ``generate`` at a
    time: the first call of a generation tells where the prompts end.

    Raises what `ferrolm.sampling.filtered_probabilities` raises.

    >>> import torch
    >>> processor = FerrolmLogitsProcessor(SamplingParams(top_k=1))
    >>> processor(torch.tensor([[1, 2]]), torch.tensor([[0.0, 3.0, 1.0]]))
    tensor([[-inf, 0., -inf]])
    """

    def __init__(self, params: SamplingParams | Sequence[SamplingParams]) -> None:
        self.params = params
        self._prompt_length = self._length = -1

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Log-probabilities [batch, vocab] of what may be drawn, ``-inf`` elsewhere; the type of ``scores``.

        input_ids: int64 [batch, time], prompt and generated tokens. scores: logits [batch, vocab].
        """
        length = input_ids.shape[1]
        if length != self._length + 1:  # not the next step of the generation that we saw last
            self._prompt_length = length
        self._length = length
        prompt, history = input_ids[:, : self._prompt_length], input_ids[:, self._prompt_length :]
        kept = filtered_probabilities(scores, self.params, prompt=prompt, history=history)
        logprobs: torch.Tensor = kept.log().to(scores.dtype)
        return logprobs
