"""`TokenClassificationPipeline`: labels of tokens, and the entities that they make."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.data.collators.padding import optional_numbers, pad_rows
from ferrolm.data.collators.spelling import pad_letters, spelling
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation.pipelines.base import PipelineSettings, check_choice
from ferrolm.generation.pipelines.encoder_pipeline import EncoderPipeline
from ferrolm.generation.pipelines.entity_groups import STRATEGIES, TaggedTokens, entities, without_overlaps
from ferrolm.generation.pipelines.text_classification import softmax
from ferrolm.generation.pipelines.text_encoder import Row, TextEncoder
from ferrolm.models import LinearChainCRF
from ferrolm.tokenizers import models

__all__ = ["TokenClassificationPipeline", "TokenClassificationSettings"]


@dataclass(frozen=True, kw_only=True)
class TokenClassificationSettings(PipelineSettings):
    """aggregation_strategy: see `TokenClassificationPipeline`. ignore_labels: those that results leave out.

    stride: read long texts in windows that have so many tokens in common; without it they are cut, with a warning.
    is_split_into_words: an input is a list of words; ``delimiter`` stands between them in the text that start and end
    count in.
    """

    aggregation_strategy: str = "none"
    ignore_labels: Collection[str] | None = ("O",)
    stride: int | None = None
    is_split_into_words: bool = False
    delimiter: str | None = " "

    def __post_init__(self) -> None:
        check_choice("aggregation_strategy", self.aggregation_strategy, STRATEGIES)
        if self.stride is not None and self.aggregation_strategy == "none":
            others = ", ".join(STRATEGIES[1:])
            raise InvalidArgumentError(
                f"stride is {self.stride} with aggregation_strategy 'none', expected one of {others}: "
                "the tokens of overlapping windows are not one list"
            )
        if self.stride is not None and self.stride < 0:
            raise InvalidArgumentError(f"stride is {self.stride}, expected 0 or more")


@dataclass(frozen=True)
class _TaggedRow:
    """A window of a text with the places of its tokens there, and which of them are special or go on with a word."""

    row: Row
    text: str
    offsets: NDArray[np.int64]
    special: NDArray[np.bool_]
    continues: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.row)


class TokenClassificationPipeline(EncoderPipeline[TokenClassificationSettings]):
    """Labels of tokens: ``pipeline("token-classification")``, also called "ner".

    A text gives ``[{"entity", "score", "index", "word", "start", "end"}]``, several a list of those; with an
    ``aggregation_strategy`` entities ``{"entity_group", "score", "word", "start", "end"}``: "simple" puts neighbouring
    tokens of one kind together; "first", "average" and "max" first give each word one label, that of its first token, of the
    mean of their scores, or of its surest token. What a word is, the tokenizer says (WordPiece, WordLevel, words that are given), or
    else spaces. A model with a CRF is asked for the first tokens of words, as it has learnt; scores are marginal
    probabilities then.
    """

    task = "token-classification"
    head = "token-classification"
    settings_class: ClassVar[type[PipelineSettings]] = TokenClassificationSettings

    def __init__(self, encoder: TextEncoder, **options: Any) -> None:
        super().__init__(encoder, **options)
        model: Any = encoder.tokenizer.model
        self._whole_words = isinstance(model, models.WordLevel)
        self._has_prefix = bool(getattr(model, "continuing_subword_prefix", None))
        unknown = getattr(model, "unk_token", None)
        self._unknown = None if unknown is None else encoder.tokenizer.token_to_id(unknown)
        self._crf = _crf(encoder.model)

    def _is_one(self, inputs: Any, settings: TokenClassificationSettings) -> bool:
        if settings.is_split_into_words:
            return isinstance(inputs, list | tuple) and not all(
                isinstance(each, list | tuple) for each in inputs
            )
        return super()._is_one(inputs, settings)

    def _prepare(self, items: list[Any], settings: TokenClassificationSettings) -> list[list[_TaggedRow]]:
        for item in items:
            _check(item, settings.is_split_into_words)
        limit, stride = self.encoder.max_length, settings.stride or 0
        if limit is not None and stride >= limit:
            raise InvalidArgumentError(
                f"stride is {stride}, expected less than the {limit} tokens that fit the model"
            )
        windows = self.encoder.encode(
            items, is_split_into_words=settings.is_split_into_words, truncation=True, stride=stride,
            return_overflowing_tokens=True,
        )  # fmt: skip
        if settings.stride is None and any(len(rows) > 1 for rows in windows):
            warnings.warn(
                f"a text has more than {limit} tokens, of which the rest gets no label: pass stride=... to read all",
                stacklevel=2,
            )
            windows = [rows[:1] for rows in windows]
        return [
            [self._tagged(row, item, settings) for row in rows]
            for item, rows in zip(items, windows, strict=True)
        ]

    def _tagged(self, row: Row, item: Any, settings: TokenClassificationSettings) -> _TaggedRow:
        encoding = row.encoding
        offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2)
        special = np.array(encoding.special_tokens_mask, np.bool_)
        if not settings.is_split_into_words:
            return _TaggedRow(row, item, offsets, special, self._continues(row, offsets, item))
        delimiter = settings.delimiter or ""
        lengths = [len(word) + len(delimiter) for word in item]
        words = optional_numbers(encoding.word_ids).astype(np.int64)
        before = np.array([0, *itertools.accumulate(lengths)])
        offsets = offsets + np.where(words < 0, 0, before[words])[:, None]
        same = np.append([False], (words[1:] == words[:-1]) & (words[1:] >= 0))
        return _TaggedRow(row, delimiter.join(item), offsets, special, same)

    def _continues(self, row: Row, offsets: NDArray[np.int64], text: str) -> NDArray[np.bool_]:
        """Which tokens belong to the word of the token before."""
        if self._whole_words:
            return np.zeros(len(row), np.bool_)
        found: NDArray[np.bool_]
        if self._has_prefix:
            lengths = np.array([len(token) for token in row.encoding.tokens])
            found = lengths != offsets[:, 1] - offsets[:, 0]
        else:
            starts = offsets[:, 0].tolist()
            found = np.array(
                [start > 0 and " " not in text[start - 1 : start + 1] for start in starts], np.bool_
            )
        if self._unknown is not None:
            found &= row.ids != self._unknown
        return found

    def _forward(self, rows: list[_TaggedRow], settings: TokenClassificationSettings) -> list[TaggedTokens]:
        inputs = self.encoder.inputs([each.row for each in rows])
        self._add_spelling(inputs, rows)
        logits = self.model(**inputs).logits.float()
        if self._crf is not None:
            scores, tags = _decoded(self._crf, logits, rows)
        else:
            scores = softmax(logits.cpu().numpy())
            tags = scores.argmax(-1)
        return [_tokens(each, *found) for each, *found in zip(rows, scores, tags, strict=True)]

    def _add_spelling(self, inputs: dict[str, torch.Tensor], rows: list[_TaggedRow]) -> None:
        """What `TokenClassificationCollator` adds for models that see how words are written."""
        config = self.model.config
        case, letters = getattr(config, "case_token_types", False), getattr(config, "character_size", 0) > 0
        if not case and not letters:
            return
        found = [spelling(*_words(row), case_types=case, characters=letters) for row in rows]
        arrays = {}
        if case:
            arrays["token_type_ids"] = pad_rows([each["token_type_ids"] for each in found]).astype(np.int64)
        if letters:
            width = inputs["input_ids"].shape[1]
            arrays["character_ids"] = pad_letters([each["character_ids"] for each in found], width)
        inputs.update({name: torch.from_numpy(array).to(self.model.device) for name, array in arrays.items()})

    def _finish(
        self,
        item: Any,
        rows: list[_TaggedRow],
        outputs: list[TaggedTokens],
        settings: TokenClassificationSettings,
    ) -> list[dict[str, Any]]:
        strategy = settings.aggregation_strategy
        if self._crf is not None and strategy in ("average", "max"):
            strategy = "first"  # whose label and scores all tokens of a word have
        found = [
            entity
            for tokens in outputs
            for entity in entities(
                self._readable(tokens, rows[0].text),
                strategy,
                self.encoder.labels,
                settings.ignore_labels or (),
                self._join,
            )
        ]
        return without_overlaps(found) if len(rows) > 1 else found

    def _readable(self, tokens: TaggedTokens, text: str) -> TaggedTokens:
        """With unknown tokens as the text has them."""
        if self._unknown is None:
            return tokens
        unknown = self.tokenizer.id_to_token(self._unknown)
        for number, word in enumerate(tokens.words):
            if word == unknown:
                tokens.words[number] = text[tokens.starts[number] : tokens.ends[number]]
        return tokens

    def _join(self, pieces: list[str]) -> str:
        decoder = self.tokenizer.decoder
        return " ".join(pieces) if decoder is None else decoder.decode(pieces)


def _check(item: Any, split: bool) -> None:
    fits = (
        isinstance(item, list | tuple) and all(isinstance(word, str) for word in item)
        if split
        else isinstance(item, str)
    )
    if not fits:
        expected = "a list of words" if split else "a text, or with is_split_into_words=True a list of words"
        raise InvalidTypeError(
            f"an input of token-classification is {str(item)[:60]!r} ({type(item).__name__}), expected {expected}"
        )


def _crf(model: Any) -> LinearChainCRF | None:
    """The layer that decodes sequences of labels, of an encoder or of a recurrent tagger that has one."""
    found = getattr(model, "crf", None) or getattr(getattr(model, "tags", None), "crf", None)
    return found if isinstance(found, LinearChainCRF) else None


def _decoded(
    crf: LinearChainCRF, logits: torch.Tensor, rows: Sequence[_TaggedRow]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Marginal probabilities [rows, time, labels] and the best labels [rows, time], those of a word's first token for all."""
    width = logits.shape[1]
    first = [~row.special & ~_goes_on(row) for row in rows]
    mask = torch.from_numpy(pad_rows(first)).to(logits.device)
    marginals, tags = crf.marginals(logits, mask).cpu().numpy(), crf.decode(logits, mask)[0].cpu().numpy()
    # For each token the nearest one on the left that has a label.
    source = np.maximum.accumulate(np.where(mask.cpu().numpy() > 0, np.arange(width), 0), axis=1)
    return np.take_along_axis(marginals, source[..., None], 1), np.take_along_axis(tags, source, 1).clip(0)


