"""`FillMaskPipeline`: the words that a mask stands for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from ferrolm.errors import InvalidArgumentError
from ferrolm.generation.pipelines.base import PipelineSettings, check_count, check_names
from ferrolm.generation.pipelines.encoder_pipeline import EncoderPipeline, texts_and_pairs
from ferrolm.generation.pipelines.text_encoder import Row, TextEncoder

__all__ = ["FillMaskPipeline", "FillMaskSettings"]


@dataclass(frozen=True, kw_only=True)
class FillMaskSettings(PipelineSettings):
    """top_k: words for each mask. targets: the words to choose from; of one that is no token, its first token counts.

    tokenizer_kwargs: ``truncation`` and ``max_length`` of the text.
    """

    top_k: int = 5
    targets: str | Sequence[str] | None = None
    tokenizer_kwargs: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_count("top_k", self.top_k)
        check_names(self.tokenizer_kwargs or {}, ("truncation", "max_length", "add_special_tokens"))
        if self.targets is not None and not self.targets:
            raise InvalidArgumentError("targets is empty, expected a word or several")


@dataclass(frozen=True)
class _Words:
    """The best words of the masks of a row, their scores and ids, each [masks, words]."""

    scores: list[list[float]]
    ids: list[list[int]]


class FillMaskPipeline(EncoderPipeline[FillMaskSettings]):
    """What masked words may be: ``pipeline("fill-mask")``.

    A text with a mask ("[MASK]" or "<mask>", `TextEncoder.mask_token`) gives a list of ``{"score", "token", "token_str",
    "sequence"}``, the likeliest first; one with several masks a list of such for each mask. The words of several masks are
    chosen by themselves, not together. A list of one text gives what the text gives, as in transformers.
    """

    task = "fill-mask"
    head = "fill-mask"
    settings_class: ClassVar[type[PipelineSettings]] = FillMaskSettings

    def __init__(self, encoder: TextEncoder, **options: Any) -> None:
        super().__init__(encoder, **options)
        if encoder.mask_token_id is None:
            raise InvalidArgumentError(
                "the tokenizer has no mask token, which fill-mask needs: expected [MASK] or <mask>"
            )
        self._mask = encoder.mask_token_id

    def __call__(self, inputs: Any, *, batch_size: int | None = None, **settings: Any) -> Any:
        """Words for the masks of a text or of each of several; see `FillMaskSettings` and `Pipeline`."""
        result = super().__call__(inputs, batch_size=batch_size, **settings)
        return result[0] if isinstance(inputs, list) and len(inputs) == 1 else result

    def _prepare(self, items: list[Any], settings: FillMaskSettings) -> list[list[Row]]:
        texts, pairs = texts_and_pairs(items, self.task)
        rows = self.encoder.encode(texts, pairs, **(settings.tokenizer_kwargs or {}))
        for text, (row,) in zip(texts, rows, strict=True):
            if not (row.ids == self._mask).any():
                raise InvalidArgumentError(
                    f"{text[:60]!r} has no {self.encoder.mask_token}, expected one or more"
                )
        cure = "pass tokenizer_kwargs={'truncation': True} to cut it"
        self.encoder.check_lengths([row for own in rows for row in own], cure)
        return rows

    def _forward(self, rows: list[Row], settings: FillMaskSettings) -> list[_Words]:
        inputs = self.encoder.inputs(rows)
        masks = inputs["input_ids"] == self._mask
        # Only masks are looked at: logits of the vocabulary for the other tokens would be most of the work.
        labels = torch.where(masks, 0, -100)
        scores = self.model(**inputs, labels=labels, labelled_only=True).logits.float().softmax(-1)
        targets = None if settings.targets is None else self._target_ids(settings.targets)
        if targets is not None:
            scores = scores[:, targets]
        best = scores.topk(min(settings.top_k, scores.shape[1]))
        ids = best.indices if targets is None else torch.tensor(targets, device=scores.device)[best.indices]
        counts = masks.sum(1).tolist()
        return [
            _Words(of_row.tolist(), ids_of_row.tolist())
            for of_row, ids_of_row in zip(best.values.split(counts), ids.split(counts), strict=True)
        ]

    def _finish(self, item: Any, rows: list[Row], outputs: list[_Words], settings: FillMaskSettings) -> Any:
        ids, words = rows[0].ids, outputs[0]
        places = np.flatnonzero(ids == self._mask)
        filled: list[list[int]] = []
        for place, chosen in zip(places, words.ids, strict=True):
            sequences = np.tile(ids, (len(chosen), 1))
            sequences[:, place] = chosen
            filled.extend(sequences.tolist())
        # With several masks those that stay are to be seen, and so are all special tokens.
        texts = iter(self.tokenizer.decode_batch(filled, skip_special_tokens=len(places) == 1))
        names = iter(
            self.tokenizer.decode_batch(
                [[word] for row in words.ids for word in row], skip_special_tokens=False
            )
        )
        results = [
            [
                {"score": score, "token": word, "token_str": next(names), "sequence": next(texts)}
                for score, word in zip(scores, chosen, strict=True)
            ]
            for scores, chosen in zip(words.scores, words.ids, strict=True)
        ]
        return results[0] if len(places) == 1 else results

    def _target_ids(self, targets: str | Sequence[str]) -> list[int]:
        """Ids of the words, each once; a word of several tokens stands for its first, with a warning."""
        found: dict[int, None] = {}
        for target in [targets] if isinstance(targets, str) else targets:
            number = self.tokenizer.token_to_id(target)
            if number is None:
                pieces = self.tokenizer.encode_ids(target, add_special_tokens=False).tolist()
                shown = (
                    f"its first token {self.tokenizer.id_to_token(pieces[0])!r} counts"
                    if pieces
                    else "it is left out"
                )
                warnings.warn(f"target {target!r} is no token of the vocabulary: {shown}", stacklevel=2)
                if not pieces:
                    continue
                number = pieces[0]
            found[number] = None
        if not found:
            raise InvalidArgumentError(f"targets is {targets!r}, of which no token is in the vocabulary")
        return list(found)
