"""How probable masked and causal models find the three sentences of an example of StereoSet."""

from __future__ import annotations

from typing import Any

import numpy as np

from ferrolm.evaluation.bias.likelihoods import CausalScore, MaskedScore
from ferrolm.evaluation.bias.stereoset import StereoSetExample

__all__ = ["CausalChoices", "MaskedChoices"]

Three = tuple[float, float, float]


class CausalChoices:
    """Mean log-probability of a sentence's tokens, in nats; between sentences given the context.

    model: a `LanguageModel`, an `NgramLanguageModel`, or what `ferrolm.load_model` takes.
    """

    def __init__(self, model: Any) -> None:
        self.model = CausalScore(model).model

    def __call__(self, example: StereoSetExample) -> Three:
        """Of stereotype, opposite and unrelated sentence."""
        before = self.model.score(example.context) if example.fills is None else None
        found = []
        for sentence in example.sentences:
            if before is None:
                score = self.model.score(sentence)
                logprob, count = score.logprob, score.num_tokens
            else:
                score = self.model.score(f"{example.context} {sentence}")
                logprob, count = score.logprob - before.logprob, score.num_tokens - before.num_tokens
            found.append(logprob / max(count, 1))
        return found[0], found[1], found[2]


class MaskedChoices:
    """Of a masked model: within a sentence the mean probability of the filled word's tokens, 0 to 1, as the published script.

    Each token of the word is predicted from the tokens of the word before it, a mask, and the rest of the sentence. Between
    sentences it is the mean log-probability of the second one's tokens, each masked by itself behind the context: the
    published script asks a head for next sentences here, which most masked models lack.

    model, batch_size: as for `MaskedScore`.
    """

    def __init__(self, model: Any, *, batch_size: int = 32) -> None:
        self._score = MaskedScore(model, batch_size=batch_size)

    def __call__(self, example: StereoSetExample) -> Three:
        """Of stereotype, opposite and unrelated sentence."""
        between = example.fills is None
        found = [
            self._following(example.context, sentence) if between else self._filled(example, number)
            for number, sentence in enumerate(example.sentences)
        ]
        return found[0], found[1], found[2]

    def _filled(self, example: StereoSetExample, number: int) -> float:
        assert example.fills is not None
        before, _, after = example.context.partition("BLANK")
        fill = example.fills[number]
        (row,) = self._score.encode([before + fill + after])
        places = places_of(row, len(before), len(before) + len(fill))
        # The tokens of the word that are not known yet are no tokens at all: the mask stands for one.
        rows = [_without(row, places[known + 1 :]) for known in range(len(places))]
        alone = [[place] for place in places]
        logprobs = self._score.masked_logprobs(rows, alone, alone)
        return float(np.mean([np.exp(each[0]) for each in logprobs])) if places else 0.0

    def _following(self, context: str, sentence: str) -> float:
        (row,) = self._score.encode([f"{context} {sentence}"])
        places = places_of(row, len(context) + 1, len(context) + 1 + len(sentence))
        return float(self._score.token_logprobs(row, places).mean()) if places else 0.0


def places_of(row: Any, start: int, end: int) -> list[int]:
    """Places of the tokens that have characters from ``start`` to ``end`` of the text; marks of beginning and end have none."""
    return [
        place
        for place, (first, last) in enumerate(row.encoding.offsets)
        if max(first, start) < min(last, end)
    ]


def _without(row: Any, places: list[int]) -> Any:
    from ferrolm.generation.pipelines.text_encoder import Row

    return Row(np.delete(row.ids, places), np.delete(row.type_ids, places), row.encoding)