def _goes_on(row: _TaggedRow) -> NDArray[np.bool_]:
    """`continues`, but for the first token of a window, which has none before it."""
    goes_on = row.continues.copy()
    goes_on[np.flatnonzero(~row.special)[:1]] = False
    return goes_on


def _words(row: _TaggedRow) -> tuple[list[str], NDArray[np.int64]]:
    """The words of a window, and for each token the number of its word, -1 for special ones."""
    begins = ~row.special & ~_goes_on(row)
    places = np.where(row.special, -1, np.cumsum(begins) - 1)
    ends = np.append(np.flatnonzero(begins)[1:], len(row) - np.argmax(~row.special[::-1])) - 1
    starts = row.offsets[np.flatnonzero(begins), 0].tolist()
    return [row.text[start : row.offsets[end, 1]] for start, end in zip(starts, ends, strict=False)], places


def _tokens(row: _TaggedRow, scores: NDArray[np.float32], tags: NDArray[np.int64]) -> TaggedTokens:
    """What is known of the tokens that are no special ones."""
    kept = np.flatnonzero(~row.special)
    tokens = row.row.encoding.tokens
    return TaggedTokens(
        [tokens[place] for place in kept.tolist()], scores[kept], tags[kept], row.offsets[kept, 0], row.offsets[kept, 1],
        kept, row.continues[kept],
    )  # fmt: skip
