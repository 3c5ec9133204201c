"""`Reading`: a text as a model reads it, and the model's logits when its token embeddings are replaced.

All explanations begin here: it finds the network, the tokenizer and the embedding of whatever is to be explained, says in one
place what cannot be, and leaves the model as it was.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ferrolm._rust import Encoding
from ferrolm.errors import InvalidArgumentError, InvalidTypeError
from ferrolm.generation import LanguageModel
from ferrolm.generation.pipelines.text_encoder import TextEncoder
from ferrolm.models import CausalLM, PretrainedModel
from ferrolm.models.bert import BertModel, BertPretrainedModel
from ferrolm.models.heads import BertForSequenceClassification, BertForTokenClassification
from ferrolm.models.lstm_classifier import LSTMClassifier
from ferrolm.models.pretraining_heads import BertForMaskedLM
from ferrolm.models.seq2seq import Seq2SeqLM
from ferrolm.tokenizers import Tokenizer

__all__ = [
    "Explained",
    "Part",
    "Reading",
    "evaluating",
    "network_of",
    "read",
    "replaced",
    "score_kind",
    "tokens_of",
    "unwrapped",
]

Explained = Any
"""A `LanguageModel`, a `TextEncoder`, a pipeline of either, or a model of `ferrolm.models` given with its tokenizer."""

Kind = Literal["next token", "masked token", "class", "class of a token", "states"]
_WORD = re.compile(r"\S+")
CONTINUED = "⋯"
"""Stands for a further token of the same character."""


@dataclass(frozen=True, eq=False)
class Part:
    """Tokens of a reading that one embedding turns into vectors: all, or of an encoder-decoder those of one side.

    ids: int64 [time]. vocab_size: of the embedding. tokenizer: whose ids they are.
    """

    embedding: nn.Module
    ids: NDArray[np.int64]
    vocab_size: int
    tokenizer: Tokenizer


@dataclass(frozen=True, eq=False)
class Reading:
    """A text as tokens of a model.

    ids: int64 [time]. tokens: the text of each with the white space before it. special: bool [time], tokens that the
    tokenizer added or that stand for a missing word. words: int64 [time], the number of the token's word between white space;
    -1 for special tokens. kind: what the model's logits say.
    """

    model: Any
    tokenizer: Tokenizer
    kind: Kind
    ids: NDArray[np.int64]
    tokens: tuple[str, ...]
    special: NDArray[np.bool_]
    words: NDArray[np.int64]
    mask_token: str | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def embedding(self) -> nn.Module:
        """The module that turns ids into vectors; raises `InvalidArgumentError` where there is none."""
        model = self.model
        if isinstance(model, CausalLM) and hasattr(model, "embedding_name"):
            return model.token_embedding
        if isinstance(model, BertPretrainedModel):
            base: Any = model if isinstance(model, BertModel) else model.bert
            return base.embeddings.word_embeddings  # type: ignore[no-any-return]
        if isinstance(model, LSTMClassifier):
            return model.encoder.embed_tokens
        raise InvalidArgumentError(
            f"model is a {type(model).__name__}, which has no token embedding to attribute to"
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """The tokens, in their order, by embedding."""
        return (Part(self.embedding, self.ids, self.model.config.vocab_size, self.tokenizer),)

    @property
    def positions(self) -> int:
        """Tokens after which, or at which, the model has logits; they are the last ones."""
        return len(self)

    @property
    def decoder_start(self) -> int | None:
        """Of an encoder-decoder, the number of the first token of the decoder."""
        return None

    def input_ids(self, rows: int = 1) -> Tensor:
        """int64 [rows, time] on the model's device."""
        return torch.from_numpy(self.ids).to(self.model.device).expand(rows, -1)

    def embedded(self) -> Tensor:
        """The token embeddings, [time, width], without a gradient."""
        return torch.cat([self.vectors(part, part.ids) for part in self.parts])

    def vectors(self, part: Part, ids: ArrayLike) -> Tensor:
        """What the part's embedding gives for ids [n]: [n, width], without a gradient."""
        numbers = torch.from_numpy(np.asarray(ids, np.int64)).to(self.model.device)
        with torch.no_grad():
            return part.embedding(numbers[None])[0].detach()  # type: ignore[no-any-return]

    def logits(self, embedded: Tensor, position: int) -> Tensor:
        """float32 [rows, classes] at ``position`` (of a text's class, whatever it is), for embeddings [rows, time, width]."""
        with replaced(self.embedding, embedded), _differentiable(self.model):
            ids = self.input_ids(len(embedded))
            if self.kind == "next token":
                keep = len(self) - position
                return self.model(ids, logits_to_keep=keep).logits[:, 0].float()  # type: ignore[no-any-return]
            logits = self.model(ids).logits
        return (logits if self.kind == "class" else logits[:, position]).float()  # type: ignore[no-any-return]


