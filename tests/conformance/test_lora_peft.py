"""Our adapters against those of peft: the same outputs, gradients and files, both ways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

from ferrolm.models import LoraConfig, add_lora, load, load_adapter, merge_lora, save_adapter

IDS = torch.randint(3, 60, (3, 12), generator=torch.Generator().manual_seed(3))

ENCODER = {
    "vocab_size": 60,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "num_labels": 3,
    "pad_token_id": 1,
}
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": (
        "GPT2Config",
        "GPT2LMHeadModel",
        {"vocab_size": 60, "n_positions": 16, "n_embd": 24, "n_layer": 2, "n_head": 2},
    ),
    "llama": (
        "LlamaConfig",
        "LlamaForCausalLM",
        {
            "vocab_size": 60,
            "hidden_size": 24,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "attention_bias": True,
        },
    ),
    "bert": ("BertConfig", "BertForSequenceClassification", ENCODER),
    "roberta": ("RobertaConfig", "RobertaForSequenceClassification", ENCODER),
    "distilbert": (
        "DistilBertConfig",
        "DistilBertForSequenceClassification",
        {"vocab_size": 60, "dim": 24, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "num_labels": 3},
    ),
    "t5": (
        "T5Config",
        "T5ForConditionalGeneration",
        {
            "vocab_size": 60,
            "d_model": 24,
            "d_kv": 12,
            "d_ff": 32,
            "num_layers": 2,
            "num_heads": 2,
            "decoder_start_token_id": 0,
        },
    ),
}
HEADS = {"bert": ["classifier"], "roberta": ["classifier"], "distilbert": ["pre_classifier", "classifier"]}


def base(kind: str, folder: Path) -> Any:
    torch.manual_seed(0)
    config, model, settings = MODELS[kind]
    made = getattr(transformers, model)(getattr(transformers, config)(**settings)).eval()
    made.save_pretrained(folder)
    return made


def theirs(kind: str, folder: Path, **settings: Any) -> Any:
    """Peft's adapters, as training would have left them."""
    config = peft.LoraConfig(**{"r": 4, "lora_alpha": 6, "fan_in_fan_out": kind == "gpt2", **settings})
    model = peft.get_peft_model(base(kind, folder), config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name or parameter.requires_grad:
                torch.nn.init.normal_(parameter, std=0.3)
    return model


def inputs(kind: str) -> dict[str, Any]:
    return {"input_ids": IDS, **({"decoder_input_ids": IDS} if kind == "t5" else {})}


@pytest.mark.parametrize(("bias", "use_rslora"), [("none", False), ("all", True), ("lora_only", False)])
@pytest.mark.parametrize("kind", MODELS)
def test_adapters_of_peft_are_read(kind: str, bias: str, use_rslora: bool, tmp_path: Path) -> None:
    saved = {"modules_to_save": HEADS[kind]} if kind in HEADS else {}
    targets = {"llama": "all-linear", "gpt2": ["c_attn", "mlp.c_proj"], "distilbert": ["q_lin"]}.get(kind)
    peer = theirs(kind, tmp_path / "base", bias=bias, use_rslora=use_rslora, target_modules=targets, **saved)
    peer.save_pretrained(tmp_path / "adapter")
    model: Any = load(tmp_path / "base")
    plain = model(**inputs(kind)).logits
    load_adapter(model, tmp_path / "adapter", trainable=True)
    expected = peer(**inputs(kind)).logits
    found = model(**inputs(kind)).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found, plain, atol=1e-2)
    # The gradients too, and just as many weights have one.
    expected.square().mean().backward()
    found.square().mean().backward()
    of_theirs = [p for p in peer.parameters() if p.requires_grad]
    of_ours = [p for p in model.parameters() if p.requires_grad]
    assert sum(p.numel() for p in of_ours) == sum(p.numel() for p in of_theirs)
    sums = [
        sorted(float(p.grad.abs().sum()) for p in each if p.grad is not None) for each in (of_ours, of_theirs)
    ]
    assert sums[0] == pytest.approx(sums[1], rel=1e-3, abs=1e-5)
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)
    merge_lora(model)
    torch.testing.assert_close(model(**inputs(kind)).logits, expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("bias", ["none", "all", "lora_only"])
@pytest.mark.parametrize("kind", MODELS)
@torch.no_grad()
def test_peft_reads_ours(kind: str, bias: str, tmp_path: Path) -> None:
    peer = base(kind, tmp_path / "base")
    model: Any = load(tmp_path / "base")
    heads = {
        "bert": ["classifier"],
        "roberta": ["classifier", "pre_classifier"],
        "distilbert": HEADS["distilbert"],
    }
    add_lora(model, LoraConfig(r=3, alpha=5, bias=bias, modules_to_save=heads.get(kind, ()), use_rslora=True))
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.3)
    save_adapter(model, tmp_path / "adapter")
    peer = peft.PeftModel.from_pretrained(peer, tmp_path / "adapter").eval()
    torch.testing.assert_close(
        model(**inputs(kind)).logits, peer(**inputs(kind)).logits, atol=1e-5, rtol=1e-5
    )
    again: Any = load_adapter(load(tmp_path / "base"), tmp_path / "adapter")
    assert torch.equal(again(**inputs(kind)).logits, model(**inputs(kind)).logits)
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_settings_are_those_of_peft(tmp_path: Path) -> None:
    peer = theirs("llama", tmp_path / "base", lora_dropout=0.1, target_modules=["q_proj", "o_proj"])
    peer.save_pretrained(tmp_path / "theirs")
    model = load_adapter(load(tmp_path / "base"), tmp_path / "theirs")
    save_adapter(model, tmp_path / "ours")
    settings = [
        json.loads((tmp_path / name / "adapter_config.json").read_text()) for name in ("theirs", "ours")
    ]
    for name in (
        "r",
        "lora_alpha",
        "lora_dropout",
        "bias",
        "peft_type",
        "fan_in_fan_out",
        "use_rslora",
        "inference_mode",
    ):
        assert settings[0][name] == settings[1][name], name
    from safetensors.torch import load_file

    files = [load_file(tmp_path / name / "adapter_model.safetensors") for name in ("theirs", "ours")]
    assert files[0].keys() == files[1].keys()
    assert all(torch.equal(files[0][name], files[1][name]) for name in files[0])


@torch.no_grad()
def test_adapters_of_a_bfloat16_model_are_float32_as_in_peft(tmp_path: Path) -> None:
    base("llama", tmp_path / "base").bfloat16().save_pretrained(tmp_path / "base")
    peer = peft.get_peft_model(
        transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.bfloat16),
        peft.LoraConfig(target_modules=["q_proj"]),
    ).eval()
    for name, parameter in peer.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    peer.save_pretrained(tmp_path / "adapter")
    model: Any = load_adapter(load(tmp_path / "base"), tmp_path / "adapter")
    assert model.dtype == torch.bfloat16
    kinds = {p.dtype for name, p in model.named_parameters() if "lora_" in name}
    assert kinds == {p.dtype for name, p in peer.named_parameters() if "lora_" in name} == {torch.float32}
    ours, expected = model(IDS).logits, peer(input_ids=IDS).logits
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.float(), expected.float(), atol=2e-2, rtol=2e-2)
