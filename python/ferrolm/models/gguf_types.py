"""How the numbers of a GGUF file's tensors are stored: plain, or in blocks that share a scale.

The layouts are those of ggml-common.h. A decoder takes blocks as uint8 [blocks, bytes] and gives numbers [blocks, numbers].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK_TYPES", "OTHER_TYPES", "BlockType"]

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class BlockType:
    """A type: so many ``numbers`` in so many bytes; ``dtype`` is what they become."""

    name: str
    numbers: int
    nbytes: int
    decode: Callable[[Bytes], NDArray[Any]]
    dtype: type[np.generic] = np.float32

    @property
    def is_quantized(self) -> bool:
        return self.numbers > 1


def _half(blocks: Bytes, at: int) -> Numbers:
    """The float16 at that byte of each block, [blocks, 1]."""
    return blocks[:, at : at + 2].copy().view("<f2").astype(np.float32)


def _nibbles(blocks: Bytes, at: int) -> Bytes:
    """32 halves of bytes from 16: the lower ones come first."""
    packed = blocks[:, at : at + 16]
    return np.concatenate([packed & 15, packed >> 4], axis=1)


def _fifth_bits(blocks: Bytes, at: int) -> Bytes:
    """The highest of five bits, from 4 bytes, in its place."""
    return np.unpackbits(blocks[:, at : at + 4], axis=1, bitorder="little") << np.uint8(4)


def _bfloat16(blocks: Bytes) -> Numbers:
    return (blocks.view("<u2").astype(np.uint32) << 16).view(np.float32)


def _q4_0(blocks: Bytes) -> Numbers:
    return _half(blocks, 0) * (_nibbles(blocks, 2).astype(np.float32) - 8)


def _q4_1(blocks: Bytes) -> Numbers:
    return _half(blocks, 0) * _nibbles(blocks, 4).astype(np.float32) + _half(blocks, 2)


def _q5_0(blocks: Bytes) -> Numbers:
    return _half(blocks, 0) * ((_nibbles(blocks, 6) | _fifth_bits(blocks, 2)).astype(np.float32) - 16)


def _q5_1(blocks: Bytes) -> Numbers:
    return _half(blocks, 0) * (_nibbles(blocks, 8) | _fifth_bits(blocks, 4)).astype(np.float32) + _half(
        blocks, 2
    )


def _q8_0(blocks: Bytes) -> Numbers:
    return _half(blocks, 0) * blocks[:, 2:].view(np.int8).astype(np.float32)


def _super_scales(packed: Bytes) -> tuple[Bytes, Bytes]:
    """Scales and minima of Q4_K and Q5_K, 8 each in 6 bits: [blocks, 12] bytes to two [blocks, 8]."""
    first, second, rest = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = np.concatenate([first & 63, (rest & 15) | ((first >> 6) << 4)], axis=1)
    minima = np.concatenate([second & 63, (rest >> 4) | ((second >> 6) << 4)], axis=1)
    return scales, minima


def _halves(packed: Bytes) -> Bytes:
    """128 bytes to [blocks, 8, 32]: of each 32 bytes, the lower halves, then the upper ones."""
    groups = packed.reshape(-1, 4, 1, 32)
    return np.concatenate([groups & 15, groups >> 4], axis=2).reshape(-1, 8, 32)


def _scaled(blocks: Bytes, levels: Bytes) -> Numbers:
    """``levels`` [blocks, 8, 32] by the scales at the start of a block of Q4_K or Q5_K."""
    scales, minima = _super_scales(blocks[:, 4:16])
    slope = (_half(blocks, 0) * scales)[:, :, None]
    shift = (_half(blocks, 2) * minima)[:, :, None]
    return (slope * levels.astype(np.float32) - shift).reshape(-1, 256)


def _q4_k(blocks: Bytes) -> Numbers:
    return _scaled(blocks, _halves(blocks[:, 16:]))


def _q5_k(blocks: Bytes) -> Numbers:
    # Bit g of byte i is the fifth of number i of group g.
    fifth = (blocks[:, 16:48].reshape(-1, 1, 32) >> np.arange(8, dtype=np.uint8)[:, None]) & np.uint8(1)
    return _scaled(blocks, _halves(blocks[:, 48:]) | (fifth << np.uint8(4)))


def _q6_k(blocks: Bytes) -> Numbers:
    lower = blocks[:, :128].reshape(-1, 2, 1, 64)
    lower = np.concatenate([lower & 15, lower >> 4], axis=2).reshape(-1, 2, 4, 32)
    upper = blocks[:, 128:192].reshape(-1, 2, 1, 32) >> np.array([0, 2, 4, 6], dtype=np.uint8)[:, None]
    levels = (lower | ((upper & 3) << 4)).astype(np.float32) - 32
    scales = _half(blocks, 208) * blocks[:, 192:208].view(np.int8).astype(np.float32)
    return (scales[:, :, None] * levels.reshape(-1, 16, 16)).reshape(-1, 256)


# By their numbers in the file.
BLOCK_TYPES: dict[int, BlockType] = {
    0: BlockType("F32", 1, 4, lambda blocks: blocks.view("<f4")),
    1: BlockType("F16", 1, 2, lambda blocks: blocks.view("<f2"), np.float16),
    30: BlockType("BF16", 1, 2, _bfloat16),
    2: BlockType("Q4_0", 32, 18, _q4_0),
    3: BlockType("Q4_1", 32, 20, _q4_1),
    6: BlockType("Q5_0", 32, 22, _q5_0),
    7: BlockType("Q5_1", 32, 24, _q5_1),
    8: BlockType("Q8_0", 32, 34, _q8_0),
    12: BlockType("Q4_K", 256, 144, _q4_k),
    13: BlockType("Q5_K", 256, 176, _q5_k),
    14: BlockType("Q6_K", 256, 210, _q6_k),
}
# What errors call the types that are not read.
OTHER_TYPES: dict[int, str] = {
    **{9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS"},
    **{19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32"},
    **{27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4"},
}
