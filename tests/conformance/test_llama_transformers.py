"""Our Llama and its relatives against transformers' models: the same logits, gradients, files and generated ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shared_data import shared
from tiny_language_model import byte_tokenizer

import ferrolm
from ferrolm.generation import LanguageModel
from ferrolm.models import KeyValueCache, LlamaConfig, LlamaForCausalLM, load_causal_lm

transformers = pytest.importorskip("transformers")

SHAPE = {
    "vocab_size": 67,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
IDS = torch.randint(0, 67, (4, 40), generator=torch.Generator().manual_seed(3))
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 500.0,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
}
WINDOWS = {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("Llama", {}),
    ("Llama", {"tie_word_embeddings": True}),
    ("Llama", {"num_key_value_heads": 6}),
    ("Llama", {"num_key_value_heads": 1}),
    ("Llama", {"head_dim": 10}),
    ("Llama", {"attention_bias": True, "mlp_bias": True}),
    ("Llama", {"rms_norm_eps": 0.1}),
    ("Llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 50.0}}),
    ("Llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}}),
    ("Llama", {"head_dim": 32, "rope_parameters": LLAMA3}),
    ("Llama", {"head_dim": 32, "rope_parameters": YARN}),
    (
        "Llama",
        {"head_dim": 32, "rope_parameters": {**YARN, "beta_fast": 8, "beta_slow": 0.1, "truncate": False}},
    ),
    ("Qwen3", {"head_dim": 32, "rope_parameters": {**YARN, "mscale": 2.0, "mscale_all_dim": 0.5}}),
    ("Mistral", {"head_dim": 32, "rope_parameters": {**YARN, "attention_factor": 1.5}}),
    ("Mistral", {"sliding_window": 5}),
    ("Mistral", {"sliding_window": None, "head_dim": 8}),
    ("Qwen2", {}),
    ("Qwen2", WINDOWS),
    ("Qwen3", {"head_dim": 8}),
    ("Qwen3", {"head_dim": 8, "attention_bias": True, "tie_word_embeddings": True, **WINDOWS}),
]
# Frequencies that depend on the length of the text.
VARYING = {
    "dynamic": {"rope_type": "dynamic", "rope_theta": 500.0, "factor": 3.0},
    "longrope": {
        "rope_type": "longrope",
        "rope_theta": 500.0,
        "short_factor": [1.0, 1.5, 2.0, 2.5],
        "long_factor": [1.0, 4.0, 9.0, 16.0],
        "original_max_position_embeddings": 16,
    },
}

variants = pytest.mark.parametrize(
    ("kind", "settings"), VARIANTS, ids=[f"{kind}-{','.join(settings)}" for kind, settings in VARIANTS]
)


def theirs(directory: Path, kind: str, settings: dict[str, Any], **shape: Any) -> Any:
    """A random checkpoint, with weights large enough for differences to show."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        **{**SHAPE, "bos_token_id": 0, "eos_token_id": 0, "initializer_range": 0.3, **settings, **shape}
    )
    model = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, 1.0 if "norm" in name else 0.0, std=0.3)
    model.save_pretrained(directory)
    return model


def assert_close(ours: torch.Tensor, expected: torch.Tensor) -> None:
    # Of the logits in float64 both are up to 2.5e-5 off with these weights.
    torch.testing.assert_close(ours, expected, atol=5e-5, rtol=1e-5)


