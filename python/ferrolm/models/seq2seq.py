"""`Seq2SeqLM`: what the encoder-decoder models have in common, as `CausalLM` is for decoders.

An encoder turns a source (token ids, or features such as patches of an image and frames of sound) into hidden states,
once; a decoder turns the tokens of the target so far, and what it finds in those states, into logits of the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models.cache import KeyValueCache
from ferrolm.models.config import ModelShape
from ferrolm.models.pretrained import PretrainedModel

if TYPE_CHECKING:
    from ferrolm.sampling import SamplingParams

__all__ = [
    "EncoderDecoderCache",
    "Seq2SeqConfig",
    "Seq2SeqLM",
    "Seq2SeqLMOutput",
    "Seq2SeqModel",
    "Seq2SeqModelOutput",
]


class Seq2SeqConfig(ModelShape, Protocol):
    """What the configuration of every encoder-decoder says."""

    @property
    def num_decoder_layers(self) -> int | None: ...
    @property
    def pad_token_id(self) -> int: ...
    @property
    def decoder_start_token_id(self) -> int: ...
    def to_dict(self) -> dict[str, Any]: ...
    @classmethod
    def from_file(cls, path: Path | str) -> Self: ...


@dataclass
class Seq2SeqModelOutput:
    """Hidden states of the decoder and of the encoder, [batch, time, hidden_size] each."""

    last_hidden_state: Tensor
    encoder_last_hidden_state: Tensor


@dataclass
class Seq2SeqLMOutput:
    """``logits`` [batch, target time, vocab]; ``loss``, a float32 scalar, when labels were given; the encoder's states."""

    logits: Tensor
    loss: Tensor | None
    encoder_last_hidden_state: Tensor


@dataclass
class _Shape:
    n_positions: int
    num_layers: int


