"""Rotary position embedding: pairs of a head's numbers turned by angles that grow with the position.

Su et al. 2021, "RoFormer". The product of a query and a key that were turned so depends on their distance, not on where they
are. Number i of a head is paired with number i + head_dim / 2, as in the checkpoints of Hugging Face.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

__all__ = ["RotaryEmbedding", "rotate"]


class RotaryEmbedding:
    """Cosines and sines of the angles, [..., 1, time, head_dim / 2] each, for positions [..., time].

    parameters: of `LlamaConfig.rope_parameters`. The frequencies are no module's buffer: they stay float32 when the model
    does not, because bfloat16 cannot tell positions beyond 256 apart.
    """

    def __init__(self, head_dim: int, parameters: dict[str, Any]) -> None:
        self.frequencies = _frequencies(head_dim, parameters)

    def __call__(self, position_ids: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        if self.frequencies.device != position_ids.device:
            self.frequencies = self.frequencies.to(position_ids.device)
        angles = (position_ids[..., None].float() * self.frequencies).unsqueeze(-3)
        return angles.cos().to(dtype), angles.sin().to(dtype)


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
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
    frequencies: Tensor = 1.0 / parameters["rope_theta"] ** exponents
    if parameters["rope_type"] == "linear":
        frequencies = frequencies / parameters["factor"]
    elif parameters["rope_type"] == "llama3":
        frequencies = _stretched(frequencies, parameters)
    return frequencies


def _stretched(frequencies: Tensor, parameters: dict[str, Any]) -> Tensor:
    """Llama 3.1: slow frequencies are divided by ``factor``, fast ones kept, and those between them blended.

    Slow and fast are told by how many turns fit into the context that the model was first trained with.
    """
    low, high = parameters["low_freq_factor"], parameters["high_freq_factor"]
    turns = parameters["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    stretched: Tensor = frequencies * (kept + (1 - kept) / parameters["factor"])
    return stretched