@variants
@torch.no_grad()
def test_logits_and_loss(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    peer = theirs(tmp_path, kind, settings)
    model = load_causal_lm(tmp_path)
    assert isinstance(model, LlamaForCausalLM)
    assert model.num_parameters() == peer.num_parameters()
    mask = torch.ones_like(IDS)
    mask[0, :9] = mask[2, :1] = 0
    labels = IDS.masked_fill(mask == 0, -100)
    labels[0, 9] = labels[2, 1] = -100  # would be scored where there is padding
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    ours = model(IDS, labels=labels, attention_mask=mask)
    expected = peer(input_ids=IDS, labels=labels, attention_mask=mask, position_ids=positions)
    real = mask.bool()
    assert_close(ours.logits[real], expected.logits[real])
    assert_close(ours.loss, expected.loss)
    assert_close(model(IDS).logits, peer(input_ids=IDS).logits)


@pytest.mark.parametrize("rope", VARYING)
@torch.no_grad()
def test_frequencies_that_depend_on_the_length(rope: str, tmp_path: Path) -> None:
    trained = {"dynamic": 16, "longrope": 64}[rope]
    settings = {"head_dim": 8, "rope_parameters": VARYING[rope], "max_position_embeddings": trained}
    peer = theirs(tmp_path, "Llama", settings)
    model = load_causal_lm(tmp_path)
    logits = [model(IDS[:, :length]).logits for length in (10, 40)]
    for ours, length in zip(logits, (10, 40), strict=True):
        assert_close(ours, peer(input_ids=IDS[:, :length]).logits)
    # A short text is read as if there were no long one, beside it and before it.
    mask = torch.ones_like(IDS)
    mask[0, :30] = 0
    beside = model(IDS, attention_mask=mask).logits
    assert_close(beside[0, 30:], model(IDS[:1, 30:]).logits[0])
    assert_close(beside[1:], logits[1][1:])
    assert not torch.allclose(logits[0], logits[1][:, :10], atol=1e-2)


@variants
@torch.no_grad()
def test_tokens_that_come_in_parts(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    peer = theirs(tmp_path, kind, settings)
    model = load_causal_lm(tmp_path)
    cache = KeyValueCache(model.config, capacity=4)
    parts = [model(part, cache=cache).logits for part in IDS.split([17, 1, 1, 8, 1, 12], dim=1)]
    assert_close(torch.cat(parts, dim=1), peer(input_ids=IDS).logits)


@variants
def test_gradients(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    peer = theirs(tmp_path, kind, settings)
    model = load_causal_lm(tmp_path)
    mask = torch.ones_like(IDS)
    mask[1, :7] = 0
    labels = IDS.masked_fill(mask == 0, -100)
    labels[1, 7] = -100
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    model(IDS, labels=labels, attention_mask=mask).loss.backward()
    peer(input_ids=IDS, labels=labels, attention_mask=mask, position_ids=positions).loss.backward()
    expected = dict(peer.named_parameters())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(
            parameter.grad,
            expected[name].grad,
            atol=2e-5,
            rtol=1e-3,
            msg=lambda text, name=name: f"{name}: {text}",
        )


@variants
@torch.no_grad()
def test_transformers_loads_what_we_write(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    peer = theirs(tmp_path / "theirs", kind, settings)
    load_causal_lm(tmp_path / "theirs").save_pretrained(tmp_path / "ours")
    again, report = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "ours", output_loading_info=True
    )
    assert type(again) is type(peer)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert torch.equal(again.eval()(input_ids=IDS).logits, peer(input_ids=IDS).logits)
    settings_of = [json.loads((tmp_path / name / "config.json").read_text()) for name in ("theirs", "ours")]
    assert settings_of[1] | settings_of[0] == settings_of[1]


@torch.no_grad()
def test_a_new_model_is_theirs_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, initializer_range=0.3)).eval()
    model.save_pretrained(tmp_path)
    peer = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert_close(model(IDS).logits, peer(input_ids=IDS).logits)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"rope_theta": 50.0, "rope_scaling": None}, {"rope_type": "default", "rope_theta": 50.0}),
        (
            {"rope_theta": 70.0, "rope_scaling": {"type": "linear", "factor": 4.0}},
            {"rope_type": "linear", "rope_theta": 70.0, "factor": 4.0},
        ),
        (
            {
                "rope_theta": 500.0,
                "rope_scaling": {key: value for key, value in LLAMA3.items() if key != "rope_theta"},
            },
            LLAMA3,
        ),
    ],
    ids=["default", "linear", "llama3"],
)
@torch.no_grad()
def test_settings_of_older_files(old: dict[str, Any], new: dict[str, Any], tmp_path: Path) -> None:
    peer = theirs(tmp_path, "Llama", {"rope_parameters": new})
    path = tmp_path / "config.json"
    settings = json.loads(path.read_text())
    del settings["rope_parameters"], settings["head_dim"]
    path.write_text(json.dumps({**settings, **old}))
    assert_close(load_causal_lm(tmp_path)(IDS).logits, peer(input_ids=IDS).logits)


