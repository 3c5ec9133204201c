"""Attention as an operator of torch: gradients, `torch.compile`, `torch.export`."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from typing import Any

import pytest

from ferrolm.attention import scaled_dot_product_attention
from ferrolm.errors import ShapeError

torch = pytest.importorskip("torch")


def reference(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    causal_alignment: str = "upper_left",
    window: int | None = None,
    softcap: float | None = None,
    alibi_slopes: Any = None,
    sinks: Any = None,
) -> Any:
    """The definition in torch, which differentiates it."""
    if enable_gqa:
        group = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(group, -3), value.repeat_interleave(group, -3)
    scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if attn_mask is not None:
        scores = (
            scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
        )
    q_len, k_len = scores.shape[-2:]
    shift = k_len - q_len if causal_alignment == "lower_right" else 0
    distance = torch.arange(q_len)[:, None] + shift - torch.arange(k_len)
    if alibi_slopes is not None:
        scores = scores - alibi_slopes[:, None, None].to(scores.dtype) * distance.abs()
    seen = (distance >= 0) | (not is_causal)
    if window is not None:
        seen = seen & (distance.abs() < window)
    scores = scores.masked_fill(~seen, -math.inf)
    blind = (scores == -math.inf).all(-1, keepdim=True)
    scores = scores.masked_fill(blind, 0.0)
    if sinks is not None:
        column = sinks[:, None, None].to(scores.dtype).expand(*scores.shape[:-1], 1)
        scores = torch.cat([scores, column], -1)
    return torch.softmax(scores, -1)[..., :k_len].masked_fill(blind, 0.0) @ value


def leaves(*shapes: tuple[int, ...], dtype: Any = None, seed: int = 0) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    dtype = dtype or torch.float32
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in shapes]


def check_gradients(tensors: list[Any], tolerance: float = 2e-5, **options: Any) -> None:
    """Ours against the definition in double precision, with a gradient of the result that differs everywhere."""
    ours = scaled_dot_product_attention(*tensors, **options)
    double = [tensor.detach().double().requires_grad_() for tensor in tensors]
    if options.get("attn_mask") is not None and options["attn_mask"].dtype != torch.bool:
        options = {**options, "attn_mask": options["attn_mask"].double()}
    expected = reference(*double, **options)
    gradient = torch.randn(expected.shape, generator=torch.Generator().manual_seed(9)).to(ours.dtype)
    assert ours.dtype == tensors[0].dtype
    torch.testing.assert_close(ours.double(), expected, atol=tolerance, rtol=tolerance)
    found = torch.autograd.grad(ours, tensors, gradient)
    for own, exact in zip(found, torch.autograd.grad(expected, double, gradient.double()), strict=True):
        torch.testing.assert_close(own.double(), exact, atol=tolerance, rtol=tolerance)


CAUSAL: list[dict[str, Any]] = [
    {},
    {"is_causal": True},
    {"is_causal": True, "causal_alignment": "lower_right", "window": 17},
    {"window": 5, "scale": 0.3},
    {"is_causal": True, "softcap": 1.5, "scale": -0.4},
    {"is_causal": True, "alibi_slopes": torch.tensor([0.5, 0.25, 0.125, 0.0625])},
    {"sinks": torch.tensor([0.5, -1.0, 2.0, 0.0]), "causal_alignment": "lower_right", "is_causal": True},
]


@pytest.mark.parametrize("options", CAUSAL, ids=str)
@pytest.mark.parametrize(("q_len", "k_len"), [(1, 30), (40, 40), (70, 150), (33, 20)])
def test_gradients(q_len: int, k_len: int, options: dict[str, Any]) -> None:
    check_gradients(
        leaves((2, 4, q_len, 24), (2, 2, k_len, 24), (2, 2, k_len, 20)), enable_gqa=True, **options
    )


@pytest.mark.parametrize("additive", [False, True])
@pytest.mark.parametrize("shape", [(2, 1, 1, 90), (1, 3, 50, 90), (50, 90)])
def test_gradients_under_masks(shape: tuple[int, ...], additive: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand(shape, generator=generator) < 0.5
    if mask.shape[-2] > 1:
        mask[..., 3, :] = False  # a query that sees nothing
    if additive:
        mask = torch.randn(shape, generator=generator).masked_fill(~mask, -math.inf)
    check_gradients(leaves((2, 3, 50, 16), (2, 3, 90, 16), (2, 3, 90, 16)), attn_mask=mask, is_causal=True)


@pytest.mark.parametrize("axes", [2, 3, 5])
def test_gradients_of_any_number_of_axes(axes: int) -> None:
    shape = (2, 2, 3, 12, 8)[-axes:]
    mask = torch.rand(12, 12, generator=torch.Generator().manual_seed(1)) < 0.7
    check_gradients(leaves(shape, shape, shape), attn_mask=mask)


def test_gradients_of_views_as_models_have_them() -> None:
    (fused,) = leaves((2, 30, 3 * 4 * 8))
    results = []
    for attention in (scaled_dot_product_attention, reference):
        query, key, value = (part.unflatten(-1, (4, 8)).transpose(1, 2) for part in fused.split(32, -1))
        # The gradient of a sum is one number, expanded.
        results.append(torch.autograd.grad(attention(query, key, value * 2, is_causal=True).sum(), fused)[0])
    torch.testing.assert_close(*results, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 3e-2), ("float16", 3e-3)])
def test_gradients_of_sixteen_bit_tensors_are_computed_in_float32(dtype: str, tolerance: float) -> None:
    tensors = leaves((1, 2, 40, 16), (1, 2, 60, 16), (1, 2, 60, 16), dtype=getattr(torch, dtype))
    check_gradients(tensors, tolerance)


def test_only_what_needs_a_gradient_gets_one() -> None:
    query, key, value = leaves(*[(1, 2, 9, 8)] * 3)
    out = scaled_dot_product_attention(query.detach(), key, value.detach())
    out.sum().backward()
    assert key.grad is not None
    assert query.grad is None
    assert value.grad is None
    with torch.no_grad():
        assert not scaled_dot_product_attention(query, key, value).requires_grad


def test_shapes_that_do_not_fit_are_named_with_gradients_too() -> None:
    query, key = leaves((1, 2, 9, 8), (1, 2, 9, 6))
    with pytest.raises(ShapeError, match=r"\[1, 2, 9, 6\]"):
        scaled_dot_product_attention(query, key, key)


def test_the_operator_keeps_torchs_rules() -> None:
    scaled_dot_product_attention(*leaves(*[(1, 1, 2, 4)] * 3))  # the first that needs it registers it
    for dtype, learning in itertools.product((torch.float32, torch.bfloat16), (False, True)):
        tensors = [x.detach().to(dtype) for x in leaves((2, 4, 9, 8), (2, 2, 11, 8), (2, 2, 11, 6))]
        if learning and dtype is torch.float32:
            tensors = [x.requires_grad_() for x in tensors]
        mask = torch.rand(2, 1, 9, 11) < 0.8
        for arguments in (
            (*tensors, mask, True, 0.5, True, True, 6, 2.0, torch.full((4,), 0.1), torch.zeros(4)),
            (*tensors, None, False, None, True, False, None, None, None, None),
        ):
            torch.library.opcheck(torch.ops.ferrolm.scaled_dot_product_attention.default, arguments)


class Block(torch.nn.Module):
    """A small attention layer."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fused, self.out, self.options = torch.nn.Linear(32, 96), torch.nn.Linear(32, 32), options

    def forward(self, x: Any, mask: Any = None) -> Any:
        query, key, value = (
            part.unflatten(-1, (4, 8)).transpose(1, 2) for part in self.fused(x).chunk(3, -1)
        )
        context = scaled_dot_product_attention(query, key, value, mask, is_causal=True, **self.options)
        return self.out(context.transpose(1, 2).flatten(-2))


