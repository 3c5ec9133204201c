"""`TextEncoder`: a model that reads a text as a whole, with its tokenizer; from texts to rows, from rows to batches.

Such are the encoders of `ferrolm.models` with their heads, and recurrent classifiers and taggers.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ferrolm._rust import Encoding
from ferrolm.data.collators.padding import pad_rows
from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.models import PretrainedModel
from ferrolm.models.auto import load
from ferrolm.tokenizers import Tokenizer

__all__ = ["Row", "TextEncoder"]

_MASKS = ("[MASK]", "<mask>")


@dataclass(frozen=True)
class Row:
    """Tokens that the model reads as one text: ``ids`` int64 [time], ``type_ids`` where a model has some."""

    ids: NDArray[np.int64]
    type_ids: NDArray[np.int64]
    encoding: Encoding

    def __len__(self) -> int:
        return len(self.ids)


class TextEncoder:
    """A model with its tokenizer.

    max_length: tokens that the model has positions for, or fewer where the tokenizer's settings say so; None without limit.
    mask_token: stands for a word to be found; by default "[MASK]" or "<mask>", whichever there is.
    """

    def __init__(
        self,
        model: PretrainedModel,
        tokenizer: Tokenizer,
        *,
        max_length: int | None = None,
        mask_token: str | None = None,
    ) -> None:
        size, known = max(tokenizer.get_vocab().values(), default=-1) + 1, model.config.vocab_size
        if size > known:
            raise InvalidArgumentError(
                f"tokenizer has ids up to {size - 1}, but the model's vocab_size is {known}"
            )
        self.model, self.tokenizer = model, tokenizer
        limits = [max_length or sys.maxsize, getattr(model.config, "n_positions", sys.maxsize)]
        self.max_length = min(limits) if min(limits) < sys.maxsize else None
        names = _MASKS if mask_token is None else (mask_token,)
        self.mask_token = next((name for name in names if tokenizer.token_to_id(name) is not None), None)

    @classmethod
    def load(
        cls, folder: Path, task: str, tokenizer: Tokenizer | None = None, *, dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> TextEncoder:  # fmt: skip
        """The model of a checkpoint folder with the head for a task of `ferrolm.models.load`.

        Raises `InvalidArgumentError` where the checkpoint has no weights of such a head, which would answer at random, and
        what `load` and `Tokenizer.from_pretrained` raise.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = load(folder, task, dtype=dtype, device=device)
        for warning in caught:
            message = str(warning.message)
            if "newly initialized" in message:
                missing = message.partition(" lacks ")[2].partition(":")[0]
                raise InvalidArgumentError(
                    f"{folder} has no trained head for {task}: {missing} is missing; train one, for example by "
                    "ferrolm finetune"
                )
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        settings = _tokenizer_settings(folder)
        return cls(
            model, tokenizer or Tokenizer.from_pretrained(str(folder)), max_length=_whole_number(settings),
            mask_token=_token(settings.get("mask_token")),
        )  # fmt: skip

    @property
    def labels(self) -> list[str]:
        """The names of what the head tells apart."""
        names: Mapping[int, str] = self.model.config.id2label
        return [names[number] for number in range(len(names))]

    @property
    def mask_token_id(self) -> int | None:
        return None if self.mask_token is None else self.tokenizer.token_to_id(self.mask_token)

    def encode(
        self, texts: Sequence[Any], text_pairs: Sequence[str] | None = None, **options: Any
    ) -> list[list[Row]]:
        """The rows of each text, several where ``return_overflowing_tokens`` makes windows; options: of `Tokenizer.batch`."""
        options = {name: value for name, value in options.items() if value is not None}
        if options.get("truncation") and options.get("max_length") is None:
            options["max_length"] = self.max_length
            if self.max_length is None:
                del options["truncation"], options["max_length"]
        encoded = self.tokenizer.batch(
            list(texts), None if text_pairs is None else list(text_pairs), **options
        )
        rows: list[list[Row]] = [[] for _ in texts]
        owners = encoded.get("overflow_to_sample_mapping", range(len(rows)))
        for owner, encoding in zip(owners, encoded.encodings or [], strict=True):
            ids, types = np.array(encoding.ids, np.int64), np.array(encoding.type_ids, np.int64)
            rows[owner].append(Row(ids, types, encoding))
        return rows

    def check_lengths(self, rows: Sequence[Row], cure: str) -> None:
        """Raise `InvalidArgumentError`, which ends with the ``cure``, for a row that the model has no positions for."""
        positions = getattr(self.model.config, "n_positions", sys.maxsize)
        longest = max((len(row) for row in rows), default=0)
        if longest > positions:
            raise InvalidArgumentError(
                f"a text has {longest} tokens, at most {positions} (n_positions) fit the model: {cure}"
            )

    def inputs(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """What the model's ``forward`` takes: int64 [rows, longest], padded on the right; no mask where there is no padding."""
        config = self.model.config
        pad = getattr(config, "pad_token_id", None) or 0
        ids = pad_rows([row.ids for row in rows], pad)
        arrays = {"input_ids": ids}
        lengths = np.array([len(row) for row in rows])
        if lengths.min() < ids.shape[1]:
            arrays["attention_mask"] = (np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int64)
        # A RoBERTa has one type for all, its tokenizers sometimes two; a DistilBERT and an LSTM have none.
        if getattr(config, "model_type", "") == "bert" and any(row.type_ids.any() for row in rows):
            arrays["token_type_ids"] = pad_rows([row.type_ids for row in rows])
        return {name: torch.from_numpy(array).to(self.model.device) for name, array in arrays.items()}

    def __repr__(self) -> str:
        return f"TextEncoder({type(self.model).__name__}, {self.model.num_parameters():,} parameters)"


def _tokenizer_settings(folder: Path) -> dict[str, Any]:
    """What tokenizer_config.json says, over special_tokens_map.json."""
    settings: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        path = folder / name
        if not path.is_file():
            continue
        try:
            settings.update(json.loads(path.read_bytes()))
        except (ValueError, TypeError) as error:
            raise InvalidFileError(f"{path} does not hold settings of a tokenizer: {error}") from None
    return settings


def _token(value: Any) -> str | None:
    """A token, which the files write as text or as the object of an added token."""
    content = value.get("content") if isinstance(value, Mapping) else value
    return content if isinstance(content, str) else None


def _whole_number(settings: Mapping[str, Any]) -> int | None:
    """``model_max_length``, which transformers writes as 1e30 where there is none."""
    value = settings.get("model_max_length")
    return int(value) if isinstance(value, int | float) and 0 < value < sys.maxsize else None
