"""T5: what a caller sees of the model itself. Equality with transformers is in tests/conformance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file

from ferrolm.errors import InvalidArgumentError, InvalidFileError
from ferrolm.models import (
    EncoderDecoderCache,
    T5Config,
    T5ForConditionalGeneration,
    T5Model,
    load_seq2seq_lm,
)

RANDOM = torch.Generator().manual_seed(1)
SOURCE = torch.randint(2, 50, (3, 14), generator=RANDOM)
TARGET = torch.randint(2, 50, (3, 11), generator=RANDOM)
MASK = torch.ones_like(SOURCE)
MASK[1, 9:] = 0
MASK[2, :4] = 0


def tiny(**settings: Any) -> T5ForConditionalGeneration:
    torch.manual_seed(0)
    shape = {
        "vocab_size": 50,
        "d_model": 24,
        "d_kv": 5,
        "d_ff": 36,
        "num_layers": 2,
        "num_decoder_layers": 3,
        "num_heads": 4,
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 12,
    }
    model = T5ForConditionalGeneration(T5Config(**(shape | settings))).eval()
    for name, parameter in model.named_parameters():
        if "relative_attention_bias" in name:  # positions that matter
            torch.nn.init.normal_(parameter, std=2.0)
    return model


KINDS: list[dict[str, Any]] = [{}, {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}]
kinds = pytest.mark.parametrize("settings", KINDS, ids=["v1.0", "v1.1"])


@kinds
def test_a_later_token_does_not_change_earlier_logits(settings: dict[str, Any]) -> None:
    model = tiny(**settings)
    changed = TARGET.clone()
    changed[:, 6:] = 3
    expected = model(SOURCE, decoder_input_ids=TARGET).logits[:, :6]
    torch.testing.assert_close(model(SOURCE, decoder_input_ids=changed).logits[:, :6], expected)


@torch.no_grad()
def test_the_encoder_sees_order_and_both_sides() -> None:
    model = tiny()
    states = model.encode(SOURCE)
    swapped = model.encode(SOURCE[:, torch.tensor([1, 0, *range(2, 14)])])
    assert ((swapped - states).abs().amax(2)[:, 7] > 1e-4).all()
    last = SOURCE.clone()
    last[:, -1] = (last[:, -1] + 1) % 50
    assert ((model.encode(last) - states).abs().amax(2)[:, 0] > 1e-4).all()


@kinds
@pytest.mark.parametrize("learning", [True, False], ids=["torch's kernel", "our kernel"])
def test_padding_changes_nothing(settings: dict[str, Any], learning: bool) -> None:
    model = tiny(**settings)
    seen = torch.ones_like(TARGET)
    seen[0, :5] = 0
    with torch.set_grad_enabled(learning):
        given = {"attention_mask": MASK, "decoder_attention_mask": seen}
        padded = model(SOURCE, decoder_input_ids=TARGET, **given).logits
        for row in range(3):
            source, target = SOURCE[row, MASK[row].bool()], TARGET[row, seen[row].bool()]
            alone = model(source[None], decoder_input_ids=target[None]).logits[0]
            torch.testing.assert_close(padded[row, seen[row].bool()], alone, atol=1e-5, rtol=1e-4)


@kinds
@pytest.mark.parametrize("sizes", [[11], [1] * 11, [4, 1, 6]], ids=["whole", "one by one", "parts"])
@torch.no_grad()
def test_cache_gives_the_logits_of_one_pass(sizes: list[int], settings: dict[str, Any]) -> None:
    model = tiny(**settings)
    expected = model(SOURCE, attention_mask=MASK, decoder_input_ids=TARGET).logits
    cache = EncoderDecoderCache(model.config, capacity=1)
    given = {"input_ids": SOURCE, "attention_mask": MASK}
    parts = []
    for part in TARGET.split(sizes, dim=1):
        parts.append(model(decoder_input_ids=part, cache=cache, **given).logits)
        given = {}  # which the cache has
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=1e-5, rtol=1e-4)
    cache.truncate(6)
    again = model(decoder_input_ids=TARGET[:, 6:], cache=cache).logits
    torch.testing.assert_close(again, expected[:, 6:], atol=1e-5, rtol=1e-4)


@kinds
def test_training_lowers_the_loss_and_reaches_every_weight(settings: dict[str, Any]) -> None:
    model = tiny(**settings).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(15):
        loss = model(SOURCE, labels=TARGET, attention_mask=MASK).loss
        loss.backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1


def test_dropout_acts_in_training_alone() -> None:
    model = tiny(dropout_rate=0.5)
    given = {"labels": TARGET}
    torch.testing.assert_close(model(SOURCE, **given).logits, model(SOURCE, **given).logits)
    model.train()
    assert (model(SOURCE, **given).logits - model(SOURCE, **given).logits).abs().max() > 1e-3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_sixteen_bits_stay_near(dtype: torch.dtype) -> None:
    model = tiny()
    expected = model(SOURCE, labels=TARGET, attention_mask=MASK)
    output = model.to(dtype)(SOURCE, labels=TARGET, attention_mask=MASK)
    assert (output.logits.dtype, output.loss.dtype) == (dtype, torch.float32)
    assert output.loss.item() == pytest.approx(expected.loss.item(), abs=0.05)


@torch.no_grad()
def test_float16_that_overflows_stays_finite() -> None:
    model = tiny()
    model.encoder.block[0].layer[1].DenseReluDense.wo.weight.mul_(1e5)
    assert model.encode(SOURCE).isfinite().all()
    assert model.half()(SOURCE, labels=TARGET).logits.isfinite().all()


def test_a_head_of_its_own_is_counted() -> None:
    shared, apart = tiny(), tiny(tie_word_embeddings=False)
    assert apart.num_parameters() - shared.num_parameters() == 50 * 24
    assert T5Model(shared.config).num_parameters() == shared.num_parameters()


@kinds
def test_a_saved_model_comes_back(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = tiny(**settings)
    model.save_pretrained(tmp_path)
    loaded = load_seq2seq_lm(tmp_path, dtype=torch.float64)
    assert (loaded.dtype, loaded.training) == (torch.float64, False)
    expected = model.double()(SOURCE, labels=TARGET).logits
    torch.testing.assert_close(loaded(SOURCE, labels=TARGET).logits, expected, atol=1e-12, rtol=0)
    assert ("lm_head.weight" in load_file(tmp_path / "model.safetensors")) == bool(settings)


def test_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    tiny().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    del tensors["decoder.block.0.layer.1.EncDecAttention.q.weight"]
    tensors["encoder.final_layer_norm.weight"] = torch.ones(3)
    save_file(tensors, path)
    with pytest.raises(InvalidFileError) as caught:
        load_seq2seq_lm(tmp_path)
    assert "decoder.block.0.layer.1.EncDecAttention.q.weight is missing" in str(caught.value)
    assert "encoder.final_layer_norm.weight has shape [3], expected [24]" in str(caught.value)


def test_what_does_not_fit_is_named() -> None:
    model = tiny()
    with pytest.raises(InvalidArgumentError, match="expected input_ids alone"):
        model(input_features=torch.zeros(3, 4, 24), labels=TARGET)
    with pytest.raises(InvalidArgumentError, match="decoder_input_ids is None, expected the target"):
        T5Model(model.config)(SOURCE)
    with pytest.raises(InvalidArgumentError, match="max_new_tokens is 0, expected 1 to"):
        model.generate(SOURCE, max_new_tokens=0)


def test_the_defaults_are_t5_small() -> None:
    config = T5Config()
    assert (config.vocab_size, config.d_model, config.d_kv, config.d_ff) == (32128, 512, 64, 2048)
    assert (config.num_layers, config.num_decoder_layers, config.num_heads) == (6, 6, 8)
    assert (config.activation, config.is_gated, config.scale_decoder_outputs) == ("relu", False, True)


def test_unused_keys_survive_a_round_trip(tmp_path: Path) -> None:
    settings = T5Config(d_kv=8).to_dict() | {"n_positions": 512, "task_specific_params": {"a": 1}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert T5Config.from_file(tmp_path / "config.json").to_dict() == settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"d_kv": 0}, "d_kv is 0, expected a positive integer"),
        ({"dropout_rate": 1.5}, "dropout_rate is 1.5, expected a probability"),
        ({"feed_forward_proj": "gated-gelu_neu"}, "feed_forward_proj .* did you mean 'gelu_new'"),
        ({"relative_attention_num_buckets": 2}, "relative_attention_num_buckets is 2 .* at least 4"),
        ({"relative_attention_max_distance": 16}, "relative_attention_max_distance 16, .* above half"),
        ({"decoder_start_token_id": None}, "decoder_start_token_id is None, expected an id below 32128"),
        ({"quantization_config": {"bits": 8}}, "quantization_config is given"),
        ({"model_type": "mt5"}, "model_type is 'mt5', expected 't5'"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "t5"} | settings))
    with pytest.raises(InvalidFileError, match=message) as caught:
        T5Config.from_file(path)
    assert str(path) in str(caught.value)
