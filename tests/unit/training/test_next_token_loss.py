"""The blockwise cross-entropy equals the plain one, value and gradient."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F

from ferrolm.errors import ShapeError
from ferrolm.training import next_token_loss


@pytest.mark.parametrize("rows", [1, 127, 128, 300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_value_and_gradient(rows: int, dtype: torch.dtype, smoothing: float) -> None:
    generator = torch.Generator().manual_seed(rows)
    values = (torch.randn(1, rows, 50, generator=generator) * 5).to(dtype)
    targets = torch.randint(50, (1, rows), generator=generator)
    plain, ours = (values.clone().requires_grad_() for _ in range(2))
    targets[0, ::3][1:] = -100
    expected = F.cross_entropy(plain.float().flatten(0, 1), targets.flatten(), label_smoothing=smoothing)
    loss = next_token_loss(ours, targets, label_smoothing=smoothing)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-6)
    (expected * 3).backward()
    (loss * 3).backward()
    tolerance = 1e-6 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(ours.grad, plain.grad, rtol=tolerance, atol=tolerance / rows)


def test_huge_logits_stay_finite_and_nan_is_seen() -> None:
    logits = torch.full((1, 2, 3), 1e30, requires_grad=True)
    assert next_token_loss(logits, torch.tensor([[0, 1]])).item() == pytest.approx(1.0986123)
    logits = torch.full((1, 1, 3), float("nan"), requires_grad=True)
    assert next_token_loss(logits, torch.tensor([[0]])).isnan()


def test_shapes_must_fit() -> None:
    with pytest.raises(ShapeError, match=r"logits \[1, 2, 3\] do not fit targets \[1, 3\]"):
        next_token_loss(torch.zeros(1, 2, 3), torch.zeros(1, 3, dtype=torch.long))
