"""Activations: the core's GELU is torch's, forward, backward, and under torch's transforms."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ferrolm import _rust
from ferrolm.errors import ShapeError
from ferrolm.models.activations import activation

gelu_tanh = activation("gelu_new")
LARGE = (64, 4, 256)  # more elements than torch is left with


def reference(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def with_gradient(function: object, x: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    x = x.detach().requires_grad_()
    values = function(x)  # type: ignore[operator]
    values.backward(gradient)
    assert x.grad is not None
    return values.detach(), x.grad


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 3.0, 50.0]))
def test_values_and_gradients_are_those_of_float64(seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, gradient = (torch.randn(LARGE, generator=generator) for _ in range(2))
    x = x * scale
    values, slopes = with_gradient(gelu_tanh, x, gradient)
    true_values, true_slopes = with_gradient(reference, x.double(), gradient.double())
    assert (values - true_values).abs().max() <= 1e-6 * max(1.0, scale)
    assert ((slopes - true_slopes).abs() <= 3e-6 * gradient.abs() + 1e-9).all()


def test_without_gradients_and_in_other_layouts() -> None:
    x = torch.randn(LARGE)
    with torch.inference_mode():
        torch.testing.assert_close(gelu_tanh(x), reference(x))
    for other in (x.transpose(0, 1), x[:, ::2], x.to(torch.bfloat16), x.double(), x[:0], x[0, 0, :3]):
        torch.testing.assert_close(gelu_tanh(other), reference(other))
    # A gradient of a sum has no memory for each element.
    x.requires_grad_()
    (slopes,) = torch.autograd.grad(gelu_tanh(x).sum(), x)
    (expected,) = torch.autograd.grad(reference(x).sum(), x)
    torch.testing.assert_close(slopes, expected)


def test_what_is_no_number_and_what_is_infinite() -> None:
    x = torch.zeros(LARGE)
    x.view(-1)[:4] = torch.tensor([torch.nan, torch.inf, -1e30, 1e30])
    values, slopes = with_gradient(gelu_tanh, x, torch.ones(LARGE))
    assert values.view(-1)[0].isnan()
    assert slopes.view(-1)[0].isnan()
    assert values.view(-1)[1:4].tolist() == [torch.inf, 0.0, pytest.approx(1e30)]
    assert slopes.view(-1)[1:4].tolist() == [1.0, 0.0, 1.0]


def test_gradients_of_gradients() -> None:
    def penalty(function: object, x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(function(x).square().sum(), x, create_graph=True)  # type: ignore[operator]
        (second,) = torch.autograd.grad(slopes.square().sum(), x)
        return second

    x = torch.randn(LARGE, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(penalty(gelu_tanh, x), penalty(reference, x), rtol=1e-4, atol=1e-4)


def test_transforms_and_compilation() -> None:
    x = torch.randn(LARGE, generator=torch.Generator().manual_seed(0))
    total = torch.func.grad(lambda x: gelu_tanh(x).square().sum())
    expected = torch.func.grad(lambda x: reference(x).square().sum())
    torch.testing.assert_close(total(x), expected(x), rtol=1e-5, atol=1e-5)
    many = torch.randn(3, *LARGE)
    torch.testing.assert_close(torch.func.vmap(gelu_tanh)(many), reference(many))
    torch.testing.assert_close(
        torch.func.vmap(total)(many), torch.func.vmap(expected)(many), rtol=1e-5, atol=1e-5
    )
    compiled = torch.compile(gelu_tanh, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), reference(x))


def test_arrays_that_do_not_fit_are_named() -> None:
    x = torch.ones(6)
    with pytest.raises(ShapeError, match=r"^to has the shape \[5\]: expected \[6\]$"):
        _rust.gelu_tanh(x, torch.ones(5))
    with pytest.raises(ShapeError, match=r"^x has dtype torch.float64"):
        _rust.gelu_tanh(x.double(), x)
    with pytest.raises(ShapeError, match=r"^to shares memory with what is read"):
        _rust.gelu_tanh(x, x)
    with pytest.raises(ShapeError, match=r"^to shares memory"):
        _rust.gelu_tanh_gradient(x[:4], torch.ones(4), x[2:])
    with pytest.raises(ShapeError, match=r"^gradient is not contiguous"):
        _rust.gelu_tanh_gradient(x[:3], x[::2], torch.ones(3))
