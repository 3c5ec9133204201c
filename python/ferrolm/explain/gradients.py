"""Attributions by gradients: `saliency` (the gradient, or times the input) and `integrated_gradients`.

Gradients are those of token embeddings. Nothing is added to the gradients of the model's own weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ferrolm.errors import InvalidArgumentError, UnknownNameError, nearest
from ferrolm.explain.attribution import Attribution
from ferrolm.explain.baselines import baseline_vectors
from ferrolm.explain.pairs import read_answer
from ferrolm.explain.reading import Explained, Reading, evaluating
from ferrolm.explain.targets import Output, Target, find_target
from ferrolm.tokenizers import Tokenizer

__all__ = ["integrated_gradients", "saliency"]

_LARGEST_DELTA = 0.05
"""Share of the difference of the answers that scores may miss before there is a warning."""
_METHODS = {"norm": "gradient norm", "gradient-x-input": "gradient x input"}


def saliency(
    model: Explained,
    text: str,
    *,
    method: Literal["norm", "gradient-x-input"] = "norm",
    target: str | int | None = None,
    foil: str | int | None = None,
    position: int | None = None,
    output: Output = "logit",
    written: str | None = None,
    tokenizer: Tokenizer | None = None,
) -> Attribution:
    """How strongly the model's answer changes with each token's embedding.

    Args:
        model: a decoder, recurrent ones too, an encoder-decoder, or an encoder or LSTM with a head for classes, numbers or masked
            tokens: a `LanguageModel`, a `TextEncoder`, a pipeline, or the bare model with its ``tokenizer``.
        text: read as `generate` reads a prompt.
        method: "norm": the length of the gradient (Simonyan et al. 2014; Li et al. 2016), never negative. "gradient-x-input":
            its product with the embedding, which has a sign (Denil et al. 2014).
        target: a label or its number; of language models a token, as text or id, that comes next, or stands at the mask. By
            default what the model answers.
        foil: explain why the target rather than this one (Yin and Neubig 2022).
        position: of language models, the token after which the target comes; by default the last. Of models of masked tokens,
            that of the mask. Of classifiers of tokens it has to be given. Of encoder-decoders, one of the decoder's tokens, of
            which 0 is the token that it starts with.
        output: "logit", "logprob" or "probability" of the target.
        written: of an encoder-decoder, what its decoder has written so far; by default nothing. Its tokens have scores as well,
            from ``decoder_start`` of the result.

    Gradients are computed in the type of the weights: those of 16 bits give two or three digits. Raises
    `InvalidArgumentError` for quantized weights, which have none, and what reading the text raises.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> tokenizer = Tokenizer.from_bpe({"a": 0, "b": 1, "c": 2}, [])
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=3, n_positions=8, n_embd=8, n_layer=1, n_head=2)).eval()
    >>> found = saliency(model, "abc", target="b", foil="c", tokenizer=tokenizer)
    >>> found.tokens, found.target, bool((found.scores >= 0).all())
    (('a', 'b', 'c'), "logit of 'b' rather than 'c'", True)
    """
    if method not in _METHODS:
        known = ", ".join(_METHODS)
        raise UnknownNameError(f"method is {method!r}, expected one of {known}{nearest(method, _METHODS)}")
    reading = _differentiable(read_answer(model, text, tokenizer, written))
    goal = find_target(reading, target, foil, position, output)
    embedded = reading.embedded()
    with evaluating(reading.model):
        values, gradients = _gradients(reading, goal, embedded[None])
    gradient = gradients[0].double()
    scores = gradient.norm(dim=-1) if method == "norm" else (gradient * embedded.double()).sum(-1)
    return Attribution(
        reading.tokens,
        _array(scores),
        reading.special,
        _METHODS[method],
        str(goal),
        float(values[0]),
        decoder_start=reading.decoder_start,
    )


def integrated_gradients(
    model: Explained,
    text: str,
    *,
    target: str | int | None = None,
    foil: str | int | None = None,
    position: int | None = None,
    output: Output = "logit",
    baseline: str | int = "mean",
    keep_special: bool = True,
    n_steps: int = 50,
    batch_size: int = 16,
    written: str | None = None,
    tokenizer: Tokenizer | None = None,
) -> Attribution:
    """Shares of the tokens in what the model's answer has more than with a text of nothing (Sundararajan et al. 2017).

    The gradients along the straight way from a baseline to the text are integrated by the Gauss-Legendre rule, and multiplied by
    the way. The scores sum to the difference of both answers ("completeness"); ``convergence_delta`` says by how much they
    miss it, and more steps make it smaller; there is a warning where it is above a twentieth.

    Args:
        baseline: the embedding that stands for nothing: "mean", that over the vocabulary; "zero"; that of the token "mask", "pad"
            or "unknown", or of an id. A model that begins with a norm without positions (Llama) sees a vector and its
            multiples alike, so that all of the change is at "zero" itself, where no rule finds it.
        keep_special: the special tokens are in the baseline too, so that they have no share.
        n_steps: points of the rule, each a pass forward and back.
        batch_size: points that are computed together.

    The other arguments are those of `saliency`, as is what is raised; `InvalidArgumentError` also for no steps.

    >>> from ferrolm.models import GPT2Config, GPT2LMHeadModel
    >>> tokenizer = Tokenizer.from_bpe({"a": 0, "b": 1, "c": 2}, [])
    >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=3, n_positions=8, n_embd=8, n_layer=1, n_head=2)).eval()
    >>> found = integrated_gradients(model, "abc", target="b", tokenizer=tokenizer)
    >>> abs(found.convergence_delta) < 1e-3
    True
    """
    for name, value in (("n_steps", n_steps), ("batch_size", batch_size)):
        if value < 1:
            raise InvalidArgumentError(f"{name} is {value}, expected 1 or more")
    reading = _differentiable(read_answer(model, text, tokenizer, written))
    goal = find_target(reading, target, foil, position, output)
    embedded = reading.embedded()
    start = baseline_vectors(reading, baseline, keep_special)
    with evaluating(reading.model):
        mean = _mean_gradient(reading, goal, start, embedded, n_steps, batch_size)
        with torch.no_grad():
            ends = goal.of(reading.logits(torch.stack([start, embedded]), goal.position)).tolist()
    scores = _array((mean * (embedded - start).double()).sum(-1))
    delta = float(scores.sum() - (ends[1] - ends[0]))
    if abs(delta) > max(_LARGEST_DELTA * abs(ends[1] - ends[0]), 1e-3):
        warnings.warn(
            f"the scores sum to {scores.sum():.4g}, but the answers differ by {ends[1] - ends[0]:.4g}: "
            f"n_steps is {n_steps}, take more, or another baseline than {baseline!r}",
            stacklevel=2,
        )
    return Attribution(
        reading.tokens,
        scores,
        reading.special,
        "integrated gradients",
        str(goal),
        value=ends[1],
        baseline_value=ends[0],
        convergence_delta=delta,
        decoder_start=reading.decoder_start,
    )


def _mean_gradient(
    reading: Reading, goal: Target, start: Tensor, end: Tensor, n_steps: int, batch_size: int
) -> Tensor:
    """float64 [time, width]: the integral over the way of length 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    total = torch.zeros_like(end, dtype=torch.float64)
    for first in range(0, n_steps, batch_size):
        some = slice(first, first + batch_size)
        shares = torch.from_numpy((1 + nodes[some]) / 2).to(end)[:, None, None]
        gradients = _gradients(reading, goal, start + shares * (end - start))[1]
        total += torch.einsum(
            "s,stw->tw", torch.from_numpy(weights[some] / 2).to(end.device), gradients.double()
        )
    return total


def _gradients(reading: Reading, goal: Target, embedded: Tensor) -> tuple[Tensor, Tensor]:
    """The target's values, [rows], and their gradients, [rows, time, width], for embeddings of that shape."""
    with torch.inference_mode(False), torch.enable_grad(), _frozen(reading.model):
        inputs = embedded.clone().requires_grad_()
        values = goal.of(reading.logits(inputs, goal.position))
        (gradients,) = torch.autograd.grad(values.sum(), inputs)
    return values.detach(), gradients


@contextmanager
def _frozen(network: Any) -> Iterator[None]:
    """Without gradients of the weights, for which nothing would have to be kept."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def _differentiable(reading: Reading) -> Reading:
    weight_format = getattr(reading.model, "weight_format", None)
    if weight_format is not None:
        raise InvalidArgumentError(
            f"the model's weights are {weight_format}, which have no gradients: load it in a floating-point dtype, or use occlusion"
        )
    return reading


def _array(scores: Tensor) -> NDArray[np.float64]:
    return scores.double().cpu().numpy()