class EncoderDecoderCache(KeyValueCache):
    """The keys and values of the target so far, and those of the source, which every layer makes once.

    It keeps the encoder's states and the source's mask too, so that a further step needs the new tokens alone:
    ``model(decoder_input_ids=new, cache=cache)``.
    """

    def __init__(self, config: Seq2SeqConfig, capacity: int = 64) -> None:
        assert config.num_decoder_layers is not None  # the configurations fill it in
        super().__init__(_Shape(config.n_positions, config.num_decoder_layers), capacity)
        self.source: tuple[Tensor, Tensor | None] | None = None
        self._across: list[tuple[Tensor, Tensor] | None] = [None] * config.num_decoder_layers

    def across(self, layer: int, make: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Keys and values of the source, [batch, heads, source time, head_dim], made by ``make`` the first time."""
        kept = self._across[layer]
        if kept is None:
            kept = self._across[layer] = make()
        return kept

    def select(self, rows: Tensor) -> None:
        """Keep the batch rows ``rows`` (int64, repeats allowed), in that order; of the source too."""
        super().select(rows)
        self._across = [None if pair is None else (pair[0][rows], pair[1][rows]) for pair in self._across]
        if self.source is not None:
            states, mask = self.source
            self.source = states[rows], None if mask is None else mask[rows]


class Seq2SeqModel(PretrainedModel):
    """An encoder and a decoder without a head.

    An architecture is a subclass that names its configuration's class and has `_encode` and `_decode`.
    """

    config: Seq2SeqConfig

    @property
    def feature_size(self) -> int | None:
        """Size of the vectors that the encoder reads; None where it reads token ids."""
        return None

    @property
    def token_embeddings(self) -> tuple[nn.Module, nn.Module]:
        """What turns ids of the source, and of the target, into vectors; one module where it is shared."""
        raise NotImplementedError

    def _encode(self, source: Tensor, attention_mask: Tensor | None) -> Tensor:
        raise NotImplementedError

    def _decode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        states: Tensor,
        source_mask: Tensor | None,
        cache: EncoderDecoderCache | None,
    ) -> Tensor:
        raise NotImplementedError

    def encode(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        input_features: Tensor | None = None,
    ) -> Tensor:
        """The encoder's hidden states, [batch, source time, hidden_size]; see `forward` for the arguments."""
        if self.feature_size is None:
            if input_ids is None or input_features is not None:
                raise InvalidArgumentError(
                    "the encoder of this model reads token ids: expected input_ids alone"
                )
            source, given = input_ids, "input_ids"
            expected = source.dim() == 2
        else:
            if input_features is None or input_ids is not None:
                raise InvalidArgumentError(
                    f"the encoder of this model reads vectors of {self.feature_size} numbers (feature_size): "
                    "expected input_features alone"
                )
            source, given = input_features, "input_features"
            expected = source.dim() == 3 and source.shape[2] == self.feature_size
        if not expected:
            axes = "[batch, time]" if self.feature_size is None else f"[batch, time, {self.feature_size}]"
            raise ShapeError(f"{given} has shape {list(source.shape)}, expected {axes}")
        _check_mask("attention_mask", attention_mask, list(source.shape[:2]), "of the source")
        return self._encode(source, attention_mask)

    def _states(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None,
        decoder_input_ids: Tensor,
        decoder_attention_mask: Tensor | None,
        encoder_outputs: Tensor | None,
        cache: EncoderDecoderCache | None,
        input_features: Tensor | None,
    ) -> Seq2SeqModelOutput:
        """Run the encoder, unless its states are given or cached, and the decoder."""
        if cache is not None and cache.source is not None:
            encoder_outputs, attention_mask = cache.source
        elif encoder_outputs is None:
            encoder_outputs = self.encode(input_ids, attention_mask, input_features=input_features)
        else:
            _check_mask("attention_mask", attention_mask, list(encoder_outputs.shape[:2]), "of the source")
        if cache is not None:
            cache.source = encoder_outputs, attention_mask
        batch, time = decoder_input_ids.shape
        if batch != encoder_outputs.shape[0]:
            raise ShapeError(
                f"the target has {batch} rows and the source {encoder_outputs.shape[0]}, expected as many"
            )
        past = 0 if cache is None else cache.length
        of = "of the target, cached tokens first"
        _check_mask("decoder_attention_mask", decoder_attention_mask, [batch, past + time], of)
        hidden = self._decode(
            decoder_input_ids, decoder_attention_mask, encoder_outputs, attention_mask, cache
        )
        return Seq2SeqModelOutput(hidden, encoder_outputs)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: Tensor | None = None,
        cache: EncoderDecoderCache | None = None,
        *,
        input_features: Tensor | None = None,
    ) -> Any:
        """Hidden states of the target, which ``decoder_input_ids`` says; see `Seq2SeqLM.forward` for the rest."""
        if decoder_input_ids is None:
            raise InvalidArgumentError(
                "decoder_input_ids is None, expected the target as int64 [batch, time]"
            )
        return self._states(
            input_ids,
            attention_mask,
            decoder_input_ids,
            decoder_attention_mask,
            encoder_outputs,
            cache,
            input_features,
        )


