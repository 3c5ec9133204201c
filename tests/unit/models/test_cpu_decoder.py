"""Steps of `CpuDecoder` against the model itself."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from ferrolm.errors import InvalidArgumentError, ShapeError
from ferrolm.models import (
    CausalLM,
    CpuDecoder,
    GPT2Config,
    GPT2LMHeadModel,
    KeyValueCache,
    LlamaConfig,
    LlamaForCausalLM,
    quantize,
)

GPT2: dict[str, dict[str, Any]] = {
    "plain": {},
    "untied, erf": {"tie_word_embeddings": False, "activation_function": "gelu"},
    "relu, wider": {"activation_function": "relu", "n_inner": 50},
    "scaled by layer": {"scale_attn_by_inverse_layer_idx": True, "activation_function": "silu"},
}
LLAMA: dict[str, dict[str, Any]] = {
    "llama": {},
    "tied, biases": {"tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True},
    "mistral": {"model_type": "mistral", "sliding_window": 4},
    "qwen2": {"model_type": "qwen2"},
    "qwen3": {"model_type": "qwen3", "head_dim": 12},
    "llama3": {
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 10000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        }
    },
    "yarn": {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8}},
}


def gpt2(**settings: Any) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=101, n_positions=32, n_embd=24, n_layer=3, n_head=4, **settings)
    return scaled(GPT2LMHeadModel(config))


def llama(**settings: Any) -> LlamaForCausalLM:
    torch.manual_seed(0)
    shape = {"vocab_size": 101, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3}
    shape |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32}
    return scaled(LlamaForCausalLM(LlamaConfig(**{**shape, **settings})))


def scaled(model: Any) -> Any:
    """Weights, norms and biases far from where they start, so that each of them counts."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model.eval()


def both(model: CausalLM, ids: Any, prompt: int, mask: Any = None, step: int = 1) -> tuple[Any, Any]:
    """Logits after each step, of the model and of its decoder."""
    decoder = CpuDecoder.of(model)
    assert decoder is not None
    caches = [KeyValueCache(model.config, capacity=2) for _ in range(2)]
    tokens = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
    positions = (tokens.long().cumsum(-1) - 1).clamp(min=0)
    expected, found = [], []
    model.requires_grad_(False)
    # Where gradients could be wanted, a model goes through torch, whatever its weights are.
    with torch.enable_grad():
        for cache in caches:
            model(ids[:, :prompt], attention_mask=tokens[:, :prompt], cache=cache)
        for at in range(prompt, ids.shape[1], step):
            part = slice(at, at + step)
            seen = None if mask is None else mask[:, : at + step]
            output = model(
                ids[:, part], attention_mask=seen, position_ids=positions[:, part], cache=caches[0]
            )
            expected.append(output.logits[:, -1].float())
            found.append(decoder.step(ids[:, part], positions[:, part], caches[1], seen)[:, -1])
    assert caches[0].length == caches[1].length
    return torch.stack(expected), torch.stack(found)


def models() -> list[Any]:
    return [pytest.param(gpt2, settings, id=f"gpt2, {name}") for name, settings in GPT2.items()] + [
        pytest.param(llama, settings, id=name) for name, settings in LLAMA.items()
    ]


@pytest.mark.parametrize(("make", "settings"), models())
@pytest.mark.parametrize("step", [1, 3])
def test_logits_are_the_models(make: Any, settings: dict[str, Any], step: int) -> None:
    ids = torch.randint(101, (3, 14))
    expected, found = both(make(**settings), ids, prompt=5, step=step)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=2e-5)


def test_frequencies_that_depend_on_the_length_go_through_torch() -> None:
    assert CpuDecoder.of(llama(rope_parameters={"rope_type": "dynamic", "factor": 2.0})) is None


