"""The steps between the adjusted logits and the draw, in plain torch: each takes logits and masks what it drops.

Twins of the steps in Rust, which has them in one pass; here each is a few operations on (batch, vocab). None waits for
the device or copies from the host, so that they can be captured in a graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ferrolm._extras import require
from ferrolm.sampling.columns import Chain, Columns

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch", purpose="sampling from logits on a device")

__all__ = ["weights"]

_LOG2_E = math.log2(math.e)
_LN_2 = math.log(2.0)
# As in transformers: top_h looks at so many tokens.
_TOP_H_TOKENS = 100
_LEAST_TEMPERATURE = 1e-5
# Tokens from which mirostat 1 estimates the exponent of Zipf's law.
_ZIPF_TOKENS = 100


def weights(x: Tensor, columns: Columns, chances: Tensor, mu: Tensor | None = None) -> Tensor:
    """float32 [batch, vocab], 1 for the most probable token that is left, 0 for those that are filtered out.

    ``x`` are adjusted logits, ``chances`` uniform numbers, float64 [batch], ``mu``
    where mirostat stands, float64 [batch, 1]; None is at its beginning. Greedy rows take no step.
    """
    if len(columns.chains) == 1:
        return _in_order(x, columns.chains[0], chances, mu)
    out = torch.empty_like(x)
    for chain in columns.chains:
        assert chain.rows is not None
        limits = None if mu is None else mu.index_select(0, chain.rows)
        own = _in_order(x.index_select(0, chain.rows), chain, chances.index_select(0, chain.rows), limits)
        out.index_copy_(0, chain.rows, own)
    return out


def _in_order(x: Tensor, chain: Chain, chances: Tensor, mu: Tensor | None) -> Tensor:
    temperature = torch.ones(x.shape[0], 1, dtype=torch.float64, device=x.device)
    for name in chain.steps:
        scale = _scale(temperature)
        if name == "temperature":
            temperature = temperature * _temperature(x, chain, scale)
            continue
        if name == "mirostat":
            dropped = _surprising(x, chain, scale, chain.numbers["mirostat_mu"] if mu is None else mu)
            x = x.masked_fill(dropped & chain.active[name] if name in chain.active else dropped, -math.inf)
            continue
        dropped = (
            _top_choices(x, chain, scale) & (chances[:, None] < chain.numbers["xtc_probability"])
            if name == "xtc"
            else _DROPPED[name](x, chain, scale)
        )
        if name in chain.active:
            dropped = dropped & chain.active[name]
        x = x.masked_fill(dropped, -math.inf)
    return torch.exp2((x - _top(x)) * _scale(temperature))


def _scale(temperature: Tensor) -> Tensor:
    """Factor of the exponents of 2; not nothing, even where the temperature is beyond float32."""
    return (_LOG2_E / temperature).float().clamp(min=torch.finfo(torch.float32).tiny)


def _temperature(x: Tensor, chain: Chain, scale: Tensor) -> Tensor:
    own = chain.numbers["temperature"]
    if not chain.warms:
        return own
    reach = chain.numbers["dynatemp_range"]
    most = torch.isfinite(x).sum(-1, keepdim=True).double().log()
    share = torch.where(most > 0.0, _entropy(x, scale) / most, 0.0).clamp(0.0, 1.0)
    low, high = (own - reach).clamp(min=0.0), own + reach
    warmed = low + (high - low) * share ** chain.numbers["dynatemp_exponent"]
    return torch.where(reach > 0.0, warmed.clamp(min=_LEAST_TEMPERATURE), own)


def _below_n_sigma(x: Tensor, chain: Chain, scale: Tensor) -> Tensor:
    finite, values = torch.isfinite(x), x.double()
    count = finite.sum(-1, keepdim=True)
    mean = torch.where(finite, values, 0.0).sum(-1, keepdim=True) / count
    variance = torch.where(finite, values - mean, 0.0).square().sum(-1, keepdim=True) / count
    return _below(x, _top(x).double() - chain.numbers["top_n_sigma"] * variance.sqrt())


def _beyond_top_h(x: Tensor, chain: Chain, scale: Tensor) -> Tensor:
    ordered = x.topk(min(_TOP_H_TOKENS, x.shape[1])).values
    mass = torch.exp2((ordered - ordered[:, :1]) * scale).double()
    p = mass / mass.sum(-1, keepdim=True)
    terms = torch.where(p > 0.0, -p * p.log(), 0.0)
    within = terms.cumsum(-1) <= terms.sum(-1, keepdim=True) * chain.numbers["top_h"]
    kept = within.sum(-1, keepdim=True).clamp(min=1)
    # `topk` does not say which of equal tokens it takes: the first ones stay, as many as there is room for.
    cut = ordered.gather(1, kept - 1)
    ties = x == cut
    room = kept - (x > cut).sum(-1, keepdim=True)
    return (x < cut) | (ties & (ties.cumsum(-1, dtype=torch.int32) > room))


def _below_top_k(x: Tensor, chain: Chain, scale: Tensor) -> Tensor:
    if chain.place_of_k is None or chain.has_k is None:
        return torch.zeros_like(x, dtype=torch.bool)
    kth = x.topk(chain.largest_k).values.gather(1, chain.place_of_k)
    return (x < kth) & chain.has_k


def _beyond_top_p(x: Tensor, chain: Chain, scale: Tensor) -> Tensor:
    # Bisecting the cut instead, 32 passes over the logits, keeps the same tokens but takes 1.3 to 2.2 times as long as
    # this sort on a CPU, and moves more memory on a GPU as long as each operation is a pass of its own.
    ordered, tokens = x.sort(descending=True, stable=True)
    mass = torch.exp2((ordered - ordered[:, :1]) * scale).double()
    cumulative = mass.cumsum(-1)
    # A token stays while the mass before it is short of the target; the first one always does.
    target = chain.numbers["top_p"] * cumulative[:, -1:]
    dropped = cumulative - mass >= target
    dropped[:, 0] = False
    return torch.zeros_like(dropped).scatter(1, tokens, dropped)


def _below_min_p(x: Tensor, chain: Chain, scale: Tensor) -> Tensor:
    return _below(x, _top(x).double() + chain.numbers["log2_min_p"] / scale.double())


def _untypical(x: Tensor, chain: Chain, scale: Tensor) -> Tensor:
    mass = _mass(x, scale)
    total = mass.sum(-1, keepdim=True)
    # The information of the most probable token is ln(total), and each exponent of 2 adds ln(2).
    offset = (_entropy(x, scale) - total.log()).float()
    distance = ((_top(x) - x) * (scale * _LN_2) - offset).abs()
    ordered, tokens = distance.sort(stable=True)
    cumulative = mass.gather(1, tokens).cumsum(-1)
    target = chain.numbers["typical_p"] * total
    last = (cumulative < target).sum(-1, keepdim=True).clamp(max=x.shape[1] - 1)
    return distance > ordered.gather(1, last)


def _below_epsilon(x: Tensor, chain: Chain, scale: Tensor) -> Tensor:
    return _below_probability(x, chain.numbers["epsilon_cutoff"], scale)


def _below_eta(x: Tensor, chain: Chain, scale: Tensor) -> Tensor:
    cutoff = chain.numbers["eta_cutoff"]
    return _below_probability(x, torch.minimum(cutoff, cutoff.sqrt() * (-_entropy(x, scale)).exp()), scale)


def _top_choices(x: Tensor, chain: Chain, scale: Tensor) -> Tensor:
    mass = _mass(x, scale)
    threshold = chain.numbers["xtc_threshold"] * mass.sum(-1, keepdim=True)
    above = mass.float() >= threshold.float()
    least = torch.where(above, x, math.inf).amin(-1, keepdim=True)
    tokens = torch.arange(x.shape[1], device=x.device)
    last = torch.where(above & (x == least), tokens, -1).amax(-1, keepdim=True)
    return above & (tokens != last)


def _surprising(x: Tensor, chain: Chain, scale: Tensor, mu: Tensor) -> Tensor:
    """What mirostat drops, which carries more than ``mu`` bits, float64 [batch, 1]."""
    by_zipf = chain.numbers["mirostat"] == 1.0
    return torch.where(by_zipf, _beyond_zipf(x, scale, mu), _below_probability(x, torch.exp2(-mu), scale))


def _beyond_zipf(x: Tensor, scale: Tensor, mu: Tensor) -> Tensor:
    vocab = x.shape[1]
    ordered = x.sort(descending=True).values
    logs = ordered[:, :_ZIPF_TOKENS].double() * (scale.double() * _LN_2)
    ranks = torch.arange(1, logs.shape[1], device=x.device, dtype=torch.float64)
    spacing = ((ranks + 1) / ranks).log()
    drops = logs[:, :-1] - logs[:, 1:]
    real = torch.isfinite(drops)
    products = torch.where(real, spacing * drops, 0.0).sum(-1, keepdim=True)
    exponent = products / torch.where(real, spacing.square(), 0.0).sum(-1, keepdim=True)
    over = exponent - 1.0
    count = (over * torch.exp2(mu) / (1.0 - float(vocab) ** -over)) ** (1.0 / exponent)
    place = count.nan_to_num(1.0).clamp(1.0, vocab).long() - 1
    return x < ordered.gather(1, place)


_DROPPED: dict[str, Callable[[Tensor, Chain, Tensor], Tensor]] = {
    "top_n_sigma": _below_n_sigma,
    "top_h": _beyond_top_h,
    "top_k": _below_top_k,
    "top_p": _beyond_top_p,
    "min_p": _below_min_p,
    "typical_p": _untypical,
    "epsilon_cutoff": _below_epsilon,
    "eta_cutoff": _below_eta,
}


def _top(x: Tensor) -> Tensor:
    return x.amax(-1, keepdim=True)


def _mass(x: Tensor, scale: Tensor) -> Tensor:
    return torch.exp2((x - _top(x)) * scale).double()


def _entropy(x: Tensor, scale: Tensor) -> Tensor:
    """In nats, float64 [batch, 1]."""
    mass = _mass(x, scale)
    total = mass.sum(-1, keepdim=True)
    drop = torch.where(mass > 0.0, (_top(x) - x).double(), 0.0)
    return total.log() + (mass * drop).sum(-1, keepdim=True) / total * scale.double() * _LN_2


def _below(x: Tensor, bound: Tensor) -> Tensor:
    return x < torch.minimum(bound.float(), _top(x))


def _below_probability(x: Tensor, least: Tensor, scale: Tensor) -> Tensor:
    total = _mass(x, scale).sum(-1, keepdim=True)
    return _below(x, _top(x).double() + (least * total).log2() / scale.double())