class Seq2SeqLM(Seq2SeqModel):
    """An encoder-decoder with a language-model head, ``lm_head``."""

    lm_head: nn.Module

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        labels: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: Tensor | None = None,
        cache: EncoderDecoderCache | None = None,
        *,
        input_features: Tensor | None = None,
        logits_to_keep: int = 0,
        with_head: bool = True,
    ) -> Seq2SeqLMOutput:
        """Logits of the next token of the target at every position, and the loss when labels are given.

        input_ids: the source, int64 [batch, source time]; or input_features, floating-point [batch, source time,
        feature_size], for a model that reads those. attention_mask: [batch, source time], nonzero for tokens, zero for
        padding on either side. labels: int64 [batch, time]; -100 is not scored. decoder_input_ids: int64 [batch, time],
        the target that the labels continue; by default the labels shifted by one (`shift_right`).
        decoder_attention_mask: [batch, time in the cache + time]; padding on the right needs none. encoder_outputs: what
        `encode` gave, in place of the source. cache: the target before, which the new tokens are appended to, and the
        source, which is not read again once the cache has it. logits_to_keep: the last n positions alone (0: all).
        with_head: False gives the decoder's hidden states as ``logits``, for `head`, and no loss.

        Raises `InvalidArgumentError` where no source or no target is given and `ShapeError` for shapes that do not fit.
        """
        if decoder_input_ids is None:
            if labels is None:
                raise InvalidArgumentError(
                    "labels and decoder_input_ids are None, expected the target as one of them"
                )
            decoder_input_ids = self.shift_right(labels)
        states = self._states(
            input_ids,
            attention_mask,
            decoder_input_ids,
            decoder_attention_mask,
            encoder_outputs,
            cache,
            input_features,
        )
        if not with_head:
            hidden = states.last_hidden_state[:, -logits_to_keep:]
            return Seq2SeqLMOutput(hidden, None, states.encoder_last_hidden_state)
        logits = self.head(states.last_hidden_state[:, -logits_to_keep:])
        loss = None
        if labels is not None:
            if labels.shape != logits.shape[:2]:
                raise ShapeError(
                    f"labels has shape {list(labels.shape)}, expected that of the logits, {list(logits.shape[:2])}"
                )
            loss = self._loss(logits.flatten(0, 1).float(), labels.flatten())
        return Seq2SeqLMOutput(logits, loss, states.encoder_last_hidden_state)

    def head(self, hidden: Tensor) -> Tensor:
        """Logits [..., vocab] of the decoder's hidden states [..., hidden_size]."""
        return self.lm_head(hidden)  # type: ignore[no-any-return]

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean in nats over the labels [tokens] that are scored, of logits [tokens, vocab]."""
        return F.cross_entropy(logits, labels, ignore_index=-100)

    def shift_right(self, labels: Tensor) -> Tensor:
        """What the decoder reads to predict ``labels`` [batch, time]: the start token, then all but the last of them.

        Labels of -100, which are not scored, are read as padding.
        """
        shifted = F.pad(labels[:, :-1], (1, 0), value=self.config.decoder_start_token_id)
        return shifted.masked_fill(shifted == -100, self.config.pad_token_id)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        input_features: Tensor | None = None,
        max_new_tokens: int = 20,
        params: SamplingParams | None = None,
    ) -> Tensor:
        """The target that the model makes of a source: int64 [batch, at most max_new_tokens], without the start token.

        The likeliest token is taken at every step, or one drawn by ``params``, whose temperature, limits and penalties
        count. A row ends with ``eos_token_ids``, and is padded with ``pad_token_id`` after it. Dropout is as the mode of
        the model says: call ``eval()`` before. See `forward` for the source. Raises `InvalidArgumentError` where
        ``max_new_tokens`` is not positive or does not fit the model, and what `forward` raises.
        """
        if not 1 <= max_new_tokens <= self.config.n_positions:
            raise InvalidArgumentError(
                f"max_new_tokens is {max_new_tokens}, expected 1 to {self.config.n_positions}"
            )
        states = self.encode(input_ids, attention_mask, input_features=input_features)
        batch = states.shape[0]
        cache = EncoderDecoderCache(self.config, capacity=min(max_new_tokens, 64))
        choose = _greedy if params is None else _drawn(params, batch)
        end = torch.tensor(self.config.eos_token_ids, device=states.device)
        token = torch.full((batch,), self.config.decoder_start_token_id, device=states.device)
        ended = torch.zeros_like(token, dtype=torch.bool)
        made: list[Tensor] = []
        while len(made) < max_new_tokens and not ended.all():
            output = self(
                decoder_input_ids=token[:, None],
                encoder_outputs=states,
                attention_mask=attention_mask,
                cache=cache,
            )
            token = choose(output.logits[:, -1]).masked_fill(ended, self.config.pad_token_id)
            made.append(token)
            ended = ended | torch.isin(token, end)
        return torch.stack(made, dim=1)


def _greedy(logits: Tensor) -> Tensor:
    return logits.argmax(-1)


def _drawn(params: SamplingParams, batch: int) -> Callable[[Tensor], Tensor]:
    from ferrolm.sampling import Sampler

    sampler = Sampler(params, batch)

    def choose(logits: Tensor) -> Tensor:
        ids: Tensor = sampler.sample(logits)
        sampler.accept(ids)
        return ids

    return choose


def _check_mask(name: str, mask: Tensor | None, expected: list[int], of: str) -> None:
    if mask is not None and list(mask.shape) != expected:
        raise ShapeError(f"{name} has shape {list(mask.shape)}, expected {expected}: [batch, tokens {of}]")