@pytest.mark.parametrize("make", [gpt2, llama])
def test_padding_is_not_seen(make: Any) -> None:
    model = make()
    ids = torch.randint(101, (3, 12))
    mask = torch.arange(12) >= torch.tensor([0, 2, 5])[:, None]
    expected, found = both(model, ids, prompt=6, mask=mask)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=2e-5)
    _, alone = both(model, ids[2:, 5:], prompt=1)
    torch.testing.assert_close(found[:, 2:], alone, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("make", [gpt2, llama])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_sixteen_bits(make: Any, dtype: Any) -> None:
    ids = torch.randint(101, (2, 9))
    exact, _ = both(make().to(dtype).float(), ids, prompt=4)
    rounded, found = both(make().to(dtype), ids, prompt=4)
    assert found.dtype == torch.float32
    # The cache is rounded in both, and between the products nothing here: nearer to the exact logits than the model.
    assert (found - exact).abs().mean() < (rounded - exact).abs().mean()


@pytest.mark.parametrize("make", [gpt2, llama])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("keep", [0, 1, 3])
def test_a_model_of_sixteen_bits_need_not_go_through_torch(
    make: Any, dtype: Any, keep: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `forward` gives for inference, with and without a cache, padded, and with labels."""
    monkeypatch.setattr("ferrolm.models.cpu_decoder._has_units_for", lambda dtype: False)
    model = make().to(dtype).requires_grad_(False)
    ids = torch.randint(101, (2, 9))
    mask = torch.ones_like(ids)
    mask[1, :3] = 0
    kept = slice(-keep, None) if keep else slice(None)
    with torch.enable_grad():
        expected = model(ids, labels=ids, attention_mask=mask)
    caches = [KeyValueCache(model.config) for _ in range(2)]
    with torch.inference_mode():
        whole = model(ids, attention_mask=mask, logits_to_keep=keep, cache=caches[0]).logits
        loss = model(ids, labels=ids, attention_mask=mask).loss
        model(ids[:, :5], attention_mask=mask[:, :5], cache=caches[1])
        rest = model(ids[:, 5:], attention_mask=mask, cache=caches[1], logits_to_keep=keep).logits
        with pytest.raises(ValueError, match="tokens in the cache"):
            model(ids, attention_mask=mask[:, :4])
    assert whole.dtype == dtype
    assert caches[0].length == caches[1].length == 9
    tolerance = 0.03 if dtype == torch.float16 else 0.2
    seen = mask.bool()[:, kept]
    torch.testing.assert_close(whole[seen], expected.logits[:, kept][seen], atol=tolerance, rtol=tolerance)
    assert loss.item() == pytest.approx(expected.loss.item(), rel=tolerance)
    torch.testing.assert_close(rest[:, -1], whole[:, -1], atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("make", [gpt2, llama])
@pytest.mark.parametrize("format", ["int8", "int4"])
def test_quantized_weights(make: Any, format: Any) -> None:
    model = quantize(make(), format)
    expected, found = both(model, torch.randint(101, (2, 9)), prompt=4)
    # An input that is nearly between two steps of its rounding may take either.
    assert (found - expected).abs().max() < 0.03 * expected.abs().max()


def test_how_many_tokens_pay_depends_on_the_size_and_the_type() -> None:
    small, half = CpuDecoder.of(gpt2()), CpuDecoder.of(gpt2().half())
    large = CpuDecoder.of(GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=384, n_head=6)).eval())
    assert small is not None
    assert half is not None
    assert large is not None
    assert 1000 < small.most_tokens < half.most_tokens
    assert large.most_tokens == 64


def test_what_torch_has_to_do() -> None:
    assert CpuDecoder.of(gpt2().train()) is None
    assert CpuDecoder.of(gpt2(activation_function="tanh")) is None
    assert CpuDecoder.of(gpt2().double()) is None
    assert CpuDecoder.of(torch.nn.Linear(2, 2)) is None
    model = gpt2()
    handle = model.transformer.h[1].mlp.register_forward_hook(lambda *_: None)
    assert CpuDecoder.of(model) is None
    handle.remove()
    assert CpuDecoder.of(model) is not None
    model.transformer.h[0].mlp.c_fc = torch.nn.Sequential(model.transformer.h[0].mlp.c_fc)
    assert CpuDecoder.of(model) is None
    # A part of the user's own may have all the attributes and still compute something else.
    model = gpt2()
    assert CpuDecoder.of(model) is not None
    part = model.transformer.h[1].mlp
    part.__class__ = type("Mine", (type(part),), {"forward": lambda self, x: self.c_proj(self.c_fc(x))})
    assert CpuDecoder.of(model) is None


@pytest.mark.parametrize("make", [gpt2, llama])
def test_what_does_not_fit_is_named_and_the_cache_stays(make: Any) -> None:
    model = make()
    decoder, cache = CpuDecoder.of(model), KeyValueCache(model.config)
    assert decoder is not None
    ids, positions = torch.tensor([[1], [2]]), torch.tensor([2])
    decoder.step(torch.tensor([[1, 2], [3, 4]]), torch.arange(2), cache)
    with pytest.raises(ShapeError, match=r"ids have the shape \[2\]: expected \[batch, new\]"):
        decoder.step(torch.tensor([1, 2]), positions, cache)
    with pytest.raises(ShapeError, match=r"positions have the shape \[2\]: expected \[2, 1\] or \[1\]"):
        decoder.step(ids, torch.tensor([2, 2]), cache)
    with pytest.raises(ShapeError, match=r"attention_mask has the shape \[2, 2\], expected \[2, 3\]"):
        decoder.step(ids, positions, cache, torch.ones(2, 2))
    with pytest.raises(InvalidArgumentError, match="an id is 101: expected one below 101"):
        decoder.step(torch.tensor([[1], [101]]), positions, cache)
    with pytest.raises(InvalidArgumentError, match="ids has negative numbers"):
        decoder.step(-ids, positions, cache)
    with pytest.raises(InvalidArgumentError, match="keep is 2: expected at most 1"):
        decoder.step(ids, positions, cache, keep=2)
    with pytest.raises(ShapeError, match=r"the cached keys has the shape \[2, .*expected \[3"):
        decoder.step(torch.tensor([[1], [2], [3]]), positions, cache)
    assert cache.length == 2
    # Integers of any type, and masks of numbers, as the models take them.
    found = decoder.step(ids.int(), positions.int(), cache, torch.ones(2, 3, dtype=torch.int64))
    cache.truncate(2)
    assert torch.equal(found, decoder.step(ids, positions, cache))


def test_weights_stay_when_the_model_lets_go_of_them() -> None:
    model = gpt2()
    decoder, cache = CpuDecoder.of(model), KeyValueCache(model.config)
    assert decoder is not None
    with torch.inference_mode():
        model(torch.tensor([[1, 2]]), cache=cache)
        step = torch.tensor([[3]]), torch.tensor([[2]])
        before = decoder.step(*step, cache)
        for parameter in model.parameters():
            parameter.data = torch.zeros(1)
        torch.full((1000, 1000), 7.0)
        cache.truncate(2)
        assert torch.equal(decoder.step(*step, cache), before)
