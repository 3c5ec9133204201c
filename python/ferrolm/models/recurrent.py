"""Recurrent language models in torch: RNN, LSTM and GRU, with the dropout that makes them good.

Mikolov et al. 2010; Zaremba et al. 2014; Gal & Ghahramani 2016 (one dropout mask for a sequence); Merity et al. 2017, "AWD-LSTM"
(dropped weights, a last layer as wide as the embeddings). A layer is torch's `nn.RNN`, `nn.LSTM` or `nn.GRU` with one layer,
because masks go between them. What a decoder keeps of the tokens already seen is here a state of fixed size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.rnn import PackedSequence

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models.causal_lm import CausalLM
from ferrolm.models.packing import State, Tokens
from ferrolm.models.recurrent_config import RecurrentConfig

__all__ = ["RecurrentCache", "RecurrentLM", "RecurrentModel", "cell_class", "reset_layer", "without_autocast"]

_CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentCache:
    """The state of every layer after the ``length`` tokens read so far; what `KeyValueCache` is to a transformer.

    It does not grow with the text. No gradient flows into it, which makes blocks that are read one after the other with
    one cache truncated back-propagation through time (Williams & Peng 1990).

    >>> config = RecurrentConfig(vocab_size=50, hidden_size=8)
    >>> model, cache = RecurrentLM(config).eval(), RecurrentCache(config)
    >>> first, second = model(torch.tensor([[1, 2, 3]]), cache=cache), model(torch.tensor([[4]]), cache=cache)
    >>> cache
    RecurrentCache(layers=2, length=4)
    """

    def __init__(self, config: RecurrentConfig) -> None:
        self._layers = config.num_layers
        self._clear()

    def _clear(self) -> None:
        self._states: list[State | None] = [None] * self._layers
        self.length = 0
        # The last call can be taken back in part: the states before it, and what it read.
        self._before, self._start = list(self._states), 0
        self._ids: Tensor | None = None
        self._mask: Tensor | None = None
        self._stale = False  # whether a part of it has to be read again

    @property
    def states(self) -> list[State | None]:
        """Of each layer [1, batch, size]: (hidden,) or (hidden, cell); None before the first token."""
        return list(self._states)

    @property
    def unread(self) -> tuple[Tensor, Tensor | None] | None:
        """After a `truncate` into the last call, its ids and mask that still count: ``states`` are those before it."""
        return (self._ids, self._mask) if self._stale and self._ids is not None else None

    def begin(self, input_ids: Tensor, mask: Tensor | None) -> None:
        """Remember what the next call reads, int64 and bool [batch, time], and the states before it."""
        self._before, self._start = list(self._states), self.length
        self._ids, self._mask = input_ids, mask

    def end(self, states: list[State]) -> None:
        """Take over the states after what was begun, or was unread."""
        assert self._ids is not None
        self._states = [tuple(part.detach() for part in state) for state in states]
        self.length, self._stale = self._start + self._ids.shape[1], False

    def truncate(self, length: int) -> None:
        """Forget all tokens after the first ``length``, which must be among those of the last call, or before all.

        A state cannot be run backwards: the call's tokens up to there are read again at the next call. Raises
        `InvalidArgumentError` for a length before the last call.
        """
        if length >= self.length:
            return
        if length == 0:
            self._clear()
        elif length < self._start or self._ids is None:
            raise InvalidArgumentError(
                f"length is {length}, expected 0 or {self._start} to {self.length}: a recurrent state can only be "
                "taken back to within the last call"
            )
        else:
            kept = length - self._start
            self._ids = self._ids[:, :kept]
            self._mask = None if self._mask is None else self._mask[:, :kept]
            self._states, self._stale, self.length = list(self._before), kept > 0, length

    def select(self, rows: Tensor) -> None:
        """Keep the batch rows ``rows`` (int64, repeats allowed), in that order."""
        self._states, self._before = (
            [None if state is None else tuple(part[:, rows] for part in state) for state in states]
            for states in (self._states, self._before)
        )
        self._ids = None if self._ids is None else self._ids[rows]
        self._mask = None if self._mask is None else self._mask[rows]

    def __repr__(self) -> str:
        return f"RecurrentCache(layers={self._layers}, length={self.length})"


class RecurrentModel(nn.Module):
    """The model without its head: ids [batch, time] to hidden states [batch, time, width of the last layer].

    The embedding starts uniform within ``initializer_range``, the layers within 1 / sqrt(size); biases at 0, but those of
    an LSTM's forget gates at 1 (Jozefowicz et al. 2015).
    """

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        assert config.embedding_size is not None  # RecurrentConfig fills it in
        self.embed_tokens = nn.Embedding(config.vocab_size, config.embedding_size)
        cell = cell_class(config.cell)
        self.layers = nn.ModuleList(
            cell(inner, outer, batch_first=True) for inner, outer in config.layer_sizes
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew from torch's generator."""
        reach = self.config.initializer_range
        nn.init.uniform_(self.embed_tokens.weight, -reach, reach)
        for layer in self.layers:
            reset_layer(cast("nn.RNNBase", layer))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: RecurrentCache | None = None,
    ) -> Tensor:
        """Hidden states of the last layer; see `CausalLM.forward` for the arguments. position_ids are not looked at."""
        mask = self._mask_of_new(input_ids, attention_mask, cache)
        if cache is None:
            return self._read(input_ids, mask, [None] * self.config.num_layers)[0]
        if (unread := cache.unread) is not None:
            cache.end(self._read(*unread, cache.states)[1])
        cache.begin(input_ids, mask)
        hidden, states = self._read(input_ids, mask, cache.states)
        cache.end(states)
        return hidden

    def _mask_of_new(
        self, input_ids: Tensor, attention_mask: Tensor | None, cache: RecurrentCache | None
    ) -> Tensor | None:
        batch, new = input_ids.shape
        limit = self.config.n_positions
        if new > limit:
            raise InvalidArgumentError(f"{new} tokens, at most {limit} (n_positions) fit one call")
        if attention_mask is None:
            return None
        past = 0 if cache is None else cache.length
        if attention_mask.shape != (batch, past + new):
            shapes = f"{list(attention_mask.shape)}, expected {[batch, past + new]}"
            raise ShapeError(f"attention_mask has shape {shapes}: [batch, tokens in the cache + new tokens]")
        return attention_mask[:, past:].bool()

    def _read(
        self, input_ids: Tensor, mask: Tensor | None, states: list[State | None]
    ) -> tuple[Tensor, list[State]]:
        config, tokens = self.config, Tokens(mask)
        x = self._embedded(input_ids)
        with without_autocast(x):
            x = tokens.align(self._dropped(x, config.input_dropout))
            new: list[State] = []
            for place, (layer, state) in enumerate(zip(self.layers, states, strict=True)):
                if place:
                    x = self._dropped(x, config.layer_dropout)
                x, after = tokens.run(self._step(cast("nn.RNNBase", layer)), x, state)
                new.append(after)
            return tokens.restore(self._dropped(x, config.output_dropout)), new

    def _embedded(self, input_ids: Tensor) -> Tensor:
        x: Tensor = self.embed_tokens(input_ids)
        if not (self.training and self.config.embedding_dropout):
            return x
        words = F.dropout(x.new_ones(self.config.vocab_size), self.config.embedding_dropout)
        return x * words[input_ids][..., None]

    def _dropped(self, x: Tensor, probability: float) -> Tensor:
        """With one mask for all tokens of a row, unless the configuration wants one for each token."""
        if not (self.training and probability):
            return x
        if not self.config.variational_dropout:
            return F.dropout(x, probability)
        return x * F.dropout(x.new_ones(x.shape[0], 1, x.shape[2]), probability)

    def _step(self, layer: nn.RNNBase) -> Any:
        """One layer as `Tokens.run` calls it, with weights dropped in training."""
        changed: dict[str, Tensor] = {}
        if self.training and self.config.weight_dropout:
            changed["weight_hh_l0"] = F.dropout(cast(Tensor, layer.weight_hh_l0), self.config.weight_dropout)

        def step(x: Tensor | PackedSequence, state: State | None) -> tuple[Tensor | PackedSequence, State]:
            given = state if state is None or len(state) == 2 else state[0]
            out, after = functional_call(layer, changed, (x, given)) if changed else layer(x, given)
            return out, (after if isinstance(after, tuple) else (after,))

        return step