def read(model: Explained, text: str, tokenizer: Tokenizer | None = None, *, logits: bool = True) -> Reading:
    """The text as the model reads it; logits: whether those are wanted, so that a model without a head is refused.

    Raises `InvalidTypeError` for another kind of model and for several texts, `InvalidArgumentError` for a text without tokens,
    one that does not fit the model, and a model that has no such logits.
    """
    if not isinstance(text, str):
        raise InvalidTypeError(
            f"text is {type(text).__name__}, expected one text: explain several one by one"
        )
    network, tokenizer, mask_token = network_of(model, tokenizer)
    kind = score_kind(network)
    if logits and kind == "states":
        raise InvalidArgumentError(
            f"model is a {type(network).__name__}, expected a language model, or an encoder with a head for masked tokens or classes"
        )
    # A tokenizer's own padding and truncation are for batches: here the text is read whole, or refused.
    encoding = (tokenizer.batch([text], padding=False, truncation=False).encodings or [])[0]
    ids = np.array(encoding.ids, np.int64)
    special = np.array(encoding.special_tokens_mask, bool)
    if not len(ids) or special.all():
        raise InvalidArgumentError(f"text is {text!r}: there is no token in it to explain")
    limit = getattr(network.config, "n_positions", None)
    if limit is not None and len(ids) > limit:
        raise InvalidArgumentError(
            f"text has {len(ids)} tokens, at most {limit} (n_positions) fit the model: explain a part of it"
        )
    if mask_token is not None:
        special |= ids == tokenizer.token_to_id(mask_token)
    tokens, words = tokens_of(text, encoding, special)
    return Reading(network, tokenizer, kind, ids, tokens, special, words, mask_token)


def network_of(model: Explained, tokenizer: Tokenizer | None) -> tuple[Any, Tokenizer, str | None]:
    """The torch model, the tokenizer, and the token that stands for a missing word, if any."""
    model = unwrapped(model)
    if isinstance(model, TextEncoder):
        return model.model, tokenizer or model.tokenizer, model.mask_token
    if isinstance(model, LanguageModel) and isinstance(model.model, nn.Module):
        own: Tokenizer = getattr(model, "source_tokenizer", model.tokenizer)
        return model.model, tokenizer or own, None
    if isinstance(model, PretrainedModel):
        if tokenizer is None:
            raise InvalidArgumentError(
                f"tokenizer is None, but model is a bare {type(model).__name__}, which has none"
            )
        if isinstance(model, CausalLM | Seq2SeqLM):
            return model, tokenizer, None
        return model, tokenizer, TextEncoder(model, tokenizer).mask_token
    raise InvalidTypeError(
        f"model is {type(model).__name__}, expected a LanguageModel, a TextEncoder, a pipeline, or a model of ferrolm.models"
    )


def unwrapped(model: Explained) -> Explained:
    """What a pipeline is of; another model as it is."""
    if isinstance(model, LanguageModel | TextEncoder | nn.Module):
        return model
    model = getattr(model, "encoder", model)
    return model if isinstance(model, TextEncoder) else getattr(model, "model", model)


def score_kind(network: Any) -> Kind:
    """What the logits of a model say; "states" where it has none that can be explained."""
    if isinstance(network, CausalLM):
        return "next token"
    if isinstance(network, BertForMaskedLM):
        return "masked token"
    if isinstance(network, BertForSequenceClassification | LSTMClassifier):
        return "class"
    return "class of a token" if isinstance(network, BertForTokenClassification) else "states"


def tokens_of(
    text: str, encoding: Encoding, special: NDArray[np.bool_]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """What each token covers of the text, and the number of its word, int64 [time]."""
    return _pieces(text, encoding.tokens, encoding.offsets), _words(text, encoding.offsets, special)


def _pieces(text: str, tokens: list[str], offsets: list[tuple[int, int]]) -> tuple[str, ...]:
    """What each token covers of the text, from where the last one ended."""
    pieces, done = [], 0
    for token, (start, end) in zip(tokens, offsets, strict=True):
        if end > done:
            pieces.append(text[min(done, start) : end])
            done = end
        else:
            pieces.append(CONTINUED if end > start else token)
    return tuple(pieces)


def _words(text: str, offsets: list[tuple[int, int]], special: NDArray[np.bool_]) -> NDArray[np.int64]:
    starts = [match.start() for match in _WORD.finditer(text)]
    # By the last character: a token may begin with white space.
    numbers = [max(bisect.bisect_right(starts, end - 1) - 1, 0) for _, end in offsets]
    return np.where(special, -1, np.array(numbers, np.int64))


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Without dropout; each module's mode is put back."""
    training = [module for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def replaced(embedding: nn.Module, embedded: Tensor) -> Iterator[None]:
    """Let the embedding give these vectors, whatever it is asked for."""
    handle = embedding.register_forward_hook(lambda module, inputs, output: embedded.to(output.dtype))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _differentiable(network: Any) -> Iterator[None]:
    """Without cuDNN for recurrent layers, of which it has gradients in training alone."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    with torch.backends.cudnn.flags(enabled=not recurrent):
        yield
