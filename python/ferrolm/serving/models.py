"""`ServedModels`: what a server answers with, under which names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ferrolm.embeddings import EncoderEmbeddings
from ferrolm.errors import InvalidArgumentError, nearest
from ferrolm.generation import ChatTemplate, LanguageModel, load_model
from ferrolm.models import BertForSentenceEmbedding, locate
from ferrolm.models.bert_config import MODEL_TYPES
from ferrolm.serving.problems import Problem
from ferrolm.tokenizers import RaggedIds, Tokenizer

__all__ = ["EmbeddingModel", "ServedModels"]


class EmbeddingModel:
    """`EncoderEmbeddings` for requests, which may have ids and must not be cut in silence."""

    def __init__(self, model: BertForSentenceEmbedding, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer
        self._embedder = EncoderEmbeddings(model, tokenizer)

    @classmethod
    def load(cls, name_or_directory: Path | str, *, device: torch.device | str | None = None) -> Self:
        """From the folder of an encoder, of sentence-transformers or without a pooling, which is the mean then."""
        folder = locate(name_or_directory)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        model = BertForSentenceEmbedding.from_pretrained(folder, device=device).eval()
        return cls(model, Tokenizer.from_pretrained(str(folder)))

    def encode(self, text: str | Sequence[int]) -> list[int]:
        """The ids of a text; raises `InvalidArgumentError` for one that does not fit."""
        ids: list[int] = self.tokenizer.encode_list(text, True) if isinstance(text, str) else list(text)
        most, vocab_size = self.model.config.n_positions, self.model.config.vocab_size
        if not 1 <= len(ids) <= most:
            raise InvalidArgumentError(f"a text has {len(ids)} tokens, expected 1 to {most} (n_positions)")
        if not 0 <= min(ids) <= max(ids) < vocab_size:
            raise InvalidArgumentError(f"a text has ids beyond 0 to {vocab_size - 1}")
        return ids

    def embed(self, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """One vector for each text: float32 [texts, hidden_size]. texts: ids that `encode` gave."""
        rows = RaggedIds.from_rows([np.array(ids, np.uint32) for ids in texts])
        return self._embedder.embed_ids(rows)


class ServedModels:
    """A language model, an embedding model, or both.

    name: of the language model in requests, embedding_name: of the other. template: of its dialogues; by default the model's
    own, and `ChatTemplate.plain` where it has none.
    """

    def __init__(
        self,
        language: LanguageModel | None = None,
        name: str = "model",
        *,
        embedding: EmbeddingModel | None = None,
        embedding_name: str = "embedding",
        template: ChatTemplate | None = None,
    ) -> None:
        if language is None and embedding is None:
            raise InvalidArgumentError("there is no model to serve")
        self.language, self.name = language, name
        self.embedding, self.embedding_name = embedding, embedding_name
        own = getattr(language, "chat_template", None)
        self.template: ChatTemplate = template or own or ChatTemplate.plain()

    @classmethod
    def load(
        cls,
        model: str,
        *,
        embedding_model: str | None = None,
        name: str | None = None,
        chat_template: str | None = None,
        **options: Any,
    ) -> Self:
        """What ``ferrolm serve`` serves: ``model`` may be an encoder, which makes embeddings alone.

        options: ``device`` and ``dtype`` of `load_model`.
        """
        template = ChatTemplate.of(Path(chat_template)) if chat_template else None
        shown = name or _name_of(model)
        device = options.get("device")
        if _is_encoder(model):
            if embedding_model is not None:
                raise InvalidArgumentError(
                    f"{model} is an encoder, which makes embeddings itself: leave --embedding-model out"
                )
            return cls(embedding=EmbeddingModel.load(model, device=device), embedding_name=shown)
        embedding = None if embedding_model is None else EmbeddingModel.load(embedding_model, device=device)
        return cls(
            load_model(model, **options),
            shown,
            embedding=embedding,
            embedding_name=_name_of(embedding_model or ""),
            template=template,
        )

    @property
    def names(self) -> list[str]:
        language = [self.name] if self.language is not None else []
        return [*language, *([self.embedding_name] if self.embedding is not None else [])]

    def generator(self, name: str) -> LanguageModel:
        """The language model of this name; raises `Problem`."""
        self._check(name)
        if self.language is None or name != self.name:
            raise Problem(f"the model {name!r} makes embeddings, and no text", param="model")
        return self.language

    def embedder(self, name: str) -> EmbeddingModel:
        """The embedding model of this name; raises `Problem`."""
        self._check(name)
        if self.embedding is None or name != self.embedding_name:
            raise Problem(
                f"the model {name!r} makes no embeddings; serve an encoder, or add one with --embedding-model",
                param="model",
            )
        return self.embedding

    def _check(self, name: str) -> None:
        if name not in self.names:
            raise Problem(
                f"the model {name!r} does not exist{nearest(name, self.names)}; there is {', '.join(self.names)}",
                404,
                param="model",
                code="model_not_found",
            )


def _name_of(model: str) -> str:
    """How a model is called in requests: a folder by its own name, one of the hub as there."""
    path = Path(model)
    return path.resolve().name if path.exists() else model


def _is_encoder(model: str) -> bool:
    try:
        config = json.loads((locate(model) / "config.json").read_bytes())
    except (OSError, ValueError):
        return False  # a GGUF file, or something for which `load_model` has an error
    architecture = str((config.get("architectures") or [""])[0])
    return config.get("model_type") in MODEL_TYPES and not architecture.endswith("LMHeadModel")
