"""`PairReading`: a source as an encoder reads it and what its decoder has written, and the logits of what comes next.

Both sides are one row of tokens, so that attributions go to the source and to what is written alike: the source first, then
``⊢`` for the token with which a decoder starts, then the target so far. Their embeddings may be one module or two, which is
why they are replaced one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ferrolm.errors import InvalidArgumentError
from ferrolm.explain.reading import Explained, Part, Reading, network_of, read, replaced, tokens_of, unwrapped
from ferrolm.generation import Seq2SeqLanguageModel
from ferrolm.models.seq2seq import Seq2SeqLM
from ferrolm.tokenizers import Tokenizer

__all__ = ["START", "PairReading", "read_answer", "read_pair"]

START = "⊢"
"""Stands for the token with which a decoder starts."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PairReading(Reading):
    """Tokens of a source, and behind them those of the decoder.

    tokenizer: of the target, whose tokens are explained. source_length: tokens of the source.
    """

    source_tokenizer: Tokenizer
    source_length: int

    @property
    def parts(self) -> tuple[Part, ...]:
        config, cut = self.model.config, self.source_length
        sources = getattr(config, "source_vocab_size", None) or config.vocab_size
        source, target = self.model.token_embeddings
        return (
            Part(source, self.ids[:cut], sources, self.source_tokenizer),
            Part(target, self.ids[cut:], config.vocab_size, self.tokenizer),
        )

    @property
    def positions(self) -> int:
        return len(self) - self.source_length

    @property
    def decoder_start(self) -> int:
        return self.source_length

    def source_ids(self, rows: int = 1) -> Tensor:
        """int64 [rows, source time] on the model's device."""
        return self.input_ids(rows)[:, : self.source_length]

    def decoder_ids(self, rows: int = 1) -> Tensor:
        """int64 [rows, target time], the start token first."""
        return self.input_ids(rows)[:, self.source_length :]

    def logits(self, embedded: Tensor, position: int) -> Tensor:
        """float32 [rows, vocab] after the decoder's token ``position``, for embeddings [rows, time, width] of both sides."""
        rows, (source, target) = len(embedded), self.parts
        with replaced(source.embedding, embedded[:, : self.source_length]):
            states = self.model.encode(self.source_ids(rows))
        with replaced(target.embedding, embedded[:, self.source_length :]):
            output = self.model(
                decoder_input_ids=self.decoder_ids(rows),
                encoder_outputs=states,
                logits_to_keep=self.positions - position,
            )
        return output.logits[:, 0].float()  # type: ignore[no-any-return]


def read_answer(
    model: Explained, text: str, tokenizer: Tokenizer | None = None, written: str | None = None
) -> Reading:
    """The text as the model reads it to answer: `read`, or of an encoder-decoder `read_pair`.

    Raises `InvalidArgumentError` for ``written`` with another model, and what those raise.
    """
    network = network_of(model, tokenizer)[0]
    if isinstance(network, Seq2SeqLM):
        return read_pair(model, text, tokenizer, written or "")
    if written is not None:
        raise InvalidArgumentError(
            f"written is for encoder-decoders, but model is a {type(network).__name__}: what it wrote belongs to text"
        )
    return read(model, text, tokenizer)


def read_pair(
    model: Explained, text: str, tokenizer: Tokenizer | None = None, written: str = ""
) -> PairReading:
    """The source ``text`` and what the decoder has ``written``, as an encoder-decoder reads them.

    tokenizer: of a bare model, for both; else that of the source, in place of the model's. Raises what `read` raises, and
    `InvalidArgumentError` for an encoder that reads no tokens and for a target that does not fit the model.
    """
    model = unwrapped(model)
    network: Any = network_of(model, tokenizer)[0]
    if network.feature_size is not None:
        raise InvalidArgumentError(
            f"the encoder of this {type(network).__name__} reads vectors of {network.feature_size} numbers (feature_size): "
            "there is no text to explain"
        )
    source = read(model, text, tokenizer, logits=False)
    target = model.tokenizer if isinstance(model, Seq2SeqLanguageModel) else source.tokenizer
    encoding = (
        target.batch([written], add_special_tokens=False, padding=False, truncation=False).encodings or []
    )[0]
    ids = np.array([_start_id(model, network), *encoding.ids], np.int64)
    limit = network.config.n_positions
    if len(ids) > limit:
        raise InvalidArgumentError(
            f"written has {len(ids)} tokens with {START}, at most {limit} (n_positions) fit the model: explain a part of it"
        )
    tokens, words = tokens_of(written, encoding, np.zeros(len(encoding.ids), bool))
    return PairReading(
        network,
        target,
        "next token",
        np.concatenate([source.ids, ids]),
        (*source.tokens, START, *tokens),
        np.concatenate([source.special, np.arange(len(ids)) == 0]),
        np.concatenate([source.words, [-1], words + source.words.max() + 1]),
        source_tokenizer=source.tokenizer,
        source_length=len(source),
    )


def _start_id(model: Explained, network: Any) -> int:
    if isinstance(model, Seq2SeqLanguageModel):
        return model._start(model.defaults)
    return int(network.config.decoder_start_token_id)
