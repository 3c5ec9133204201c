"""The steps between the adjusted logits and the draw, in plain torch: each takes logits and masks what it drops.

Twins of the steps in Rust, which has them in one pass; here each is a few operations on (batch, vocab).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ferrolm._extras import require
from ferrolm.sampling.params import SamplingParams

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch", purpose="sampling from logits on a device")

__all__ = ["column", "weights"]

_LOG2_E = math.log2(math.e)
_LN_2 = math.log(2.0)
# As in transformers: top_h looks at so many tokens.
_TOP_H_TOKENS = 100
_LEAST_TEMPERATURE = 1e-5

_IS_SET: dict[str, Callable[[SamplingParams], bool]] = {
    "temperature": lambda row: row.temperature != 1.0 or row.dynatemp_range > 0.0,
    "top_n_sigma": lambda row: row.top_n_sigma > 0.0,
    "top_h": lambda row: row.top_h is not None,
    "top_k": lambda row: row.top_k > 0,
    "top_p": lambda row: row.top_p < 1.0,
    "min_p": lambda row: row.min_p > 0.0,
    "typical_p": lambda row: row.typical_p < 1.0,
    "epsilon_cutoff": lambda row: row.epsilon_cutoff > 0.0,
    "eta_cutoff": lambda row: row.eta_cutoff > 0.0,
    "xtc": lambda row: row.xtc_probability > 0.0,
}


def weights(x: Tensor, params: list[SamplingParams], chances: Tensor) -> Tensor:
    """float32 [batch, vocab], 1 for the most probable token that is left, 0 for those that are filtered out.

    ``x`` are adjusted logits, ``chances`` uniform numbers, float64 [batch]. Greedy rows take no step.
    """
    orders = [row.order or tuple(_IS_SET) for row in params]
    if len(set(orders)) == 1:
        return _in_order(x, params, chances, orders[0])
    out = torch.empty_like(x)
    for order in dict.fromkeys(orders):
        own = [row for row, other in enumerate(orders) if other == order]
        at = torch.tensor(own, device=x.device)
        out[at] = _in_order(x[at], [params[row] for row in own], chances[at], order)
    return out


def _in_order(x: Tensor, params: list[SamplingParams], chances: Tensor, order: Any) -> Tensor:
    temperature = torch.ones(len(params), 1, dtype=torch.float64, device=x.device)
    for name in order:
        active = [_IS_SET[name](row) and not row.is_greedy for row in params]
        if not any(active):
            continue
        scale = _scale(temperature)
        if name == "temperature":
            temperature = temperature * _temperature(x, params, scale)
        elif name == "xtc":
            excluded = _top_choices(x, params, scale) & (
                chances[:, None] < column(_of(params, "xtc_probability"), x, torch.float64)
            )
            x = x.masked_fill(excluded, -math.inf)
        else:
            dropped = _DROPPED[name](x, params, scale)
            x = x.masked_fill(dropped & column(active, x, torch.bool), -math.inf)
    return torch.exp2((x - _top(x)) * _scale(temperature))


def _scale(temperature: Tensor) -> Tensor:
    """Factor of the exponents of 2; not nothing, even where the temperature is beyond float32."""
    return (_LOG2_E / temperature).float().clamp(min=torch.finfo(torch.float32).tiny)


def _temperature(x: Tensor, params: list[SamplingParams], scale: Tensor) -> Tensor:
    own = column([1.0 if row.is_greedy else row.temperature for row in params], x, torch.float64)
    reach = column(_of(params, "dynatemp_range"), x, torch.float64)
    if not any(row.dynatemp_range > 0.0 for row in params):
        return own
    most = torch.isfinite(x).sum(-1, keepdim=True).double().log()
    share = torch.where(most > 0.0, _entropy(x, scale) / most, 0.0).clamp(0.0, 1.0)
    low, high = (own - reach).clamp(min=0.0), own + reach
    warmed = low + (high - low) * share ** column(_of(params, "dynatemp_exponent"), x, torch.float64)
    return torch.where(reach > 0.0, warmed.clamp(min=_LEAST_TEMPERATURE), own)


def _below_n_sigma(x: Tensor, params: list[SamplingParams], scale: Tensor) -> Tensor:
    finite, values = torch.isfinite(x), x.double()
    count = finite.sum(-1, keepdim=True)
    mean = torch.where(finite, values, 0.0).sum(-1, keepdim=True) / count
    variance = torch.where(finite, values - mean, 0.0).square().sum(-1, keepdim=True) / count
    return _below(
        x, _top(x).double() - column(_of(params, "top_n_sigma"), x, torch.float64) * variance.sqrt()
    )


def _beyond_top_h(x: Tensor, params: list[SamplingParams], scale: Tensor) -> Tensor:
    ordered, tokens = x.sort(descending=True, stable=True)
    ordered = ordered[:, :_TOP_H_TOKENS]
    mass = torch.exp2((ordered - ordered[:, :1]) * scale).double()
    p = mass / mass.sum(-1, keepdim=True)
    terms = torch.where(p > 0.0, -p * p.log(), 0.0)
    shares = [1.0 if row.top_h is None else row.top_h for row in params]
    kept = terms.cumsum(-1) <= terms.sum(-1, keepdim=True) * column(shares, x, torch.float64)
    kept[:, 0] = True
    return ~torch.zeros_like(x, dtype=torch.bool).scatter(1, tokens[:, : kept.shape[1]], kept)


def _below_top_k(x: Tensor, params: list[SamplingParams], scale: Tensor) -> Tensor:
    vocab = x.shape[1]
    ks = [row.top_k if 0 < row.top_k < vocab else vocab for row in params]
    largest = max((k for k in ks if k < vocab), default=0)
    if largest == 0:
        return torch.zeros_like(x, dtype=torch.bool)
    kth = x.topk(largest).values.gather(1, column([min(k, largest) - 1 for k in ks], x, torch.int64))
    return (x < kth) & column([k < vocab for k in ks], x, torch.bool)


def _beyond_top_p(x: Tensor, params: list[SamplingParams], scale: Tensor) -> Tensor:
    ordered, tokens = x.sort(descending=True, stable=True)
    mass = torch.exp2((ordered - ordered[:, :1]) * scale).double()
    cumulative = mass.cumsum(-1)
    # A token stays while the mass before it is short of the target; the first one always does.
    target = column(_of(params, "top_p"), x, torch.float64) * cumulative[:, -1:]
    dropped = cumulative - mass >= target
    dropped[:, 0] = False
    return torch.zeros_like(dropped).scatter(1, tokens, dropped)


def _below_min_p(x: Tensor, params: list[SamplingParams], scale: Tensor) -> Tensor:
    shares = [math.log2(row.min_p) if row.min_p else -math.inf for row in params]
    return _below(x, _top(x).double() + column(shares, x, torch.float64) / scale.double())


def _untypical(x: Tensor, params: list[SamplingParams], scale: Tensor) -> Tensor:
    mass = _mass(x, scale)
    total = mass.sum(-1, keepdim=True)
    # The information of the most probable token is ln(total), and each exponent of 2 adds ln(2).
    offset = (_entropy(x, scale) - total.log()).float()
    distance = ((_top(x) - x) * (scale * _LN_2) - offset).abs()
    ordered, tokens = distance.sort(stable=True)
    cumulative = mass.gather(1, tokens).cumsum(-1)
    target = column(_of(params, "typical_p"), x, torch.float64) * total
    last = (cumulative < target).sum(-1, keepdim=True).clamp(max=x.shape[1] - 1)
    return distance > ordered.gather(1, last)


def _below_epsilon(x: Tensor, params: list[SamplingParams], scale: Tensor) -> Tensor:
    return _below_probability(x, column(_of(params, "epsilon_cutoff"), x, torch.float64), scale)


def _below_eta(x: Tensor, params: list[SamplingParams], scale: Tensor) -> Tensor:
    cutoff = column(_of(params, "eta_cutoff"), x, torch.float64)
    return _below_probability(x, torch.minimum(cutoff, cutoff.sqrt() * (-_entropy(x, scale)).exp()), scale)


def _top_choices(x: Tensor, params: list[SamplingParams], scale: Tensor) -> Tensor:
    mass = _mass(x, scale)
    threshold = column(_of(params, "xtc_threshold"), x, torch.float64) * mass.sum(-1, keepdim=True)
    above = mass.float() >= threshold.float()
    least = torch.where(above, x, math.inf).amin(-1, keepdim=True)
    tokens = torch.arange(x.shape[1], device=x.device)
    last = torch.where(above & (x == least), tokens, -1).amax(-1, keepdim=True)
    return above & (tokens != last)


_DROPPED: dict[str, Callable[[Tensor, list[SamplingParams], Tensor], Tensor]] = {
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


def _of(params: list[SamplingParams], name: str) -> list[float]:
    return [getattr(row, name) for row in params]


def column(values: list[Any], x: Tensor, dtype: Any = None) -> Tensor:
    """One value for each row, [batch, 1], on the device."""
    return torch.tensor(values, dtype=dtype or torch.float32)[:, None].to(x.device, non_blocking=True)
