"""Our GPT-2 against transformers': the same logits, losses and files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from shared_data import shared

from ferrolm.models import GPT2Config, GPT2LMHeadModel, load_causal_lm

transformers = pytest.importorskip("transformers")

SHAPE = {"vocab_size": 67, "n_positions": 32, "n_embd": 24, "n_layer": 3, "n_head": 3}
IDS = torch.randint(0, 67, (4, 32), generator=torch.Generator().manual_seed(3))


def theirs(directory: Path, seed: int = 0, **settings: object) -> transformers.GPT2LMHeadModel:
    """A random checkpoint, with weights large enough for differences to show."""
    torch.manual_seed(seed)
    config = transformers.GPT2Config(
        **SHAPE, bos_token_id=0, eos_token_id=0, initializer_range=0.3, **settings
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(directory)
    return model


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"activation_function": "gelu"},
        {"activation_function": "relu"},
        {"activation_function": "silu"},
        {"activation_function": "quick_gelu"},
        {"n_inner": 40},
        {"scale_attn_weights": False},
        {"scale_attn_by_inverse_layer_idx": True},
        {"reorder_and_upcast_attn": True},
        {"tie_word_embeddings": False},
        {"layer_norm_epsilon": 1e-2},
    ],
    ids=lambda settings: ",".join(f"{key}={value}" for key, value in settings.items()) or "default",
)
@torch.no_grad()
def test_logits_and_loss_of_random_checkpoints(settings: dict[str, object], tmp_path: Path) -> None:
    peer = theirs(tmp_path, **settings)
    model = load_causal_lm(tmp_path)
    mask = torch.ones_like(IDS)
    mask[0, :9] = mask[2, :1] = 0
    labels = IDS.masked_fill(mask == 0, -100)
    labels[0, 9] = labels[2, 1] = -100  # would be scored where there is padding
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    ours = model(IDS, labels=labels, attention_mask=mask)
    expected = peer(input_ids=IDS, labels=labels, attention_mask=mask, position_ids=positions)
    real = mask.bool()
    torch.testing.assert_close(ours.logits[real], expected.logits[real], atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(ours.loss, expected.loss, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model(IDS).logits, peer(input_ids=IDS).logits, atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_transformers_loads_what_we_write(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(**SHAPE, initializer_range=0.3)).eval()
    model.save_pretrained(tmp_path)
    peer, report = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    torch.testing.assert_close(peer.eval()(input_ids=IDS).logits, model(IDS).logits, atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_their_settings_survive_our_round_trip(tmp_path: Path) -> None:
    peer = theirs(tmp_path / "theirs", activation_function="relu", n_inner=40)
    load_causal_lm(tmp_path / "theirs").save_pretrained(tmp_path / "ours")
    again = transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "ours").eval()
    assert (
        again.config.to_diff_dict()
        == peer.config.to_diff_dict() | {"dtype": "float32"} | again.config.to_diff_dict()
    )
    assert torch.equal(again(input_ids=IDS).logits, peer(input_ids=IDS).logits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_half_precision_files(dtype: torch.dtype, tmp_path: Path) -> None:
    peer = theirs(tmp_path).to(dtype)
    peer.save_pretrained(tmp_path)
    assert load_causal_lm(tmp_path).dtype == dtype
    model = load_causal_lm(tmp_path, dtype=torch.float32)
    torch.testing.assert_close(model(IDS).logits, peer.float()(input_ids=IDS).logits, atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_sharded_files(tmp_path: Path) -> None:
    peer = theirs(tmp_path / "whole")
    peer.save_pretrained(tmp_path / "parts", max_shard_size="30KB")
    assert len(list((tmp_path / "parts").glob("model-*.safetensors"))) > 1
    torch.testing.assert_close(
        load_causal_lm(tmp_path / "parts")(IDS).logits, peer(input_ids=IDS).logits, atol=2e-5, rtol=1e-5
    )


@pytest.mark.parametrize("prefix", ["transformer.", ""])
@torch.no_grad()
def test_torch_files_with_and_without_prefix_and_old_buffers(prefix: str, tmp_path: Path) -> None:
    peer = theirs(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    tensors = {prefix + name: tensor for name, tensor in peer.transformer.state_dict().items()}
    tensors[f"{prefix}h.0.attn.bias"] = torch.ones(1, 1, 32, 32)
    tensors[f"{prefix}h.0.attn.masked_bias"] = torch.tensor(-1e4)
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    torch.testing.assert_close(
        load_causal_lm(tmp_path)(IDS).logits, peer(input_ids=IDS).logits, atol=2e-5, rtol=1e-5
    )


@torch.no_grad()
def test_gradients_are_theirs(tmp_path: Path) -> None:
    peer = theirs(tmp_path)
    model = load_causal_lm(tmp_path)
    with torch.enable_grad():
        model(IDS, labels=IDS).loss.backward()
        peer(input_ids=IDS, labels=IDS).loss.backward()
    expected = dict(peer.named_parameters())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(
            parameter.grad,
            expected[name].grad,
            atol=1e-5,
            rtol=1e-3,
            msg=lambda text, name=name: f"{name}: {text}",
        )


@torch.no_grad()
def test_the_shared_checkpoint_gives_its_golden_logits() -> None:
    folder = shared("models/tiny-gpt2-shakespeare")
    model = load_causal_lm(folder)
    golden = np.load(folder / "golden.npz")
    prompts = json.loads((folder / "golden.json").read_text())["prompts"]
    for number, prompt in enumerate(prompts):
        logits = model(torch.tensor([prompt["ids"]])).logits[0].numpy()
        np.testing.assert_allclose(logits, golden[f"logits_{number}"], atol=1e-5, rtol=1e-5)