@pytest.mark.parametrize(
    "options",
    [{}, {"window": 4, "softcap": 3.0}, {"alibi_slopes": torch.full((4,), 0.1), "sinks": torch.zeros(4)}],
    ids=str,
)
def test_compiled_without_a_break_with_the_same_gradients(options: dict[str, Any]) -> None:
    block = Block(**options)
    compiled = torch.compile(block, fullgraph=True, backend="aot_eager")
    for length in (10, 13, 17):  # the second makes the length symbolic
        x = torch.randn(2, length, 32, requires_grad=True)
        mask = torch.ones(2, 1, 1, length, dtype=torch.bool)
        mask[0, ..., :3] = False
        found = [
            torch.autograd.grad(run(x, mask).square().sum(), [x, *block.parameters()])
            for run in (block, compiled)
        ]
        for own, expected in zip(*found, strict=True):
            torch.testing.assert_close(own, expected)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), block(x))


def test_compiled_by_inductor() -> None:
    block = Block()
    x = torch.randn(2, 12, 32, requires_grad=True)
    compiled = torch.compile(block, fullgraph=True)
    found = [
        torch.autograd.grad(run(x).square().sum(), [x, *block.parameters()]) for run in (block, compiled)
    ]
    for own, expected in zip(*found, strict=True):
        torch.testing.assert_close(own, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("strict", [False, True])
def test_exported(strict: bool) -> None:
    block = Block().eval()
    length = torch.export.Dim("length", min=2, max=100)
    x = torch.randn(2, 12, 32)
    program = torch.export.export(block, (x,), dynamic_shapes=({1: length},), strict=strict)
    names = [str(node.target) for node in program.graph.nodes]
    assert "ferrolm.scaled_dot_product_attention.default" in names
    longer = torch.randn(2, 31, 32)
    torch.testing.assert_close(program.module()(longer), block(longer))


def test_fake_tensors_are_not_computed() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        query = torch.empty(2, 4, 1_000_000, 64)
        assert scaled_dot_product_attention(query, query, query[..., :32]).shape == (2, 4, 1_000_000, 32)


def test_importing_the_package_and_attending_to_arrays_needs_no_torch() -> None:
    program = (
        "import sys, numpy, ferrolm, ferrolm.attention as a; q = numpy.zeros((1, 1, 2, 4), 'f');"
        "a.scaled_dot_product_attention(q, q, q); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
