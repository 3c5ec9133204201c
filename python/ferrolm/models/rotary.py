"""Rotary position embedding: pairs of a head's numbers turned by angles that grow with the position.

Su et al. 2021, "RoFormer". The product of a query and a key that were turned so depends on their distance, not on where they
are. Number i of a head is paired with number i + head_dim / 2, as in the checkpoints of Hugging Face. A model reads more
tokens than it was trained with when slow turns are made slower: Peng et al. 2023, "YaRN"; Ding et al. 2024, "LongRoPE".
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

__all__ = ["RotaryEmbedding", "rotate"]


class RotaryEmbedding:
    """Cosines and sines of the angles, [..., 1, time, head_dim / 2] each, for positions [..., time].

    parameters: of `LlamaConfig.rope_parameters`; max_position_embeddings: with which the model was trained, for "dynamic".
    The frequencies are no module's buffer: they stay float32 when the model does not, because bfloat16 cannot tell positions
    beyond 256 apart. ``scale`` is what cosines and sines are multiplied with (the attention factor of YaRN). In rotary
    embeddings that vary ("dynamic" and "longrope") the frequencies depend on the last position of a row, and what a cache
    holds keeps those that it was made with, as in transformers.
    """

    def __init__(self, head_dim: int, parameters: dict[str, Any], max_position_embeddings: int = 0) -> None:
        self.frequencies = _frequencies(head_dim, parameters)
        self.scale = _scale(parameters)
        self.varies = parameters["rope_type"] == "dynamic" or (
            parameters["rope_type"] == "longrope" and parameters["short_factor"] != parameters["long_factor"]
        )
        self._parameters, self._head_dim, self._trained = parameters, head_dim, max_position_embeddings
        # Of texts beyond the length of training; only "longrope" has two sets.
        self._long = _divided(head_dim, parameters, "long_factor") if "long_factor" in parameters else None

    def __call__(self, position_ids: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        if self.frequencies.device != position_ids.device:
            self.frequencies = self.frequencies.to(position_ids.device)
        frequencies = self._of_length(position_ids) if self.varies else self.frequencies
        angles = (position_ids[..., None].float() * frequencies).unsqueeze(-3)
        cosines, sines = angles.cos(), angles.sin()
        if self.scale != 1:
            cosines, sines = cosines * self.scale, sines * self.scale
        return cosines.to(dtype), sines.to(dtype)

    def _of_length(self, position_ids: Tensor) -> Tensor:
        """[..., 1, head_dim / 2], by the last position of each row; computed on the device, without waiting for it."""
        length = position_ids.amax(-1)[..., None, None] + 1
        parameters = self._parameters
        if self._long is not None:
            self._long = self._long.to(position_ids.device)
            is_long = length > parameters["original_max_position_embeddings"]
            return torch.where(is_long, self._long, self.frequencies)
        trained, factor, size = self._trained, parameters["factor"], self._head_dim
        growth = factor * length.clamp(min=trained) / trained - (factor - 1)
        exponents = torch.arange(0, size, 2, device=position_ids.device).float() / size
        base = parameters["rope_theta"] * growth ** (size / (size - 2))
        varied: Tensor = 1.0 / base**exponents
        return varied


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """``x`` [batch, heads, time, head_dim], each pair turned by its angle.

    >>> quarter_turn = torch.tensor([[0.0]]), torch.tensor([[1.0]])
    >>> rotate(torch.tensor([[[[3.0, 4.0]]]]), *quarter_turn).tolist()
    [[[[-4.0, 3.0]]]]
    """
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosines - second * sines, second * cosines + first * sines), dim=-1)


def _frequencies(head_dim: int, parameters: dict[str, Any]) -> Tensor:
    """Radians a position, float32 [head_dim / 2], from 1 down to nearly 1 / rope_theta."""
    kind = parameters["rope_type"]
    if kind == "longrope":
        return _divided(head_dim, parameters, "short_factor")
    frequencies = _plain(head_dim, parameters)
    if kind == "linear":
        frequencies = frequencies / parameters["factor"]
    elif kind == "llama3":
        frequencies = _stretched(frequencies, parameters)
    elif kind == "yarn":
        frequencies = _ramped(frequencies, parameters)
    return frequencies


def _plain(head_dim: int, parameters: dict[str, Any]) -> Tensor:
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
    frequencies: Tensor = 1.0 / parameters["rope_theta"] ** exponents
    return frequencies


def _divided(head_dim: int, parameters: dict[str, Any], name: str) -> Tensor:
    """LongRoPE: each frequency by a factor of its own, which was searched for."""
    return _plain(head_dim, parameters) / torch.tensor(parameters[name], dtype=torch.float32)


def _stretched(frequencies: Tensor, parameters: dict[str, Any]) -> Tensor:
    """Llama 3.1: slow frequencies are divided by ``factor``, fast ones kept, and those between them blended.

    Slow and fast are told by how many turns fit into the context that the model was first trained with.
    """
    low, high = parameters["low_freq_factor"], parameters["high_freq_factor"]
    turns = parameters["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    stretched: Tensor = frequencies * (kept + (1 - kept) / parameters["factor"])
    return stretched


def _ramped(frequencies: Tensor, parameters: dict[str, Any]) -> Tensor:
    """YaRN: as Llama 3.1, but blended along the number of the pair, between those that turn beta_fast and beta_slow times."""
    pairs = len(frequencies)
    theta, original = parameters["rope_theta"], parameters["original_max_position_embeddings"]

    def pair_with(turns: float) -> float:
        return pairs * math.log(original / (turns * 2 * math.pi)) / math.log(theta)

    first = pair_with(parameters.get("beta_fast") or 32)
    last = pair_with(parameters.get("beta_slow") or 1)
    if parameters.get("truncate", True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, 2 * pairs - 1)
    width = last - first or 0.001  # a step where both are the same pair
    kept = 1 - ((torch.arange(pairs, dtype=torch.float32) - first) / width).clamp(0, 1)
    ramped: Tensor = frequencies * kept + frequencies / parameters["factor"] * (1 - kept)
    return ramped


def _scale(parameters: dict[str, Any]) -> float:
    """What makes up for the softmax over more keys; `complete_rope` has filled in the factor."""
    kind, given = parameters["rope_type"], parameters.get("attention_factor")
    if kind not in ("yarn", "longrope"):
        return 1.0
    if given is not None:
        return float(given)
    factor = parameters["factor"]
    if kind == "longrope":
        original = parameters["original_max_position_embeddings"]
        return 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))
    several = parameters.get("mscale"), parameters.get("mscale_all_dim")
    if all(several):
        above, below = (_yarn_scale(factor, each) for each in several)
        return above / below
    return _yarn_scale(factor, 1)


def _yarn_scale(factor: float, weight: Any) -> float:
    return 1.0 if factor <= 1 else 0.1 * float(weight) * math.log(factor) + 1.0
