"""Llama and its relatives: what a caller sees of the model itself. Equality with transformers is in tests/conformance."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file
from shared_data import shared

from ferrolm import load_model
from ferrolm.errors import InvalidArgumentError, InvalidFileError, ShapeError
from ferrolm.models import KeyValueCache, LlamaConfig, LlamaForCausalLM, load_causal_lm, quantize
from ferrolm.models.rotary import RotaryEmbedding

IDS = torch.randint(0, 61, (3, 20), generator=torch.Generator().manual_seed(1))


def tiny(**settings: Any) -> LlamaForCausalLM:
    torch.manual_seed(0)
    shape = {
        "vocab_size": 61,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 24,
        "initializer_range": 0.2,
    }
    return LlamaForCausalLM(LlamaConfig(**(shape | settings))).eval()


KINDS: list[dict[str, Any]] = [
    {},
    {"model_type": "mistral", "sliding_window": 5},
    {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1},
    {"model_type": "qwen3", "tie_word_embeddings": True},
]
kinds = pytest.mark.parametrize("settings", KINDS, ids=["llama", "mistral", "qwen2", "qwen3"])


@kinds
@torch.no_grad()
def test_a_later_token_does_not_change_earlier_logits(settings: dict[str, Any]) -> None:
    model = tiny(**settings)
    changed = IDS.clone()
    changed[:, 12:] = 0
    torch.testing.assert_close(model(IDS).logits[:, :12], model(changed).logits[:, :12])


@torch.no_grad()
def test_a_token_does_not_see_beyond_its_window() -> None:
    model = tiny(model_type="mistral", sliding_window=5, num_hidden_layers=1)
    changed = IDS.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 61
    moved = (model(IDS).logits - model(changed).logits).abs().amax(dim=(0, 2)) > 1e-6
    assert moved.nonzero().flatten().tolist() == [7, 8, 9, 10, 11]


@kinds
@pytest.mark.parametrize("sizes", [[20], [1] * 20, [7, 1, 1, 11]], ids=["whole", "one by one", "parts"])
@torch.no_grad()
def test_cache_gives_the_logits_of_one_pass(sizes: list[int], settings: dict[str, Any]) -> None:
    model = tiny(**settings)
    cache = KeyValueCache(model.config, capacity=1)
    parts = [model(part, cache=cache).logits for part in IDS.split(sizes, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(IDS).logits, atol=1e-5, rtol=1e-4)
    assert (cache.length, cache.capacity) == (20, 24)


@kinds
@pytest.mark.parametrize("padding", [1, 7])
@torch.no_grad()
def test_padding_on_the_left_changes_nothing(padding: int, settings: dict[str, Any]) -> None:
    model = tiny(**settings)
    padded = torch.cat([torch.full((3, padding), 9), IDS[:, : 20 - padding]], dim=1)
    mask = torch.ones_like(padded)
    mask[:, :padding] = 0
    logits = model(padded, attention_mask=mask).logits
    assert not logits.isnan().any()
    torch.testing.assert_close(
        logits[:, padding:], model(IDS[:, : 20 - padding]).logits, atol=1e-5, rtol=1e-4
    )


@kinds
def test_training_computes_what_inference_computes(settings: dict[str, Any]) -> None:
    model = tiny(**settings)
    mask = torch.ones_like(IDS)
    mask[0, :6] = 0
    for given in (None, mask):
        learning = model(IDS, attention_mask=given).logits  # torch's kernel, because weights need gradients
        with torch.no_grad():
            reading = model(IDS, attention_mask=given).logits
        real = mask.bool() if given is not None else torch.ones_like(mask).bool()
        torch.testing.assert_close(learning[real], reading[real], atol=1e-5, rtol=1e-4)


@kinds
@torch.no_grad()
def test_torchs_kernel_decodes_alike(monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> None:
    """As on a GPU: padded rows, then one token at a time."""
    model = tiny(**settings)
    mask = torch.ones_like(IDS)
    mask[0, :6] = 0

    def decoded() -> torch.Tensor:
        cache = KeyValueCache(model.config)
        ends = [10, 11, 12, 15, 20]
        parts = [
            model(IDS[:, start:end], attention_mask=mask[:, :end], cache=cache).logits
            for start, end in zip([0, *ends], ends, strict=False)
        ]
        return torch.cat(parts, dim=1)[mask.bool()]

    expected = decoded()
    monkeypatch.setattr("ferrolm.models.attention._OURS", ())
    torch.testing.assert_close(decoded(), expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_heads_that_share_keys_are_heads_with_equal_keys() -> None:
    grouped = tiny(num_key_value_heads=2)
    full = tiny(num_key_value_heads=4)
    weights = grouped.state_dict()
    for name, tensor in weights.items():
        if "k_proj" in name or "v_proj" in name:
            weights[name] = tensor.view(2, 8, 32).repeat_interleave(2, dim=0).reshape(32, 32)
    full.load_state_dict(weights)
    torch.testing.assert_close(grouped(IDS).logits, full(IDS).logits, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("rope", [{}, {"rope_type": "linear", "factor": 3.0}], ids=["default", "linear"])
@torch.no_grad()
def test_only_distances_between_positions_matter(rope: dict[str, Any]) -> None:
    model = tiny(rope_parameters=rope)
    positions = torch.arange(20)[None]
    expected = model(IDS).logits
    torch.testing.assert_close(
        model(IDS, position_ids=positions + 100).logits, expected, atol=1e-4, rtol=1e-3
    )
    assert (model(IDS, position_ids=positions * 2).logits - expected).abs().max() > 1e-2


@torch.no_grad()
def test_linear_scaling_stretches_positions() -> None:
    plain, stretched = tiny(), tiny(rope_parameters={"rope_type": "linear", "factor": 4.0})
    positions = torch.arange(20)[None]
    torch.testing.assert_close(
        stretched(IDS, position_ids=positions * 4).logits, plain(IDS).logits, atol=1e-5, rtol=1e-4
    )


def test_llama3_scaling_stretches_slow_frequencies_alone() -> None:
    numbers = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    rope = {"rope_theta": 1e4, "rope_type": "llama3", "original_max_position_embeddings": 256, **numbers}
    plain = RotaryEmbedding(64, {"rope_theta": 1e4, "rope_type": "default"}).frequencies
    ratio = RotaryEmbedding(64, rope).frequencies / plain
    wavelengths = 2 * math.pi / plain
    torch.testing.assert_close(ratio[wavelengths < 64], torch.ones(9))
    torch.testing.assert_close(ratio[wavelengths > 256], torch.full((19,), 1 / 8))
    between = ratio[(wavelengths >= 64) & (wavelengths <= 256)]
    assert len(between) == 4
    assert (between.diff() < 0).all()
    assert ((between < 1) & (between > 1 / 8)).all()


@torch.no_grad()
def test_half_precision_tells_far_positions_apart() -> None:
    model = tiny().bfloat16()
    near, far = (model.model.rotary(torch.tensor([at]), torch.bfloat16)[0] for at in (1000, 1001))
    assert (near - far).abs().max() > 0.1


def test_loss_is_the_mean_over_labels_shifted_by_one() -> None:
    model = tiny()
    output = model(IDS, labels=IDS)
    logprobs = output.logits[:, :-1].log_softmax(-1).gather(2, IDS[:, 1:, None])
    assert output.loss.item() == pytest.approx(-logprobs.mean().item(), rel=1e-5)
    torch.testing.assert_close(model(IDS[:, :-1], shift_labels=IDS[:, 1:]).loss, output.loss)


def test_logits_to_keep_are_the_last() -> None:
    model = tiny()
    torch.testing.assert_close(model(IDS, logits_to_keep=2).logits, model(IDS).logits[:, -2:])


def test_more_tokens_than_positions_are_refused() -> None:
    model = tiny()
    with pytest.raises(InvalidArgumentError, match=r"25 tokens, at most 24 \(n_positions\)"):
        model(torch.zeros(1, 25, dtype=torch.long))
    cache = KeyValueCache(model.config)
    with torch.no_grad():
        model(torch.zeros(1, 24, dtype=torch.long), cache=cache)
        with pytest.raises(InvalidArgumentError, match="25 tokens"):
            model(torch.zeros(1, 1, dtype=torch.long), cache=cache)


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"attention_mask has shape \[3, 4\], expected \[3, 20\]"):
        tiny()(IDS, attention_mask=torch.ones(3, 4))


def test_a_shared_head_is_counted_once() -> None:
    shared, apart = tiny(tie_word_embeddings=True), tiny()
    assert apart.num_parameters() - shared.num_parameters() == 61 * 32
    assert shared.lm_head.weight is shared.model.embed_tokens.weight


@kinds
def test_a_training_step_lowers_the_loss_and_reaches_every_weight(settings: dict[str, Any]) -> None:
    model = tiny(**settings, attention_dropout=0.1).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(10):
        loss = model(IDS, labels=IDS).loss
        loss.backward()
        for name, parameter in model.named_parameters():
            # A bias that all keys share leaves the softmax as it is, but for the rotation.
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.3


def test_dropout_acts_in_training_alone() -> None:
    model = tiny(attention_dropout=0.5)
    torch.testing.assert_close(model(IDS).logits, model(IDS).logits)
    model.train()
    assert (model(IDS).logits - model(IDS).logits).abs().max() > 1e-3


@kinds
@torch.no_grad()
def test_a_saved_model_comes_back(settings: dict[str, Any], tmp_path: Path) -> None:
    model = tiny(**settings)
    model.save_pretrained(tmp_path)
    again = load_causal_lm(tmp_path)
    assert again.config.to_dict() == model.config.to_dict() | {"dtype": "float32"}
    assert torch.equal(again(IDS).logits, model(IDS).logits)
    assert ("lm_head.weight" in load_file(tmp_path / "model.safetensors")) != model.config.tie_word_embeddings


def test_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    tiny(model_type="qwen2").save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    del tensors["lm_head.weight"], tensors["model.layers.1.self_attn.k_proj.bias"]
    tensors["model.norm.weight"] = torch.ones(31)
    tensors["model.layers.0.self_attn.o_proj.bias"] = torch.zeros(32)
    save_file(tensors, path)
    with pytest.raises(InvalidFileError) as caught:
        load_causal_lm(tmp_path)
    for message in (
        "model.safetensors does not fit its config.json",
        "lm_head.weight is missing",
        "model.layers.1.self_attn.k_proj.bias is missing",
        "model.layers.0.self_attn.o_proj.bias is not expected",
        "model.norm.weight has shape [31], expected [32]",
    ):
        assert message in str(caught.value)


@kinds
@pytest.mark.parametrize(("format", "error"), [("int8", 0.02), ("int4", 0.25)])
@torch.no_grad()
def test_quantized_logits_are_nearly_those_of_the_model(
    format: Any, error: float, settings: dict[str, Any]
) -> None:
    model = tiny(**settings, initializer_range=0.02, hidden_size=96, intermediate_size=160)
    small = quantize(copy.deepcopy(model), format)
    expected = model(IDS).logits
    assert (small(IDS).logits - expected).norm() < error * expected.norm()
    assert small.weight_format == format
    with pytest.raises(InvalidArgumentError, match=f"quantized to {format}"):
        small.save_pretrained(Path("nowhere"))


@kinds
@pytest.mark.parametrize("format", ["int8", "int4"])
@torch.no_grad()
def test_quantized_weights_do_what_the_kept_weights_do(format: Any, settings: dict[str, Any]) -> None:
    model = tiny(**settings)
    small = quantize(copy.deepcopy(model), format)
    for name, module in model.named_modules():
        kept = getattr(small.get_submodule(name), "weights", None)
        if kept is not None:
            module.weight.copy_(torch.from_numpy(kept.lookup(np.arange(kept.shape[0]))))
    expected = model(IDS).logits
    # What is left is the rounding of the products' inputs to 8 bits.
    assert (small(IDS).logits - expected).norm() < 0.03 * expected.norm()
    cache = KeyValueCache(small.config)
    parts = [small(part, cache=cache).logits for part in IDS.split([12, 1, 7], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), small(IDS).logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("format", "loss"), [("int8", 0.01), ("int4", 0.15)])
def test_a_trained_model_loses_little_to_fewer_bits(format: str, loss: float) -> None:
    folder = shared("models/stories260K-hf")
    prompt = json.loads((folder / "golden.json").read_text())["prompts"][0]
    text = prompt["greedy_text"]
    plain, small = (load_model(folder, device="cpu", dtype=dtype) for dtype in ("float32", format))
    assert small.perplexity(text) == pytest.approx(plain.perplexity(text), rel=loss)
    first = small.generate(prompt["ids"], max_new_tokens=12).ids.tolist()
    assert prompt["ids"] + first == prompt["greedy60"][: len(prompt["ids"]) + 12]


def test_a_shared_head_stays_one_matrix_when_quantized() -> None:
    small = quantize(tiny(tie_word_embeddings=True), "int8")
    assert small.lm_head.weights is small.model.embed_tokens.weights
    apart = quantize(tiny(), "int8")
    assert apart.lm_head.weights is not apart.model.embed_tokens.weights
