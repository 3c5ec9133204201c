"""Attention against torch's, one thread each: prompts, one token, caches, padded batches, training, transformers.

    pytest benches/python/bench_attention.py --benchmark-enable --benchmark-group-by=group

`extra_info` has the floating-point operations (of the visible part) and the bytes of keys and values of a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import ferrolm
from ferrolm.attention import attention_with_cache, quantize_kv, scaled_dot_product_attention

torch = pytest.importorskip("torch")

LIBRARIES: dict[str, Callable[..., Any]] = {
    "ferrolm": scaled_dot_product_attention,
    "torch": torch.nn.functional.scaled_dot_product_attention,
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = ferrolm.num_threads(), torch.get_num_threads()
    ferrolm.set_num_threads(1)
    torch.set_num_threads(1)
    with torch.no_grad():
        yield
    ferrolm.set_num_threads(before[0])
    torch.set_num_threads(before[1])


def tensors(
    batch: int, heads: int, kv_heads: int, q_len: int, k_len: int, depth: int, dtype: str
) -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(batch, heads, q_len, depth)] + [(batch, kv_heads, k_len, depth)] * 2
    return [torch.randn(shape, generator=generator).to(getattr(torch, dtype)) for shape in shapes]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("heads", "kv_heads", "depth", "length"),
    [(12, 12, 64, 512), (12, 12, 64, 2048), (12, 12, 64, 8192), (32, 8, 128, 1024)],
)
@pytest.mark.benchmark(group="attention: causal prefill", min_rounds=3)
def test_prefill(
    benchmark: Any, library: str, heads: int, kv_heads: int, depth: int, length: int, dtype: str
) -> None:
    arguments = tensors(1, heads, kv_heads, length, length, depth, dtype)
    benchmark.extra_info["flop"] = 2 * heads * length * (length + 1) * depth
    benchmark(LIBRARIES[library], *arguments, is_causal=True, enable_gqa=heads != kv_heads)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("length", [16, 512, 4096, 32768])
@pytest.mark.parametrize(("heads", "kv_heads", "depth"), [(12, 12, 64), (32, 8, 128)])
@pytest.mark.benchmark(group="attention: one token")
def test_decode(
    benchmark: Any, library: str, heads: int, kv_heads: int, depth: int, length: int, dtype: str
) -> None:
    arguments = tensors(1, heads, kv_heads, 1, length, depth, dtype)
    benchmark.extra_info["bytes"] = 2 * kv_heads * length * depth * arguments[0].element_size()
    benchmark(LIBRARIES[library], *arguments, enable_gqa=heads != kv_heads)


@pytest.mark.parametrize("store", ["bfloat16", "int8"])
@pytest.mark.parametrize("block_size", [None, 16, 128])
@pytest.mark.parametrize("length", [4096, 32768])
@pytest.mark.parametrize(("heads", "kv_heads", "depth"), [(12, 12, 64), (32, 8, 128)])
@pytest.mark.benchmark(group="attention: one token, from a cache")
def test_cache(
    benchmark: Any, heads: int, kv_heads: int, depth: int, length: int, block_size: int | None, store: str
) -> None:
    query, *caches = tensors(1, heads, kv_heads, 1, length, depth, "bfloat16")
    scales: list[Any] = [None, None]
    if store == "int8":
        caches, scales = map(list, zip(*map(quantize_kv, caches), strict=True))
    table = None
    if block_size is not None:
        table = torch.randperm(length // block_size, generator=torch.Generator().manual_seed(1))[None]
        pages = lambda x: x.unflatten(2, (-1, block_size))[0].transpose(0, 1)[table[0].argsort()].contiguous()  # noqa: E731
        caches, scales = ([None if x is None else pages(x) for x in both] for both in (caches, scales))
    benchmark.extra_info["bytes"] = sum(
        x.numel() * x.element_size() for x in (*caches, *scales) if x is not None
    )
    benchmark(
        attention_with_cache,
        query,
        *caches,
        torch.tensor([length]),
        block_table=table,
        key_scales=scales[0],
        value_scales=scales[1],
    )


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("window", [None, 128])
@pytest.mark.benchmark(group="attention: left-padded batch of 4", min_rounds=3)
def test_padded_batch(benchmark: Any, library: str, window: int | None) -> None:
    length = 1024
    arguments = tensors(4, 12, 12, length, length, 64, "float32")
    position = torch.arange(length)
    distance = position[:, None] - position
    seen = (distance >= 0) & (distance < (window or length))
    padding = position >= torch.tensor([0, 256, 512, 768])[:, None]
    # As transformers has it: padded queries see themselves.
    mask = seen & padding[:, None, None, :] | (distance == 0)
    benchmark.extra_info["flop"] = 4 * 12 * 64 * int(mask.sum())
    benchmark(LIBRARIES[library], *arguments, attn_mask=mask)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("heads", "kv_heads", "depth", "length"), [(12, 12, 64, 512), (12, 12, 64, 2048), (32, 8, 128, 1024)]
)
@pytest.mark.benchmark(group="attention: causal, forward and backward", min_rounds=3)
def test_training(benchmark: Any, library: str, heads: int, kv_heads: int, depth: int, length: int) -> None:
    arguments = tensors(1, heads, kv_heads, length, length, depth, "float32")
    gradient = torch.randn_like(arguments[0])
    for argument in arguments:
        argument.requires_grad_()
    attention = LIBRARIES[library]

    def step() -> Any:
        out = attention(*arguments, is_causal=True, enable_gqa=heads != kv_heads)
        return torch.autograd.grad(out, arguments, gradient)

    # Two products forward, five backward.
    benchmark.extra_info["flop"] = 7 * heads * length * (length + 1) * depth
    with torch.enable_grad():
        benchmark(step)


@pytest.mark.parametrize("library", ["ferrolm", "sdpa"])
@pytest.mark.parametrize(("architecture", "window"), [("Llama", None), ("Mistral", 128)])
@pytest.mark.benchmark(group="attention: transformers, left-padded batch of 4", min_rounds=3)
def test_transformers(benchmark: Any, library: str, architecture: str, window: int | None) -> None:
    """Two layers of 12 heads of 64, with little beside their attention, on the lengths of `test_padded_batch`."""
    transformers = pytest.importorskip("transformers")
    from ferrolm.integrations.transformers import register_attention

    register_attention()
    torch.manual_seed(0)
    config = getattr(transformers, f"{architecture}Config")(
        vocab_size=100,
        hidden_size=96,
        head_dim=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=12,
        num_key_value_heads=12,
        **({} if window is None else {"sliding_window": window}),
    )
    model = transformers.AutoModel.from_config(config, attn_implementation=library).eval()
    ids = torch.randint(100, (4, 1024))
    mask = (torch.arange(1024) >= torch.tensor([[0], [256], [512], [768]])).long()
    benchmark(model, ids, attention_mask=mask, use_cache=False)
