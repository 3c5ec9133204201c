"""`logit_lens`: what a decoder would say next if it ended after each of its layers (nostalgebraist 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, LimitError
from ferrolm.explain.explanation import Explanation, label_tokens, shortened, shown
from ferrolm.explain.reading import Explained, Reading, evaluating, network_of, read
from ferrolm.models import CausalLM
from ferrolm.models.observation import Observation
from ferrolm.tokenizers import Tokenizer

__all__ = ["LogitLens", "logit_lens"]

_PAGE_CELLS = 1 << 19
"""Predictions that a page holds at most, each a token and its probability."""


@dataclass(frozen=True, eq=False)
class LogitLens(Explanation):
    """Next-token distributions of all layers, the first of which is the embedding and the last the model's own.

    tokens: of the text. layers: their names. ids int64, probabilities float32 [layers, tokens, top]: the likeliest tokens after
    each token, the likeliest first, with ``names`` by id. entropy: float32 [layers, tokens], in bits. divergence: float32
    [layers, tokens], bits of Kullback-Leibler divergence of the last layer's distribution from this one's. next_probability
    float32, next_rank int64 [layers, tokens - 1]: of the token that does come next in the text; rank 0 is the likeliest.
    """

    tokens: tuple[str, ...]
    layers: tuple[str, ...]
    ids: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    names: dict[int, str]
    entropy: NDArray[np.float32]
    divergence: NDArray[np.float32]
    next_probability: NDArray[np.float32]
    next_rank: NDArray[np.int64]

    def top(self, layer: int, position: int) -> list[tuple[str, float]]:
        """The likeliest tokens of a layer after a token, with their probabilities."""
        for name, number, size in (
            ("layer", layer, len(self.layers)),
            ("position", position, len(self.tokens)),
        ):
            if not -size <= number < size:
                raise InvalidArgumentError(f"{name} is {number}, expected 0 to {size - 1}")
        pairs = zip(
            self.ids[layer, position].tolist(), self.probabilities[layer, position].tolist(), strict=True
        )
        return [(self.names[number], probability) for number, probability in pairs]

    def __str__(self) -> str:
        """After the last token, layer by layer."""
        lines = [f"after {self.tokens[-1]!r}:"]
        for layer, name in enumerate(self.layers):
            tops = "  ".join(f"{shown(token)} {chance:.1%}" for token, chance in self.top(layer, -1)[:4])
            lines.append(f"{name:>10}  {self.entropy[layer, -1]:>6.2f} bits  {tops}")
        return "\n".join(lines)

    def _draw(self, figure: Any, last: int = 24) -> None:
        """A table of the likeliest tokens, its colour their probability; of the ``last`` tokens."""
        count = min(last, len(self.tokens))
        best, chances = self.ids[:, -count:, 0], self.probabilities[:, -count:, 0]
        figure.set_size_inches(1.5 + 0.72 * count, 1.4 + 0.3 * len(self.layers))
        axis = figure.subplots()
        image = axis.imshow(chances, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (layer, place), number in np.ndenumerate(best):
            colour = "white" if chances[layer, place] > 0.6 else "black"
            name = shortened(self.names[int(number)], 9)
            axis.text(place, layer, name, ha="center", va="center", fontsize=6, color=colour)
        axis.set_yticks(range(len(self.layers)), self.layers, fontsize=7)
        label_tokens(axis, self.tokens[-count:])
        axis.set_title("Logit lens: the likeliest token after each, by layer", fontsize=9)
        figure.colorbar(image, ax=axis)

    def _view(self) -> dict[str, Any]:
        if self.ids.size > _PAGE_CELLS:
            shape = " x ".join(map(str, self.ids.shape))
            raise LimitError(f"{shape} predictions, at most {_PAGE_CELLS:,} fit a page: ask for fewer by top")
        return {
            "kind": "lens",
            "title": "Logit lens",
            "tokens": self.tokens,
            "layers": self.layers,
            "ids": self.ids.tolist(),
            "probabilities": _short(self.probabilities),
            "names": {str(number): name for number, name in self.names.items()},
            "entropy": _short(self.entropy),
            "divergence": _short(self.divergence),
            "next": _short(self.next_probability),
            "ranks": self.next_rank.tolist(),
        }


def _short(values: NDArray[np.float32]) -> Any:
    return np.round(values.astype(np.float64), 5).tolist()


def logit_lens(
    model: Explained, text: str, *, top: int = 10, tokenizer: Tokenizer | None = None
) -> LogitLens:
    """The next-token distribution that the final norm and the head make of the hidden states of each layer.

    Args:
        model: a decoder: a `LanguageModel`, a pipeline of it, or the bare model with its ``tokenizer``.
        text: read as `generate` reads a prompt.
        top: tokens to keep of each distribution.

    Raises `InvalidArgumentError` for a model that is no decoder, a recurrent one, an empty text and one that does not fit.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> tokenizer = Tokenizer.from_bpe({"a": 0, "b": 1, "c": 2}, [])
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=3, n_positions=8, n_embd=8, n_layer=2, n_head=4)).eval()
    >>> lens = logit_lens(model, "abc", top=2, tokenizer=tokenizer)
    >>> lens.layers, lens.ids.shape, len(lens.top(-1, -1))
    (('embedding', '0', '1'), (3, 3, 2), 2)
    """
    network = network_of(model, tokenizer)[0]
    if not isinstance(network, CausalLM) or not network.base_model_prefix:
        raise InvalidArgumentError(f"model is a {type(network).__name__}, expected a decoder")
    if top < 1:
        raise InvalidArgumentError(f"top is {top}, expected 1 or more")
    reading = read(model, text, tokenizer)
    seen = Observation(network.decoder)
    with torch.inference_mode(), evaluating(network):
        with seen.watching():
            network.decoder(reading.input_ids())
        *inner, last = [states[0] for states in seen.hidden_states]
        states = [*(seen.norm(each) for each in inner), last]
        final = network.lm_head(last).float().log_softmax(-1)
        parts = [
            _measured(network.lm_head(each).float().log_softmax(-1), final, reading, top) for each in states
        ]
    return _lens(reading, parts)


def _measured(logprobs: Tensor, final: Tensor, reading: Reading, top: int) -> list[NDArray[Any]]:
    """Of one layer: ids and probabilities of the likeliest, entropy, divergence, and the token that comes next."""
    probabilities = logprobs.exp()
    chances, ids = probabilities.topk(min(top, logprobs.shape[-1]), dim=-1)
    entropy = -(probabilities * logprobs).nan_to_num().sum(-1) / math.log(2)
    divergence = (final.exp() * (final - logprobs)).nan_to_num().sum(-1).clamp(min=0) / math.log(2)
    wanted = reading.input_ids()[0, 1:, None]
    following = logprobs[:-1].gather(-1, wanted)
    ranks = (logprobs[:-1] > following).sum(-1)
    found = (ids, chances, entropy, divergence, following[:, 0].exp(), ranks)
    return [each.cpu().numpy() for each in found]


def _lens(reading: Reading, parts: list[list[NDArray[Any]]]) -> LogitLens:
    ids, chances, entropy, divergence, following, ranks = (
        np.stack(each) for each in zip(*parts, strict=True)
    )
    decode = reading.tokenizer.decode
    names = {
        number: decode([number], skip_special_tokens=False) or str(reading.tokenizer.id_to_token(number))
        for number in np.unique(ids).tolist()
    }
    layers = ("embedding", *(str(layer) for layer in range(len(parts) - 1)))
    return LogitLens(reading.tokens, layers, ids, chances, names, entropy, divergence, following, ranks)