class RecurrentLM(CausalLM):
    """A recurrent language model: an RNN, LSTM or GRU with a head, which is the token embedding unless untied.

    It has all that the other models have; `CausalLM.forward` explains the call, in which ``cache`` is a `RecurrentCache`.
    ``ferrolm pretrain`` trains it on blocks, which is truncated back-propagation from an empty state; to carry the state
    over from block to block, call it with a cache.

    >>> config = RecurrentConfig(cell="gru", vocab_size=100, n_positions=16, hidden_size=8, num_layers=1)
    >>> model = RecurrentLM(config).eval()
    >>> ids = torch.tensor([[5, 17, 42]])
    >>> output = model(ids, labels=ids)
    >>> output.logits.shape, output.loss.dtype, model.num_parameters()
    (torch.Size([1, 3, 100]), torch.float32, 1332)
    """

    config: RecurrentConfig
    config_class = RecurrentConfig
    base_model_prefix = "model"
    embedding_name = "embed_tokens"

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        self.model = RecurrentModel(config)
        self.lm_head = nn.Linear(config.layer_sizes[-1][1], config.vocab_size)
        nn.init.uniform_(self.lm_head.weight, -config.initializer_range, config.initializer_range)
        nn.init.zeros_(self.lm_head.bias)
        self.tie_weights()

    def new_cache(self, capacity: int = 64) -> RecurrentCache:
        """An empty `RecurrentCache`; its size does not depend on ``capacity``."""
        return RecurrentCache(self.config)


def cell_class(name: str) -> Callable[..., nn.RNNBase]:
    """The torch module of "rnn", "lstm" or "gru"."""
    return _CELLS[name]


def reset_layer(layer: nn.RNNBase) -> None:
    """Weights of torch's start, biases at 0, those of forget gates at 1."""
    layer.reset_parameters()
    size = layer.hidden_size
    for name, parameter in layer.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
            if isinstance(layer, nn.LSTM) and name.startswith("bias_ih"):
                nn.init.ones_(parameter.data[size : 2 * size])


def without_autocast(x: Tensor) -> torch.autocast:
    """On a CPU recurrent layers stay in the type of their weights, because not every CPU has them in 16 bits; elsewhere
    nothing changes.
    """
    kind = x.device.type
    return torch.autocast(kind, enabled=kind != "cpu" and torch.is_autocast_enabled(kind))
