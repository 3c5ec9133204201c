"""Philox4x32-10 (Salmon et al., 2011) in torch: the numbers of the Rust core, keyed by seed and counted by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ferrolm._extras import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch", purpose="sampling from logits on a device")

__all__ = ["token_uniforms", "two_uniforms", "uniforms"]

_WORD = 0xFFFF_FFFF
_ROUNDS = 10
_MULTIPLIERS = (0xD251_1F53, 0xCD9E_8D57)
_KEY_STEPS = (0x9E37_79B9, 0xBB67_AE85)


def uniforms(seeds: Tensor, steps: Tensor) -> Tensor:
    """Numbers in [0, 1), float64, for int64 seeds and steps (their 64 bits)."""
    return two_uniforms(seeds, steps)[0]


def two_uniforms(seeds: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Two such numbers; the second one is for what a step leaves to chance beside its draw.

    The four words are two pairs, [2, batch], because on a device each operation costs its launch: six for a round.
    """
    which = torch.arange(2, device=seeds.device)[:, None]
    first, second = torch.stack([steps, torch.zeros_like(steps)]) & _WORD, torch.zeros_like(steps)
    second = torch.stack([steps >> 32 & _WORD, second])
    turns = torch.arange(_ROUNDS, device=seeds.device)[:, None, None]
    keys = torch.stack([seeds, seeds >> 32]) + turns * _pair(_KEY_STEPS, which) & _WORD
    multipliers = _pair(_MULTIPLIERS, which)
    for key in keys:
        product = (first * multipliers).flip(0)  # wraps around, which leaves the right 64 bits
        # What is above 32 bits falls away here, and at the end in the second pair.
        first, second = (product >> 32 ^ second ^ key) & _WORD, product
    numbers = ((second & _WORD) << 21 | first >> 11).double() * 2.0**-53
    return numbers[0], numbers[1]


def token_uniforms(seeds: Tensor, steps: Tensor, beams: int, vocab: int) -> Tensor:
    """A number for each token of each beam, float64 [batch, beams, vocab], on counters that no other draw uses."""
    device = seeds.device
    k0, k1 = seeds[:, None, None] & _WORD, seeds[:, None, None] >> 32 & _WORD
    a, b = steps[:, None, None] & _WORD, steps[:, None, None] >> 32 & _WORD
    c = torch.arange((vocab + 1) // 2, device=device)
    d = torch.arange(beams, device=device)[:, None] | 1 << 31
    for _ in range(_ROUNDS):
        left, right = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]  # wrap around, which leaves the right 64 bits
        a, b, c, d = (
            (right >> 32 & _WORD) ^ b ^ k0,
            right & _WORD,
            (left >> 32 & _WORD) ^ d ^ k1,
            left & _WORD,
        )
        k0, k1 = k0 + _KEY_STEPS[0] & _WORD, k1 + _KEY_STEPS[1] & _WORD
    pairs = torch.stack([b.double() * 2.0**32 + a, d.double() * 2.0**32 + c], -1)
    return ((pairs + 0.5) * 2.0**-64).flatten(2)[:, :, :vocab]


def _pair(values: tuple[int, int], which: Tensor) -> Tensor:
    """[2, 1] by arithmetic: a tensor made from numbers of the host would be a copy."""
    return which * (values[1] - values[0]) + values[0]
