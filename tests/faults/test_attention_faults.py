"""Wrong calls are named, and none reads memory that is not its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ferrolm.attention import scaled_dot_product_attention
from ferrolm.errors import InvalidArgumentError, InvalidTypeError, ShapeError


def zeros(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


GOOD = zeros(1, 2, 5, 8)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (zeros(2, 2, 5, 8), zeros(2, 2, 5, 8), "batch sizes differ"),
        (zeros(1, 2, 5, 7), zeros(1, 2, 5, 7), r"\[1, 2, 5, 7\].*head dimensions"),
        (zeros(1, 2, 5, 8), zeros(1, 2, 6, 8), "different lengths"),
        (zeros(1, 2, 5, 8), zeros(1, 1, 5, 8), "different numbers of heads"),
        (zeros(1, 1, 5, 8), zeros(1, 1, 5, 8), "different numbers of heads.*enable_gqa"),
        (zeros(2, 5, 8), zeros(2, 5, 8), "as many axes"),
        (zeros(1, 2, 5, 8, dtype=np.float64), GOOD, "key has dtype.*float64"),
    ],
)
def test_arrays_that_do_not_fit(key: np.ndarray, value: np.ndarray, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        scaled_dot_product_attention(GOOD, key, value)


def test_heads_that_are_not_a_multiple() -> None:
    with pytest.raises(ShapeError, match="multiple"):
        scaled_dot_product_attention(zeros(1, 3, 5, 8), GOOD, GOOD, enable_gqa=True)


@pytest.mark.parametrize(
    ("mask", "error", "words"),
    [
        (np.ones((5, 6), bool), ShapeError, r"\[1, 1, 5, 6\].*\[1, 2, 5, 5\]"),
        (np.ones((1, 1, 1, 5, 5), bool), ShapeError, r"\(1, 1, 1, 5, 5\)"),
        (np.ones((5, 5), np.int64), ShapeError, "int64"),
        ([[True]], InvalidTypeError, "list"),
    ],
)
def test_masks_that_do_not_fit(mask: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        scaled_dot_product_attention(GOOD, GOOD, GOOD, attn_mask=mask)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 0}, "window is 0"),
        ({"window": -1}, "window is -1"),
        ({"softcap": 0.0}, "softcap is 0"),
        ({"softcap": float("inf")}, "softcap is inf"),
        ({"scale": float("nan")}, "scale is NaN"),
        ({"causal_alignment": "left"}, "'left'"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        scaled_dot_product_attention(GOOD, GOOD, GOOD, **options)


def test_things_that_are_not_arrays() -> None:
    with pytest.raises(InvalidTypeError, match="query is a list"):
        scaled_dot_product_attention([1.0], GOOD, GOOD)
    with pytest.raises(InvalidTypeError, match="key is a list"):
        scaled_dot_product_attention(GOOD, [1.0], GOOD)


def test_unaligned_byte_swapped_and_overlapping_arrays() -> None:
    unaligned = np.zeros(GOOD.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(GOOD.shape)
    with pytest.raises(ShapeError, match="not aligned"):
        scaled_dot_product_attention(unaligned, GOOD, GOOD)
    with pytest.raises(ShapeError, match=">f4"):
        scaled_dot_product_attention(GOOD.astype(">f4"), GOOD, GOOD)
    records = np.zeros((1, 2, 5, 8), [("pad", np.uint8), ("x", np.float32), ("rest", np.uint8, 1)])
    with pytest.raises(ShapeError, match=r"strides|aligned"):
        scaled_dot_product_attention(records["x"], GOOD, GOOD)
