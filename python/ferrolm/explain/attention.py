"""`attention_maps`: where each token looks, by layer and head; `attention_rollout`: from where that comes in the end."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, LimitError, UnknownNameError, nearest
from ferrolm.explain.explanation import Explanation, label_tokens
from ferrolm.explain.pairs import read_pair
from ferrolm.explain.reading import Explained, evaluating, network_of, read
from ferrolm.models import CausalLM
from ferrolm.models.bert import BertModel, BertPretrainedModel
from ferrolm.models.observation import Observation
from ferrolm.models.seq2seq import Seq2SeqLM
from ferrolm.tokenizers import Tokenizer

__all__ = ["AttentionMaps", "attention_maps", "attention_rollout"]

_PAGE_WEIGHTS = 1 << 24
"""Weights that a page holds at most: 32 MiB of them, 43 MiB as text."""
_ROLLOUT = "attention rollout"


@dataclass(frozen=True, eq=False)
class AttentionMaps(Explanation):
    """Attention of a text: ``weights`` float32 [layers, heads, queries, keys], each row of which sums to 1.

    queries, keys: the tokens that look and that are looked at, the same but in attention of a decoder to an encoder.
    layers, heads: names. method: "attention" or "attention rollout".
    """

    weights: NDArray[np.float32]
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    layers: tuple[str, ...]
    heads: tuple[str, ...]
    method: str = "attention"

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens that look."""
        return self.queries

    def head(self, layer: int, head: int) -> NDArray[np.float32]:
        """[queries, keys] of one head; negative numbers count from the end. Raises `InvalidArgumentError` for others."""
        self._check("layer", layer, len(self.layers))
        self._check("head", head, len(self.heads))
        return self.weights[layer, head]  # type: ignore[no-any-return]

    def layer(self, layer: int) -> NDArray[np.float32]:
        """[queries, keys]: the mean of a layer's heads."""
        self._check("layer", layer, len(self.layers))
        return self.weights[layer].mean(0)  # type: ignore[no-any-return]

    def select(
        self, layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> AttentionMaps:
        """Some of the layers and heads alone."""
        chosen = []
        for name, wanted, names in (("layer", layers, self.layers), ("head", heads, self.heads)):
            numbers = list(range(len(names))) if wanted is None else list(wanted)
            for number in numbers:
                self._check(name, number, len(names))
            if not numbers:
                raise InvalidArgumentError(f"{name}s is empty, expected one or more of {len(names)}")
            chosen.append(numbers)
        return replace(
            self,
            weights=self.weights[np.ix_(*chosen)],
            layers=tuple(self.layers[number] for number in chosen[0]),
            heads=tuple(self.heads[number] for number in chosen[1]),
        )

    def rollout(
        self, *, fusion: Literal["mean", "max", "min"] = "mean", residual: float = 0.5
    ) -> AttentionMaps:
        """How much of each token's state after a layer comes from which token of the text (Abnar and Zuidema 2020).

        Each layer's heads become one by ``fusion``, a share ``residual`` of the identity stands for the residual stream, rows
        are made to sum to 1, and the layers are multiplied up to each. The result has one head.

        Raises `InvalidArgumentError` for attention of a decoder to an encoder, of which there is none, and a share outside of
        0 to 1; `UnknownNameError` for another fusion.

        >>> maps = AttentionMaps(np.full((2, 1, 2, 2), 0.5, np.float32), ("a", "b"), ("a", "b"), ("1", "2"), ("1",))
        >>> maps.rollout().weights[-1, 0].tolist()
        [[0.625, 0.375], [0.375, 0.625]]
        """
        fusions: dict[str, Any] = {"mean": np.mean, "max": np.max, "min": np.min}
        if fusion not in fusions:
            known = ", ".join(fusions)
            raise UnknownNameError(f"fusion is {fusion!r}, expected one of {known}{nearest(fusion, fusions)}")
        if not 0 <= residual <= 1:
            raise InvalidArgumentError(f"residual is {residual}, expected 0 to 1")
        if self.weights.shape[2] != self.weights.shape[3] or self.queries != self.keys:
            raise InvalidArgumentError("rollout needs attention of tokens to themselves, but keys are others")
        fused = fusions[fusion](self.weights.astype(np.float64), axis=1)
        mixed = (1 - residual) * fused + residual * np.eye(fused.shape[-1])
        total = mixed.sum(-1, keepdims=True)
        mixed = np.divide(mixed, total, out=np.zeros_like(mixed), where=total > 0)
        for layer in range(1, len(mixed)):
            mixed[layer] = mixed[layer] @ mixed[layer - 1]
        return replace(self, weights=mixed[:, None].astype(np.float32), heads=(fusion,), method=_ROLLOUT)

    def __str__(self) -> str:
        """For each token the one that the last layer looks at most, its heads' mean."""
        last = self.layer(-1)
        best = last.argmax(1)
        return "\n".join(
            f"{query!r:>20} -> {self.keys[key]!r:<20} {last[row, key]:.3f}"
            for row, (query, key) in enumerate(zip(self.queries, best.tolist(), strict=True))
        )

    @staticmethod
    def _check(name: str, number: int, size: int) -> None:
        if not -size <= number < size:
            raise InvalidArgumentError(f"{name} is {number}, but there are {size}: expected 0 to {size - 1}")

    def _draw(self, figure: Any, layer: int | None = None, head: int | None = None) -> None:
        """One head, the mean of a layer's, or, without either, all heads of all layers as small squares."""
        if layer is None and head is None and self.weights.shape[0] * self.weights.shape[1] > 1:
            self._draw_all(figure)
            return
        layer = -1 if layer is None else layer
        values = self.layer(layer) if head is None else self.head(layer, head)
        which = "mean of heads" if head is None else f"head {self.heads[head]}"
        if len(self.heads) == 1:
            which = ""
        size = min(2.5 + 0.16 * max(values.shape), 14)
        figure.set_size_inches(size + 1, size)
        axis = figure.subplots()
        image = axis.imshow(values, cmap="viridis", vmin=0, aspect="auto")
        label_tokens(axis, self.keys)
        label_tokens(axis, self.queries, which="y")
        axis.set_title(f"{self.method}: layer {self.layers[layer]}{', ' if which else ''}{which}", fontsize=9)
        axis.set(xlabel="looked at", ylabel="looks")
        figure.colorbar(image, ax=axis)

    def _draw_all(self, figure: Any) -> None:
        layers, heads = self.weights.shape[:2]
        figure.set_size_inches(max(3.0, 0.9 * heads + 0.6), max(2.0, 0.9 * layers + 0.6))
        axes = figure.subplots(layers, heads, squeeze=False)
        for layer, row in enumerate(axes):
            for head, axis in enumerate(row):
                axis.imshow(self.weights[layer, head], cmap="viridis", vmin=0, vmax=1)
                axis.set(xticks=[], yticks=[])
                if layer == 0:
                    axis.set_title(self.heads[head], fontsize=8)
            row[0].set_ylabel(f"layer {self.layers[layer]}", fontsize=8)
        figure.suptitle(f"{self.method}: heads of all layers", fontsize=10)

    def _view(self) -> dict[str, Any]:
        if self.weights.size > _PAGE_WEIGHTS:
            shape = " x ".join(map(str, self.weights.shape))
            raise LimitError(
                f"{shape} attention weights, at most {_PAGE_WEIGHTS:,} fit a page: take some layers by select()"
            )
        steps = np.rint(self.weights.clip(0, 1) * 65535).astype("<u2")
        return {
            "kind": "attention",
            "title": self.method.capitalize(),
            "queries": self.queries,
            "keys": self.keys,
            "layers": self.layers,
            "heads": self.heads,
            "weights": base64.b64encode(steps.tobytes()).decode("ascii"),
        }


def attention_maps(
    model: Explained,
    text: str,
    *,
    tokenizer: Tokenizer | None = None,
    written: str | None = None,
    stack: Literal["encoder", "decoder", "cross"] | None = None,
) -> AttentionMaps:
    """The attention weights of a text: [layers, heads, queries, keys], float32.

    Args:
        model: a decoder, an encoder with or without a head, or an encoder-decoder: a `LanguageModel`, a `TextEncoder`, a
            pipeline, or the bare model with its ``tokenizer``. Weights of 16, 8 and 4 bits will do.
        text: read as `generate` reads a prompt, with the special tokens that the tokenizer adds.
        written: of an encoder-decoder, the text that its decoder has written so far.
        stack: of an encoder-decoder, whose attention: the encoder's to the text (the default where nothing is written), the
            decoder's to what is written, or "cross" (the default where it is), the decoder's to the text.

    Raises `InvalidArgumentError` for a model without attention, an empty text, and one that does not fit the model.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> from ferrolm.tokenizers import Tokenizer
    >>> tokenizer = Tokenizer.from_bpe({"a": 0, "b": 1, "c": 2}, [])
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=3, n_positions=8, n_embd=8, n_layer=2, n_head=4)).eval()
    >>> maps = attention_maps(model, "abc", tokenizer=tokenizer)
    >>> maps.weights.shape, maps.tokens, maps.head(0, 3)[0].tolist()
    ((2, 4, 3, 3), ('a', 'b', 'c'), [1.0, 0.0, 0.0])
    """
    network = network_of(model, tokenizer)[0]
    if isinstance(network, Seq2SeqLM):
        return _of_pair(model, network, text, tokenizer, written, stack)
    if written is not None or stack is not None:
        raise InvalidArgumentError(
            f"written and stack are for encoder-decoders, but model is a {type(network).__name__}"
        )
    reading = read(model, text, tokenizer, logits=False)
    seen = Observation(_stack(network))
    with torch.inference_mode(), evaluating(network), seen.watching():
        _stack(network)(reading.input_ids())
    return _maps(seen.attentions, reading.tokens, reading.tokens)


def attention_rollout(
    model: Explained,
    text: str,
    *,
    tokenizer: Tokenizer | None = None,
    fusion: Literal["mean", "max", "min"] = "mean",
    residual: float = 0.5,
) -> AttentionMaps:
    """`AttentionMaps.rollout` of a text's `attention_maps`, whose arguments the first three are."""
    return attention_maps(model, text, tokenizer=tokenizer).rollout(fusion=fusion, residual=residual)


def _stack(network: Any) -> Any:
    """The layers of a decoder or an encoder; raises for models that do not attend."""
    if isinstance(network, CausalLM) and network.base_model_prefix:
        return network.decoder
    if isinstance(network, BertPretrainedModel):
        return network if isinstance(network, BertModel) else network.bert
    raise InvalidArgumentError(f"{type(network).__name__} has no attention that could be shown")


def _of_pair(
    model: Explained,
    network: Any,
    text: str,
    tokenizer: Tokenizer | None,
    written: str | None,
    stack: str | None,
) -> AttentionMaps:
    """Attention of an encoder-decoder."""
    stack = stack or ("encoder" if written is None else "cross")
    stacks = ("encoder", "decoder", "cross")
    if stack not in stacks:
        known = ", ".join(stacks)
        raise UnknownNameError(f"stack is {stack!r}, expected one of {known}{nearest(stack, stacks)}")
    if stack != "encoder" and written is None:
        raise InvalidArgumentError(f"written is missing: {stack!r} is attention of a text that is written")
    reading = read_pair(model, text, tokenizer, written or "")
    seen = Observation(network.encoder if stack == "encoder" else network.decoder)
    with torch.inference_mode(), evaluating(network):
        if stack == "encoder":
            with seen.watching():
                network.encode(reading.source_ids())
        else:
            states = network.encode(reading.source_ids())
            with seen.watching():
                network(decoder_input_ids=reading.decoder_ids(), encoder_outputs=states)
    source, target = reading.tokens[: reading.decoder_start], reading.tokens[reading.decoder_start :]
    if stack == "encoder":
        return _maps(seen.attentions, source, source)
    if stack == "decoder":
        return _maps(seen.attentions, target, target)
    return _maps(seen.cross_attentions, target, source)


def _maps(attentions: list[Tensor], queries: tuple[str, ...], keys: tuple[str, ...]) -> AttentionMaps:
    weights = np.stack([each[0].float().cpu().numpy() for each in attentions])
    layers, heads = (tuple(str(number) for number in range(size)) for size in weights.shape[:2])
    return AttentionMaps(weights, queries, keys, layers, heads)