@pytest.mark.parametrize("kind", ["Llama", "Mistral", "Qwen2", "Qwen3"])
def test_what_a_file_does_not_say_means_what_it_means_to_them(kind: str) -> None:
    model_type = kind.lower()
    ours = LlamaConfig.from_dict({"model_type": model_type})
    expected = getattr(transformers, f"{kind}Config")()
    # The settings of windows are written in another way: below.
    written = {"architectures", "rope_theta", "rope_scaling", "sliding_window", "layer_types"}
    for name in ours.to_dict().keys() - written:
        if not (name == "head_dim" and not hasattr(expected, name)):
            assert getattr(ours, name) == getattr(expected, name), name
    windows = [ours.window(layer) for layer in range(ours.num_layers)]
    assert windows == [4096 if kind == "Mistral" else None] * ours.num_layers


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_half_precision_files(dtype: torch.dtype, tmp_path: Path) -> None:
    theirs(tmp_path, "Qwen3", {"head_dim": 8}).to(dtype).save_pretrained(tmp_path)
    peer = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    assert load_causal_lm(tmp_path).dtype == dtype
    model = load_causal_lm(tmp_path, dtype=torch.float32)
    assert_close(model(IDS).logits, peer(input_ids=IDS).logits)


@torch.no_grad()
def test_sharded_files(tmp_path: Path) -> None:
    peer = theirs(tmp_path, "Llama", {})
    (tmp_path / "model.safetensors").unlink()
    peer.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert_close(load_causal_lm(tmp_path)(IDS).logits, peer(input_ids=IDS).logits)


@pytest.mark.parametrize("prefix", ["model.", ""])
@torch.no_grad()
def test_torch_files_with_and_without_prefix_and_old_buffers(prefix: str, tmp_path: Path) -> None:
    peer = theirs(tmp_path, "Llama", {"tie_word_embeddings": True})
    (tmp_path / "model.safetensors").unlink()
    tensors = {prefix + name: tensor for name, tensor in peer.model.state_dict().items()}
    tensors[f"{prefix}layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(2)
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    assert_close(load_causal_lm(tmp_path)(IDS).logits, peer(input_ids=IDS).logits)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("Llama", {}), ("Mistral", {"sliding_window": 5}), ("Qwen2", WINDOWS), ("Qwen3", {"head_dim": 8})],
    ids=["Llama", "Mistral", "Qwen2", "Qwen3"],
)
def test_greedy_ids_one_by_one_and_as_a_batch(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    peer = theirs(tmp_path, kind, settings, vocab_size=257, bos_token_id=256, eos_token_id=256)
    model = LanguageModel(load_causal_lm(tmp_path), byte_tokenizer())
    prompts = [[5], [200, 17, 3, 90], [7, 7, 7, 7, 7, 7, 7, 8, 9]]
    expected = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        full = peer.generate(
            ids, attention_mask=torch.ones_like(ids), pad_token_id=0, do_sample=False, max_new_tokens=40
        )
        expected.append(full[0, len(prompt) :].tolist())
    assert [model.generate(prompt, max_new_tokens=40).ids.tolist() for prompt in prompts] == expected
    assert [result.ids.tolist() for result in model.generate(prompts, max_new_tokens=40)] == expected


@torch.no_grad()
def test_the_shared_checkpoint_gives_its_golden_logits_and_texts() -> None:
    folder = shared("models/stories260K-hf")
    language_model = ferrolm.load_model(folder, device="cpu")
    logits = np.load(folder / "golden_logits.npz")
    for number, prompt in enumerate(json.loads((folder / "golden.json").read_text())["prompts"]):
        ids = prompt["ids"]
        found = language_model.model(torch.tensor([ids])).logits[0].numpy()
        np.testing.assert_allclose(found, logits[f"logits_{number}"], atol=2e-5, rtol=1e-5)
        result = language_model.generate(ids, max_new_tokens=60)
        assert ids + result.ids.tolist() == prompt["greedy60"]
