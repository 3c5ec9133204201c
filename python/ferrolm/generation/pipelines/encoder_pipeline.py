"""`EncoderPipeline`: a task of a `TextEncoder`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from ferrolm.errors import InvalidTypeError
from ferrolm.generation.pipelines.base import BatchedPipeline, SettingsT
from ferrolm.generation.pipelines.text_encoder import TextEncoder
from ferrolm.tokenizers import Tokenizer

__all__ = ["EncoderPipeline", "texts_and_pairs"]


class EncoderPipeline(BatchedPipeline[SettingsT]):
    """A task of a `TextEncoder`, whose head ``head`` names as `ferrolm.models.load` does."""

    head: ClassVar[str]

    def __init__(self, encoder: TextEncoder, **options: Any) -> None:
        super().__init__(**options)
        self.encoder = encoder

    @property
    def model(self) -> Any:
        return self.encoder.model

    @property
    def tokenizer(self) -> Tokenizer:
        return self.encoder.tokenizer

    @classmethod
    def load(
        cls, folder: Path, tokenizer: Tokenizer | None, dtype: Any, device: torch.device | str | None, **options: Any
    ) -> Self:  # fmt: skip
        """With the model of a checkpoint folder; options are those of the pipeline."""
        return cls(TextEncoder.load(folder, cls.head, tokenizer, dtype=dtype, device=device), **options)

    def save_pretrained(self, directory: Path | str) -> None:
        """Write the checkpoint and tokenizer.json, from which a pipeline is made again."""
        self.model.save_pretrained(directory)
        self.tokenizer.save(str(Path(directory) / "tokenizer.json"))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.encoder!r})"


def texts_and_pairs(items: list[Any], task: str) -> tuple[list[str], list[str] | None]:
    """The texts of inputs, and their second texts where inputs are ``{"text": ..., "text_pair": ...}``.

    Raises `InvalidTypeError` for other inputs, and for some with and some without a second text.
    """
    texts, pairs = [], []
    for item in items:
        text = item.get("text") if isinstance(item, Mapping) else item
        if not isinstance(text, str) or (isinstance(item, Mapping) and item.keys() - {"text", "text_pair"}):
            raise InvalidTypeError(
                f"an input of {task} is {str(item)[:60]!r} ({type(item).__name__}), expected a text, or "
                "{'text': ..., 'text_pair': ...}"
            )
        texts.append(text)
        if isinstance(item, Mapping) and item.get("text_pair") is not None:
            pairs.append(item["text_pair"])
    if pairs and len(pairs) < len(texts):
        raise InvalidTypeError(
            f"{len(pairs)} of {len(texts)} inputs of {task} have a text_pair, expected all or none"
        )
    return texts, pairs or None
