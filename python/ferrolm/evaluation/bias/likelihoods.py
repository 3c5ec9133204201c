"""How probable masked and causal models find sentences that are compared with each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ferrolm.errors import InvalidArgumentError
from ferrolm.evaluation.bias.pairs import shared_tokens

if TYPE_CHECKING:
    from ferrolm.generation import LanguageModel

__all__ = ["CausalScore", "MaskedScore"]


class CausalScore:
    """Log-probabilities of both whole sentences, in nats, as lm-evaluation-harness scores CrowS-Pairs.

    model: a `LanguageModel`, or what `ferrolm.load_model` takes.
    """

    def __init__(self, model: LanguageModel | str) -> None:
        from ferrolm.generation import load_model

        self.model: Any = model if hasattr(model, "score") else load_model(str(model))

    def __call__(self, first: str, second: str) -> tuple[float, float]:
        """Of two sentences."""
        return self.model.score(first).logprob, self.model.score(second).logprob


class MaskedScore:
    """Pseudo-log-likelihoods of the tokens that two sentences share, in nats (Nangia et al. 2020).

    Each shared token is masked by itself and scored given all others, those that differ included; the tokens at the very
    beginning and end are not scored.

    Args:
        model: what ``pipeline("fill-mask", model)`` takes, or such a pipeline.
        batch_size: masked copies that the model reads at a time.
    """

    def __init__(self, model: Any, *, batch_size: int = 32) -> None:
        from ferrolm.generation import pipeline

        if batch_size < 1:
            raise InvalidArgumentError(f"batch_size is {batch_size}, expected at least 1")
        self._pipe = model if hasattr(model, "encoder") else pipeline("fill-mask", model)
        self._batch_size = batch_size

    def __call__(self, first: str, second: str) -> tuple[float, float]:
        """Of two sentences."""
        rows = self.encode([first, second])
        places = shared_tokens(rows[0].ids.tolist(), rows[1].ids.tolist())
        found = [self.token_logprobs(row, own[1:-1]).sum() for row, own in zip(rows, places, strict=True)]
        return float(found[0]), float(found[1])

    def token_logprobs(self, row: Any, places: list[int]) -> NDArray[np.float64]:
        """Log-probabilities of the tokens of an encoded row at some places, each masked by itself, float64[places]."""
        alone = [[place] for place in places]
        found = self.masked_logprobs([row] * len(places), alone, alone)
        return np.array([each[0] for each in found], np.float64)

    def encode(self, texts: Sequence[str]) -> list[Any]:
        """Texts as rows of the model, each with its ``encoding``."""
        rows = [row for (row,) in self._pipe.encoder.encode(list(texts), None)]
        self._pipe.encoder.check_lengths(rows, "leave it out")
        return rows

    def masked_logprobs(
        self, rows: Sequence[Any], masked: Sequence[list[int]], scored: Sequence[list[int]]
    ) -> list[NDArray[np.float64]]:
        """For each row the log-probabilities of its own tokens at ``scored`` while those at ``masked`` are hidden together."""
        import torch

        encoder = self._pipe.encoder
        found: list[NDArray[np.float64]] = []
        for start in range(0, len(rows), self._batch_size):
            end = start + self._batch_size
            inputs = encoder.inputs(rows[start:end])
            ids = inputs["input_ids"]
            true, labels = ids.clone(), torch.full_like(ids, -100)
            for line, (hidden, places) in enumerate(zip(masked[start:end], scored[start:end], strict=True)):
                ids[line, hidden] = encoder.mask_token_id
                labels[line, places] = true[line, places]
            with torch.inference_mode():
                logits = self._pipe.model(**inputs, labels=labels, labelled_only=True).logits.float()
            answers = labels[labels != -100].to(logits.device)
            values = logits.log_softmax(-1).gather(1, answers[:, None])[:, 0].double().cpu().numpy()
            cuts = np.cumsum([len(places) for places in scored[start:end]])[:-1]
            found += np.split(values, cuts)
        return found
