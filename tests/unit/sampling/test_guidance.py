"""Classifier-free guidance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.sampling import guided


def pair(vocab: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(vocab)
    first, second = (4 * rng.standard_normal((2, 3, vocab))).astype(np.float32)
    first[0, ::3] = second[0, ::3] = -np.inf
    return first, second


@pytest.mark.parametrize("vocab", [1, 300, 5000])
def test_scores_are_those_of_transformers(vocab: int) -> None:
    torch = pytest.importorskip("torch")
    logits, without = pair(vocab + (vocab == 1))
    with_it, plain = (torch.from_numpy(x).log_softmax(-1) for x in (logits, without))
    for scale in (0.5, 1.0, 3.0):
        expected = scale * (with_it - plain) + plain  # `UnbatchedClassifierFreeGuidanceLogitsProcessor`
        found = guided(logits, without, scale)
        np.testing.assert_allclose(found, expected.nan_to_num(-np.inf, neginf=-np.inf), rtol=1e-4, atol=1e-4)
    half = guided(
        torch.from_numpy(logits).bfloat16(), torch.from_numpy(without), torch.tensor([1.0, 2.0, 3.0])
    )
    for row in range(3):
        alone = guided(torch.from_numpy(logits[[row]]).bfloat16(), torch.from_numpy(without[[row]]), row + 1)
        assert torch.equal(half[row], alone[0])


def test_what_cannot_be_guided_is_named() -> None:
    logits, without = pair(9)
    with pytest.raises(ShapeError, match=r"one shape, found \(3, 9\) and \(3, 8\)"):
        guided(logits, without[:, :8], 2.0)
    with pytest.raises(ShapeError, match=r"scale must be one number or have the shape \(3,\), found \(2,\)"):
        guided(logits, without, [1.0, 2.0])
    with pytest.raises(InvalidArgumentError, match="scale must be finite, found inf for row 0"):
        guided(logits, without, np.inf)
    without[2, 4] = -np.inf
    with pytest.raises(InvalidArgumentError, match="guided logits of row 2 are not finite at token 4"):
        guided(logits, without, 2.0)
    logits[1, 0] = np.nan
    with pytest.raises(InvalidArgumentError, match="logits of row 1 are NaN at token 0"):
        guided(logits, without, 2.0)
